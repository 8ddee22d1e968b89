"""Runs, their jobs and their events, in SQLite."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Any

from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.records import (
    decode_header,
    decode_spec,
    decode_time,
    encode_header,
    encode_spec,
    encode_time,
    is_event,
)
from chalicelib.core.run import Change, Event, Intent, JobState, Run, RunHeader
from chalicelib.core.schedule import JobSpec
from chalicelib.local.database import Database
from chalicelib.local.store_words import (
    counts_after,
    counts_of,
    job_moved,
    no_run,
    run_exists,
    run_moved,
    start_of,
    storable,
)
from chalicelib.ports import JobRecord, RunChange

_to_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_from_json = json.JSONDecoder().decode

# Plain strings to members: calling an enumeration costs ten times as much.
_STATUSES = {str(status): status for status in JobStatus}
_INTENTS = {str(intent): intent for intent in Intent}

_INSERT_RUN = """
INSERT INTO runs (run_id, schedule_id, started_at, status, revision, counts, header)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_SPEC = "INSERT INTO specs VALUES (?, ?, ?)"
_INSERT_JOB = """
INSERT INTO jobs (status, version, attempt, failures, queue_name, job_id, intent, lookups,
    reserved_at, not_before, runnable_since, started_at, stopped_at, exit_code, reason,
    run, name, position)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE_JOB = """
UPDATE jobs SET status = ?, version = ?, attempt = ?, failures = ?, queue_name = ?, job_id = ?,
    intent = ?, lookups = ?, reserved_at = ?, not_before = ?, runnable_since = ?, started_at = ?,
    stopped_at = ?, exit_code = ?, reason = ?
WHERE run = ? AND name = ? AND version = ?
"""
_STATES = """
SELECT name, status, version, attempt, failures, queue_name, job_id, intent, lookups, reserved_at,
    not_before, runnable_since, started_at, stopped_at, exit_code, reason
FROM jobs WHERE run = ?
"""
_RECORDS = """
SELECT jobs.position, spec, jobs.status, version, attempt, failures, queue_name, job_id, intent,
    lookups, reserved_at, not_before, runnable_since, jobs.started_at, stopped_at, exit_code, reason
