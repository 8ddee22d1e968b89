"""AWS Batch as a state machine: what every request, start, end and deadline leads to.

No I/O and no clock: times are arguments, in milliseconds since 1970 UTC. Whoever holds a `Batch`
does three things with it. It starts what `start_next` gives and says so with `started` and `ended`;
it ends the processes that `stops` names; and it keeps what `touched` names, for `Batch` itself
remembers only jobs that have not ended.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chalicelib.local.batch_records import (
    ENDED,
    FAILED,
    N_TO_N,
    PENDING,
    RUNNABLE,
    RUNNING,
    SEQUENTIAL,
    STARTED,
    STARTING,
    STATUSES,
    SUBMITTED,
    SUCCEEDED,
    Attempt,
    JobRequest,
    QueuedJob,
    RetryRule,
)
from chalicelib.local.batch_requests import refused
from chalicelib.local.slots import Capacity, Slots

GRACE = 30_000  # ms between SIGTERM and SIGKILL (job_timeouts)
RETENTION = 7 * 86_400_000  # ms that an ended job is remembered (job_states)
CONTAINER_ENDED = "Essential container in task exited"
NOT_STARTED = "Task failed to start"
TIMED_OUT = "Job attempt duration exceeded timeout"
DEPENDENT_FAILED = "Dependent job failed"
CHILD_FAILED = "Array Child Job failed"


class Stop(NamedTuple):
    """A process to end: asked (SIGTERM), or `forced` (SIGKILL)."""

    job: QueuedJob
    forced: bool


class Batch:
    """All jobs that have not ended, and what may happen to them next."""

    def __init__(self, capacity: Capacity) -> None:
        self.slots = Slots(capacity)
        self.live: dict[str, QueuedJob] = {}
        self.changed: dict[str, None] = {}  # ids whose status moved; whoever tells clears it
        self.touched: dict[str, QueuedJob] = {}  # to be kept; whoever keeps clears it
        self.stops: list[Stop] = []
        self._deadlines: list[tuple[int, int, int, bool, QueuedJob]] = []
        self._endings: deque[tuple[QueuedJob, str, str]] = deque()

    # Requests

    def missing(self, request: JobRequest) -> list[str]:
        """The upstream ids whose status only the memory of ended jobs can tell."""
        return [up.job_id for up in request.upstream if up.job_id and up.job_id not in self.live]

    def check_upstream(self, request: JobRequest, known: Mapping[str, str]) -> None:
        """Refuse a request whose upstream jobs can't be waited for.

        `known` has the statuses of ended jobs, of children too. Raises BackendError.
        """
        for up in request.upstream:
            if up.kind == SEQUENTIAL:
                continue
            live = self.live.get(up.job_id)
            if live is None and up.job_id not in known:
                raise refused("SubmitJob", f"dependsOn names a job that isn't known: {up.job_id}.")
            size = len(live.children) if live else request.array_size
            if up.kind == N_TO_N and size != request.array_size:
                raise refused("SubmitJob", "N_TO_N needs an array job of the same size upstream.")

    def accept(
        self, job_id: str, number: int, request: JobRequest, at: int, known: Mapping[str, str]
    ) -> QueuedJob:
        """Take a checked request in. An array job takes the numbers up to number + size."""
        job = self.enrol(job_id, number, request, at)
        self.wire(job, known)
        self.release(job)
        self.settle(at)
        return job

    def enrol(self, job_id: str, number: int, request: JobRequest, at: int) -> QueuedJob:
        """Remember a job, with its children, before anything is known of its upstream jobs."""
        job = QueuedJob(job_id, number, request, at)
        self.live[job_id] = job
        if request.array_size:
            job.children = tuple(
                QueuedJob(f"{job_id}:{index}", number + 1 + index, request, at, job, index)
                for index in range(request.array_size)
            )
            job.counts = dict.fromkeys(STATUSES, 0) | {SUBMITTED: request.array_size}
            self.live.update((child.job_id, child) for child in job.children)
        return job

    def wire(self, job: QueuedJob, known: Mapping[str, str]) -> None:
        """Work out what a remembered job waits for.

        An upstream job of which nothing is known any more has succeeded: had it failed, this job
        would have ended with it.
        """
        for child in job.children:
            child.waits_for += 1  # for the array job itself to be released
        for up in job.request.upstream:
            self._wait_for(job, up.kind, up.job_id, known)
        for each in (job, *job.children):
            if each.status == SUBMITTED:
                self._move(each, PENDING)
                self.changed.pop(each.job_id)  # who submitted it knows that it waits

    def recall(self, job: QueuedJob, status: str) -> None:
        """Say of a remembered job that it had started, or of a child that it had ended."""
        self._move(job, status)
        if status in ENDED:
            del self.live[job.job_id]
        else:
            self.slots.occupy(job)

    def release(self, job: QueuedJob) -> None:
        """Let a job go on if it waits for nothing; an array job lets its children."""
        if job.waits_for or job.status != PENDING:
            return
        if job.children:
            for child in job.children:
                self._satisfy(child)
        elif job.cancelled is not None:
            self._endings.append((job, FAILED, job.cancelled))
        else:
            self._queue(job)

    def settle(self, at: int) -> None:
        """End what is to end, and all that follows from it, without recursion."""
        while self._endings:
            job, status, reason = self._endings.popleft()
            if job.status in ENDED or (job.children and self._end_children(job, status)):
                continue
            self._end(job, status, reason, at)
            for downstream in job.downstream:
                if status == SUCCEEDED:
                    self._satisfy(downstream)
                else:
                    self._endings.append((downstream, FAILED, DEPENDENT_FAILED))
            job.downstream = []

    def cancel(self, job_id: str, reason: str, at: int) -> None:
        """CancelJob: nothing happens to a job that has started, ended or was never known.

        A PENDING job ends only after its upstream jobs have (API_CancelJob).
        """
        for job in self._with_children(job_id):
            if job.status not in STARTED and job.cancelled is None:
                job.cancelled = reason
                self.touched[job.job_id] = job
                if job.status == RUNNABLE:
                    self._endings.append((job, FAILED, reason))
        self.settle(at)

    def terminate(self, job_id: str, reason: str, at: int) -> None:
        """TerminateJob: as `cancel`, and what has started is stopped."""
        self.cancel(job_id, reason, at)
        for job in self._with_children(job_id):
            if job.terminated is None:
                job.terminated = reason
                self.touched[job.job_id] = job
                if job.status in STARTED and not job.timed_out:
                    self._stop(job, at)

    def _with_children(self, job_id: str) -> Iterable[QueuedJob]:
        job = self.live.get(job_id)
        if job is None:
            return ()
        return (job, *(child for child in job.children if child.status not in ENDED))

    # Attempts

    def start_next(self) -> list[QueuedJob]:
        """The jobs that now go from RUNNABLE to STARTING, a new attempt each."""
        started = []
        while job := self.slots.take():
            job.attempt += 1
            job.started_at = None
            self._move(job, STARTING)
            started.append(job)
        return started

    def begin_all(self, jobs: Iterable[QueuedJob]) -> list[QueuedJob]:
        """Count an attempt for those of the jobs that are RUNNABLE, whatever the slots allow."""
        begun = [job for job in jobs if job.status == RUNNABLE]
        for job in begun:
            self.slots.occupy(job)
            job.attempt += 1
            self._move(job, STARTING)
        return begun

    def started(self, job: QueuedJob, at: int) -> None:
        """Say that the attempt runs."""
        job.started_at = at
        self._move(job, RUNNING)
        timeout = job.request.timeout
        if timeout is not None:
            due = at + timeout * 1000
            heapq.heappush(self._deadlines, (due, job.number, job.attempt, False, job))

    def ended(self, job: QueuedJob, exit_code: int, reason: str, at: int) -> None:
        """Say that the attempt ended; `reason` is the container's, empty when it just exited."""
        status_reason = CONTAINER_ENDED if job.started_at is not None else NOT_STARTED
        self._attempt_ended(job, exit_code, reason, status_reason, at)

    def lost(self, job: QueuedJob, status_reason: str, at: int) -> None:
        """Say that the attempt ended with its host, so that nobody saw how."""
        self._attempt_ended(job, None, "", status_reason, at)

    def _attempt_ended(
        self, job: QueuedJob, exit_code: int | None, reason: str, status_reason: str, at: int
    ) -> None:
        self.slots.release(job)
        if job.terminated is not None:
            status_reason = job.terminated
        elif job.timed_out:
            status_reason = TIMED_OUT
        attempt = Attempt(
            started_at=job.started_at,
            stopped_at=at,
            exit_code=exit_code,
            reason=reason,
            status_reason=status_reason,
        )
        job.attempts.append(attempt)
        stopped = job.terminated is not None or job.timed_out
        if exit_code == 0 and not stopped:
            self._endings.append((job, SUCCEEDED, status_reason))
        elif stopped or not retries(job.request, len(job.attempts), attempt):
            self._endings.append((job, FAILED, status_reason))
        else:
            self.touched[job.job_id] = job
            job.status_reason = status_reason
            self._queue(job)
        self.settle(at)

    # Deadlines

    def next_deadline(self) -> int | None:
        """When `expire` has something to do."""
        return self._deadlines[0][0] if self._deadlines else None

    def expire(self, at: int) -> None:
        """Stop what has run for too long: asked first, forced after the grace."""
        while self._deadlines and self._deadlines[0][0] <= at:
            _, _, attempt, forced, job = heapq.heappop(self._deadlines)
            if job.attempt != attempt or job.status not in STARTED:
                continue
            if forced:
                self.stops.append(Stop(job, forced=True))
            elif job.terminated is None:
                job.timed_out = True
                self.touched[job.job_id] = job
                self._stop(job, at)

    def _stop(self, job: QueuedJob, at: int) -> None:
        self.stops.append(Stop(job, forced=False))
        heapq.heappush(self._deadlines, (at + GRACE, job.number, job.attempt, True, job))

    # What follows from what

    def _wait_for(self, job: QueuedJob, kind: str, job_id: str, known: Mapping[str, str]) -> None:
        if kind == SEQUENTIAL:
            for before, child in zip(job.children, job.children[1:], strict=False):
                self._link(before, before.status, child)
        elif kind == N_TO_N and (live := self.live.get(job_id)):
            for before, child in zip(live.children, job.children, strict=True):
                self._link(before, before.status, child)
        elif kind == N_TO_N and known.get(job_id, SUCCEEDED) == FAILED:
            for child in job.children:
                self._link(None, known.get(f"{job_id}:{child.index}", FAILED), child)
        else:
            upstream = self.live.get(job_id)
            self._link(upstream, upstream.status if upstream else known.get(job_id, SUCCEEDED), job)

    def _link(self, upstream: QueuedJob | None, status: str, job: QueuedJob) -> None:
        if status == SUCCEEDED or job.status in ENDED:
            return
        if upstream is None or status == FAILED:
            self._endings.append((job, FAILED, DEPENDENT_FAILED))
            job.waits_for += 1  # so that nothing releases it before it is ended
        else:
            upstream.downstream.append(job)
            job.waits_for += 1

    def _satisfy(self, job: QueuedJob) -> None:
        job.waits_for -= 1
        self.release(job)

    def _queue(self, job: QueuedJob) -> None:
        self._move(job, RUNNABLE)
        misfit = self.slots.misfit(job)
        if misfit:
            job.status_reason = misfit
        else:
            self.slots.queue(job)

    def _move(self, job: QueuedJob, status: str) -> None:
        array = job.array
        if array is not None:
            array.counts[job.status] -= 1
            array.counts[status] += 1
            self.changed[array.job_id] = None
        job.status = status
        self.changed[job.job_id] = None

    def _end_children(self, job: QueuedJob, status: str) -> bool:
        """Fail what is left of an array job; it ends itself when its last child has."""
        left = [child for child in job.children if child.status not in ENDED]
        if status == FAILED:
            self._endings.extend((child, FAILED, DEPENDENT_FAILED) for child in left)
        return bool(left)

    def _end(self, job: QueuedJob, status: str, reason: str, at: int) -> None:
        if job.cancelled is not None and status == FAILED and job.attempt == 0:
            reason = job.cancelled
        self._move(job, status)
        job.status_reason = reason
        job.stopped_at = at
        self.touched[job.job_id] = job
        del self.live[job.job_id]
        array = job.array
        if array is None:
            return
        self.touched[array.job_id] = array
        counts = array.counts
        if counts[SUCCEEDED] + counts[FAILED] == len(array.children):
            ending = array_ending(array, reason)
            self._endings.append((array, *ending))


def array_ending(array: QueuedJob, last_reason: str) -> tuple[str, str]:
    """The status and reason of an array job all of whose children have ended."""
    if array.counts[FAILED] == 0:
        return SUCCEEDED, ""
    asked = array.terminated or array.cancelled
    if asked is None and last_reason == DEPENDENT_FAILED and array.waits_for:
        return FAILED, DEPENDENT_FAILED
    return FAILED, asked or CHILD_FAILED


def retries(request: JobRequest, attempts: int, last: Attempt) -> bool:
    """Say whether the queue tries once more after that many attempts (job_retries)."""
    if attempts >= request.attempts:
        return False
    for rule in request.retry_rules:
        if _applies(rule, last):
            return rule.retries
    return True


def _applies(rule: RetryRule, last: Attempt) -> bool:
    exit_code = "" if last.exit_code is None else str(last.exit_code)
    return (
        _matches(rule.on_exit_code, exit_code)
        and _matches(rule.on_reason, last.reason)
        and _matches(rule.on_status_reason, last.status_reason)
    )


def _matches(pattern: str, text: str) -> bool:
    if not pattern:
        return True
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern
