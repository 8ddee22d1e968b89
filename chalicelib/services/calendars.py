"""Keeping calendars: which days are business days, by name."""

import json

from chalicelib.core.timing.calendar_document import CalendarDocument, calendar_of, load_calendar
from chalicelib.errors import ChangedError, ConflictError, NotFoundError
from chalicelib.ports import Ports
from chalicelib.services import agendas
from chalicelib.services.schedules import ANY, Seen
from chalicelib.timing_ports import StoredCalendar

_SHOWN = 5  # schedules that a refusal names


def tag_of(calendar: StoredCalendar) -> str:
    """A short word that no two revisions of a calendar share."""
    return str(calendar.revision)


def put(
    ports: Ports, document: CalendarDocument, actor: str, seen: Seen | None = None
) -> StoredCalendar:
    """Store the calendar; one equal to what is there is not stored again.

    The schedules that go by it go by it from now on; what fired until now, and what did not, stays
    so. Raises ConflictError when somebody else stores
    it at the same moment, and ChangedError when what was `seen` is gone.
    """
    before = _find(ports, document.name)
    _check(document.name, before, seen)
    if before is not None and before.document == document.text:
        return before
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
    agendas.reckon_all(ports, document.name)
    return stored


def delete(ports: Ports, name: str, seen: Seen | None = None) -> StoredCalendar:
    """Delete a calendar that no schedule goes by, and give what it was.

    Raises NotFoundError, ConflictError that names the schedules, and ChangedError when what was
    `seen` is gone.
    """
    stored = ports.calendars.get_calendar(name)
    _check(name, stored, seen)
    users = ports.triggers.listeners(f"{agendas.ON_CALENDAR}{name}")
    if users:
        more = f" and {len(users) - _SHOWN} more" if len(users) > _SHOWN else ""
        raise ConflictError(
            f"Calendar {name!r} is used by {', '.join(users[:_SHOWN])}{more}:"
            " change these schedules first.",
            event="delete calendar",
        )
    ports.calendars.delete_calendar(name, stored.revision)
    return stored


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
