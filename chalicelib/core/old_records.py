"""Reads the history records of the first version: one document that held a whole run.

Such a record becomes a run of today's model, with what the record says and nothing else: no time,
no reason and no status that is not in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.core.document import ScheduleDocument
from chalicelib.core.lifecycle import LIVE, JobStatus, RunStatus
from chalicelib.core.loading import load, unwrap
from chalicelib.core.naming import parse_start, run_id
from chalicelib.core.records import decode_job_status
from chalicelib.core.resolving import resolve
from chalicelib.core.run import JobState, RunHeader
from chalicelib.core.schedule import JobSpec, Schedule
from chalicelib.core.wording import quoted, shown
from chalicelib.errors import InvalidInputError, Problem

OldRun = tuple[RunHeader, list[JobSpec], dict[str, JobState]]

_TIME = "2026-11-23T14:55:01.123456"


def parse_old_record(item: object) -> OldRun:
    """The header, the jobs in the document's order and their states, as a store takes them.

    Times without a zone are UTC: the first version wrote no other. A job that has an id has had
    one attempt. Raises InvalidInputError with everything that is wrong.
    """
    problems: list[Problem] = []
    schedule = None
    try:
        document = load(item)
        schedule = _resolved(item, document)
    except InvalidInputError as error:
        problems.extend(error.problems)
    root, record = _record_in(item)
    problems.extend(_own_problems(record, root, {problem.path for problem in problems}))
    if problems or schedule is None:
        raise InvalidInputError(problems)
    header = _header(schedule, record)
    # PASS is where the job stands, not what its definition says: a rerun must be able to run it.
    specs = [replace(spec, passed=False) for spec in schedule.jobs]
    jobs = _jobs_in(record)
    looked_at = _last_time(record) or header.started_at
    states = {
        spec.name: _state(job, header.started_at, looked_at)
        for spec, (_, job) in zip(specs, jobs, strict=True)
    }
    return header, specs, states


def _resolved(item: object, document: ScheduleDocument) -> Schedule:
    try:
        return resolve(document, {})[0]
    except InvalidInputError as error:
        root, _ = unwrap(item)
        moved = [replace(p, path=root + p.path.removeprefix("$")) for p in error.problems]
        raise InvalidInputError(moved) from error


def _record_in(item: object) -> tuple[str, Mapping[str, Any]]:
    try:
        return unwrap(item)
    except InvalidInputError:
        return "$", {}  # has been told by `load`


def _jobs_in(record: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Each job with its path, in the order in which a run has them."""
    lists = {part: record.get(part) for part in ("jobList", "finally")}
    return [
        (f".{part}[{index}]", job)
        for part, jobs in lists.items()
        for index, job in enumerate(jobs if isinstance(jobs, list) else ())
    ]


def _own_problems(record: Mapping[str, Any], root: str, told: set[str]) -> Iterator[Problem]:
    """What a record must have beyond a document; nothing about paths that are told of already."""
    if not record:
        return
    found = [*_header_problems(record), *_job_problems(_jobs_in(record))]
    for problem in found:
        path = root + problem.path
        if path not in told:
            yield replace(problem, path=path)


def _header_problems(record: Mapping[str, Any]) -> Iterator[Problem]:
    start, status = record.get("startDateTime"), record.get("scheduleStatus")
    if _is_blank(start):
        yield Problem(".startDateTime", "is missing", allowed=_TIME)
    for key in ("startDateTime", "lastDateTime"):
        value = record.get(key)
        if isinstance(value, str) and value.strip() and _time_of(value) is None:
            yield Problem(f".{key}", "is no time", shown(value), _TIME)
    if _is_blank(status):
        yield Problem(".scheduleStatus", "is missing", allowed=", ".join(RunStatus))
    elif isinstance(status, str) and _word(status) not in RunStatus.__members__:
        yield Problem(
            ".scheduleStatus", "is no status of a run", shown(status), ", ".join(RunStatus)
        )


def _job_problems(jobs: Sequence[tuple[str, Any]]) -> Iterator[Problem]:
    """What keeps a status from being taken over as it is."""
    live: dict[str, str] = {}
    for path, job in jobs:
        status = _status_of(job)
        if status is JobStatus.RESERVED:
            reason = "can't be taken over: nothing says what was reserved"
            yield Problem(f"{path}.jobStatus", reason, shown(job["jobStatus"]))
        if status not in LIVE:
            continue
        job_id = _id_of(job)
        if not job_id:
            reason = f"is missing, though the job is {status}: nobody can ask what became of it"
            yield Problem(f"{path}.jobId", reason, allowed="an id, or another jobStatus")
        elif live.setdefault(job_id, path) != path:
            reason = f"is the id of {live[job_id].removeprefix('.')} too, and both are live"
            yield Problem(f"{path}.jobId", reason, quoted(job_id), "an id of its own")


def _header(schedule: Schedule, record: Mapping[str, Any]) -> RunHeader:
    started_at = parse_start(record["startDateTime"].strip())
    status = RunStatus[_word(record["scheduleStatus"])]
    return RunHeader(
        run_id=run_id(schedule.schedule_id, started_at),
        schedule_id=schedule.schedule_id,
        schedule_name=schedule.name,
        started_at=started_at,
        status=status,
        policy=schedule.policy,
        # While it ran, the first version put the time of its last look there.
        ended_at=None if status is RunStatus.RUNNING else _last_time(record),
    )


def _state(job: Mapping[str, Any], started_at: datetime, looked_at: datetime) -> JobState:
    status, job_id = _status_of(job) or JobStatus.WAITING, _id_of(job)
    if not job_id:
        return JobState(status=status)
    if status not in LIVE:
        return JobState(status=status, attempt=1, job_id=job_id)
    return JobState(
        status=status,
        attempt=1,
        job_id=job_id,
        # The first version handed jobs over under their own names, some time after the start of
        # the run; both are needed to give up a job that the queue no longer knows.
        queue_name=job["jobName"],
        reserved_at=started_at,
        runnable_since=looked_at if status is JobStatus.RUNNABLE else None,
    )


def _status_of(job: Any) -> JobStatus | None:
    """The job's status; None for junk, which `load` tells of."""
    text = job.get("jobStatus") if isinstance(job, Mapping) else None
    if text is None:
        return JobStatus.WAITING if isinstance(job, Mapping) else None
    try:
        return decode_job_status(text) if isinstance(text, str) else None
    except InvalidInputError:
        return None


def _id_of(job: Mapping[str, Any]) -> str:
    """The queue's id, as a text or as SubmitJob's answer holds it."""
    job_id = job.get("jobId")
    if isinstance(job_id, Mapping):
        job_id = job_id.get("jobId")
    return job_id.strip() if isinstance(job_id, str) else ""


def _last_time(record: Mapping[str, Any]) -> datetime | None:
    """When the record was written last."""
    last = record.get("lastDateTime")
    return None if _is_blank(last) else _time_of(str(last))


def _time_of(text: str) -> datetime | None:
    try:
        return parse_start(text.strip())
    except InvalidInputError:
        return None


def _word(text: str) -> str:
    return text.strip().upper()


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
