"""What AWS Batch's replies say, in the words of the core.

Times are milliseconds since 1970 UTC there (API_JobDetail). Members that a job has not got yet are
absent from replies.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core.batch import AttemptDetail, JobDetail
from chalicelib.core.lifecycle import JobStatus

Reply = Mapping[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def detail_of(reply: Reply) -> JobDetail:
    """What a JobDetail, a JobSummary or the detail of a "Batch Job State Change" says.

    A summary has no attempts, and its container only exit code and reason (API_JobSummary).
    """
    container: Reply = reply.get("container") or {}
    array: Reply = reply.get("arrayProperties") or {}
    return JobDetail(
        job_id=reply["jobId"],
        job_name=reply["jobName"],
        status=JobStatus(reply["status"]),
        status_reason=reply.get("statusReason", ""),
        created_at=moment(reply.get("createdAt")),
        started_at=moment(reply.get("startedAt")),
        stopped_at=moment(reply.get("stoppedAt")),
        exit_code=container.get("exitCode"),
        container_reason=container.get("reason", ""),
        attempts=tuple(_attempt(each) for each in ended_attempts(reply)),
        array_summary=array.get("statusSummary"),
    )


def ended_attempts(reply: Reply) -> list[Reply]:
    """The attempts that have ended, oldest first; one that runs has no stoppedAt."""
    return [each for each in reply.get("attempts", ()) if each.get("stoppedAt") is not None]


def _attempt(reply: Reply) -> AttemptDetail:
    container: Reply = reply.get("container") or {}
    return AttemptDetail(
        started_at=moment(reply.get("startedAt")),
        stopped_at=moment(reply["stoppedAt"]),
        exit_code=container.get("exitCode"),
        reason=container.get("reason") or reply.get("statusReason", ""),
    )


def moment(milliseconds: int | None) -> datetime | None:
    """That instant, aware UTC."""
    return None if milliseconds is None else _EPOCH + timedelta(milliseconds=milliseconds)
