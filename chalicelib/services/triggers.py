"""The triggers of schedules as people deal with them: stored, paused, looked ahead at."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice

from chalicelib.core.document import ScheduleDocument
from chalicelib.core.loading import read
from chalicelib.core.naming import start_text
from chalicelib.core.timing.agenda import (
    Agenda,
    Pause,
    PlannedStart,
    ScheduleAct,
    ScheduleEvent,
    note_dropped,
    noted,
)
from chalicelib.core.timing.calendars import Calendar
from chalicelib.core.timing.due import carried_over
from chalicelib.core.timing.fire_times import calendar_for, fire_times
from chalicelib.core.timing.trigger import FireTime, OnFile, Trigger
from chalicelib.core.timing.trigger_reading import triggers_of
from chalicelib.core.timing.waiting import ready_at
from chalicelib.core.timing.warnings import trigger_warnings
from chalicelib.errors import ConflictError, InvalidInputError, NotFoundError, Problem
from chalicelib.ports import Ports, StoredSchedule
from chalicelib.services import agendas
from chalicelib.services.circles import circle_warnings

logger = logging.getLogger(__name__)

MISSED = "misses its deadline: no run is started"
_OUT_OF_USE = "the schedule is out of use"


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A fire time to come; `ready_at` is when its run may start, later by jitter and window."""

    schedule_id: str
    trigger: str
    fire: FireTime
    ready_at: datetime


@dataclass(frozen=True, slots=True)
class Broken:
    """A trigger whose fire times can't be told, and why."""

    schedule_id: str
    trigger: str
    reason: str


@dataclass(frozen=True, slots=True)
class LookAhead:
    """The fire times to come, in their order, and the triggers that keep theirs from being told."""

    upcoming: Sequence[Upcoming]
    broken: Sequence[Broken] = ()


def follow(ports: Ports, stored: StoredSchedule, document: ScheduleDocument) -> Agenda | None:
    """Let the triggers be those of this version; None where there are none, and never were.

    A trigger that is new or fires otherwise begins now. A version that is not the newest which was
    followed changes nothing.
    """
    triggers = triggers_of(document.triggers)
    known = ports.triggers.get_triggers(stored.schedule_id)
    if known is None and not triggers:
        return None

    gone: list[PlannedStart] = []
    why = f"version {stored.version} has no such trigger"

    def decide(agenda: Agenda | None) -> Agenda:
        now = ports.clock()
        before = agenda or Agenda(schedule_id=stored.schedule_id, version=0)
        if before.version >= stored.version:
            return before
        names = {each.name for each in triggers}
        gone[:] = [each for each in before.queued if each.trigger not in names]
        return replace(
            note_dropped(before, gone, why, now),
            version=stored.version,
            triggers=triggers,
            marks=_marks(before, triggers, now),
            queued=tuple(each for each in before.queued if each not in gone),
        )

    after = agendas.change(ports, stored.schedule_id, decide)
    _log_gone(stored.schedule_id, gone, why)
    return after


def _marks(before: Agenda, triggers: Sequence[Trigger], now: datetime) -> dict[str, datetime]:
    """How far the triggers have come: those that wait for the same as before go on from there.

    Files that arrive from now on count, though nobody may look for them yet.
    """
    marks = carried_over(before.triggers, triggers, before.marks, now)
    kinds = {each.name: each.kind for each in before.triggers}
    for each in triggers:
        if each.clock is not None:
            continue
        if each.name in before.marks and kinds[each.name] == each.kind:
            marks[each.name] = before.marks[each.name]
        elif isinstance(each.kind, OnFile) and each.kind.path and each.enabled:
            marks[each.name] = now
    return marks


