"""The words spoken with a job queue: what is handed over, what it answers, what it shows.

Names and meanings are those of AWS Batch (API_SubmitJob, API_JobDetail); times are aware UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.core.lifecycle import JobStatus

DEFAULT_QUEUE = "default"  # where jobs go that name no queue
MAX_PAYLOAD = 30 * 1024  # bytes of a SubmitJob (service_limits)
MAX_REASON = 1024  # characters of the reason of a cancel or terminate (API_TerminateJob)
MAX_ATTEMPT_LOG_LINES = 20  # what an explanation of a failure shows


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLimits:
    """What a queue can express and how far its answers may be trusted."""

    max_dependencies: int = 20  # dependsOn holds at most 20 (service_limits)
    max_submissions: int = 500  # submissions handed over in one call
    fence: float = 0.0  # s after which a reservation that can't be found was never accepted
    empty_lookups: int = 1  # look-ups by name that must find nothing before that is believed


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One SubmitJob.

    `request` holds the members of SubmitJob in its JSON spelling except jobName and dependsOn.
    `working_directory` matters on one machine only.
    """

    job_name: str
    request: Mapping[str, Any]
    depends_on: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    working_directory: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The queue has the job under this id."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The queue will never take this request (a ClientException)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """The queue certainly did not take the request now (throttled); it may later."""

    reason: str
    seconds: float = 1.0  # to wait before it is asked again


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nobody knows whether the queue has the job: the reply was lost."""

    reason: str


Outcome = Accepted | Refused | Deferred | Unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptDetail:
    """One attempt that the queue itself made at a job, and has ended."""

    started_at: datetime | None
    stopped_at: datetime | None
    exit_code: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetail:
    """What the queue says of a job now. `status` is one of Batch's seven."""

    job_id: str
    job_name: str
    status: JobStatus
    status_reason: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None  # None: no attempt has started
    stopped_at: datetime | None = None
    exit_code: int | None = None
    container_reason: str = ""
    attempts: tuple[AttemptDetail, ...] = ()  # ended ones, oldest first
    array_summary: Mapping[str, int] | None = None  # statusSummary of an array job
