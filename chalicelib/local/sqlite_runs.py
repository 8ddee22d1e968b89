"""Runs, their jobs and their events, in SQLite."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.records import decode_spec, encode_header, encode_spec, encode_time
from chalicelib.core.run import Change, Event, JobState, Run, RunHeader
from chalicelib.core.schedule import JobSpec
from chalicelib.local.database import Database
from chalicelib.local.sqlite_rows import (
    Row,
    event_of,
    event_rows,
    from_json,
    header_of,
    job_record_of,
    job_rows,
    state_of,
    to_json,
    update_row,
)
from chalicelib.ports import JobRecord, RunChange, RunKey
from chalicelib.store_words import (
    counts_after,
    counts_of,
    job_moved,
    no_run,
    run_exists,
    run_moved,
    start_of,
    untold_after,
)
from chalicelib.timing_ports import ON_RUN

_INSERT_RUN = """
INSERT INTO runs (run_id, schedule_id, started_at, status, revision, counts, header)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_SPEC = "INSERT INTO specs VALUES (?, ?, ?)"
_INSERT_JOB = """
INSERT INTO jobs (status, version, attempt, failures, queue_name, job_id, intent, lookups,
    reserved_at, not_before, runnable_since, started_at, stopped_at, exit_code, reason, told,
    run, name, position)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE_JOB = """
UPDATE jobs SET status = ?, version = ?, attempt = ?, failures = ?, queue_name = ?, job_id = ?,
    intent = ?, lookups = ?, reserved_at = ?, not_before = ?, runnable_since = ?, started_at = ?,
    stopped_at = ?, exit_code = ?, reason = ?, told = ?
WHERE run = ? AND name = ? AND version = ?
"""
_STATES = """
SELECT name, status, version, attempt, failures, queue_name, job_id, intent, lookups, reserved_at,
    not_before, runnable_since, started_at, stopped_at, exit_code, reason, told
FROM jobs WHERE run = ?
"""
_RECORDS = """
SELECT position, spec, status, version, attempt, failures, queue_name, job_id, intent, lookups,
    reserved_at, not_before, runnable_since, started_at, stopped_at, exit_code, reason, told
