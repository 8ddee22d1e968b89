"""A fault, or something else, at any call of a run: sampled here, each and all by `make prove`."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.rehearsal.happenings import BY_PEOPLE, HARMLESS, fates
from tests.rehearsal.judging import judge
from tests.rehearsal.plots import BY_NAME, PLOTS
from tests.rehearsal.suffering import calls_of, possible, suffer, undisturbed
from tests.rehearsal.world import Rehearsal
from tests.simulation.chance import Chance
from tests.strict.answers import Fault
from tests.strict.stage import Setup

pytestmark = pytest.mark.rehearse

_SINGLES = 7  # calls a plot, with one fault each
_PAIRS = 2  # a plot
_EACH = 3  # calls for each thing that may happen in the middle of a function

each_plot = pytest.mark.parametrize("name", BY_NAME)
SETUPS = {
    "warm": Setup(),
    "fresh": Setup(is_warm=False),
    "slow to list": Setup(listing_lag=20.0, index_lag=120.0, executions_lag=60.0),
    "sent again": Setup(sends_again=True),
    "wrong clocks": Setup(skew=300.0),
    "handed on each turn": Setup(turns=1),
}


def some_fault(name: str, chance: Chance) -> tuple[int, Fault]:
    calls = calls_of(name)
    index = chance.randrange(len(calls))
    return index, chance.choice(possible(calls[index].operation))


def called_by_functions(name: str) -> Sequence[int]:
    return [index for index, call in enumerate(calls_of(name)) if call.caller]


@each_plot
def test_a_run_that_nothing_happens_to_ends_and_breaks_nothing(name: str) -> None:
    assert not undisturbed(name).stage.bus.dead


@each_plot
def test_no_single_fault_loses_or_doubles_anything(name: str) -> None:
    chance = Chance(f"single {name}")
    for _ in range(_SINGLES):
        suffer(BY_NAME[name], dict([some_fault(name, chance)]))


@each_plot
def test_no_pair_of_faults_loses_or_doubles_anything(name: str) -> None:
    chance = Chance(f"pair {name}")
    for _ in range(_PAIRS):
        suffer(BY_NAME[name], dict(some_fault(name, chance) for _ in range(2)))


@pytest.mark.parametrize("setup", SETUPS)
def test_no_fault_loses_or_doubles_anything_however_the_account_behaves(setup: str) -> None:
    chance = Chance(f"setup {setup}")
    for plot in chance.sample(PLOTS, 4):
        suffer(plot, {}, setup=SETUPS[setup])
        suffer(plot, dict([some_fault(plot.name, chance)]), setup=SETUPS[setup])


@pytest.mark.parametrize("what", HARMLESS)
def test_nothing_that_befalls_a_function_changes_the_end_of_a_run(what: str) -> None:
    chance = Chance(what)
    for plot in chance.sample(PLOTS, _EACH):
        index = chance.choice(called_by_functions(plot.name))
        suffer(plot, {}, {index: HARMLESS[what]})


@pytest.mark.parametrize("verb", BY_PEOPLE)
def test_no_verb_at_any_moment_loses_or_doubles_anything(verb: str) -> None:
    chance = Chance(verb)
    for plot in chance.sample(PLOTS, _EACH):
        index = chance.randrange(len(calls_of(plot.name)))
        suffer(replace(plot, is_certain=False), {}, {index: BY_PEOPLE[verb]})


@pytest.mark.parametrize("fate", fates(0))
def test_events_only_wake_sooner(fate: str) -> None:
    chance = Chance(fate)
    for plot in chance.sample(PLOTS, 2):
        world = Rehearsal(plot, delays=fates(1)[fate]).drive()
        judge(world)
        if plot.is_certain:
            assert world.statuses() == undisturbed(plot.name).statuses()
