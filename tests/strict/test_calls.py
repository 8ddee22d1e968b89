"""What runs ask of AWS: as little as was promised, whatever their size."""

from collections.abc import Mapping

import pytest

from benchmarks.cost.loads import Load, Sound
from benchmarks.cost.measuring import measure
from benchmarks.cost.reckoning import turns_of
from benchmarks.graphs import Graph, fan, layered
from tests.simulation.chance import Chance
from tests.strict.acting import document
from tests.strict.metered import MeteredStage, check_calls, folded
from tests.strict.stage import Setup

_MOST_CPU = 10.0  # s of one turn, here
_MOST_MEMORY = 512  # MiB of a function
_BURST = 250  # jobs that end at once


def metered(graph: Graph, longest: float) -> tuple[MeteredStage, str]:
    """A stage on which a run of the graph has ended; jobs take a fifth of `longest`, or more."""
    chance = Chance("metered")
    return run_to_its_end(graph, {name: chance.uniform(longest / 5, longest) for name in graph})


def run_to_its_end(graph: Graph, seconds: Mapping[str, float]) -> tuple[MeteredStage, str]:
    stage = MeteredStage(Setup(script=Sound(seconds)))
    stage.put(document(graph))
    header = stage.start("etl")
    stage.drive()
    return stage, header.run_id


def test_a_run_calls_no_more_than_was_promised() -> None:
    stage, run_id = metered(layered(4, 30), longest=60.0)
    check_calls(stage, run_id)
    assert len({turn.over for turn in stage.turns}) > 10


def test_a_burst_of_ends_is_answered_in_few_turns() -> None:
    stage, run_id = metered(fan(_BURST), longest=1.0)
    check_calls(stage, run_id)
    events, turns = folded(stage)
    assert events == _BURST + 2
    assert turns <= 6


def test_as_many_turns_are_reckoned_as_there_are() -> None:
    load = Load(10, 1)
    stage, _ = run_to_its_end(load.graph(), load.seconds())
    assert turns_of(load) == len(stage.turns)


@pytest.mark.rehearse
def test_ten_thousand_jobs_end_in_one_run_whose_turns_a_function_can_take() -> None:
    measured = measure(Load(10_000, 1))
    assert measured.slowest_turn <= _MOST_CPU
    assert measured.peak <= _MOST_MEMORY
    assert measured.largest <= 4096