FROM (
    SELECT jobs.* FROM runs CROSS JOIN jobs USING (run) WHERE run_id = :run_id
"""
_HAS_STATUS = "AND jobs.status IN (SELECT value FROM json_each(:statuses))"
_IS_BEHIND = "AND position > :after"
_HAS_NAME = "AND name IN (SELECT value FROM json_each(:names))"
# The specs are joined last: most jobs are filtered out or past the limit before.
_BY_POSITION = """
    ORDER BY position LIMIT :limit
) JOIN specs USING (run, position) ORDER BY position
"""
_VERSIONS = "SELECT sum(version) FROM jobs WHERE run = ?"
_SPECS = "SELECT spec FROM specs WHERE run = ? ORDER BY position"
_HEADERS = "SELECT status, revision, counts, header FROM runs WHERE run_id >= :prefix"
_OF_SCHEDULE = "AND schedule_id = :schedule_id"
_OF_STATUS = "AND status = :status"
_OF_PREFIX = "AND substr(run_id, 1, length(:prefix)) = :prefix"
_BEFORE = "AND (started_at, run_id) < (:start, :before)"
_NEWEST_FIRST = "ORDER BY started_at DESC, run_id DESC LIMIT :limit"
_HEADER = "SELECT status, revision, counts, header, run FROM runs WHERE run_id = ?"
_UPDATE_RUN = """
UPDATE runs SET status = ?, revision = ?, counts = ?, header = ?, untold = coalesce(?, untold)
WHERE run = ?
"""
_UNTOLD = "SELECT status, revision, counts, header FROM runs WHERE untold = 1 LIMIT ?"
_IS_HEARD = "SELECT 1 FROM listeners WHERE event = ? LIMIT 1"
_TOLD = "UPDATE runs SET untold = 0 WHERE run_id = ? AND revision = ?"
_UPDATE_COUNTS = "UPDATE runs SET counts = ? WHERE run = ?"
_COUNT_RUNS = "SELECT status, count(*) FROM runs GROUP BY status"
_INSERT_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LAST_EVENT = "SELECT coalesce(max(sequence), 0) FROM events WHERE run = ?"
_EVENTS = """
SELECT sequence, at, job, act, before, after, attempt, job_id, actor, reason, exit_code
FROM runs JOIN events USING (run) WHERE run_id = :run_id AND sequence > :after
"""
_OF_JOB = "AND job = :job"
_OLDEST_FIRST = "ORDER BY sequence"

_Jobs = tuple[Sequence[JobSpec], Mapping[str, JobState]]


class SqliteRuns:
    """ports.RunStore and Untold on a database."""

    def __init__(self, database: Database) -> None:
        self._runs = database
        self._created: dict[str, _Jobs] = {}  # of the run that was stored last, until it is loaded

    def create_run(
        self, header: RunHeader, specs: Sequence[JobSpec], states: Mapping[str, JobState]
    ) -> None:
        """Store a new run with all its jobs and the event of its start, whole or not at all.

        Raises ConflictError if the run exists.
        """
        spec_texts = [to_json(encode_spec(spec)) for spec in specs]
        with self._runs.writing("create run") as connection:
            if connection.execute(_HEADER, (header.run_id,)).fetchone():
                raise run_exists(header)
            run = _insert_run(connection, header, counts_of(states.values()))
            rows = ((run, position, text) for position, text in enumerate(spec_texts))
            connection.executemany(_INSERT_SPEC, rows)
            connection.executemany(_INSERT_JOB, job_rows(run, specs, states))
            connection.executemany(_INSERT_EVENT, event_rows(run, 0, (), (start_of(header),)))
        self._created.clear()
        self._created[header.run_id] = specs, states

    def get_header(self, run_id: str) -> RunHeader:
        """Raises NotFoundError."""
        with self._runs.reading("get header") as connection:
            return header_of(_row_of(connection, run_id))

    def find_headers(
        self,
        *,
        schedule_id: str | None = None,
        status: RunStatus | None = None,
        prefix: str = "",
        limit: int = 50,
        before: RunKey | None = None,
    ) -> list[RunHeader]:
        """Newest first; `prefix` is the beginning of a run id."""
        query = [_HEADERS]
        query += [_OF_SCHEDULE] if schedule_id is not None else []
        query += [_OF_STATUS] if status is not None else []
        query += [_OF_PREFIX, *([_BEFORE] if before is not None else []), _NEWEST_FIRST]
        values = {"schedule_id": schedule_id, "status": status and str(status), "prefix": prefix}
        if before is not None:
            values |= {"start": encode_time(before[0]), "before": before[1]}
        with self._runs.reading("find headers") as connection:
            rows = connection.execute("\n".join(query), {**values, "limit": limit})
            return [header_of(row) for row in rows]

    def run_counts(self) -> dict[str, int]:
        """How many runs there are of each status."""
        with self._runs.reading("count runs") as connection:
            return dict(connection.execute(_COUNT_RUNS).fetchall())

    def load_run(self, run_id: str) -> Run:
        """The whole run. Raises NotFoundError."""
        with self._runs.reading("load run") as connection:
            row = _row_of(connection, run_id)
            header, key = header_of(row), row[4:]
            created = self._created.pop(run_id, None)
            if created is None or _have_moved(connection, key, created):
                created = _jobs_of(connection, key)
            specs, states = created
        return Run(header, specs, {spec.name: states[spec.name] for spec in specs})

    def load_for_turn(self, run_id: str) -> Run:
        """The whole run here too: it costs little to read. Raises NotFoundError."""
        return self.load_run(run_id)

    def close_turn(self, run: Run) -> None:
        """Nothing is left to write: every record has moved the counts.

        Raises ConflictError unless the stored header has the revision of the run's.
        """
        self.record(run.header, [])

    def find_jobs(
        self,
        run_id: str,
        *,
        statuses: Iterable[JobStatus] | None = None,
        limit: int | None = None,
        after: int = -1,
    ) -> list[JobRecord]:
        """Jobs of a run in the document's order, of the given statuses only unless None.

        Only those behind the position `after`.
        """
        query, values = [_RECORDS], {"run_id": run_id, "limit": -1 if limit is None else limit}
        if after >= 0:
            query.append(_IS_BEHIND)
            values["after"] = after
        if statuses is not None:
            query.append(_HAS_STATUS)
            values["statuses"] = to_json(list(statuses))
        return self._job_records("\n".join([*query, _BY_POSITION]), values)

    def get_jobs(self, run_id: str, names: Iterable[str]) -> list[JobRecord]:
        """The named jobs that exist, in the document's order."""
        values = {"run_id": run_id, "names": to_json(list(names)), "limit": -1}
        return self._job_records("\n".join([_RECORDS, _HAS_NAME, _BY_POSITION]), values)

    def record(
        self,
        before: RunHeader,
        changes: Sequence[Change],
        *,
        after: RunHeader | None = None,
        run_changes: Sequence[RunChange] = (),
    ) -> None:
        """Write changes of jobs, their events, the header and the run's own events at once.

        Raises ConflictError, and writes nothing, unless the stored header has the revision of
        `before` and every job the version of its change's `before`.
        """
        with self._runs.writing("record") as connection:
            status, revision, counts, _, run = _row_of(connection, before.run_id)
            if revision != before.revision:
                raise run_moved(before, revision, status)
            rows = (update_row(run, change) for change in changes)
            if connection.executemany(_UPDATE_JOB, rows).rowcount != len(changes):
                raise job_moved(before.run_id)
            last = connection.execute(_LAST_EVENT, (run,)).fetchone()[0]
            connection.executemany(_INSERT_EVENT, event_rows(run, last, changes, run_changes))
            moved = to_json(counts_after(from_json(counts), changes))
            if after is None:
                connection.execute(_UPDATE_COUNTS, (moved, run))
            else:
                about = (str(after.status), after.revision, moved, to_json(encode_header(after)))
                untold = _untold_after(connection, status, after)
                connection.execute(_UPDATE_RUN, (*about, untold, run))

    def events(self, run_id: str, *, job: str | None = None, after: int = 0) -> list[Event]:
        """Events with a sequence above `after`, oldest first, of one job unless None."""
        query = [_EVENTS, *([_OF_JOB] if job is not None else []), _OLDEST_FIRST]
        values = {"run_id": run_id, "after": after, "job": job}
        with self._runs.reading("events") as connection:
            return [event_of(row) for row in connection.execute("\n".join(query), values)]

    def untold(self, limit: int) -> list[RunHeader]:
        """Ended runs whose end was not told yet, and that somebody wants to be told of."""
        with self._runs.reading("find untold runs") as connection:
            return [header_of(row) for row in connection.execute(_UNTOLD, (limit,))]

    def told(self, header: RunHeader) -> None:
        """The end of the run was put into the outbox; nothing if it has moved since."""
        with self._runs.writing("told") as connection:
            connection.execute(_TOLD, (header.run_id, header.revision))

    def _job_records(self, query: str, values: Mapping[str, Any]) -> list[JobRecord]:
        with self._runs.reading("find jobs") as connection:
            return [job_record_of(row) for row in connection.execute(query, values)]


