"""The ports as a faulty world gives them: every call counts, and may crash, get lost or be late."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from chalicelib.core.batch import (
    Deferred,
    JobDetail,
    Outcome,
    QueueLimits,
    Submission,
    Unanswered,
)
from chalicelib.core.claims import AttemptKey, Claim, Told
from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.run import Change, Event, JobState, Run, RunHeader
from chalicelib.core.schedule import JobSpec
from chalicelib.errors import BackendError
from chalicelib.local.memory_queue import MemoryQueue
from chalicelib.local.memory_store import MemoryStore
from chalicelib.ports import JobRecord, RunChange, RunKey

Result = TypeVar("Result")
_IDENTITY = ("run", "job", "attempt")


class Crash(BaseException):
    """The engine's process ends here; nothing may catch it but the world."""


class Fault(Enum):
    """What happens to one call of a port."""

    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    LOST_REPLY = "lost reply"
    LOST_REQUEST = "lost request"
    CRASH_HALFWAY = "crash halfway"  # of a call that submits several jobs; else as CRASH_BEFORE
    REFUSED_FOR_NOW = "refused for now"  # throttled: certainly not done


@dataclass(slots=True)
class Tap:
    """Counts the calls of the ports and does to each what was planned for it, by its index."""

    faults: Mapping[int, Fault] = field(default_factory=dict)
    hooks: dict[int, Callable[[], object]] = field(default_factory=dict)  # run before the call
    calls: list[str] = field(default_factory=list)

    def enter(self, operation: str) -> Fault | None:
        index = len(self.calls)
        self.calls.append(operation)
        hook = self.hooks.pop(index, None)
        if hook is not None:
            hook()
        fault = self.faults.get(index)
        if fault is Fault.CRASH_BEFORE:
            raise Crash(f"before call {index}, {operation}")
        return fault

    def call(self, operation: str, act: Callable[[], Result]) -> Result:
        fault = self.enter(operation)
        if fault in (Fault.LOST_REQUEST, Fault.REFUSED_FOR_NOW, Fault.CRASH_HALFWAY):
            self._fail(fault, operation, "was lost on the way")
        result = act()
        if fault is not None:
            self._fail(fault, operation, "was done, but the reply was lost")
        return result

    def _fail(self, fault: Fault, operation: str, words: str) -> None:
        if fault in (Fault.CRASH_AFTER, Fault.CRASH_HALFWAY):
            raise Crash(f"at call {len(self.calls) - 1}, {operation}")
        raise BackendError("world", operation, words, retryable=True)


class TellingClaims:
    """claim_ports.Claims of the jobs of a queue that have begun: each output is its own name.

    With the number of the attempt: `rows-2`.
    """

    def __init__(self, queue: MemoryQueue, tells: Mapping[str, Sequence[str]]) -> None:
        self._queue = queue
        self._tells = tells

    def read(self, attempts: Iterable[AttemptKey]) -> Mapping[AttemptKey, Claim]:
        begun = {
            start.job_id: self._queue.submissions[start.job_id] for start in self._queue.starts
        }
        wanted, found = set(attempts), {}
        for job_id, submission in begun.items():
            run_id, job, attempt = (submission.tags[f"batch-scheduler:{tag}"] for tag in _IDENTITY)
            key = AttemptKey(run_id=run_id, job=job, attempt=int(attempt))
            if key in wanted and job in self._tells:
                outputs = {name: f"{name}-{attempt}" for name in self._tells[job]}
                found[key] = Claim(owner=job_id, told=Told(outputs=outputs))
        return found


class TappedClaims:
    """The same, every call through the tap."""

    def __init__(self, tap: Tap, claims: TellingClaims) -> None:
        self._tap = tap
        self._claims = claims

    def read(self, attempts: Iterable[AttemptKey]) -> Mapping[AttemptKey, Claim]:
        return self._tap.call("read claims", lambda: self._claims.read(attempts))


