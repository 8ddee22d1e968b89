"""Starting runs, and finding the one that a person means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from chalicelib.core.document import ScheduleDocument
from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.loading import load
from chalicelib.core.naming import run_id
from chalicelib.core.reading import parse
from chalicelib.core.resolving import resolve
from chalicelib.core.run import RunHeader, initial_states
from chalicelib.errors import ConflictError, NotFoundError
from chalicelib.ports import Ports, StoredSchedule

_TRIES = 100  # starts of one schedule within the same microsecond


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """Who starts a run, with which parameters, and where its jobs work."""

    actor: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    reason: str = ""
    working_directory: str = ""


def start(
    ports: Ports,
    schedule: StoredSchedule,
    request: StartRequest,
    document: ScheduleDocument | None = None,
) -> RunHeader:
    """Freeze a version of a schedule into a new run.

    `document` spares reading the stored one again. Raises InvalidInputError for parameters that
    the schedule does not declare or allow.
    """
    document = document or load(parse(schedule.document.encode(), "schedule.json"))
    resolved, values = resolve(document, request.parameters)
    states = initial_states(resolved.jobs)
    now = ports.clock()
    for tick in range(_TRIES):
        started_at = now + timedelta(microseconds=tick)
        header = RunHeader(
            run_id=run_id(resolved.schedule_id, started_at),
            schedule_id=resolved.schedule_id,
            schedule_name=resolved.name,
            schedule_version=schedule.version,
            schedule_digest=schedule.digest,
            started_at=started_at,
            policy=resolved.policy,
            parameters=values,
            started_by=request.actor,
            reason=request.reason,
            working_directory=request.working_directory,
        )
        try:
            ports.runs.create_run(header, resolved.jobs, states)
        except ConflictError:
            continue
        return header
    raise ConflictError(f"{_TRIES} runs of {resolved.schedule_id} start in the same microsecond.")


def find_run(ports: Ports, text: str = "") -> RunHeader:
    """The run that a person means.

    By its id, the beginning of its id that no other run has, the id of a schedule for its latest
    run, or nothing for the latest run of all. Raises NotFoundError, and ConflictError when several
    runs begin so.
    """
    if not text or text == "latest":
        found = ports.runs.find_headers(limit=1)
        if not found:
            raise NotFoundError("run", "latest", "Start one: batch-scheduler run FILE.")
        return found[0]
    latest = ports.runs.find_headers(schedule_id=text, limit=1)
    if latest:
        return latest[0]
    found = ports.runs.find_headers(prefix=text, limit=3)
    exact = [header for header in found if header.run_id == text]
    if exact or len(found) == 1:
        return (exact or found)[0]
    if found:
        several = ", ".join(header.run_id for header in found)
        raise ConflictError(f"{text!r} begins the id of several runs, for example {several}.")
    raise NotFoundError("run", text, "The runs there are: batch-scheduler runs.")


def counts_of(header: RunHeader) -> dict[JobStatus, int]:
    """Jobs per status, in the order of the statuses, without zeros."""
    return {status: header.counts[status] for status in JobStatus if header.counts.get(status)}
