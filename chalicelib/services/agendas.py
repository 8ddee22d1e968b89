"""Where the triggers of schedules stand, as it is stored: read, decided on, written if unmoved."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial

from chalicelib.core.timing.agenda import Agenda, next_look
from chalicelib.core.timing.agenda_record import decode_agenda, encode_agenda
from chalicelib.core.timing.calendar_document import calendar_of, load_calendar
from chalicelib.core.timing.calendars import Calendar
from chalicelib.core.timing.due import due, passed
from chalicelib.core.timing.trigger import OnFile, OnRun, Trigger
from chalicelib.errors import ConflictError, NotFoundError
from chalicelib.ports import Ports
from chalicelib.timing_ports import ON_RUN, StoredTriggers

_TRIES = 20  # while ticks and people move the same triggers; each time we decide anew

ON_CALENDAR = "calendar/"  # before the name of one: its change
ON_BUCKET = "bucket/"  # before the name of one: an object that arrives there
ON_PATH = "path"  # files of this machine, which somebody has to look for


def agenda_in(stored: StoredTriggers) -> Agenda:
    return decode_agenda(json.loads(stored.record))


def find_agenda(ports: Ports, schedule_id: str) -> Agenda | None:
    """None for a schedule that never had triggers."""
    stored = ports.triggers.get_triggers(schedule_id)
    return agenda_in(stored) if stored else None


def save(
    ports: Ports, before: StoredTriggers | None, after: Agenda, next_fire: datetime | None
) -> StoredTriggers:
    """Write the agenda, unless it has moved since `before` was read: then ConflictError.

    `next_fire` is when the clock makes something due the next time. What would change nothing is
    not written.
    """
    stored = StoredTriggers(
        schedule_id=after.schedule_id,
        revision=(before.revision if before else 0) + 1,
        next_at=next_look(after, next_fire, ports.clock()),
        listens=_events(after),
        record=json.dumps(encode_agenda(after), ensure_ascii=False),
    )
    if before is not None and _is_as_before(before, stored, ports.clock()):
        return before
    ports.triggers.put_triggers(before, stored)
    return stored


def _is_as_before(before: StoredTriggers, after: StoredTriggers, now: datetime) -> bool:
    """Whether nothing would change: what is due stays due until something is done about it."""
    stays_due = before.next_at and after.next_at and max(before.next_at, after.next_at) <= now
    same_time = before.next_at == after.next_at or stays_due
    return bool(same_time) and before.record == after.record and before.listens == after.listens


def change(ports: Ports, schedule_id: str, decide: Callable[[Agenda | None], Agenda]) -> Agenda:
    """Replace what is stored by what is decided on it, again for as long as it moves under us."""
    for tries_left in reversed(range(_TRIES)):
        before = ports.triggers.get_triggers(schedule_id)
        after = decide(agenda_in(before) if before else None)
        try:
            save(ports, before, after, next_fire_of(ports, after))
        except ConflictError:
            if not tries_left:
                raise
        else:
            return after
    raise AssertionError("the last try returns or raises")


def pass_all(ports: Ports, calendar: Calendar) -> None:
    """Let what the calendar kept from firing until now stay so: it is about to change.

    Done before it is changed, this changes nothing by itself, and no tick comes in between.
    """

    def decide(schedule_id: str, agenda: Agenda | None) -> Agenda:
        before = _as_it_is(schedule_id, agenda)
        marks = passed(before.triggers, calendar, before.marks, ports.clock())
        return replace(before, marks=marks)

    for schedule_id in ports.triggers.listeners(f"{ON_CALENDAR}{calendar.name}"):
        change(ports, schedule_id, partial(decide, schedule_id))


def reckon_all(ports: Ports, calendar: str) -> None:
    """Reckon anew when something is due for the schedules that go by a calendar: it has changed."""
    for schedule_id in ports.triggers.listeners(f"{ON_CALENDAR}{calendar}"):
        change(ports, schedule_id, partial(_as_it_is, schedule_id))


def _as_it_is(schedule_id: str, agenda: Agenda | None) -> Agenda:
    return agenda or Agenda(schedule_id=schedule_id, version=0)


def next_fire_of(ports: Ports, agenda: Agenda) -> datetime | None:
    """When the clock makes something due: now, if it has already."""
    now = ports.clock()
    calendars = calendars_of(ports, agenda.triggers)
    found = due(agenda.schedule_id, agenda.triggers, calendars, agenda.marks, now)
    return now if found.starts or found.missed else found.next_at


def calendars_of(ports: Ports, triggers: Iterable[Trigger]) -> dict[str, Calendar]:
    """The calendars that the triggers name, as far as there are any of these names."""
    found = {}
    for name in {trigger.days.calendar for trigger in triggers if trigger.days}:
        try:
            stored = ports.calendars.get_calendar(name)
        except NotFoundError:
            continue  # who asks for fire times is told which trigger lacks it
        found[name] = calendar_of(load_calendar(json.loads(stored.document)))
    return found


def _events(agenda: Agenda) -> tuple[str, ...]:
    """What the schedule's triggers listen to besides the clock."""
    return tuple(sorted({event for each in agenda.triggers for event in _events_of(each)}))


def _events_of(trigger: Trigger) -> Iterable[str]:
    if trigger.days:
        yield f"{ON_CALENDAR}{trigger.days.calendar}"
    match trigger.kind:
        case OnRun(schedule):
            yield f"{ON_RUN}{schedule}"
        case OnFile(bucket=""):
            yield ON_PATH
        case OnFile(bucket=bucket):
            yield f"{ON_BUCKET}{bucket}"
        case _:
            pass