class TappedStore:
    """ports.RunStore: the engine's view of a store, every call through the tap."""

    def __init__(self, tap: Tap, store: MemoryStore) -> None:
        self._tap = tap
        self._store = store

    def create_run(
        self, header: RunHeader, specs: Sequence[JobSpec], states: Mapping[str, JobState]
    ) -> None:
        self._tap.call("create_run", lambda: self._store.create_run(header, specs, states))

    def get_header(self, run_id: str) -> RunHeader:
        return self._tap.call("get_header", lambda: self._store.get_header(run_id))

    def find_headers(
        self,
        *,
        schedule_id: str | None = None,
        status: RunStatus | None = None,
        prefix: str = "",
        limit: int = 50,
        before: RunKey | None = None,
    ) -> list[RunHeader]:
        return self._tap.call(
            "find_headers",
            lambda: self._store.find_headers(
                schedule_id=schedule_id, status=status, prefix=prefix, limit=limit, before=before
            ),
        )

    def load_run(self, run_id: str) -> Run:
        return self._tap.call("load_run", lambda: self._store.load_run(run_id))

    def find_jobs(
        self,
        run_id: str,
        *,
        statuses: Iterable[JobStatus] | None = None,
        limit: int | None = None,
        after: int = -1,
    ) -> list[JobRecord]:
        return self._tap.call(
            "find_jobs",
            lambda: self._store.find_jobs(run_id, statuses=statuses, limit=limit, after=after),
        )

    def get_jobs(self, run_id: str, names: Iterable[str]) -> list[JobRecord]:
        return self._tap.call("get_jobs", lambda: self._store.get_jobs(run_id, names))

    def record(
        self,
        before: RunHeader,
        changes: Sequence[Change],
        *,
        after: RunHeader | None = None,
        run_changes: Sequence[RunChange] = (),
    ) -> None:
        self._tap.call(
            "record",
            lambda: self._store.record(before, changes, after=after, run_changes=run_changes),
        )

    def events(self, run_id: str, *, job: str | None = None, after: int = 0) -> list[Event]:
        return self._tap.call("events", lambda: self._store.events(run_id, job=job, after=after))

    def load_for_turn(self, run_id: str) -> Run:
        return self._tap.call("load_for_turn", lambda: self._store.load_for_turn(run_id))

    def close_turn(self, run: Run) -> None:
        self._tap.call("close_turn", lambda: self._store.close_turn(run))


@dataclass(frozen=True, slots=True)
class Taken:
    """A submission that the queue took."""

    job_id: str
    submission: Submission
    after_event: int  # how long the run's history was at that moment


class TappedQueue:
    """ports.JobQueue: a queue behind the tap, that refuses engines whose time is over.

    `is_current` says whether the engine that holds this may still act, as the host's fence does;
    `history` tells how many events the run has.
    """

    def __init__(
        self,
        tap: Tap,
        queue: MemoryQueue,
        limits: QueueLimits,
        is_current: Callable[[], bool],
        taken: Callable[[str, Submission], None],
    ) -> None:
        self._tap = tap
        self._queue = queue
        self._limits = limits
        self._is_current = is_current
        self._taken = taken

    @property
    def limits(self) -> QueueLimits:
        return self._limits

    def lacks(self, request: Mapping[str, Any]) -> str:
        return self._queue.lacks(request)

    def pin(self, requests: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return self._queue.pin(requests)

    def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        fault = self._tap.enter("submit")
        if fault is Fault.REFUSED_FOR_NOW or not self._is_current():
            return [Deferred("throttled")] * len(submissions)
        if fault is Fault.LOST_REQUEST:
            return [Unanswered("lost")] * len(submissions)
        if fault is Fault.CRASH_HALFWAY:
            submissions = submissions[: len(submissions) // 2]
        outcomes = self._queue.submit(submissions)
        for submission, outcome in zip(submissions, outcomes, strict=True):
            job_id = getattr(outcome, "job_id", "")
            if job_id:
                self._taken(job_id, submission)
        if fault in (Fault.CRASH_AFTER, Fault.CRASH_HALFWAY):
            raise Crash("after submit")
        if fault is Fault.LOST_REPLY:
            return [Unanswered("lost")] * len(submissions)
        return outcomes

    def describe(self, job_ids: Sequence[str]) -> list[JobDetail]:
        return self._tap.call("describe", lambda: self._queue.describe(job_ids))

    def find(self, job_name: str, job_queue: str) -> list[JobDetail]:
        return self._tap.call("find", lambda: self._queue.find(job_name, job_queue))

    def cancel(self, job_id: str, reason: str) -> None:
        self._tap.call("cancel", lambda: self._end(self._queue.cancel, job_id, reason))

    def terminate(self, job_id: str, reason: str) -> None:
        self._tap.call("terminate", lambda: self._end(self._queue.terminate, job_id, reason))

    def _end(self, act: Callable[[str, str], None], job_id: str, reason: str) -> None:
        if not self._is_current():
            raise BackendError("queue", "end", "another engine has taken over", retryable=False)
        act(job_id, reason)
