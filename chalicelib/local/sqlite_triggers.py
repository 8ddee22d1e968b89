"""What starts runs, and the calendars it goes by, in SQLite."""

import json
import sqlite3
from datetime import datetime
from typing import Any

from chalicelib.core.records import decode_time, encode_time
from chalicelib.local.database import Database
from chalicelib.store_words import calendar_moved, no_calendar, storable, triggers_moved
from chalicelib.timing_ports import StoredCalendar, StoredTriggers

_ONE = """
SELECT schedule_id, revision, next_at, listens, record FROM triggers WHERE schedule_id = ?
"""
_DUE = """
SELECT schedule_id, revision, next_at, listens, record FROM triggers
WHERE next_at <= ? ORDER BY next_at, schedule_id LIMIT ?
"""
_PUT = "INSERT OR REPLACE INTO triggers VALUES (?, ?, ?, ?, ?)"
_DEAF = "DELETE FROM listeners WHERE event = ? AND schedule_id = ?"
_LISTEN = "INSERT OR IGNORE INTO listeners VALUES (?, ?)"
_LISTENERS = "SELECT schedule_id FROM listeners WHERE event = ? ORDER BY schedule_id"
_CALENDAR = "SELECT * FROM calendars WHERE name = ?"
_CALENDARS = "SELECT * FROM calendars ORDER BY name"
_PUT_CALENDAR = "INSERT OR REPLACE INTO calendars VALUES (?, ?, ?, ?, ?)"


class SqliteTriggers:
    """ports.TriggerStore and ports.CalendarStore on a database."""

    def __init__(self, database: Database) -> None:
        self._triggers = database

    def get_triggers(self, schedule_id: str) -> StoredTriggers | None:
        """None for a schedule that never had any."""
        with self._triggers.reading("get triggers") as connection:
            row = connection.execute(_ONE, (schedule_id,)).fetchone()
        return _triggers(row) if row else None

    def put_triggers(self, before: StoredTriggers | None, after: StoredTriggers) -> None:
        """Replace `before` by `after`. Raises ConflictError."""
        key = after.schedule_id
        with self._triggers.writing("put triggers") as connection:
            row = connection.execute(_ONE, (key,)).fetchone()
            if (row[1] if row else None) != (before.revision if before else None):
                raise triggers_moved(key)
            connection.executemany(
                _DEAF, [(event, key) for event in (before.listens if before else ())]
            )
            connection.executemany(_LISTEN, [(event, key) for event in after.listens])
            next_at = encode_time(after.next_at) if after.next_at else None
            listens = json.dumps(after.listens)
            connection.execute(_PUT, (key, after.revision, next_at, listens, after.record))

    def due_triggers(self, now: datetime, limit: int) -> list[StoredTriggers]:
        """Those whose `next_at` is not after `now`, the earliest first."""
        with self._triggers.reading("find due triggers") as connection:
            return [_triggers(row) for row in connection.execute(_DUE, (encode_time(now), limit))]

    def listeners(self, event: str) -> list[str]:
        """The ids of the schedules that listen to the event, in order."""
        with self._triggers.reading("find listeners") as connection:
            return [schedule_id for (schedule_id,) in connection.execute(_LISTENERS, (event,))]

    def get_calendar(self, name: str) -> StoredCalendar:
        """Raises NotFoundError."""
        with self._triggers.reading("get calendar") as connection:
            return _calendar(connection, name)

    def list_calendars(self) -> list[StoredCalendar]:
        """All of them, ordered by name."""
        with self._triggers.reading("list calendars") as connection:
            rows = connection.execute(_CALENDARS).fetchall()
        return [_read_calendar(row) for row in rows]

    def put_calendar(self, calendar: StoredCalendar) -> None:
        """Store it. Raises ConflictError unless its revision is the next one."""
        with self._triggers.writing("put calendar") as connection:
            row = connection.execute(_CALENDAR, (calendar.name,)).fetchone()
            if calendar.revision != (row[1] if row else 0) + 1:
                raise calendar_moved(calendar.name, "put calendar")
            about = (encode_time(calendar.stored_at), storable(calendar.stored_by))
            row = (calendar.name, calendar.revision, calendar.document, *about)
            connection.execute(_PUT_CALENDAR, row)

    def delete_calendar(self, name: str, revision: int) -> None:
        """Raises NotFoundError, and ConflictError when the stored one has another revision."""
        with self._triggers.writing("delete calendar") as connection:
            if _calendar(connection, name).revision != revision:
                raise calendar_moved(name, "delete calendar")
            connection.execute("DELETE FROM calendars WHERE name = ?", (name,))


def _triggers(row: tuple[Any, ...]) -> StoredTriggers:
    schedule_id, revision, next_at, listens, record = row
    return StoredTriggers(
        schedule_id=schedule_id,
        revision=revision,
        next_at=decode_time(next_at) if next_at else None,
        listens=tuple(json.loads(listens)),
        record=record,
    )


def _calendar(connection: sqlite3.Connection, name: str) -> StoredCalendar:
    row = connection.execute(_CALENDAR, (name,)).fetchone()
    if row is None:
        raise no_calendar(name)
    return _read_calendar(row)


def _read_calendar(row: tuple[Any, ...]) -> StoredCalendar:
    name, revision, document, stored_at, stored_by = row
    return StoredCalendar(
        name=name,
        revision=revision,
        document=document,
        stored_at=decode_time(stored_at),
        stored_by=stored_by,
    )
