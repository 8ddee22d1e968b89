"""The host's memory on disk: every accepted job, how far it came and how it ended, in SQLite.

A live job's status is in the host's memory; what is here is what the next host must know. Rows of
`jobs` and `ends` are only ever added, at the end of their table: to change a row in a full page
costs several times as much, and this is done for every job. What the journal holds is taken up by
the next transaction, whatever that is for.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chalicelib.errors import BackendError
from chalicelib.local.batch_listing import Listed, ListQuery
from chalicelib.local.batch_records import QueuedJob, shown
from chalicelib.local.host_journal import Entry, Journal
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
      array_id TEXT,
      request TEXT                 -- the frame as it came; a child's is its array job's
    );
    CREATE INDEX jobs_by_name ON jobs (name);
    CREATE INDEX jobs_of_array ON jobs (array_id) WHERE array_id IS NOT NULL;
    CREATE TABLE progress (
      number INTEGER PRIMARY KEY,
      status TEXT NOT NULL,        -- STARTING from before the process exists
      attempt INTEGER NOT NULL,
      begun_at INTEGER,            -- the current or last attempt
      slate TEXT,                  -- the file that it writes on
      pid INTEGER,
      pid_started INTEGER,         -- ticks since boot, field 22 of /proc/PID/stat
      cancelled TEXT,
      terminated TEXT,
      timed_out INTEGER NOT NULL DEFAULT 0,
      detail TEXT                  -- the answer of DescribeJobs: the attempts that have ended
    );
    CREATE TABLE ends (
      number INTEGER PRIMARY KEY,
      status TEXT NOT NULL,
      stopped_at INTEGER NOT NULL,
      attempts INTEGER NOT NULL,
      detail TEXT NOT NULL         -- the answer of DescribeJobs
    );
    CREATE VIEW known AS
      SELECT number, id, name, queue, definition, created_at, array_id,
        coalesce(status, 'SUBMITTED') AS status, stopped_at, attempts, detail
      FROM jobs LEFT JOIN ends USING (number);
    CREATE VIEW unfinished AS
      SELECT id, number, created_at, stopped_at,
        coalesce(ends.status, progress.status, 'SUBMITTED') AS status,
        coalesce(progress.attempt, 0) AS attempt, begun_at, slate, cancelled, terminated,
        coalesce(timed_out, 0) AS timed_out, pid, pid_started,
        coalesce(ends.detail, progress.detail) AS detail, request, array_id
      FROM jobs LEFT JOIN progress USING (number) LEFT JOIN ends USING (number)
      WHERE ends.number IS NULL
        OR array_id IN (SELECT id FROM known WHERE stopped_at IS NULL);
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
)
_INSERT = (
    "INSERT INTO jobs (number, id, name, queue, definition, created_at, array_id, request)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_BEGIN_ATTEMPT = (
    "INSERT INTO progress (status, attempt, begun_at, slate, number)"
    " VALUES ('STARTING', ?, ?, ?, ?) ON CONFLICT (number) DO UPDATE SET status = 'STARTING',"
    " attempt = excluded.attempt, begun_at = excluded.begun_at, slate = excluded.slate, pid = NULL"
)
_KEEP_PROGRESS = (
    "INSERT INTO progress (number, status, attempt, cancelled, terminated, timed_out, detail)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (number) DO UPDATE SET status = excluded.status,"
    " cancelled = excluded.cancelled, terminated = excluded.terminated,"
    " timed_out = excluded.timed_out, detail = excluded.detail"
)
_KEEP_END = "INSERT INTO ends VALUES (?, ?, ?, ?, ?)"
_PROCESS = "UPDATE progress SET pid = ?, pid_started = ? WHERE number = ?"
_UNFINISHED = "SELECT * FROM unfinished WHERE number >= ? ORDER BY number"
_STATUSES = (
    "SELECT id, status FROM known WHERE stopped_at IS NOT NULL"
    " AND (id IN (SELECT value FROM json_each(:ids))"
    " OR array_id IN (SELECT value FROM json_each(:ids)))"
)
DETAILS = (
    "SELECT id, detail FROM jobs JOIN ends USING (number)"
    " WHERE id IN (SELECT value FROM json_each(?))"
)
_LIST_NAME = "SELECT * FROM known WHERE name = ? ORDER BY number DESC"
_LIST_ARRAY = "SELECT * FROM known WHERE array_id = ? ORDER BY number DESC"
_LIST_QUEUE = "SELECT * FROM known WHERE queue = ? ORDER BY number DESC"
_OLD = (
    "SELECT number, id, attempts FROM (SELECT * FROM known ORDER BY number LIMIT 1000)"
    " WHERE stopped_at < ?"
)
_FORGET = (
    "DELETE FROM jobs WHERE number = ?",
    "DELETE FROM progress WHERE number = ?",
    "DELETE FROM ends WHERE number = ?",
)
_FLOOR = "floor"  # the fact that holds a number below which every job has ended
_MARK = "journal"  # the fact that holds the mark of the journal's lines that are not taken up
_BEGUN, _MOVED, _ENDED = "begun", "moved", "ended"

Row = tuple[Any, ...]


class HostStore:
    """One connection, used by one host at a time."""

    def __init__(self, path: Path) -> None:
        """Open or make the database. Raises BackendError if it is damaged or newer than we are."""
        self.noted: dict[str, QueuedJob] = {}  # in the journal, and not in the database yet
        self._entries: list[Entry] = []  # of the journal, to be taken up
        self._journal = Journal(path.with_suffix(".journal"))
        self._database = sqlite3.connect(path, isolation_level=None)
        try:
            self._prepare()
            self._read_journal()
        except sqlite3.Error as error:
            self._close()
            raise BackendError("host", "open", f"{path}: {error}", retryable=False) from error
        except BackendError:
            self._close()
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

    def _read_journal(self) -> None:
        self._entries = self._journal.read(self.fact(_MARK))
        self.begin()
        self.put_fact(_MARK, self._journal.mark)
        self._database.execute("COMMIT")
        self._entries.clear()

    def close(self) -> None:
        """Take up the journal and close; what the disk doesn't take is left to the next host."""
        with contextlib.suppress(sqlite3.Error):
            self.settle()
        self._close()

    def _close(self) -> None:
        self._database.close()
        self._journal.close()

    def note(self, entries: Sequence[Entry], jobs: Mapping[str, QueuedJob]) -> None:
        """Keep what happened to these jobs, in the journal for now. Raises OSError."""
        self._journal.write(entries)
        self._entries += entries
        self.noted.update(jobs)

    @property
    def is_settled(self) -> bool:
        """True when the database holds all that is kept."""
        return not self._entries

    def settle(self) -> None:
        """Take up the journal."""
        if self._entries:
            self.begin()
            self.commit()

    def begin(self) -> None:
        """Open a transaction with all that the journal holds; it is kept whole or not at all."""
        self._database.execute("BEGIN IMMEDIATE")
        if self._entries:
            self.keep(self._entries)
            self.put_fact(_MARK, self._journal.next_mark)

    def commit(self) -> None:
        self._database.execute("COMMIT")
        if self._entries:
            self._entries.clear()
            self.noted.clear()
            self._journal.turn()

    def rollback(self) -> None:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def sync_commits(self, *, durable: bool) -> None:
        """Choose whether a commit survives a power cut, or only the death of the host."""
        self._database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")

    def insert(self, rows: Iterable[Row]) -> None:
        self._database.executemany(_INSERT, rows)

    def keep(self, entries: Sequence[Entry]) -> None:
        """Write down what happened, in order; of a job that ended, the end is enough."""
        ends = [row for what, row in entries if what == _ENDED]
        ended = {row[0] for row in ends}
        for what, row in entries:
            if what == _BEGUN and row[-1] not in ended:
                self._database.execute(_BEGIN_ATTEMPT, row)
            elif what == _MOVED and row[0] not in ended:
                self._database.execute(_KEEP_PROGRESS, row)
        self._database.executemany(_KEEP_END, ends)

    def keep_process(self, number: int, pid: int, started: int) -> None:
        self._database.execute(_PROCESS, (pid, started, number))

    def statuses(self, job_ids: Sequence[str]) -> dict[str, str]:
        """The statuses of ended jobs among these and among the children of these."""
        return dict(self._database.execute(_STATUSES, {"ids": encode(job_ids)}))

    def details(self, job_ids: Sequence[str]) -> dict[str, str]:
        """The answers of DescribeJobs, as JSON, for those that have ended."""
        return dict(self._database.execute(DETAILS, (encode(job_ids),)))

    def candidates(self, query: ListQuery) -> Iterator[Listed]:
        """The jobs that a query may ask for, newest first; true statuses only of ended ones."""
        if query.array_id:
            rows = self._database.execute(_LIST_ARRAY, (query.array_id,))
        elif query.name:
            rows = self._database.execute(_LIST_NAME, (query.name,))
        else:
            rows = self._database.execute(_LIST_QUEUE, (query.job_queue,))
        return (Listed(*row[: len(Listed._fields)]) for row in rows)

    def unfinished_rows(self) -> list[Row]:
        """The rows of jobs that have not ended, and of all children of such, oldest first."""
        return self._database.execute(_UNFINISHED, (self._floor(),)).fetchall()

    def raise_floor(self, number: int) -> None:
        """Say that every job with a smaller number has ended: the next host starts sooner."""
        self.put_fact(_FLOOR, str(number))

    def last_number(self) -> int:
        """The highest number that a job has or had."""
        row = self._database.execute("SELECT max(number) FROM jobs").fetchone()
        return max(row[0] or 0, self._floor() - 1)

    def _floor(self) -> int:
        return int(self.fact(_FLOOR) or 1)

    def fact(self, name: str) -> str:
        """A fact about the host, empty if it was never written."""
        row = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else ""

    def put_fact(self, name: str, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def forget_before(self, at: int) -> list[tuple[str, int]]:
        """Drop some of the jobs that ended before then; their ids and numbers of attempts."""
        rows = self._database.execute(_OLD, (at,)).fetchall()
        for statement in _FORGET:
            self._database.executemany(statement, [row[:1] for row in rows])
        return [(job_id, attempts) for _, job_id, attempts in rows]


def begun(job: QueuedJob, at: int, slate: str) -> Entry:
    """That the job's current attempt begins, its output on that slate."""
    return _BEGUN, (job.attempt, at, slate, job.number)


def standing(job: QueuedJob) -> Entry:
    """What is to outlive the host of how far a job came, or of how it ended."""
    detail = encode(shown(job))
    if job.stopped_at is not None:
        return _ENDED, (job.number, job.status, job.stopped_at, job.attempt, detail)
    asked = (job.cancelled, job.terminated, job.timed_out)
    return _MOVED, (job.number, job.status, job.attempt, *asked, detail)
