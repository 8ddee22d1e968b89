"""Keeping calendars: which days are business days, by name."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from chalicelib.core.timing.calendar_document import CalendarDocument, calendar_of, load_calendar
from chalicelib.core.timing.calendars import BUILT_IN, WEEKDAYS
from chalicelib.errors import ChangedError, ConflictError, NotFoundError
from chalicelib.ports import Ports
from chalicelib.reading_ports import ReadingPorts
from chalicelib.services import agendas
from chalicelib.services.schedules import ANY, Seen
from chalicelib.timing_ports import StoredCalendar

# Nobody has stored it: its revision is 0.
BUILT_IN_CALENDAR = StoredCalendar(
    name=BUILT_IN,
    revision=0,
    document=json.dumps({"name": BUILT_IN, "weekdays": WEEKDAYS[:5]}),
    stored_at=datetime.fromtimestamp(0, UTC),
    stored_by="",
)
_TRIES = 20  # while others store the same calendar
_SHOWN = 5  # schedules that a refusal names


def tag_of(calendar: StoredCalendar) -> str:
    """A short word that no two revisions of a calendar share."""
    return str(calendar.revision)


def list_calendars(ports: ReadingPorts) -> list[StoredCalendar]:
    """All there are, ordered by name, the one that is built in among them."""
    found = [*ports.calendars.list_calendars(), BUILT_IN_CALENDAR]
    return sorted(found, key=lambda calendar: calendar.name)


def get_calendar(ports: ReadingPorts, name: str) -> StoredCalendar:
    """One of them. Raises NotFoundError."""
    return BUILT_IN_CALENDAR if name == BUILT_IN else ports.calendars.get_calendar(name)


def put(
    ports: Ports, document: CalendarDocument, actor: str, seen: Seen | None = None
) -> StoredCalendar:
    """Store the calendar; one equal to what is there is not stored again.

    The schedules that go by it go by it from now on; what fired until now, and what did not, stays
    so. Raises ConflictError when others store it all the while, and ChangedError when what was
    `seen` is gone.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            stored, is_new = _put(ports, document, actor, seen)
        except ConflictError as error:
            if seen is not None or not tries_left:
                raise _late(error, seen) from error
        else:
            if is_new:
                agendas.reckon_all(ports, document.name)
            return stored
    raise AssertionError("the last try returns or raises")


def _put(
    ports: Ports, document: CalendarDocument, actor: str, seen: Seen | None
) -> tuple[StoredCalendar, bool]:
    """The calendar as it is stored now, and whether it was not before."""
    before = _find(ports, document.name)
    _check(document.name, before, seen)
    if before is not None and before.document == document.text:
        return before, False
    revision = before.revision if before else 0
    stored = StoredCalendar(
        name=document.name,
        revision=revision + 1,
        document=document.text,
        stored_at=ports.clock(),
        stored_by=actor,
    )
    if before is not None:
        agendas.pass_all(ports, calendar_of(load_calendar(json.loads(before.document))))
    ports.calendars.put_calendar(stored)
    return stored, True


def delete(
    ports: Ports,
    name: str,
    seen: Seen | None = None,
    sees: Callable[[str], bool] = lambda _: True,
) -> StoredCalendar:
    """Delete a calendar that no schedule goes by, and give what it was.

    Raises NotFoundError, ConflictError that names the schedules that the caller `sees`, and
    ChangedError when what was `seen` is gone.
    """
    stored = ports.calendars.get_calendar(name)
    _check(name, stored, seen)
    users = ports.triggers.listeners(f"{agendas.ON_CALENDAR}{name}")
    if users:
        named = _named([each for each in users if sees(each)])
        raise ConflictError(
            f"Calendar {name!r} is used by {named}: change these schedules first.",
            event="delete calendar",
        )
    try:
        ports.calendars.delete_calendar(name, stored.revision)
    except ConflictError as error:
        raise _late(error, seen) from error
    return stored


def _named(users: Sequence[str]) -> str:
    """The first of the schedules; how many are out of sight is not told."""
    if not users:
        return "schedules that are not yours to see"
    more = f" and {len(users) - _SHOWN} more" if len(users) > _SHOWN else ""
    return f"{', '.join(users[:_SHOWN])}{more}"


def _late(error: ConflictError, seen: Seen | None) -> ConflictError:
    """What came in between is as if it had come before, to whoever has said what was seen."""
    return ChangedError(str(error)) if seen is not None else error


def _find(ports: Ports, name: str) -> StoredCalendar | None:
    try:
        return ports.calendars.get_calendar(name)
    except NotFoundError:
        return None


def _check(name: str, stored: StoredCalendar | None, seen: Seen | None) -> None:
    if seen is None:
        return
    if stored is None:
        if seen.tags:
            raise ChangedError(f"Calendar {name!r} is not there any more.")
    elif seen.nothing:
        raise ChangedError(f"Calendar {name!r} is there already: revision {stored.revision}.")
    elif seen.tags and ANY not in seen.tags and tag_of(stored) not in seen.tags:
        told = f"Calendar {name!r} has changed: it is at revision {stored.revision} by now."
        raise ChangedError(told)