FROM runs CROSS JOIN jobs USING (run) CROSS JOIN specs USING (run, position)
WHERE run_id = :run_id
"""
_HAS_STATUS = "AND jobs.status IN (SELECT value FROM json_each(:statuses))"
_HAS_NAME = "AND name IN (SELECT value FROM json_each(:names))"
_BY_POSITION = "ORDER BY jobs.position LIMIT :limit"
_SPECS = "SELECT spec FROM specs WHERE run = ? ORDER BY position"
_HEADERS = "SELECT status, revision, counts, header FROM runs WHERE run_id >= :prefix"
_OF_SCHEDULE = "AND schedule_id = :schedule_id"
_OF_STATUS = "AND status = :status"
_OF_PREFIX = "AND substr(run_id, 1, length(:prefix)) = :prefix"
_NEWEST_FIRST = "ORDER BY started_at DESC, run DESC LIMIT :limit"
_HEADER = "SELECT status, revision, counts, header, run FROM runs WHERE run_id = ?"
_UPDATE_RUN = "UPDATE runs SET status = ?, revision = ?, counts = ?, header = ? WHERE run = ?"
_UPDATE_COUNTS = "UPDATE runs SET counts = ? WHERE run = ?"
_REVISIONS = """
SELECT run_id, revision FROM runs WHERE run_id IN (SELECT value FROM json_each(?))
"""
_INSERT_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LAST_EVENT = "SELECT coalesce(max(sequence), 0) FROM events WHERE run = ?"
_EVENTS = """
SELECT sequence, at, job, act, before, after, attempt, job_id, actor, reason, exit_code
FROM runs JOIN events USING (run) WHERE run_id = :run_id AND sequence > :after
"""
_OF_JOB = "AND job = :job"
_OLDEST_FIRST = "ORDER BY sequence"

Row = tuple[Any, ...]


class SqliteRuns:
    """ports.RunStore on a database."""

    def __init__(self, database: Database) -> None:
        self._runs = database

    def create_run(
        self, header: RunHeader, specs: Sequence[JobSpec], states: Mapping[str, JobState]
    ) -> None:
        """Store a new run with all its jobs and the event of its start, whole or not at all.

        Raises ConflictError if the run exists.
        """
        spec_texts = [_to_json(encode_spec(spec)) for spec in specs]
        with self._runs.writing("create run") as connection:
            if connection.execute(_HEADER, (header.run_id,)).fetchone():
                raise run_exists(header)
            run = _insert_run(connection, header, counts_of(states.values()))
            rows = ((run, position, text) for position, text in enumerate(spec_texts))
            connection.executemany(_INSERT_SPEC, rows)
            connection.executemany(_INSERT_JOB, _job_rows(run, specs, states))
            connection.executemany(_INSERT_EVENT, _event_rows(run, 0, (), (start_of(header),)))

    def get_header(self, run_id: str) -> RunHeader:
        """Raises NotFoundError."""
        with self._runs.reading("get header") as connection:
            return _header(_row_of(connection, run_id))

    def find_headers(
        self,
        *,
        schedule_id: str | None = None,
        status: RunStatus | None = None,
        prefix: str = "",
        limit: int = 50,
    ) -> list[RunHeader]:
        """Newest first; `prefix` is the beginning of a run id."""
        query = [_HEADERS]
        query += [_OF_SCHEDULE] if schedule_id is not None else []
        query += [_OF_STATUS] if status is not None else []
        query += [_OF_PREFIX, _NEWEST_FIRST]
        values = {"schedule_id": schedule_id, "status": status and str(status), "prefix": prefix}
        with self._runs.reading("find headers") as connection:
            rows = connection.execute("\n".join(query), {**values, "limit": limit})
            return [_header(row) for row in rows]

    def load_run(self, run_id: str) -> Run:
        """The whole run. Raises NotFoundError."""
        with self._runs.reading("load run") as connection:
            row = _row_of(connection, run_id)
            specs = [
                decode_spec(_from_json(text)) for (text,) in connection.execute(_SPECS, row[4:])
            ]
            states = {row[0]: _state(row[1:]) for row in connection.execute(_STATES, row[4:])}
        return Run(_header(row), specs, {spec.name: states[spec.name] for spec in specs})

    def find_jobs(
        self, run_id: str, *, statuses: Iterable[JobStatus] | None = None, limit: int | None = None
    ) -> list[JobRecord]:
        """Jobs of a run in the document's order, of the given statuses only unless None."""
        query, values = [_RECORDS], {"run_id": run_id, "limit": -1 if limit is None else limit}
        if statuses is not None:
            query.append(_HAS_STATUS)
            values["statuses"] = _to_json(list(statuses))
        return self._job_records("\n".join([*query, _BY_POSITION]), values)

    def get_jobs(self, run_id: str, names: Iterable[str]) -> list[JobRecord]:
        """The named jobs that exist, in the document's order."""
        values = {"run_id": run_id, "names": _to_json(list(names)), "limit": -1}
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
            rows = (_update_row(run, change) for change in changes)
            if connection.executemany(_UPDATE_JOB, rows).rowcount != len(changes):
                raise job_moved(before.run_id)
            last = connection.execute(_LAST_EVENT, (run,)).fetchone()[0]
            connection.executemany(_INSERT_EVENT, _event_rows(run, last, changes, run_changes))
            moved = _to_json(counts_after(_from_json(counts), changes))
            if after is None:
                connection.execute(_UPDATE_COUNTS, (moved, run))
            else:
                about = (str(after.status), after.revision, moved, _to_json(encode_header(after)))
                connection.execute(_UPDATE_RUN, (*about, run))

    def events(self, run_id: str, *, job: str | None = None, after: int = 0) -> list[Event]:
        """Events with a sequence above `after`, oldest first, of one job unless None."""
        query = [_EVENTS, *([_OF_JOB] if job is not None else []), _OLDEST_FIRST]
        values = {"run_id": run_id, "after": after, "job": job}
        with self._runs.reading("events") as connection:
            return [_event(row) for row in connection.execute("\n".join(query), values)]

    def revision_of(self, run_ids: Iterable[str]) -> dict[str, int]:
        """The stored revision of each run that exists."""
        with self._runs.reading("revision of") as connection:
            return dict(connection.execute(_REVISIONS, (_to_json(list(run_ids)),)))

    def _job_records(self, query: str, values: Mapping[str, Any]) -> list[JobRecord]:
        with self._runs.reading("find jobs") as connection:
            return [_job_record(row) for row in connection.execute(query, values)]


