"""What a run of days costs, reckoned from a run of an hour: as much a turn, and more turns.

The largest run over a day takes an hour of CPU to measure. When its turns come is known without
it: from when its jobs end, and from how long the state machine settles.
"""

from collections import Counter
from dataclasses import replace

from benchmarks.cost.loads import Load
from benchmarks.cost.measuring import Measured, Work
from chalicelib.driving_ports import MAX_TURNS
from chalicelib.services.steps import seconds_to_settle
from tests.strict.resources import settings

_EACH_TURN = ("poll_jobs", "record_history", "wait_for_change")
_WRITES = 10.0  # units that a turn writes besides its jobs', at most: header and wake


def reckon(short: Measured, load: Load) -> Measured:
    """The run of `load`, whose graph is that of the `short` one."""
    more = turns_of(load) / len(short.turns)
    extra = round(len(short.turns) * (more - 1))
    functions = {
        name: _times(work, more) if name in _EACH_TURN else replace(work)
        for name, work in short.functions.items()
    }
    # What it hands over it does once; to look for more takes it as long as to close a turn.
    closing = short.functions["record_history"]
    again = _times(closing, extra / closing.calls)
    submitting = functions["submit_jobs"]
    functions["submit_jobs"] = replace(
        submitting,
        calls=submitting.calls + again.calls,
        cpu=submitting.cpu + again.cpu,
        billed=submitting.billed + again.billed,
    )
    in_turns = sum(reads for _, _, reads in short.turns)
    return replace(
        short,
        load=load,
        seconds=max(_ends(load)),
        executions=-(-turns_of(load) // MAX_TURNS),
        transitions=round(short.transitions * more),
        reads=short.reads + in_turns * (more - 1),
        writes=short.writes + extra * _WRITES,
        operations=Counter(short.operations),
        functions=functions,
        turns=short.turns * int(more) + short.turns[: extra % len(short.turns)],
    )


def turns_of(load: Load) -> int:
    """How often the state machine goes round: woken by an end, or by the poll of last resort."""
    ends = sorted(_ends(load))
    at, over, turns = load.jobs / settings().stage.submit_rate, 0, 0
    while over < load.jobs:
        live = load.jobs - over
        woken, last_resort = max(at, ends[over]), at + load.wait_time
        settled = woken + seconds_to_settle(live, load.wait_time)
        at = settled if woken <= last_resort else last_resort
        while over < load.jobs and ends[over] <= at:
            over += 1
        turns += 1
    return turns


def _ends(load: Load) -> list[float]:
    """When each job ends, in seconds, each begun as soon as what is upstream of it has ended."""
    seconds = load.seconds()
    ends: dict[str, float] = {}
    for name, upstream in load.graph().items():
        ends[name] = max((ends[up] for up in upstream), default=0.0) + seconds[name]
    return list(ends.values())


def _times(work: Work, factor: float) -> Work:
    return replace(
        work, calls=round(work.calls * factor), cpu=work.cpu * factor, billed=work.billed * factor
    )
