"""What a run costs, call by call: each function that was called, and what it asked of AWS."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.aws.names import archive_of
from tests.simulation.oracle import IN_QUEUE, OVER
from tests.strict import resources
from tests.strict.acting import HISTORY, JOBS
from tests.strict.answers import ACCOUNT, REGION, Call
from tests.strict.apart import ApartStage
from tests.strict.stage import Json, StrictStage

DESCRIBED = 100  # jobs of a DescribeJobs (API_DescribeJobs)
_READS_A_LIVE_JOB = 0.08  # units: 3 KiB hold ten entries of the index of open jobs
_READS_A_JOB = 1 / 4000  # units: what the run's header knows of each job
_READS = 4.0  # units of a step, whatever the run
_STEPS = frozenset({"submit_jobs", "poll_jobs", "record_history"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """One call of a function."""

    function: str
    at: datetime
    slept: float  # seconds that it waited, besides what AWS takes to answer
    calls: Sequence[Call]

    def count(self, operation: str) -> int:
        return sum(call.operation == operation for call in self.calls)

    @property
    def reads(self) -> float:
        return sum(call.read_units for call in self.calls)

    @property
    def writes(self) -> float:
        return sum(call.write_units for call in self.calls)

    @property
    def header_writes(self) -> int:
        return sum(table == HISTORY for call in self.calls for table, _ in call.written)

    @property
    def job_writes(self) -> int:
        """Those of jobs' items: a run's own begin with a blank, the budget's with #."""
        return sum(
            table == JOBS and not key[1].startswith((b" ", b"#"))
            for call in self.calls
            for table, key in call.written
        )


@dataclass(slots=True)
class Turn:
    """What was called from a poll on, up to the next one; how many jobs were live and over then."""

    live: int
    over: int
    called: list[Called]

    def steps(self) -> list[Called]:
        return [each for each in self.called if each.function in _STEPS]

    @property
    def reads(self) -> float:
        """Units that the steps of the state machine read."""
        return sum(step.reads for step in self.steps())


class MeteredStage(StrictStage):
    """Keeps what each function did, and divides it into turns. For one run at a time."""

    called: list[Called]
    turns: list[Turn]

    def invoke(self, function: str, event: Json) -> Json:
        if not hasattr(self, "called"):
            self.called, self.turns = [], []
        if function == "poll_jobs":
            self.turns.append(Turn(*self._standing(), []))
        first, at = len(self.aws.calls), self.clock()
        try:
            return super().invoke(function, event)
        finally:
            slept = (self.clock() - at).total_seconds()
            calls = [call for call in self.aws.calls[first:] if call.caller == function]
            called = Called(function=function, at=at, slept=slept, calls=calls)
            self.called.append(called)
            if self.turns:
                self.turns[-1].called.append(called)

    def count(self, operation: str) -> int:
        """How many such calls the functions made."""
        return sum(each.count(operation) for each in self.called)

    def archived_bytes(self) -> int:
        """What the archive bucket holds."""
        bucket = archive_of(resources.STAGE, ACCOUNT, REGION)
        versions = self.s3.buckets[bucket].objects.values()
        return sum(len(each.content or b"") for listed in versions for each in listed)

    def stored_bytes(self) -> int:
        """What the items of runs and jobs hold, indexes left out."""
        tables = (self.dynamodb.tables[HISTORY], self.dynamodb.tables[JOBS])
        return sum(stored.size for table in tables for stored in table.items.values())

    def _standing(self) -> tuple[int, int]:
        """How many jobs the queue has, and how many are over, as their items say."""
        items = self.dynamodb.tables[JOBS].items.values()
        statuses = [each.item["jobStatus"]["S"] for each in items if "jobStatus" in each.item]
        return sum(map(IN_QUEUE.__contains__, statuses)), sum(map(OVER.__contains__, statuses))


class MeteredApart(MeteredStage, ApartStage):
    """The same of functions in processes of their own."""


def check_calls(stage: MeteredStage, run_id: str) -> None:
    """Raise AssertionError unless the calls for a run are as few as was promised of it.

    The run has ended, was never restarted, and was not disturbed.
    """
    jobs = len(stage.look(run_id).states)
    changes = len(stage.process().runs.events(run_id)) - 2  # of the run itself: made and ended
    assert stage.count("Scan") == 0
    assert stage.count("SubmitJob") == jobs
    assert len(stage.batch.submissions) == jobs
    # Each item is written once more when its run is sealed: from then on it has a day to leave.
    assert sum(each.job_writes for each in stage.called) <= changes + jobs
    for turn in stage.turns:
        _check_turn(turn, jobs)


def _check_turn(turn: Turn, jobs: int) -> None:
    polls = [each for each in turn.called if each.function == "poll_jobs"]
    assert sum(poll.count("DescribeJobs") for poll in polls) <= math.ceil(turn.live / DESCRIBED)
    steps = turn.steps()
    ends = any(each.header_writes for each in turn.called if each.function == "notify")
    hands_over = any(step.count("StartExecution") for step in steps)
    assert sum(step.header_writes for step in steps) <= 1 + ends + hands_over
    moved = sum(step.job_writes for step in steps)  # each is read once more, by its name
    for step in steps:
        most = _READS + jobs * _READS_A_JOB + _READS_A_LIVE_JOB * turn.live + moved
        assert step.reads <= most, f"{step.function} read {step.reads} with {turn.live} live"


def folded(stage: MeteredStage) -> tuple[int, int]:
    """How many events of jobs came, and how many turns answered them."""
    events = sum(each.function == "job_state_changed" for each in stage.called)
    return events, len(stage.turns)


def transitions(stage: StrictStage) -> Iterator[int]:
    """Of each execution, those that Step Functions bills."""
    return (each.transitions for each in stage.machine.executions.values())
