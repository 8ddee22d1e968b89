"""The host's memory on disk: every accepted job, its attempts and its end, in SQLite.

A live job's status is in the host's memory; its row holds what the next host must know: that an
attempt was begun, and what was asked of it.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from chalicelib.errors import BackendError
from chalicelib.local.batch_listing import Listed, ListQuery
from chalicelib.local.batch_records import QueuedJob, shown
from chalicelib.local.host_protocol import encode

# Applied in order and never changed once released; PRAGMA user_version counts them.
MIGRATIONS = (
    """
    CREATE TABLE jobs (
      number INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      name TEXT NOT NULL,          -- lower case: JOB_NAME is found without regard to case
      queue TEXT NOT NULL,
      definition TEXT NOT NULL,
      created_at INTEGER NOT NULL, -- ms since 1970 UTC, as all times
      stopped_at INTEGER,
      status TEXT NOT NULL DEFAULT 'SUBMITTED',
      attempt INTEGER NOT NULL DEFAULT 0,
      begun_at INTEGER,            -- the current or last attempt
      slate TEXT,                  -- the file that it writes on
      array_id TEXT,
      cancelled TEXT,
      terminated TEXT,
      timed_out INTEGER NOT NULL DEFAULT 0,
      pid INTEGER,
      pid_started INTEGER,         -- ticks since boot, field 22 of /proc/PID/stat
      detail TEXT,                 -- the answer of DescribeJobs, once there is anything to say
      request TEXT                 -- the frame as it came; a child's is its array job's
    );
    CREATE INDEX jobs_by_name ON jobs (name);
    CREATE INDEX jobs_live ON jobs (number) WHERE stopped_at IS NULL;
    CREATE INDEX jobs_of_array ON jobs (array_id) WHERE array_id IS NOT NULL;
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
)
_INSERT = (
    "INSERT INTO jobs (number, id, name, queue, definition, created_at, array_id, request)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_BEGIN_ATTEMPT = (
    "UPDATE jobs SET status = 'STARTING', attempt = ?, begun_at = ?, slate = ?, pid = NULL"
    " WHERE number = ?"
)
_KEEP = (
    "UPDATE jobs SET status = ?, stopped_at = ?, cancelled = ?, terminated = ?, timed_out = ?,"
    " detail = ? WHERE number = ?"
)
_PROCESS = "UPDATE jobs SET pid = ?, pid_started = ? WHERE number = ?"
_LIVE = (
    "SELECT id, number, created_at, stopped_at, status, attempt, begun_at, slate, cancelled,"
    " terminated, timed_out, pid, pid_started, detail, request FROM jobs WHERE stopped_at IS NULL"
    " OR array_id IN (SELECT id FROM jobs WHERE stopped_at IS NULL) ORDER BY number"
)
_STATUSES = (
    "SELECT id, status FROM jobs WHERE stopped_at IS NOT NULL"
    " AND (id IN (SELECT value FROM json_each(?1))"
    " OR array_id IN (SELECT value FROM json_each(?1)))"
)
_DETAILS = (
    "SELECT id, detail FROM jobs"
    " WHERE id IN (SELECT value FROM json_each(?)) AND stopped_at IS NOT NULL"
)
_LIST_NAME = (
    "SELECT number, id, name, queue, definition, created_at, array_id, status FROM jobs"
    " WHERE name = ? ORDER BY number DESC"
)
_LIST_ARRAY = (
    "SELECT number, id, name, queue, definition, created_at, array_id, status FROM jobs"
    " WHERE array_id = ? ORDER BY number DESC"
)
_LIST_QUEUE = (
    "SELECT number, id, name, queue, definition, created_at, array_id, status FROM jobs"
    " WHERE queue = ? ORDER BY number DESC"
)
_OLD = (
    "SELECT number, id, attempt FROM (SELECT * FROM jobs ORDER BY number LIMIT 1000)"
    " WHERE stopped_at < ?"
)

Row = tuple[Any, ...]


class HostStore:
    """One connection, used by one host at a time."""

    def __init__(self, path: Path) -> None:
        """Open or make the database. Raises BackendError if it is damaged or newer than we are."""
        self._database = sqlite3.connect(path, isolation_level=None)
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._database.close()
            raise BackendError("host", "open", f"{path}: {error}", retryable=False) from error
        except BackendError:
            self._database.close()
            raise

    def _prepare(self) -> None:
        execute = self._database.execute
        # The lock on the state directory leaves us alone here: no shared memory is needed.
        execute("PRAGMA locking_mode = EXCLUSIVE")
        execute("PRAGMA journal_mode = WAL")
        version = execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise BackendError(
                "host",
                "open",
                f"its database has version {version}, this program knows {len(MIGRATIONS)}: "
                "use the newer program",
                retryable=False,
            )
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            self._database.executescript(
                f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;"
            )
        execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        self._database.close()

    def begin(self) -> None:
        """Open a round: what follows is kept whole or not at all."""
        self._database.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._database.execute("COMMIT")

    def rollback(self) -> None:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def sync_commits(self, *, durable: bool) -> None:
        """Choose whether a commit survives a power cut, or only the death of the host."""
        self._database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")

    def insert(self, rows: Iterable[Row]) -> None:
        self._database.executemany(_INSERT, rows)

    def begin_attempts(self, rows: Iterable[Row]) -> None:
        self._database.executemany(_BEGIN_ATTEMPT, rows)

    def keep(self, jobs: Iterable[QueuedJob]) -> None:
        """Write what changed of these and must outlive the host."""
        self._database.executemany(_KEEP, map(_kept, jobs))

    def keep_process(self, number: int, pid: int, started: int) -> None:
        self._database.execute(_PROCESS, (pid, started, number))

    def statuses(self, job_ids: Sequence[str]) -> dict[str, str]:
        """The statuses of ended jobs among these and among the children of these."""
        return dict(self._database.execute(_STATUSES, (encode(job_ids),)))

    def details(self, job_ids: Sequence[str]) -> dict[str, str]:
        """The answers of DescribeJobs, as JSON, for those that have ended."""
        return dict(self._database.execute(_DETAILS, (encode(job_ids),)))

    def candidates(self, query: ListQuery) -> Iterator[Listed]:
        """The jobs that a query may ask for, newest first; true statuses only of ended ones."""
        if query.array_id:
            rows = self._database.execute(_LIST_ARRAY, (query.array_id,))
        elif query.name:
            rows = self._database.execute(_LIST_NAME, (query.name,))
        else:
            rows = self._database.execute(_LIST_QUEUE, (query.job_queue,))
        return map(Listed._make, rows)

    def live_rows(self) -> Iterator[Row]:
        """The rows of jobs that have not ended, and of all children of such, oldest first."""
        return self._database.execute(_LIVE)

    def last_number(self) -> int:
        row = self._database.execute("SELECT max(number) FROM jobs").fetchone()
        return row[0] or 0

    def fact(self, name: str) -> str:
        """A fact about the host, empty if it was never written."""
        row = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else ""

    def put_fact(self, name: str, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def forget_before(self, at: int) -> list[tuple[str, int]]:
        """Drop some of the jobs that ended before then; their ids and numbers of attempts."""
        rows = self._database.execute(_OLD, (at,)).fetchall()
        self._database.executemany("DELETE FROM jobs WHERE number = ?", [row[:1] for row in rows])
        return [(job_id, attempts) for _, job_id, attempts in rows]


def _kept(job: QueuedJob) -> Row:
    return (
        job.status,
        job.stopped_at,
        job.cancelled,
        job.terminated,
        job.timed_out,
        encode(shown(job)),
        job.number,
    )
