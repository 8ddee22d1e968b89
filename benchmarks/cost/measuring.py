"""Measures one run on the strict stage: its calls, and what its functions took of this machine."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.cost.loads import Load, Sound
from chalicelib.core.lifecycle import RunStatus
from tests.strict.acting import document
from tests.strict.answers import Call
from tests.strict.function_process import Use
from tests.strict.metered import Called, MeteredApart, Turn, check_calls, transitions
from tests.strict.resources import memory_of
from tests.strict.stage import Setup

_WHOLE_CPU = 1769  # MB of a function that has one vCPU (Lambda: configuring memory)
# Seconds for which a function waits for an answer. Assumed: nothing here can measure AWS.
_ANSWER = {"dynamodb": 0.01}
_OTHER_ANSWER = 0.05
_NOT_OF_A_RUN = "reconcile"  # which runs whether there are runs or not
_LATEST = 3  # times the hours that a run should take, in which it must have ended


@dataclass(slots=True)
class Work:
    """What one function did in a run."""

    calls: int = 0
    cpu: float = 0.0  # s here, with one start of a process
    billed: float = 0.0  # ms on AWS, calculated
    slowest: float = 0.0  # s of CPU of one call here
    peak: float = 0.0  # MiB

    def add(self, function: str, called: Called, use: Use) -> None:
        self.calls += 1
        self.cpu += use.cpu
        self.billed += billed(function, use.cpu, called.calls) + called.slept * 1000
        self.slowest = max(self.slowest, use.cpu)
        self.peak = max(self.peak, use.peak)


@dataclass(slots=True)
class Measured:
    """All that a run cost. Times are of the run; CPU and memory are of this machine."""

    load: Load
    seconds: float = 0.0
    transitions: int = 0
    executions: int = 0
    reads: float = 0.0
    writes: float = 0.0
    operations: Counter[str] = field(default_factory=Counter)
    functions: dict[str, Work] = field(default_factory=dict)
    turns: list[tuple[int, int, float]] = field(default_factory=list)  # (live, over, read units)
    largest: int = 0  # bytes that travelled between two states
    slowest_turn: float = 0.0  # s of CPU of all that was called in one turn
    archived: int = 0  # bytes
    stored: int = 0  # bytes in DynamoDB, kept for the days of the stage

    @property
    def peak(self) -> float:
        """MiB of the largest process of a function."""
        return max(work.peak for work in self.functions.values())

    def gigabyte_seconds(self) -> float:
        each = (work.billed * memory_of(name) for name, work in self.functions.items())
        return sum(each) / 1000 / 1024


def billed(function: str, cpu: float, calls: Sequence[Call]) -> float:
    """The milliseconds that Lambda bills for a call, waits for itself left out.

    A function has a share of a CPU for its memory, and waits while AWS answers.
    """
    share = min(1.0, memory_of(function) / _WHOLE_CPU)
    waits = sum(_ANSWER.get(call.service, _OTHER_ANSWER) for call in calls)
    return math.ceil((cpu / share + waits) * 1000)


def measure(load: Load) -> Measured:
    """Run it to its end. Raises AssertionError if its calls are more than was promised."""
    stage = MeteredApart(Setup(script=Sound(load.seconds())))
    try:
        stage.put(document(load.graph(), wait_time=load.wait_time))
        header = stage.start("etl")
        stage.drive(load.hours * 3600 * _LATEST)
        run = stage.look(header.run_id)
        assert run.header.status is RunStatus.SUCCEEDED
        check_calls(stage, header.run_id)
        ended_at = run.header.ended_at
        assert ended_at is not None
        return _measured(load, stage, (ended_at - header.started_at).total_seconds())
    finally:
        stage.close()


def _measured(load: Load, stage: MeteredApart, seconds: float) -> Measured:
    measured = Measured(load, seconds=seconds)
    measured.transitions = sum(transitions(stage))
    measured.executions = len(stage.machine.executions)
    measured.largest = max(each.largest for each in stage.machine.executions.values())
    measured.turns = [(turn.live, turn.over, turn.reads) for turn in stage.turns]
    measured.archived, measured.stored = stage.archived_bytes(), stage.stored_bytes()
    for name, begun in stage.begun.items():
        if name != _NOT_OF_A_RUN:
            start = billed(name, begun.cpu, ())
            measured.functions[name] = Work(cpu=begun.cpu, billed=start, peak=begun.peak)
    cpu = {}
    for called, (function, use) in zip(stage.called, stage.uses, strict=True):
        assert called.function == function
        cpu[id(called)] = use.cpu
        if function != _NOT_OF_A_RUN:
            measured.functions[function].add(function, called, use)
            _count(measured, called)
    measured.slowest_turn = max(_turns_cpu(stage.turns, cpu))
    return measured


def _count(measured: Measured, called: Called) -> None:
    measured.reads += called.reads
    measured.writes += called.writes
    measured.operations.update(call.operation for call in called.calls)


def _turns_cpu(turns: Sequence[Turn], cpu: dict[int, float]) -> Iterator[float]:
    return (sum(cpu[id(step)] for step in turn.steps()) for turn in turns)
