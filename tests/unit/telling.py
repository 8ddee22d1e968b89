"""A run that is driven in memory, turn by turn, whose jobs tell things."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.core.batch import Outcome, Submission, Unanswered
from chalicelib.core.claims import AttemptKey, Claim
from chalicelib.core.run import JobState
from chalicelib.errors import BackendError
from chalicelib.local.memory_claims import MemoryClaims
from chalicelib.local.memory_queue import MemoryQueue, VirtualClock
from chalicelib.services.turn import Driven, take_turn
from tests.unit.runs import NOW, header
from tests.unit.stores import record_run, world

RUN = "etl/2026"
REQUEST = {"containerOverrides": {"command": ["true"]}, "jobQueue": "main"}


class MoodyClaims(MemoryClaims):
    """Claims that at times can't be read, and that count how often they are."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.asked: list[list[AttemptKey]] = []

    def read(self, attempts: Iterable[AttemptKey]) -> Mapping[AttemptKey, Claim]:
        keys = list(attempts)
        self.asked.append(keys)
        if self.is_away:
            raise BackendError("claims", "read", "throttled", retryable=True)
        return super().read(keys)


class MoodyQueue(MemoryQueue):
    """A queue whose replies may be lost, and that can't run what names a shark."""

    loses_replies = False

    def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        outcomes = super().submit(submissions)
        return [Unanswered("no reply")] * len(outcomes) if self.loses_replies else outcomes

    def lacks(self, request: Mapping[str, Any]) -> str:
        return "no shark" if "shark" in str(request) else super().lacks(request)


class Driving:
    """A run that is driven turn by turn, in which each job takes a second and may tell things."""

    def __init__(self, failing: Sequence[str] = ()) -> None:
        self.clock = VirtualClock(NOW)
        self.failing = failing
        self.queue = MoodyQueue(self.clock, self._run)
        self.claims = MoodyClaims()
        self.ports = replace(world(self.queue, claims=self.claims), clock=self.clock)
        self.driven: Driven

    def _run(self, submission: Submission, _attempt: int) -> tuple[float, int]:
        return 1.0, int(submission.tags["batch-scheduler:job"] in self.failing)

    def begin(self, *specs: Any, **states: Any) -> None:
        record_run(self.ports, *specs, run=header(started_at=NOW), **states)
        self.driven = Driven(self.ports.runs.load_run(RUN))
        self.turn()

    def turn(self) -> None:
        take_turn(self.ports, self.driven)

    def tell(self, job: str, *, owner: str = "", **members: Any) -> None:
        """What `batch-job` would leave; of the job's attempt that runs."""
        state = self.state(job)
        key = AttemptKey(run_id=RUN, job=job, attempt=state.attempt)
        self.claims.put(key, {"owner": owner or state.job_id, **members})

    def pass_time(self) -> None:
        """Let what runs come to its end, and the run hear of it."""
        self.queue.advance(2.0)
        self.turn()

    def state(self, job: str) -> JobState:
        return self.ports.runs.get_jobs(RUN, [job])[0].state

    def statuses(self) -> dict[str, str]:
        found = self.ports.runs.find_jobs(RUN)
        return {record.spec.name: record.state.status.value for record in found}
