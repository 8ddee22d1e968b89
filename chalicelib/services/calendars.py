"""Keeping calendars: which days are business days, by name."""

from chalicelib.core.timing.calendar_document import CalendarDocument
from chalicelib.errors import ConflictError, NotFoundError
from chalicelib.ports import Ports, StoredCalendar
from chalicelib.services import standings

_SHOWN = 5  # schedules that a refusal names


def put(ports: Ports, document: CalendarDocument, actor: str) -> StoredCalendar:
    """Store the calendar; one equal to what is there is not stored again.

    The schedules that go by it go by it from now on. Raises ConflictError when somebody else stores
    it at the same moment.
    """
    revision = 0
    try:
        before = ports.calendars.get_calendar(document.name)
    except NotFoundError:
        pass
    else:
        if before.document == document.text:
            return before
        revision = before.revision
    stored = StoredCalendar(
        name=document.name,
        revision=revision + 1,
        document=document.text,
        stored_at=ports.clock(),
        stored_by=actor,
    )
    ports.calendars.put_calendar(stored)
    standings.reckon_all(ports, document.name)
    return stored


def delete(ports: Ports, name: str) -> None:
    """Delete a calendar that no schedule goes by.

    Raises NotFoundError, and ConflictError that names the schedules.
    """
    stored = ports.calendars.get_calendar(name)
    users = ports.triggers.listeners(f"{standings.ON_CALENDAR}{name}")
    if users:
        more = f" and {len(users) - _SHOWN} more" if len(users) > _SHOWN else ""
        raise ConflictError(
            f"Calendar {name!r} is used by {', '.join(users[:_SHOWN])}{more}:"
            " change these schedules first.",
            event="delete calendar",
        )
    ports.calendars.delete_calendar(name, stored.revision)