def _untold_after(connection: sqlite3.Connection, before: str, after: RunHeader) -> bool | None:
    """As `untold_after` says; and an end that another schedule waits for is to be told it."""
    untold = untold_after(before, after)
    if untold is False and after.status is not RunStatus.RUNNING:
        event = f"{ON_RUN}{after.schedule_id}"
        return connection.execute(_IS_HEARD, (event,)).fetchone() is not None
    return untold


def _row_of(connection: sqlite3.Connection, run_id: str) -> Row:
    row: Row | None = connection.execute(_HEADER, (run_id,)).fetchone()
    if row is None:
        raise no_run(run_id)
    return row


def _have_moved(connection: sqlite3.Connection, key: Row, jobs: _Jobs) -> bool:
    """Say whether a job was changed since: its version would have grown."""
    total = connection.execute(_VERSIONS, key).fetchone()[0]
    return bool(total != sum(state.version for state in jobs[1].values()))


def _jobs_of(connection: sqlite3.Connection, key: Row) -> _Jobs:
    specs = [decode_spec(from_json(text)) for (text,) in connection.execute(_SPECS, key)]
    return specs, {name: state_of(row) for name, *row in connection.execute(_STATES, key)}


def _insert_run(
    connection: sqlite3.Connection, header: RunHeader, counts: Mapping[str, int]
) -> int | None:
    row = (
        header.run_id,
        header.schedule_id,
        encode_time(header.started_at),
        str(header.status),
        header.revision,
        to_json(counts),
        to_json(encode_header(header)),
    )
    return connection.execute(_INSERT_RUN, row).lastrowid
