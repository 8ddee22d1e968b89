"""Rows of SQLite's tables as values of the core, and back."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Any

from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.records import (
    decode_header,
    decode_job_status,
    decode_spec,
    decode_time,
    decode_told,
    encode_time,
    encode_told,
    is_event,
)
from chalicelib.core.run import Change, Event, Intent, JobState, RunHeader
from chalicelib.core.schedule import JobSpec
from chalicelib.ports import JobRecord, RunChange
from chalicelib.store_words import storable

Row = tuple[Any, ...]

to_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
from_json = json.JSONDecoder().decode

# Plain strings to members: calling an enumeration costs ten times as much.
_STATUSES = {str(status): status for status in JobStatus}
_INTENTS = {str(intent): intent for intent in Intent}


def job_rows(
    run: int | None, specs: Sequence[JobSpec], states: Mapping[str, JobState]
) -> Iterator[Row]:
    for position, spec in enumerate(specs):
        yield (*_state_values(states[spec.name]), run, spec.name, position)


def update_row(run: int, change: Change) -> Row:
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
        state.reserved_at and encode_time(state.reserved_at),
        state.not_before and encode_time(state.not_before),
        state.runnable_since and encode_time(state.runnable_since),
        state.started_at and encode_time(state.started_at),
        state.stopped_at and encode_time(state.stopped_at),
        state.exit_code,
        storable(state.reason),
        state.told and to_json(encode_told(state.told)),
    )


def event_rows(
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


def _optional_time(text: str | None) -> datetime | None:
    return None if text is None else decode_time(text)


def header_of(row: Row) -> RunHeader:
    status, revision, counts, header = row[:4]
    columns = {"scheduleStatus": status, "revision": revision, "counts": from_json(counts)}
    return decode_header({**from_json(header), **columns})


def state_of(values: Sequence[Any]) -> JobState:
    """From the columns in the order of JobState's fields."""
    status, version, attempt, failures, queue_name, job_id, intent, lookups, *rest = values
    reserved_at, not_before, runnable_since, started_at, stopped_at, exit_code, *rest = rest
    reason, told = rest
    return JobState(
        status=_STATUSES.get(status) or decode_job_status(status),
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
        told=None if told is None else decode_told(from_json(told)),
    )


def job_record_of(row: Row) -> JobRecord:
    position, spec, *values = row
    return JobRecord(spec=decode_spec(from_json(spec)), state=state_of(values), position=position)


def event_of(row: Row) -> Event:
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
