"""What starts runs besides the clock: the end of another schedule's run, and the arrival of a file.

An event may come late, twice or out of order: its run has the same start each time, and what was
decided about it lately is remembered.
"""

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.naming import start_text
from chalicelib.core.notice_words import NoStart
from chalicelib.core.run import RunHeader
from chalicelib.core.timing.agenda import Agenda, PlannedStart, depth_of
from chalicelib.core.timing.fire_parameters import (
    FileArrival,
    RunEnd,
    event_fire,
    fire_parameters,
)
from chalicelib.core.timing.run_starts import event_start
from chalicelib.core.timing.trigger import OnFile, OnRun, RunResult, Trigger
from chalicelib.core.timing.waiting import ready_at
from chalicelib.core.wording import quoted
from chalicelib.errors import InvalidInputError, NotFoundError, SchedulerError
from chalicelib.ports import Ports
from chalicelib.services import agendas, announcing
from chalicelib.services.starting import Asked, Decided, actor_of, settle
from chalicelib.timing_ports import ON_RUN, Files

logger = logging.getLogger(__name__)

_NO_TEXT = re.compile("[\ud800-\udfff]")  # what stands for bytes of a name that are not UTF-8
_ENDS = {
    RunResult.SUCCEEDED: (RunStatus.SUCCEEDED,),
    RunResult.FAILED: (RunStatus.FAILED,),
    RunResult.ENDED: (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED),
}


@dataclass(frozen=True, slots=True)
class _Occurrence:
    """Something that happened; `key` tells it from all others, however often it is told."""

    key: str
    at: datetime
    event: RunEnd | FileArrival
    reason: str
    depth: int = 0  # runs that led to it, each of which started the next


def run_ended(ports: Ports, header: RunHeader) -> list[Decided]:
    """Start what waits for the end of this run; told again, it starts nothing again."""
    listeners = ports.triggers.listeners(f"{ON_RUN}{header.schedule_id}")
    if not listeners:
        return []
    upstream = agendas.find_agenda(ports, header.schedule_id)
    occurrence = _Occurrence(
        key=f"{header.run_id} {header.generation}",
        at=header.ended_at or ports.clock(),
        event=RunEnd(header.run_id, header.status),
        reason=f"{header.run_id} {header.status}",
        depth=depth_of(upstream, header.started_at) + 1 if upstream else 1,
    )

    def is_meant(trigger: Trigger) -> bool:
        match trigger.kind:
            case OnRun(schedule, status):
                return schedule == header.schedule_id and header.status in _ENDS[status]
            case _:
                return False

    return _told(ports, listeners, is_meant, occurrence)


@dataclass(frozen=True, slots=True)
class ArrivedObject:
    """An object of S3 that was put there; each version of it arrives for itself."""

    bucket: str
    key: str
    version: str
    at: datetime


def object_arrived(ports: Ports, arrived: ArrivedObject) -> list[Decided]:
    """Start what waits for that object; told again, it starts nothing again."""
    address, key = f"s3://{arrived.bucket}/{arrived.key}", arrived.key
    occurrence = _Occurrence(
        key=f"{address} {arrived.version}",
        at=arrived.at,
        event=FileArrival(address),
        reason=f"{address} arrived",
    )

    def is_meant(trigger: Trigger) -> bool:
        match trigger.kind:
            case OnFile(bucket=wanted, prefix=prefix, suffix=suffix):
                return wanted == arrived.bucket and key.startswith(prefix) and key.endswith(suffix)
            case _:
                return False

    listeners = ports.triggers.listeners(f"{agendas.ON_BUCKET}{arrived.bucket}")
    return _told(ports, listeners, is_meant, occurrence)


