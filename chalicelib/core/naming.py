"""The names of runs and of jobs in the queue: made from what they name, so found again by it."""

import re
from datetime import UTC, datetime
from hashlib import sha256

from chalicelib.errors import InvalidInputError

MAX_QUEUE_NAME = 128  # jobName of SubmitJob; first alphanumeric, then [A-Za-z0-9_-]
MAX_EXECUTION_NAME = 80  # name of StartExecution
_DIGEST = 16  # hexadecimal digits: 64 bits, so that two attempts never share a name by chance
_NOT_ALLOWED = re.compile(r"[^a-z0-9_-]+")


def start_text(moment: datetime) -> str:
    """`startDateTime` as documents have it, in UTC: 2026-11-23T14:55:01.123456Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_start(text: str) -> datetime:
    """Read `startDateTime`; one without a zone is UTC. Raises InvalidInputError."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInputError.at(
            "$.startDateTime", f"{text!r} is not a time", allowed="2026-11-23T14:55:01.123456Z"
        ) from error


def run_id(schedule_id: str, started_at: datetime) -> str:
    """The run's id: the two parts of its key in the table of runs."""
    return f"{schedule_id}/{start_text(started_at)}"


def queue_name(run_id: str, job: str, attempt: int) -> str:
    """The jobName of one attempt: the same for the same attempt, and for no other.

    Lower case, because ListJobs compares JOB_NAME without regard to case.
    """
    digest = sha256(f"{run_id}\n{job}\n{attempt}".encode()).hexdigest()[:_DIGEST]
    return _slug(job, f"-{digest}-{attempt}", MAX_QUEUE_NAME) or f"job-{digest}-{attempt}"


def execution_name(run_id: str, generation: int, handovers: int) -> str:
    """The name of one execution that drives a run: known before it is started, and never reused."""
    digest = sha256(run_id.encode()).hexdigest()[:_DIGEST]
    tail = f"-{digest}-{generation}-{handovers}"
    return _slug(run_id.partition("/")[0], tail, MAX_EXECUTION_NAME) or f"run{tail}"


def _slug(text: str, tail: str, longest: int) -> str:
    """`text` in letters that AWS allows everywhere, then `tail`; empty if nothing is left of it."""
    slug = _NOT_ALLOWED.sub("-", text.lower()).strip("-_")[: longest - len(tail)]
    return slug and slug + tail
