"""The store of one machine: everything in the SQLite file of the state directory."""

from pathlib import Path

from chalicelib.local.database import Database
from chalicelib.local.sqlite_outbox import SqliteOutbox
from chalicelib.local.sqlite_requests import SqliteRequests
from chalicelib.local.sqlite_runs import SqliteRuns
from chalicelib.local.sqlite_schedules import SqliteSchedules
from chalicelib.local.sqlite_tokens import SqliteTokens
from chalicelib.local.sqlite_triggers import SqliteTriggers


class SqliteStore(SqliteSchedules, SqliteRuns, SqliteTriggers):
    """Every store of ports at once, for one thread."""

    def __init__(self, database: Database) -> None:
        SqliteSchedules.__init__(self, database)
        SqliteRuns.__init__(self, database)
        SqliteTriggers.__init__(self, database)
        self._database = database
        self.requests = SqliteRequests(database)

    @classmethod
    def open(cls, directory: Path) -> "SqliteStore":
        """The store in `directory`, made if it is not there. Raises BackendError."""
        return cls(Database.open(directory))

    def fenced(self, epoch: int) -> "SqliteStore":
        """The same store for the holder of `epoch`: a write after a newer one began conflicts."""
        store = SqliteStore(self._database.fenced(epoch))
        store._created = self._created
        return store

    @property
    def tokens(self) -> SqliteTokens:
        """The tokens of the HTTP API, which are kept in the same file."""
        return SqliteTokens(self._database)

    def take_epoch(self, owner: str) -> int:
        """Begin a new epoch; `owner` is for people only."""
        return self._database.take_epoch(owner)

    def data_version(self) -> int:
        """Another number than before when anyone but this view has written in between."""
        return self._database.data_version()

    @property
    def outbox(self) -> SqliteOutbox:
        """The letters to people, behind the same fence."""
        return SqliteOutbox(self._database)

    def close(self) -> None:
        self._database.close()