def files_arrived(ports: Ports, files: Files) -> list[Decided]:
    """Look for the files of this machine that are waited for, and start what waits for them.

    The mark of a trigger is when the last file arrived that was seen, at first when it was put. A
    schedule that fails stops no other.
    """

    def ask(agenda: Agenda) -> Asked:
        marks, starts = dict(agenda.marks), []
        for trigger, path in _paths(agenda.triggers):
            for file in files.arrived(path, marks.setdefault(trigger.name, ports.clock())):
                marks[trigger.name] = file.at
                occurrence = _Occurrence(
                    key=f"{file.path} {start_text(file.at)}",
                    at=file.at,
                    event=FileArrival(file.path),
                    reason=f"{file.path} arrived",
                )
                starts.append(_plan(ports, agenda.schedule_id, trigger, occurrence))
        return Asked(replace(agenda, marks=marks), [each for each in starts if each])

    decided = []
    for schedule_id in ports.triggers.listeners(agendas.ON_PATH):
        try:
            decided.append(settle(ports, schedule_id, ask))
        except SchedulerError as error:  # its marks stay: the next look tries again
            logger.warning("can't look for the files of %s: %s", schedule_id, error)
        except Exception:  # one broken schedule must not stop the others
            about = {"action": "look for files", "schedule_id": schedule_id}
            logger.exception("can't look for the files of %s", schedule_id, extra=about)
    return decided


def _paths(triggers: Iterable[Trigger]) -> Iterable[tuple[Trigger, str]]:
    """The triggers that wait for files of this machine, with their patterns."""
    for trigger in triggers:
        match trigger.kind:
            case OnFile(path=path) if path and trigger.enabled:
                yield trigger, path
            case _:
                pass


def _told(
    ports: Ports,
    listeners: Iterable[str],
    is_meant: Callable[[Trigger], bool],
    occurrence: _Occurrence,
) -> list[Decided]:
    """Decide about the starts that an occurrence means, for each schedule that listens.

    One that can't be decided about keeps no other from it; then what it failed with is raised.
    """

    def ask(agenda: Agenda) -> Asked:
        meant = [each for each in agenda.triggers if each.enabled and is_meant(each)]
        starts = [_plan(ports, agenda.schedule_id, each, occurrence) for each in meant]
        return Asked(agenda, [each for each in starts if each])

    decided, failed = [], list[Exception]()
    for schedule_id in listeners:
        try:
            decided.append(settle(ports, schedule_id, ask))
        except Exception as error:  # whichever it is
            logger.warning("%s can't be told of %s: %s", schedule_id, occurrence.reason, error)
            failed.append(error)
    if failed:
        raise failed[0]
    return decided


def _plan(
    ports: Ports, schedule_id: str, trigger: Trigger, occurrence: _Occurrence
) -> PlannedStart | None:
    """None, and people are told, for a start whose parameters can't be reckoned, now or later."""
    try:
        return _planned(ports, schedule_id, trigger, occurrence)
    except (InvalidInputError, NotFoundError) as error:
        at = start_text(occurrence.at)
        logger.warning("%s of %s starts nothing for %s: %s", trigger.name, schedule_id, at, error)
        lost = NoStart(
            trigger=trigger.name,
            fire_time=occurrence.at,
            why=str(error),
            event=occurrence.reason,
            key=occurrence.key,
        )
        announcing.tell_missed(ports, schedule_id, lost)
        return None


def _planned(
    ports: Ports, schedule_id: str, trigger: Trigger, occurrence: _Occurrence
) -> PlannedStart:
    _check_text(occurrence)
    at, fire = occurrence.at, event_fire(trigger, occurrence.at)
    calendar = None
    if trigger.days:
        calendar = agendas.calendars_of(ports, [trigger]).get(trigger.days.calendar)
    return PlannedStart(
        trigger=trigger.name,
        started_at=event_start(schedule_id, trigger.name, occurrence.key, at),
        fire_at=at,
        not_before=ready_at(schedule_id, trigger, at),
        actor=actor_of(trigger),
        overlap=trigger.overlap,
        latest=at + timedelta(seconds=trigger.deadline) if trigger.deadline else None,
        parameters=fire_parameters(schedule_id, trigger, fire, calendar, occurrence.event),
        reason=occurrence.reason,
        depth=occurrence.depth,
    )


def _check_text(occurrence: _Occurrence) -> None:
    """Raise InvalidInputError for a file whose name no run can have in its reason or parameters."""
    match occurrence.event:
        case FileArrival(file) if _NO_TEXT.search(file):
            raise InvalidInputError.at(quoted(file), "is a file's name that is not UTF-8")
        case _:
            pass
