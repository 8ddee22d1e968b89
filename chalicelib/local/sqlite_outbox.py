"""Letters to people, in SQLite."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from sqlite3 import Connection

from chalicelib.core.notices import Letter, Posted, decode_letter, encode_letter
from chalicelib.core.records import decode_time, encode_time
from chalicelib.local.database import Database
from chalicelib.local.sqlite_rows import from_json, to_json
from chalicelib.notice_ports import Flow
from chalicelib.store_words import letter_gone, storable

_KEPT = timedelta(days=7)  # the name of a letter that is delivered or given up
_ADD = """
INSERT INTO outbox VALUES (?, ?, ?, ?, ?, 0, '', NULL, 0) ON CONFLICT (key) DO NOTHING
"""
_PENDING = """
SELECT letter, next_at, tries, error FROM outbox WHERE next_at <= ? ORDER BY at, key LIMIT ?
"""
_FLOW = """
SELECT count(*) FILTER (WHERE at >= :since),
    count(*) FILTER (WHERE is_told AND closed_at >= :since)
FROM outbox WHERE kin = :group
"""
_CLOSE = """
UPDATE outbox SET letter = '', next_at = NULL, closed_at = ?, is_told = ?
WHERE key = ? AND next_at IS NOT NULL
"""
_PUT_OFF = """
UPDATE outbox SET tries = ?, next_at = coalesce(?, next_at), error = ?
WHERE key = ? AND next_at IS NOT NULL
"""
_FORGET = "DELETE FROM outbox WHERE closed_at < ?"
_LEFT = "SELECT count(*) FROM outbox WHERE next_at IS NOT NULL"


class SqliteOutbox:
    """notice_ports.Outbox on a database."""

    def __init__(self, database: Database) -> None:
        self._outbox = database

    def add(self, letter: Letter, next_at: datetime) -> bool:
        """Keep a letter that is to be tried then; False if it was added before."""
        with self._outbox.writing("add a notice") as connection:
            return _add(connection, letter, next_at)

    def pending(self, now: datetime, limit: int) -> list[Posted]:
        """Letters that are due, the oldest event first."""
        with self._outbox.reading("look for notices") as connection:
            rows = connection.execute(_PENDING, (encode_time(now), limit)).fetchall()
        return [
            Posted(
                letter=decode_letter(from_json(letter)),
                next_at=decode_time(next_at),
                tries=tries,
                error=error,
            )
            for letter, next_at, tries, error in rows
        ]

    def flow(self, group: str, since: datetime) -> Flow:
        """How many letters of a group there were since then."""
        values = {"group": group, "since": encode_time(since)}
        with self._outbox.reading("count notices") as connection:
            return Flow(*connection.execute(_FLOW, values).fetchone())

    def done(self, key: str, at: datetime) -> None:
        """The letter was delivered."""
        with self._outbox.writing("end a notice") as connection:
            connection.execute(_CLOSE, (encode_time(at), 1, key))
            connection.execute(_FORGET, (encode_time(at - _KEPT),))

    def failed(
        self, key: str, tries: int, at: datetime, next_at: datetime | None, error: str
    ) -> None:
        """The letter was tried so often, and is to be tried again then; None: it is given up."""
        moment = None if next_at is None else encode_time(next_at)
        with self._outbox.writing("put off a notice") as connection:
            connection.execute(_PUT_OFF, (tries, moment, storable(error), key))
            if next_at is None:
                connection.execute(_CLOSE, (encode_time(at), 0, key))

    def fold(self, members: Sequence[Letter], folded: Letter, at: datetime) -> None:
        """Put one letter in the place of several. Raises ConflictError if one is not waiting."""
        with self._outbox.writing("fold notices") as connection:
            for member in members:
                if connection.execute(_CLOSE, (encode_time(at), 0, member.key)).rowcount != 1:
                    raise letter_gone(member.key)
            _add(connection, folded, at)

    def left(self) -> int:
        """How many letters are neither delivered nor given up."""
        with self._outbox.reading("count notices") as connection:
            return int(connection.execute(_LEFT).fetchone()[0])


def _add(connection: Connection, letter: Letter, next_at: datetime) -> bool:
    text = to_json(encode_letter(letter))
    row = (letter.key, letter.group, encode_time(letter.at), text, encode_time(next_at))
    return connection.execute(_ADD, row).rowcount == 1
