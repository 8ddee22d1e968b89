"""What a queue remembers of a job: the request it accepted, its attempts and where it stands.

Times are milliseconds since 1970 UTC, the unit of AWS Batch's own answers (API_JobDetail).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core.batch import AttemptDetail, JobDetail
from chalicelib.core.lifecycle import JobStatus

# Plain strings: sqlite3 and json take a detour for every subclass of str.
SUBMITTED = JobStatus.SUBMITTED.value
PENDING = JobStatus.PENDING.value
RUNNABLE = JobStatus.RUNNABLE.value
STARTING = JobStatus.STARTING.value
RUNNING = JobStatus.RUNNING.value
SUCCEEDED = JobStatus.SUCCEEDED.value
FAILED = JobStatus.FAILED.value
STATUSES = (SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, SUCCEEDED, FAILED)
ENDED = frozenset({SUCCEEDED, FAILED})
STARTED = frozenset({STARTING, RUNNING})

SEQUENTIAL = "SEQUENTIAL"
N_TO_N = "N_TO_N"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Upstream:
    """One entry of dependsOn; `kind` is empty, SEQUENTIAL (then no id) or N_TO_N."""

    job_id: str
    kind: str = ""


@dataclass(slots=True, kw_only=True)
class RetryRule:
    """One entry of evaluateOnExit: patterns that must all match, empty ones always do."""

    retries: bool
    on_exit_code: str = ""
    on_reason: str = ""
    on_status_reason: str = ""


@dataclass(slots=True, kw_only=True)
class JobRequest:
    """A SubmitJob that was found good. Never changed after it was made."""

    job_name: str
    job_queue: str
    job_definition: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    working_directory: str
    upstream: tuple[Upstream, ...]
    millicpus: int
    memory_mib: int  # 0: not declared, so neither counted nor watched
    gpus: int
    attempts: int
    retry_rules: tuple[RetryRule, ...]
    timeout: int | None  # s for each attempt
    array_size: int  # 0: no array job
    priority: int


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One attempt that has ended; `started_at` None: it never got as far."""

    started_at: int | None
    stopped_at: int
    exit_code: int | None
    reason: str
    status_reason: str


@dataclass(slots=True, eq=False)
class QueuedJob:
    """A job of the queue. Only the rules of chalicelib.local.batch_rules change one."""

    job_id: str
    number: int  # order of acceptance
    request: JobRequest
    created_at: int
    array: "QueuedJob | None" = None  # the array job that this one is a child of
    index: int = -1
    status: str = SUBMITTED
    status_reason: str = ""
    started_at: int | None = None  # of the current or last attempt
    stopped_at: int | None = None
    attempt: int = 0  # 1 is the first
    attempts: list[Attempt] = field(default_factory=list)
    waits_for: int = 0  # unfinished upstream jobs
    downstream: list["QueuedJob"] = field(default_factory=list)
    children: tuple["QueuedJob", ...] = ()
    counts: dict[str, int] = field(default_factory=dict)  # children per status
    cancelled: str | None = None  # the reason, once asked for
    terminated: str | None = None  # the reason, once asked for
    timed_out: bool = False


def shown(job: QueuedJob) -> dict[str, Any]:
    """The job as DescribeJobs shows it."""
    request = job.request
    answer: dict[str, Any] = {
        "jobId": job.job_id,
        "jobName": request.job_name,
        "jobQueue": request.job_queue,
        "jobDefinition": request.job_definition,
        "status": job.status,
        "createdAt": job.created_at,
    }
    if job.status_reason:
        answer["statusReason"] = job.status_reason
    if job.started_at is not None:
        answer["startedAt"] = job.started_at
    if job.stopped_at is not None:
        answer["stoppedAt"] = job.stopped_at
    if job.attempts:
        answer["attempts"] = [_shown_attempt(attempt) for attempt in job.attempts]
        answer["container"] = answer["attempts"][-1]["container"]
    if job.cancelled is not None:
        answer["isCancelled"] = True
    if job.terminated is not None:
        answer["isTerminated"] = True
    if job.request.array_size:
        answer["arrayProperties"] = _shown_array(job)
    return answer


def _shown_array(job: QueuedJob) -> dict[str, Any]:
    if job.array is not None:
        return {"index": job.index}
    return {"size": len(job.children), "statusSummary": dict(job.counts)}


def _shown_attempt(attempt: Attempt) -> dict[str, Any]:
    container: dict[str, Any] = {}
    if attempt.exit_code is not None:
        container["exitCode"] = attempt.exit_code
    if attempt.reason:
        container["reason"] = attempt.reason
    answer: dict[str, Any] = {
        "stoppedAt": attempt.stopped_at,
        "statusReason": attempt.status_reason,
        "container": container,
    }
    if attempt.started_at is not None:
        answer["startedAt"] = attempt.started_at
    return answer


def attempts_of(answer: Mapping[str, Any]) -> list[Attempt]:
    """The attempts of a job that `shown` has shown."""
    return [
        Attempt(
            started_at=each.get("startedAt"),
            stopped_at=each["stoppedAt"],
            exit_code=each["container"].get("exitCode"),
            reason=each["container"].get("reason", ""),
            status_reason=each["statusReason"],
        )
        for each in answer.get("attempts", ())
    ]


def detail_of(answer: Mapping[str, Any]) -> JobDetail:
    """What an answer in AWS's spelling says, in the words of the core."""
    container: Mapping[str, Any] = answer.get("container", {})
    array: Mapping[str, Any] = answer.get("arrayProperties", {})
    return JobDetail(
        job_id=answer["jobId"],
        job_name=answer["jobName"],
        status=JobStatus(answer["status"]),
        status_reason=answer.get("statusReason", ""),
        created_at=moment(answer["createdAt"]),
        started_at=moment(answer.get("startedAt")),
        stopped_at=moment(answer.get("stoppedAt")),
        exit_code=container.get("exitCode"),
        container_reason=container.get("reason", ""),
        attempts=tuple(
            AttemptDetail(
                started_at=moment(attempt.started_at),
                stopped_at=moment(attempt.stopped_at),
                exit_code=attempt.exit_code,
                reason=attempt.reason or attempt.status_reason,
            )
            for attempt in attempts_of(answer)
        ),
        array_summary=array.get("statusSummary"),
    )


def moment(milliseconds: int | None) -> datetime | None:
    """That instant, aware UTC."""
    return None if milliseconds is None else _EPOCH + timedelta(milliseconds=milliseconds)
