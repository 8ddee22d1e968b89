"""What starting on time asks of the world, as Protocols; see chalicelib.ports."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTriggers:
    """What starts runs of one schedule, and how far that has come; the services read `record`.

    `listens` are the events on which its runs start, `next_at` is when time alone makes something
    due; None for never.
    """

    schedule_id: str
    revision: int  # grows by one with every write: the condition of the next
    next_at: datetime | None
    listens: tuple[str, ...] = ()
    record: str = ""  # JSON text


ON_RUN = "run/"  # the event of a run's end, before the id of its schedule


class TriggerStore(Protocol):
    """Keeps what starts runs, and finds what is due without looking at what is not."""

    def get_triggers(self, schedule_id: str) -> StoredTriggers | None:
        """None for a schedule that never had any."""

    def put_triggers(self, before: StoredTriggers | None, after: StoredTriggers) -> None:
        """Replace `before` by `after`; None for the first.

        Raises ConflictError, and writes nothing, unless what is stored has the revision of
        `before`, or nothing is stored for None.
        """

    def due_triggers(self, now: datetime, limit: int) -> list[StoredTriggers]:
        """Those whose `next_at` is not after `now`, the earliest first, as they are now.

        One that was written a moment ago may be missing.
        """

    def listeners(self, event: str) -> list[str]:
        """The ids of the schedules that listen to the event, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCalendar:
    """A calendar as somebody stored it."""

    name: str
    revision: int  # grows by one with every write
    document: str  # JSON text as validated
    stored_at: datetime
    stored_by: str


class CalendarStore(Protocol):
    """Keeps calendars by name."""

    def get_calendar(self, name: str) -> StoredCalendar:
        """Raises NotFoundError."""

    def list_calendars(self) -> list[StoredCalendar]:
        """All of them, ordered by name."""

    def put_calendar(self, calendar: StoredCalendar) -> None:
        """Store it, new with revision 1.

        Raises ConflictError, and writes nothing, unless its revision is one above the stored one's.
        """

    def delete_calendar(self, name: str, revision: int) -> None:
        """Raises NotFoundError, and ConflictError when the stored one has another revision."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that lies there whole: its path, and when it came there or was last changed."""

    path: str
    at: datetime


class Files(Protocol):
    """Looks for files of this machine that somebody waits for."""

    def arrived(self, pattern: str, after: datetime) -> list[FoundFile]:
        """The files of that pattern that arrived after that time, in the order of their arrival.

        One that may still be written to is not told yet, nor is any that arrived after it.
        """
