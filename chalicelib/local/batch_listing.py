"""ListJobs: which jobs are asked for, as AWS Batch reads the request (API_ListJobs)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from chalicelib.local.batch_records import RUNNING, STATUSES, QueuedJob
from chalicelib.local.batch_requests import refused

_LIST = "ListJobs"
_MAX_PAGE = 1000
_MAX_FILTERED_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """A checked ListJobs; empty and None members ask nothing. Answers are newest first."""

    job_queue: str = ""
    array_id: str = ""
    status: str = ""
    name: str = ""  # lower case
    name_prefix: str | None = None  # lower case
    definition: str = ""
    created_before: int | None = None  # ms
    created_after: int | None = None  # ms
    page: int = _MAX_PAGE
    below: int | None = None  # only jobs with a smaller number: where the last page ended


def parse_list(request: Mapping[str, Any]) -> ListQuery:
    """Check one ListJobs. Raises BackendError (ClientException)."""
    queue, array = request.get("jobQueue") or "", request.get("arrayJobId") or ""
    if not isinstance(queue, str) or not isinstance(array, str) or bool(queue) == bool(array):
        raise refused(_LIST, "exactly one of jobQueue and arrayJobId is needed.")
    filters = request.get("filters") or []
    members: dict[str, Any] = {"job_queue": queue, "array_id": array}
    if filters and queue:  # no filter is applied to the children of an array job
        members |= _filter(filters)
    else:
        members["status"] = _status(request.get("jobStatus", RUNNING))
    most = _MAX_FILTERED_PAGE if filters else _MAX_PAGE
    members["page"] = _page(request.get("maxResults", most), most)
    members["below"] = _token(request.get("nextToken"))
    return ListQuery(**members)


class Listed(NamedTuple):
    """What a query looks at."""

    number: int
    job_id: str
    name: str  # lower case
    queue: str
    definition: str
    created_at: int  # ms
    array_id: str | None
    status: str


def listed(job: QueuedJob) -> Listed:
    """What a query looks at in this job."""
    request = job.request
    return Listed(
        job.number,
        job.job_id,
        request.job_name.lower(),
        request.job_queue,
        request.job_definition,
        job.created_at,
        None if job.array is None else job.array.job_id,
        job.status,
    )


def selects(query: ListQuery, job: Listed) -> bool:
    """Say whether the query asks for this job, the size of the page aside."""
    if query.array_id:
        belongs = job.array_id == query.array_id
    else:
        belongs = job.array_id is None and job.queue == query.job_queue
    return (
        belongs
        and query.status in ("", job.status)
        and query.name in ("", job.name)
        and job.name.startswith(query.name_prefix or "")
        and query.definition in ("", job.definition)
        and _in_range(query, job)
    )


def _in_range(query: ListQuery, job: Listed) -> bool:
    before, after, below = query.created_before, query.created_after, query.below
    return (
        (before is None or job.created_at < before)
        and (after is None or job.created_at > after)
        and (below is None or job.number < below)
    )


def _status(value: object) -> str:
    if value not in STATUSES:
        raise refused(_LIST, f"jobStatus {value!r}: one of {', '.join(STATUSES)}.")
    return str(value)


def _page(value: object, most: int) -> int:
    if type(value) is not int or not 1 <= value <= most:
        raise refused(_LIST, f"maxResults must be an integer in 1..{most}.")
    return value


def _token(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.isdecimal() or not value.isascii():
        raise refused(_LIST, "nextToken isn't one that ListJobs gave.")
    return int(value)


def _filter(filters: object) -> dict[str, Any]:
    match filters:
        case [{"name": str(name), "values": [str(value)]}]:
            return _member(name, value)
    raise refused(_LIST, "filters holds one filter, with a name and one value.")


def _member(name: str, value: str) -> dict[str, Any]:
    match name:
        case "JOB_NAME" if value.endswith("*"):
            return {"name_prefix": value[:-1].lower()}
        case "JOB_NAME":
            return {"name": value.lower()}
        case "JOB_DEFINITION":
            return {"definition": value}
        case "BEFORE_CREATED_AT":
            return {"created_before": _milliseconds(value)}
        case "AFTER_CREATED_AT":
            return {"created_after": _milliseconds(value)}
    raise refused(_LIST, f"filter {name!r} isn't known, or not possible on one machine.")


def _milliseconds(value: str) -> int:
    if not value.isdecimal() or not value.isascii() or len(value) > 15:
        raise refused(_LIST, "a time of creation is milliseconds since 1970 UTC, in digits.")
    return int(value)