def forget(ports: Ports, schedule_id: str, event: ScheduleEvent | None = None) -> None:
    """Let nothing start runs of a schedule that is out of use, nor what waits already.

    What people did to it stays, its pause too: who puts it again may not know of that. `event` is
    what is to be remembered besides.
    """
    gone: list[PlannedStart] = []

    def decide(agenda: Agenda | None) -> Agenda:
        before = agenda or Agenda(schedule_id=schedule_id, version=0)
        gone[:] = [*before.planned, *before.queued]
        after = Agenda(
            schedule_id=schedule_id,
            version=before.version,
            pause=before.pause,
            events=before.events,
        )
        after = note_dropped(after, gone, _OUT_OF_USE, ports.clock())
        return noted(after, event) if event else after

    agendas.change(ports, schedule_id, decide)
    _log_gone(schedule_id, gone, _OUT_OF_USE)


def _log_gone(schedule_id: str, gone: Iterable[PlannedStart], why: str) -> None:
    """Say which starts waited and won't be made: somebody may have been told that they wait."""
    for each in gone:
        at = each.started_at.isoformat(timespec="seconds")
        logger.warning("%s of %s starts nothing for %s: %s", each.trigger, schedule_id, at, why)


def follow_all(ports: Ports) -> int:
    """Follow every schedule whose newest version is not followed, as one cut off leaves it.

    One that would be refused today is left out, and logged.
    """
    mended = 0
    for listed in ports.schedules.list_schedules():
        agenda = agendas.find_agenda(ports, listed.schedule_id)
        if agenda is not None and agenda.version >= listed.version:
            continue
        try:
            stored = ports.schedules.get_schedule(listed.schedule_id)
            document = read(stored.document.encode(), "schedule.json")
            mended += follow(ports, stored, document) is not None
        except (InvalidInputError, NotFoundError) as error:
            logger.warning("%s is not followed: %s", listed.schedule_id, error)
    return mended


def warnings(
    ports: Ports, document: ScheduleDocument, sees: Callable[[str], bool] = lambda _: True
) -> list[Problem]:
    """What is allowed in the document's triggers, and yet is hardly meant.

    Of other schedules only those that are seen are looked at, and named.
    """
    triggers = triggers_of(document.triggers)
    calendars = agendas.calendars_of(ports, triggers)
    schedule_id = document.schedule_id
    return [
        *trigger_warnings(triggers, calendars, ports.clock()),
        *circle_warnings(ports, schedule_id, triggers, sees),
        *(_of_pause(ports, document) if sees(schedule_id) else ()),
    ]


def _of_pause(ports: Ports, document: ScheduleDocument) -> Iterator[Problem]:
    agenda = agendas.find_agenda(ports, document.schedule_id)
    if agenda is not None and agenda.pause is not None:
        pause = agenda.pause
        why = f": {pause.reason}" if pause.reason else ""
        since = f"since {start_text(pause.at)}, by {pause.actor}{why}"
        if document.triggers:
            yield Problem("$.triggers", f"start nothing: the schedule is paused {since}; resume it")
        else:
            yield Problem("$", f"is paused {since}: it is not started over HTTP; resume it")


def pause(ports: Ports, schedule_id: str, wanted: Pause) -> Agenda:
    """Let no trigger of the schedule start a run until it is resumed; again is the same pause.

    Raises NotFoundError, and ConflictError for one that is paused otherwise.
    """

    def decide(agenda: Agenda | None) -> Agenda:
        before = agenda or Agenda(schedule_id=schedule_id, version=0)
        if before.pause == wanted:
            return before
        if before.pause is not None:
            raise ConflictError(
                f"Schedule {schedule_id!r} is paused already, by {before.pause.actor}; resume it.",
                status="paused",
                event="pause",
            )
        return noted(replace(before, pause=wanted), _paused(wanted))

    ports.schedules.get_schedule(schedule_id)
    return agendas.change(ports, schedule_id, decide)


def _paused(pause: Pause) -> ScheduleEvent:
    act = ScheduleAct.PAUSE
    return ScheduleEvent(act=act, at=pause.at, actor=pause.actor, reason=pause.reason)