def _row_of(connection: sqlite3.Connection, run_id: str) -> Row:
    row: Row | None = connection.execute(_HEADER, (run_id,)).fetchone()
    if row is None:
        raise no_run(run_id)
    return row


def _insert_run(
    connection: sqlite3.Connection, header: RunHeader, counts: Mapping[str, int]
) -> int | None:
    row = (
        header.run_id,
        header.schedule_id,
        encode_time(header.started_at),
        str(header.status),
        header.revision,
        _to_json(counts),
        _to_json(encode_header(header)),
    )
    return connection.execute(_INSERT_RUN, row).lastrowid


def _job_rows(
    run: int | None, specs: Sequence[JobSpec], states: Mapping[str, JobState]
) -> Iterator[Row]:
    for position, spec in enumerate(specs):
        yield (*_state_values(states[spec.name]), run, spec.name, position)


def _update_row(run: int, change: Change) -> Row:
    return (*_state_values(change.after), run, change.job, change.before.version)


def _state_values(state: JobState) -> Row:
    """In the order of the columns; `str` because SQLite's binding is slow with subclasses."""
    return (
        str(state.status),
        state.version,
        state.attempt,
        state.failures,
        state.queue_name,
        state.job_id,
        str(state.intent),
        state.lookups,
        _time(state.reserved_at),
        _time(state.not_before),
        _time(state.runnable_since),
        _time(state.started_at),
        _time(state.stopped_at),
        state.exit_code,
        storable(state.reason),
    )


def _event_rows(
    run: int | None, last: int, changes: Sequence[Change], run_changes: Sequence[RunChange]
) -> Iterator[Row]:
    """Rows numbered from `last` + 1: the jobs' in the order of the changes, then the run's."""
    numbers = count(last + 1)
    for change in changes:
        if is_event(change):
            after, act, actor = change.after, str(change.act), storable(change.actor)
            what = (change.job, act, str(change.before.status), str(after.status))
            why = (after.attempt, after.job_id, actor, storable(after.reason), after.exit_code)
            yield (run, next(numbers), encode_time(change.at), *what, *why)
    for own in run_changes:
        what = ("", own.act, str(own.before), str(own.after))
        why = (0, "", storable(own.actor), storable(own.reason), None)
        yield (run, next(numbers), encode_time(own.at), *what, *why)


def _time(at: datetime | None) -> str | None:
    return None if at is None else encode_time(at)


def _optional_time(text: str | None) -> datetime | None:
    return None if text is None else decode_time(text)


def _header(row: Row) -> RunHeader:
    status, revision, counts, header = row[:4]
    columns = {"scheduleStatus": status, "revision": revision, "counts": _from_json(counts)}
    return decode_header({**_from_json(header), **columns})


def _state(values: Row) -> JobState:
    """From the columns in the order of JobState's fields."""
    status, version, attempt, failures, queue_name, job_id, intent, lookups, *rest = values
    reserved_at, not_before, runnable_since, started_at, stopped_at, exit_code, reason = rest
    return JobState(
        status=_STATUSES[status],
        version=version,
        attempt=attempt,
        failures=failures,
        queue_name=queue_name,
        job_id=job_id,
        intent=_INTENTS[intent],
        lookups=lookups,
        reserved_at=_optional_time(reserved_at),
        not_before=_optional_time(not_before),
        runnable_since=_optional_time(runnable_since),
        started_at=_optional_time(started_at),
        stopped_at=_optional_time(stopped_at),
        exit_code=exit_code,
        reason=reason,
    )


def _job_record(row: Row) -> JobRecord:
    position, spec, *values = row
    return JobRecord(
        spec=decode_spec(_from_json(spec)), state=_state(tuple(values)), position=position
    )


def _event(row: Row) -> Event:
    sequence, at, job, act, before, after, attempt, job_id, actor, reason, exit_code = row
    return Event(
        sequence=sequence,
        at=decode_time(at),
        job=job,
        act=act,
        before=before,
        after=after,
        attempt=attempt,
        job_id=job_id,
        actor=actor,
        reason=reason,
        exit_code=exit_code,
    )
