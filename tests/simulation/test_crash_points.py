"""Every call of every port, with every fault: one submission an attempt, nothing lost, an end."""

from collections.abc import Sequence
from functools import cache

import pytest

from tests.simulation.chance import Chance
from tests.simulation.faults import Fault
from tests.simulation.oracle import judge
from tests.simulation.scenarios import BY_NAME, SCENARIOS, Scenario
from tests.simulation.world import World

_PAIRS = 40  # sampled pairs of faults a scenario
_PASSING = (Fault.LOST_REPLY, Fault.LOST_REQUEST)

each_scenario = pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS])


@cache
def undisturbed(name: str) -> World:
    world = World(BY_NAME[name])
    world.drive()
    return world


def suffer(scenario: Scenario, faults: Sequence[tuple[int, Fault]]) -> World:
    """Run with these faults, and let the oracle judge."""
    world = World(scenario, dict(faults))
    try:
        world.drive()
        judge(world.evidence())
        if scenario.is_settled:
            assert world.statuses() == undisturbed(scenario.name).statuses()
            assert world.header.status == undisturbed(scenario.name).header.status
    except AssertionError as error:
        told = ", ".join(
            f"{fault.value} at call {index} ({world.tap.calls[index]})"
            for index, fault in faults
            if index < len(world.tap.calls)
        )
        raise AssertionError(f"{scenario.name}, {told}: {error}") from error
    return world


@each_scenario
def test_an_undisturbed_run_ends_and_breaks_nothing(name: str) -> None:
    judge(undisturbed(name).evidence())


def test_jobs_that_read_outputs_run_unless_one_is_missing() -> None:
    assert undisturbed("outputs").statuses() == {
        "load": "SUCCEEDED",
        "report": "SUCCEEDED",
        "lacking": "FAILED",
        "z": "SUCCEEDED",
    }


@pytest.mark.parametrize(
    "fault", [each for each in Fault if each not in _PASSING], ids=lambda fault: fault.name.lower()
)
@each_scenario
def test_no_single_fault_loses_or_doubles_anything(name: str, fault: Fault) -> None:
    for index in range(len(undisturbed(name).tap.calls)):
        suffer(BY_NAME[name], [(index, fault)])


@each_scenario
def test_no_pair_of_faults_loses_or_doubles_anything(name: str) -> None:
    calls = len(undisturbed(name).tap.calls)
    chance = Chance(name)
    for _ in range(_PAIRS):
        pair = [(chance.randrange(calls + 4), chance.choice(list(Fault))) for _ in range(2)]
        suffer(BY_NAME[name], pair)


@pytest.mark.parametrize("fault", _PASSING, ids=lambda fault: fault.name.lower())
@each_scenario
def test_a_failure_that_passes_loses_nothing_and_costs_no_more_than_a_poll_of_last_resort(
    name: str, fault: Fault
) -> None:
    whole = undisturbed(name)
    for index in range(len(whole.tap.calls)):
        world = suffer(BY_NAME[name], [(index, fault)])
        late = (world.clock.at - whole.clock.at).total_seconds()
        ends_jobs = world.tap.calls[index] in ("cancel", "terminate")
        assert late <= (world.scenario.policy.wait_time if ends_jobs else 0) + 5.0, (
            f"{fault.value} of call {index}, {world.tap.calls[index]}: {late} s late"
        )
