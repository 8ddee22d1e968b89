"""The SQLite file of a state directory: opening it, transactions, and its errors in words."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from chalicelib.errors import BackendError, InvalidInputError
from chalicelib.local.migrations import APPLICATION_ID, LATEST, migrate
from chalicelib.local.state_directory import make_private, make_private_file, one_at_a_time
from chalicelib.store_words import fence_passed, storable

FILE_NAME = "batch-scheduler.db"
_BUSY_SECONDS = 10.0  # longer than any transaction of ours, shorter than a person's patience

_FULL = "the disk is full; nothing was written: make room, then: batch-scheduler resume"
_BUSY = "another process is writing for too long; nothing was written"
_READ_ONLY = "it can't be written here; check the owner and permissions of the directory"
_DAMAGED = "it is damaged or no SQLite database; move it away or put a copy of it back"
_STRANGE = "it has not the tables that this program made; put a copy of it back"
_BROKEN_DISK = "the disk failed; nothing was written: check the machine's log"
# Primary result codes (sqlite.org/rescode.html), and whether waiting may be enough.
_REASONS = {
    sqlite3.SQLITE_FULL: (_FULL, True),
    sqlite3.SQLITE_BUSY: (_BUSY, True),
    sqlite3.SQLITE_LOCKED: (_BUSY, True),
    sqlite3.SQLITE_READONLY: (_READ_ONLY, False),
    sqlite3.SQLITE_CANTOPEN: (_READ_ONLY, False),
    sqlite3.SQLITE_PERM: (_READ_ONLY, False),
    sqlite3.SQLITE_CORRUPT: (_DAMAGED, False),
    sqlite3.SQLITE_NOTADB: (_DAMAGED, False),
    sqlite3.SQLITE_ERROR: (_STRANGE, False),
    sqlite3.SQLITE_IOERR: (_BROKEN_DISK, False),
}


# SQLite lets whoever finds the file locked sleep, for up to 0.1 s, and others go before him: of
# eight threads some would wait for a second. So the threads of a process take turns before that.
_turns: dict[str, threading.Lock] = {}


@dataclass(slots=True)
class _File:
    """What all views of one connection share."""

    connection: sqlite3.Connection
    path: Path
    turn: threading.Lock  # of the threads of this process that write
    writes: int = 0


class Database:
    """A view of the file; with a `fence`, it writes only while that epoch is the newest."""

    def __init__(self, file: _File, fence: int | None = None) -> None:
        self._file = file
        self._connection = file.connection
        self._fence = fence
        self._own_writes = 0

    @classmethod
    def open(cls, directory: Path) -> "Database":
        """Open the file in `directory`, made and migrated as needed.

        Raises BackendError, also for a file of another program or of a newer version of this one.
        """
        make_private(directory)
        path = directory / FILE_NAME
        make_private_file(path)
        with _told_in_words(path, "open"):
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=_BUSY_SECONDS,
                isolation_level=None,
            )
            try:
                _prepare(connection, path)
            except BaseException:
                connection.close()
                raise
        return cls(
            _File(connection, path, _turns.setdefault(str(path.absolute()), threading.Lock()))
        )

    def fenced(self, epoch: int) -> "Database":
        """Another view of the connection, writing only while `epoch` is the lease's newest."""
        return Database(self._file, epoch)

    @contextmanager
    def reading(self, operation: str) -> Iterator[sqlite3.Connection]:
        """One view of the data for all statements of the block. Raises BackendError."""
        with self._told_in_words(operation), self._transaction("BEGIN"):
            yield self._connection

    @contextmanager
    def writing(self, operation: str) -> Iterator[sqlite3.Connection]:
        """Whole or not at all. Raises BackendError, and ConflictError once the fence is passed."""
        with (
            self._told_in_words(operation),
            self._in_turn(operation),
            self._transaction("BEGIN IMMEDIATE"),
        ):
            self._check_fence(operation)
            yield self._connection
            self._count_write()

    def take_epoch(self, owner: str) -> int:
        """Begin a new epoch of the lease; every fence before it is passed from now on."""
        with self._told_in_words("take epoch"), self._transaction("BEGIN IMMEDIATE"):
            update = "UPDATE lease SET epoch = epoch + 1, owner = ?"
            self._connection.execute(update, (storable(owner),))
            self._count_write()
            return self._epoch()

    def data_version(self) -> int:
        """Another value than before when anyone but this view has written in between."""
        with self._told_in_words("read"):
            of_others = _number(self._connection, "PRAGMA data_version")
        # Both only grow, so their sum moves when one of them does.
        return of_others + self._file.writes - self._own_writes

    def close(self) -> None:
        self._connection.close()

    def _told_in_words(self, operation: str) -> AbstractContextManager[None]:
        return _told_in_words(self._file.path, operation)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self._connection.execute(begin)
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # SQLite has already rolled back after some errors, a full disk among them.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _in_turn(self, operation: str) -> Iterator[None]:
        if not self._file.turn.acquire(timeout=_BUSY_SECONDS):
            reason = f"{self._file.path}: {_BUSY}"
            raise BackendError("database", operation, reason, retryable=True)
        try:
            yield
        finally:
            self._file.turn.release()

    def _count_write(self) -> None:
        self._file.writes += 1
        self._own_writes += 1

    def _check_fence(self, operation: str) -> None:
        if self._fence is None:
            return
        epoch = self._epoch()
        if epoch != self._fence:
            raise fence_passed(epoch, self._fence, operation)

    def _epoch(self) -> int:
        return _number(self._connection, "SELECT epoch FROM lease")


def _number(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # SQLite fails a switch to WAL at once, without waiting, when anyone else is in the file.
    with one_at_a_time(path.parent):
        version = _version(connection, path)
        if version < LATEST:
            connection.execute("PRAGMA journal_mode = WAL")
            migrate(connection, version)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema's version, 0 for an empty file. Raises BackendError if it is not for us."""
    application = _number(connection, "PRAGMA application_id")
    version = _number(connection, "PRAGMA user_version")
    tables = _number(connection, "SELECT count(*) FROM sqlite_master")
    if application != APPLICATION_ID and (application or version or tables):
        reason = f"{path} is a database of another program; name another directory with --state"
        raise BackendError("database", "open", reason, retryable=False)
    if version > LATEST:
        reason = (
            f"{path} has schema version {version}, this program knows up to {LATEST}; "
            "install a newer batch-scheduler, or name another directory with --state"
        )
        raise BackendError("database", "open", reason, retryable=False)
    return version


@contextmanager
def _told_in_words(path: Path, operation: str) -> Iterator[None]:
    """Turn SQLite's errors into BackendError; those that only a bug can cause pass unchanged."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        words, retryable = _REASONS.get(code, (_DAMAGED, False))
        reason = f"{path}: {words} ({error})"
        raise BackendError("database", operation, reason, retryable=retryable) from error
    except json.JSONDecodeError as error:
        reason = f"{path}: {_DAMAGED} (a record of it is no JSON: {error})"
        raise BackendError("database", operation, reason, retryable=False) from error
    except UnicodeEncodeError as error:
        raise InvalidInputError.at("$", f"no Unicode text: {error.object!r}") from error
