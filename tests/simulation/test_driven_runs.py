"""Runs driven by the state machine as it is deployed: the same scenarios, oracle and faults."""

from collections.abc import Callable, Sequence
from functools import cache

import pytest

from chalicelib.driving_ports import MAX_TURNS
from tests.simulation.chance import Chance
from tests.simulation.driven_world import DrivenWorld
from tests.simulation.faults import Fault
from tests.simulation.oracle import judge
from tests.simulation.scenarios import BY_NAME, SCENARIOS, Scenario, job

_SAMPLED = 9  # calls at which each fault happens, a scenario; `make prove` takes all of them
_PAIRS = 12
_HANDOVERS = 3

each_scenario = pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS])


@cache
def undisturbed(name: str) -> DrivenWorld:
    world = DrivenWorld(BY_NAME[name])
    world.drive()
    return world


def is_certain(scenario: Scenario) -> bool:
    """Say whether the end must be that of the undisturbed run.

    After a lost reply a job waits for the fence, longer than operators wait with what they do.
    """
    return scenario.is_settled and not scenario.deeds


def suffer(
    scenario: Scenario, faults: Sequence[tuple[int, Fault]], turns: int = MAX_TURNS
) -> DrivenWorld:
    """Run with these faults, and let the oracle judge."""
    world = DrivenWorld(scenario, dict(faults), turns=turns)
    try:
        world.drive()
        judge(world.evidence())
        if is_certain(scenario):
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


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())
@each_scenario
def test_no_single_fault_loses_or_doubles_anything(name: str, fault: Fault) -> None:
    calls = len(undisturbed(name).tap.calls)
    chance = Chance(f"{name} {fault}")
    for index in chance.sample(range(calls), min(calls, _SAMPLED)):
        suffer(BY_NAME[name], [(index, fault)])


@each_scenario
def test_no_pair_of_faults_loses_or_doubles_anything(name: str) -> None:
    calls = len(undisturbed(name).tap.calls)
    chance = Chance(name)
    for _ in range(_PAIRS):
        first, second = sorted(chance.sample(range(calls), 2))
        faults = [(first, chance.choice(list(Fault))), (second, chance.choice(list(Fault)))]
        suffer(BY_NAME[name], faults)


@pytest.mark.parametrize("name", [each.name for each in SCENARIOS if each.is_settled])
def test_executions_hand_a_run_on_turn_by_turn_and_no_fault_between_loses_it(name: str) -> None:
    world = DrivenWorld(BY_NAME[name], turns=1)
    world.drive()
    judge(world.evidence())
    assert world.statuses() == undisturbed(name).statuses()
    starts = [index for index, call in enumerate(world.tap.calls) if call == "start"]
    assert starts
    chance = Chance(name)
    for index in chance.sample(starts, min(len(starts), _HANDOVERS)):
        # The write before names the next execution, and this call starts it.
        for place in (index - 1, index):
            fault = chance.choice(list(Fault))
            suffer(BY_NAME[name], [(place, fault)], turns=1)


def test_what_travels_between_states_is_as_small_for_1_000_jobs() -> None:
    jobs = [job(f"job-{number:05d}") for number in range(1_000)]
    world = DrivenWorld(Scenario(name="large", jobs=jobs), vcpus=float(len(jobs)))
    world.drive()
    [execution] = world.machine.executions.values()
    [small] = undisturbed("chain").machine.executions.values()
    assert set(world.statuses().values()) == {"SUCCEEDED"}
    assert execution.largest <= small.largest + 2 < 4096  # digits of the turn


def disturbed_at(name: str, index: int, act: Callable[[DrivenWorld], object]) -> DrivenWorld:
    """Run with something done in the middle of a function, before that call of a port."""
    world = DrivenWorld(BY_NAME[name])
    world.tap.hooks[index] = lambda: act(world)
    world.drive()
    judge(world.evidence())
    return world


@each_scenario
def test_a_function_that_runs_twice_at_once_doubles_nothing(name: str) -> None:
    for index in range(len(undisturbed(name).tap.calls)):
        world = disturbed_at(name, index, DrivenWorld.invoke_again)
        if is_certain(BY_NAME[name]):
            assert world.statuses() == undisturbed(name).statuses(), f"at call {index}"


@each_scenario
def test_an_execution_that_is_aborted_anywhere_is_taken_up_again(name: str) -> None:
    for index in range(len(undisturbed(name).tap.calls)):
        world = disturbed_at(name, index, DrivenWorld.abort)
        if is_certain(BY_NAME[name]):
            assert world.statuses() == undisturbed(name).statuses(), f"at call {index}"


@pytest.mark.parametrize("name", [each.name for each in SCENARIOS if not each.deeds])
def test_a_cancel_at_any_moment_holds(name: str) -> None:
    for index in range(len(undisturbed(name).tap.calls)):
        world = disturbed_at(name, index, lambda world: world.try_to(DrivenWorld.cancel))
        assert not world.queue.wait(0), f"at call {index}"
