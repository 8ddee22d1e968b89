"""Starting runs: a version of a schedule, with a run's parameters, frozen into a run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from posixpath import join

from chalicelib.core.document import ScheduleDocument
from chalicelib.core.loading import read
from chalicelib.core.naming import run_id
from chalicelib.core.resolving import resolve
from chalicelib.core.run import RunHeader, initial_states
from chalicelib.core.schedule import JobSpec, Schedule
from chalicelib.errors import (
    BackendError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    Problem,
)
from chalicelib.ports import Ports, StoredSchedule

_TRIES = 100  # starts of one schedule within the same microsecond


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """Who starts a run, with which parameters, and where its jobs work.

    `at` is the start that was asked for, now for None; `driver` the execution that is there to
    drive it. With a driver, or `again`, which says that the same may have been asked before, the
    same actor gets, for the same start, the run that he got before.
    """

    actor: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    reason: str = ""
    working_directory: str = ""
    at: datetime | None = None
    driver: str = ""
    again: bool = False


def started_before(ports: Ports, schedule_id: str, request: StartRequest) -> RunHeader | None:
    """The run that the same request has started, whatever became of its schedule."""
    if request.at is None:
        return None
    try:
        found = ports.runs.get_header(run_id(schedule_id, request.at))
    except NotFoundError:
        return None
    return found if found.started_by == request.actor else None


def start(
    ports: Ports,
    schedule: StoredSchedule,
    request: StartRequest,
    document: ScheduleDocument | None = None,
) -> RunHeader:
    """Freeze a version of a schedule into a new run.

    `document` spares reading the stored one again. Raises InvalidInputError for parameters that
    the schedule does not declare or allow, and for jobs that the queue could never run.
    """
    document = _document_of(schedule, document)
    resolved, values = resolve(document, request.parameters)
    _check_runnable(ports, resolved)
    jobs = _pinned(ports, resolved)
    states = initial_states(jobs)
    counts = Counter(str(state.status) for state in states.values())
    first = request.at or ports.clock()
    for tick in range(_TRIES):
        started_at = first + timedelta(microseconds=tick)
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
            working_directory=join(request.working_directory, document.working_directory or ""),
            driver=request.driver,
            made_at=ports.clock() if request.again else None,
            counts=dict(counts),
        )
        try:
            ports.runs.create_run(header, jobs, states)
        except ConflictError:
            before = None
            if request.driver or request.again:
                before = _given_before(ports, header)
            if before is None:
                continue
            header = before
        except BackendError as error:
            if not error.retryable or not _is_there(ports, header):
                raise
        if not request.driver:
            ports.drivers.nudge(header)
        return header
    raise ConflictError(f"{_TRIES} runs of {resolved.schedule_id} start in the same microsecond.")


def _document_of(schedule: StoredSchedule, given: ScheduleDocument | None) -> ScheduleDocument:
    """What is stored; what was given may only stand for it, and have no whole URLs."""
    if given is not None and given.text == schedule.document:
        return given
    return read(schedule.document.encode(), "schedule.json")


def check(ports: Ports, schedule: StoredSchedule, parameters: Mapping[str, object]) -> None:
    """Raise what a start with these parameters would raise of them and of the jobs."""
    resolved, _ = resolve(read(schedule.document.encode(), "schedule.json"), parameters)
    _check_runnable(ports, resolved)


def _pinned(ports: Ports, schedule: Schedule) -> tuple[JobSpec, ...]:
    """The jobs with what their requests name fixed; those that are never handed over stay."""
    sent = [spec for spec in schedule.jobs if _is_sent(spec)]
    fixed = zip(sent, ports.queue.pin([spec.request for spec in sent]), strict=True)
    moved = {
        spec.name: replace(spec, request=request)
        for spec, request in fixed
        if request is not spec.request
    }
    return tuple(moved.get(spec.name, spec) for spec in schedule.jobs)


def _is_sent(spec: JobSpec) -> bool:
    return bool(spec.request) and not spec.passed


def _given_before(ports: Ports, header: RunHeader) -> RunHeader | None:
    """The run that is there, if the same request has made it.

    By who started it, which stays: its driver may be another by now, or the run over.
    """
    try:
        found = ports.runs.get_header(header.run_id)
    except NotFoundError as error:
        # Large runs are made in several writes, and hidden until the last: whose is this one?
        reason = f"run {header.run_id} is being made at this moment"
        raise BackendError("store", "create run", reason, retryable=True) from error
    return found if found.started_by == header.started_by else None


def _is_there(ports: Ports, header: RunHeader) -> bool:
    """Say whether a run was made although the answer was lost; False when that can't be seen."""
    try:
        found = ports.runs.get_header(header.run_id)
    except (BackendError, NotFoundError):
        return False
    return _origin(found) == _origin(header)


def _origin(header: RunHeader) -> tuple[object, ...]:
    """What tells a start from another one in the same microsecond."""
    given = dict(header.parameters)
    return header.schedule_digest, header.started_by, header.reason, given


def _check_runnable(ports: Ports, schedule: Schedule) -> None:
    """Refuse, before anything is stored, jobs that the queue could never run."""
    problems = []
    main = sum(not spec.is_finally for spec in schedule.jobs)
    for position, spec in enumerate(schedule.jobs):
        lacking = ports.queue.lacks(spec.request) if _is_sent(spec) else ""
        if lacking:
            place = f"finally[{position - main}]" if spec.is_finally else f"jobList[{position}]"
            found = str(spec.request.get("jobDefinition", ""))
            text = f"job {spec.name!r} can't run here: it needs {lacking}"
            problems.append(Problem(f"$.{place}", text, found=found))
    if problems:
        raise InvalidInputError(problems)
