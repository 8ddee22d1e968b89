"""AWS Batch in memory, with a clock that only tests move: the honest fake of a job queue."""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core.batch import (
    Accepted,
    Deferred,
    JobDetail,
    Outcome,
    QueueLimits,
    Refused,
    Submission,
)
from chalicelib.core.guarding import without_kind
from chalicelib.errors import BackendError
from chalicelib.local.batch_listing import listed, parse_list, selects
from chalicelib.local.batch_records import ENDED, QueuedJob, detail_of, shown
from chalicelib.local.batch_requests import check_reason, lacks_command, parse_submit
from chalicelib.local.batch_rules import RETENTION, Batch
from chalicelib.local.slots import Capacity
from chalicelib.ports import LogChunk

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TERMINATED, _FORCED = 143, 137  # 128 + SIGTERM, 128 + SIGKILL

Script = Callable[[Submission, int], tuple[float, int]]  # (job, attempt) -> (s it takes, exit code)


class VirtualClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, at: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass."""
        self.at += timedelta(seconds=seconds)

    @property
    def milliseconds(self) -> int:
        """Milliseconds since 1970 UTC."""
        return (self.at - _EPOCH) // _MILLISECOND


@dataclass(frozen=True, slots=True)
class Start:
    """The moment at which the code of a job began to run."""

    job_name: str
    job_id: str
    attempt: int  # the queue's own
    at: datetime


def succeeds(_submission: Submission, _attempt: int) -> tuple[float, int]:
    """Take a second, and succeed."""
    return 1.0, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeSettings:
    """How the fake is set up."""

    capacity: Capacity = field(default_factory=lambda: Capacity(2, 4096))
    listing_lag: float = 0.0  # s for which a new job can't be found or described
    deaf: frozenset[str] = frozenset()  # names of jobs that ignore SIGTERM


class MemoryQueue:
    """A job queue, its wakes and its logs. Jobs start and end only while time passes."""

    def __init__(
        self,
        clock: VirtualClock,
        script: Script = succeeds,
        settings: FakeSettings | None = None,
    ) -> None:
        self.starts: list[Start] = []
        self.logs: dict[tuple[str, int], list[str]] = {}
        self.submissions: dict[str, Submission] = {}  # by job id, in the order of acceptance
        self._clock = clock
        self._script = script
        self._settings = settings or FakeSettings()
        self._batch = Batch(self._settings.capacity)
        self._jobs: dict[str, QueuedJob] = {}
        self._ends: list[tuple[int, int, QueuedJob, int, int]] = []
        self._pushed = 0
        self._at = clock.milliseconds
        self._number = 0

    @property
    def limits(self) -> QueueLimits:
        return QueueLimits(fence=self._settings.listing_lag)

    def lacks(self, request: Mapping[str, Any]) -> str:
        return lacks_command(request)

    def pin(self, requests: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Names of definitions and kinds mean nothing here: a command is in the request."""
        return [without_kind(each) if "uses" in each else each for each in requests]

    def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        self._catch_up()
        return [self._submit(submission) for submission in submissions]

    def describe(self, job_ids: Sequence[str]) -> list[JobDetail]:
        self._catch_up()
        jobs = (self._jobs.get(job_id) for job_id in job_ids)
        return [detail_of(shown(job)) for job in jobs if job is not None and self._is_seen(job)]

    def find(self, job_name: str, job_queue: str) -> list[JobDetail]:
        return self.list_jobs(
            {"jobQueue": job_queue, "filters": [{"name": "JOB_NAME", "values": [job_name]}]}
        )

    def list_jobs(self, request: Mapping[str, Any]) -> list[JobDetail]:
        """The first page of a ListJobs."""
        self._catch_up()
        query = parse_list(request)
        jobs = [
            job for job in self._jobs.values() if self._is_seen(job) and selects(query, listed(job))
        ]
        jobs.sort(key=lambda job: -job.number)
        return [detail_of(shown(job)) for job in jobs[: query.page]]

    def cancel(self, job_id: str, reason: str) -> None:
        self._catch_up()
        self._batch.cancel(job_id, check_reason("CancelJob", reason), self._at)

    def terminate(self, job_id: str, reason: str) -> None:
        self._catch_up()
        self._batch.terminate(job_id, check_reason("TerminateJob", reason), self._at)
        self._obey_stops()

    def wait(self, seconds: float) -> frozenset[str]:
        """The changes since the last call; no time passes here, whatever `seconds` says."""
        del seconds
        self._catch_up()
        changed = frozenset(self._batch.changed)
        self._batch.changed.clear()
        return changed

    def read(self, job_id: str, attempt: int, offset: int = 0) -> LogChunk:
        lines = self.logs.get((job_id, attempt))
        if lines is None:
            return LogChunk(exists=False)
        return LogChunk(tuple(lines[offset:]), len(lines))

    def tail(self, job_id: str, attempt: int, lines: int) -> LogChunk:
        whole = self.read(job_id, attempt)
        return LogChunk(whole.lines[-lines:] if lines else (), whole.offset, whole.exists)

    def forget(self, job_ids: Iterable[str]) -> None:
        """Lose all memory of these, as Batch does with old jobs."""
        for job_id in job_ids:
            self._jobs.pop(job_id, None)

    def lose_host(self, reason: str = "Host (pid 1) terminated.") -> None:
        """Let everything that runs die with its host."""
        self._catch_up()
        for _, _, job, attempt, _ in sorted(self._ends):
            if self._runs(job, attempt):
                self._batch.lost(job, reason, self._at)
        self._ends.clear()

    def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that falls into it."""
        self._catch_up()
        self._clock.advance(seconds)
        self._catch_up()

    def run_until_quiet(self) -> None:
        """Let time pass until nothing more can happen by itself."""
        self._catch_up()
        self._start()
        while (at := self._next_event()) is not None:
            self._clock.at = max(self._clock.at, _EPOCH + at * _MILLISECOND)
            self._catch_up()
            self._step(at)

    def _submit(self, submission: Submission) -> Outcome:
        request = {**submission.request, "jobName": submission.job_name}
        upstream = [{"jobId": job_id} for job_id in submission.depends_on]
        request["dependsOn"] = [*request.get("dependsOn", ()), *upstream]
        request["tags"] = dict(submission.tags)
        try:
            parsed = parse_submit(request, submission.working_directory)
            known = self._statuses(self._batch.missing(parsed))
            self._batch.check_upstream(parsed, known)
        except BackendError as error:
            return Deferred(error.reason) if error.retryable else Refused(error.reason)
        self._number += 1
        job_id = f"00000000-0000-4000-8000-{self._number:012x}"
        job = self._batch.accept(job_id, self._number, parsed, self._at, known)
        self._number += parsed.array_size
        for each in (job, *job.children):
            self._jobs[each.job_id] = each
            self.submissions[each.job_id] = submission
        return Accepted(job_id)

    def _statuses(self, job_ids: Iterable[str]) -> dict[str, str]:
        jobs = [self._jobs[job_id] for job_id in job_ids if job_id in self._jobs]
        return {each.job_id: each.status for job in jobs for each in (job, *job.children)}

    def _is_seen(self, job: QueuedJob) -> bool:
        if job.created_at + self._settings.listing_lag * 1000 > self._at:
            return False
        return job.stopped_at is None or job.stopped_at + RETENTION > self._at

    def _catch_up(self) -> None:
        """Do everything that falls into the time since the last call, in order."""
        now = self._clock.milliseconds
        if now == self._at:
            return
        self._start()
        while (at := self._next_event()) is not None and at <= now:
            self._step(at)
        self._at = now

    def _next_event(self) -> int | None:
        ends = self._ends[0][0] if self._ends else None
        deadline = self._batch.next_deadline()
        return min((at for at in (ends, deadline) if at is not None), default=None)

    def _step(self, at: int) -> None:
        self._at = max(self._at, at)
        while self._ends and self._ends[0][0] <= at:
            _, _, job, attempt, exit_code = heapq.heappop(self._ends)
            if self._runs(job, attempt):
                self._batch.ended(job, exit_code, "", self._at)
        self._batch.expire(self._at)
        self._obey_stops()
        self._start()

    def _runs(self, job: QueuedJob, attempt: int) -> bool:
        return job.status not in ENDED and job.attempt == attempt == len(job.attempts) + 1

    def _start(self) -> None:
        for job in self._batch.start_next():
            submission = self.submissions[job.job_id]
            name = submission.job_name
            self._batch.started(job, self._at)
            self.starts.append(
                Start(name, job.job_id, job.attempt, _EPOCH + self._at * _MILLISECOND)
            )
            self.logs[job.job_id, job.attempt] = [f"{name}: attempt {job.attempt}"]
            seconds, exit_code = self._script(submission, job.attempt)
            self._end_at(self._at + round(seconds * 1000), job, exit_code)

    def _obey_stops(self) -> None:
        for job, forced in self._batch.stops:
            if forced or job.request.job_name not in self._settings.deaf:
                self._end_at(self._at, job, _FORCED if forced else _TERMINATED)
        self._batch.stops.clear()

    def _end_at(self, at: int, job: QueuedJob, exit_code: int) -> None:
        self._pushed += 1  # breaks ties: what was planned first happens first
        heapq.heappush(self._ends, (at, self._pushed, job, job.attempt, exit_code))