def resume(ports: Ports, schedule_id: str, event: ScheduleEvent, *, again: bool = False) -> Agenda:
    """Let the triggers start runs again, from now on: fire times of the pause are gone.

    `event` says who resumes it, and why. Raises NotFoundError, and ConflictError for one that is
    not paused unless the same may have been asked `again`.
    """

    def decide(agenda: Agenda | None) -> Agenda:
        if again and agenda is not None and agenda.pause is None:
            return agenda
        if agenda is None or agenda.pause is None:
            raise ConflictError(
                f"Schedule {schedule_id!r} is not paused.", status="active", event="resume"
            )
        now = ports.clock()
        marks = {each.name: now for each in agenda.triggers if each.clock is not None}
        return noted(replace(agenda, pause=None, marks=marks), event)

    ports.schedules.get_schedule(schedule_id)
    return agendas.change(ports, schedule_id, decide)


def next_fire_times(ports: Ports, schedule_id: str, count: int, after: datetime) -> LookAhead:
    """The next fire times of a schedule's triggers. Raises NotFoundError."""
    ports.schedules.get_schedule(schedule_id)
    agenda = agendas.find_agenda(ports, schedule_id)
    return _ahead(ports, [agenda] if agenda else [], (after, None), count)


def check_span(begin: datetime, end: datetime, place: str) -> None:
    """Raise InvalidInputError, with the place of the end, when it is before the beginning."""
    if begin > end:
        reason, allowed = "is earlier than from", f"{start_text(begin)} or later"
        raise InvalidInputError.at(place, reason, allowed=allowed)


def preview(
    ports: Ports,
    begin: datetime,
    end: datetime,
    limit: int,
    sees: Callable[[str], bool] = lambda _: True,
) -> LookAhead:
    """The fire times within (begin, end] of the schedules that are seen, the first `limit`."""
    found = []
    for listed in ports.schedules.list_schedules():
        if not sees(listed.schedule_id):
            continue
        agenda = agendas.find_agenda(ports, listed.schedule_id)
        if agenda is not None and agenda.pause is None:
            found.append(agenda)
    return _ahead(ports, found, (begin, end), limit)


def _ahead(
    ports: Ports, seen: Iterable[Agenda], span: tuple[datetime, datetime | None], limit: int
) -> LookAhead:
    """The fire times of these agendas; a trigger whose calendar is gone keeps no other's."""
    found, broken = [], []
    for agenda in seen:
        calendars = agendas.calendars_of(ports, agenda.triggers)
        for trigger in agenda.triggers:
            if not trigger.enabled or trigger.clock is None:
                continue
            calendar = calendars.get(trigger.days.calendar) if trigger.days else None
            try:
                calendar = calendar_for(trigger, calendar)
            except NotFoundError as error:
                broken.append(Broken(agenda.schedule_id, trigger.name, str(error)))
            else:
                found.append(_upcoming(agenda.schedule_id, trigger, calendar, span))
    return LookAhead(list(islice(merge(*found, key=_moment), limit)), broken)


def _upcoming(
    schedule_id: str,
    trigger: Trigger,
    calendar: Calendar,
    span: tuple[datetime, datetime | None],
) -> Iterator[Upcoming]:
    for fire in fire_times(trigger, calendar, *span):
        ready = ready_at(schedule_id, trigger, fire.at)
        told = replace(fire, note="; ".join(_notes(trigger, fire, ready)))
        yield Upcoming(schedule_id, trigger.name, told, ready)


def _notes(trigger: Trigger, fire: FireTime, ready: datetime) -> Iterator[str]:
    if fire.note:
        yield fire.note
    if trigger.deadline is not None and ready > fire.at + timedelta(seconds=trigger.deadline):
        yield MISSED


def _moment(upcoming: Upcoming) -> tuple[datetime, str, str]:
    return upcoming.fire.at, upcoming.schedule_id, upcoming.trigger
