"""Runs as records: what a store writes and reads, as compact values that JSON can hold.

Writers leave out members that have their default. Readers are tolerant: members they don't know
are ignored, missing ones get their default, so that records of older and newer versions load.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

from chalicelib.core.claims import Told
from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.notice_rules import decode_rules, encode_rules
from chalicelib.core.run import Change, Event, Intent, JobState, RunHeader
from chalicelib.core.schedule import (
    JobSpec,
    OnFailure,
    Policy,
    Reference,
    RetryPolicy,
    TriggerRule,
)
from chalicelib.errors import InvalidInputError

Record = dict[str, Any]

# What people and older documents write into the table for a status.
_STATUS_SYNONYMS = {"": JobStatus.WAITING, "SKIP": JobStatus.PASS}


# One time is written many times: at the reservation, the acceptance, every later status.
@lru_cache(maxsize=8192)
def encode_time(at: datetime) -> str:
    """ISO 8601 in UTC, always with microseconds and Z: as text it sorts as time does."""
    if at.tzinfo is None:
        raise ValueError(f"{at} says no time zone")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def decode_time(text: str) -> datetime:
    """The time that `encode_time` wrote."""
    return datetime.fromisoformat(text)


def decode_job_status(text: str) -> JobStatus:
    """The status, as a person may have written it: `SKIP` is PASS, a space is WAITING.

    Raises InvalidInputError.
    """
    word = text.strip().upper()
    if word in _STATUS_SYNONYMS:
        return _STATUS_SYNONYMS[word]
    if word in JobStatus.__members__:
        return JobStatus[word]
    raise InvalidInputError.at(
        "$.jobStatus", f"{text!r} is no status of a job", allowed=", ".join(JobStatus)
    )


@dataclass(frozen=True, slots=True)
class _Member:
    """How one attribute is written: its JSON name, and the way there and back."""

    attribute: str
    key: str
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    default: Any


def _members(model: type[Any], codecs: Mapping[str, tuple[str, Any, Any]]) -> tuple[_Member, ...]:
    """Pair every field of `model` with its codec; a field without one fails at import."""
    found = []
    for item in fields(model):
        key, encode, decode = codecs[item.name]
        default = item.default if item.default_factory is MISSING else item.default_factory()
        found.append(_Member(item.name, key, encode, decode, default))
    return tuple(found)


def _encode(members: tuple[_Member, ...], model: Any) -> Record:
    record = {}
    for member in members:
        value = getattr(model, member.attribute)
        if value != member.default:
            record[member.key] = member.encode(value)
    return record


def _decode(members: tuple[_Member, ...], model: Callable[..., Any], record: Any) -> Any:
    known = {}
    for member in members:
        value = record.get(member.key)
        if value is not None:
            known[member.attribute] = member.decode(value)
    return model(**known)


_RETRY = _members(
    RetryPolicy,
    {
        "attempts": ("attempts", int, int),
        "delay_seconds": ("delaySeconds", float, float),
        "backoff": ("backoff", float, float),
        "max_delay_seconds": ("maxDelaySeconds", float, float),
    },
)
_POLICY = _members(
    Policy,
    {
        "on_failure": ("onFailure", str, OnFailure),
        "max_concurrency": ("maxConcurrency", int, int),
        "wait_time": ("wait_time", int, int),
        "notify": ("notify", encode_rules, decode_rules),
    },
)
_SPEC = _members(
    JobSpec,
    {
        "name": ("jobName", str, str),
        "upstream": ("upstream", list, tuple),
        "trigger_rule": ("triggerRule", str, TriggerRule),
        "is_finally": ("finally", bool, bool),
        "hold": ("hold", bool, bool),
        "passed": ("passed", bool, bool),
        "retry": ("retry", partial(_encode, _RETRY), partial(_decode, _RETRY, RetryPolicy)),
        "runnable_timeout": ("runnableTimeout", int, int),
        "description": ("description", str, str),
        "request": ("request", dict, dict),
        "reads": (
            "reads",
            lambda reads: list(map(list, reads)),
            lambda pairs: tuple(Reference(*pair) for pair in pairs),
        ),
    },
)
_TOLD = _members(Told, {"outputs": ("outputs", dict, dict), "links": ("links", dict, dict)})
_STATE = _members(
    JobState,
    {
        "status": ("jobStatus", str, decode_job_status),
        "version": ("version", int, int),
        "attempt": ("attempt", int, int),
        "failures": ("failures", int, int),
        "queue_name": ("queueName", str, str),
        "job_id": ("jobId", str, str),
        "intent": ("intent", str, Intent),
        "lookups": ("lookups", int, int),
        "reserved_at": ("reservedAt", encode_time, decode_time),
        "not_before": ("notBefore", encode_time, decode_time),
        "runnable_since": ("runnableSince", encode_time, decode_time),
        "started_at": ("startedAt", encode_time, decode_time),
        "stopped_at": ("stoppedAt", encode_time, decode_time),
        "exit_code": ("exitCode", int, int),
        "reason": ("reason", str, str),
        "told": ("told", partial(_encode, _TOLD), partial(_decode, _TOLD, Told)),
    },
)
_HEADER = _members(
    RunHeader,
    {
        "run_id": ("runId", str, str),
        "schedule_id": ("scheduleId", str, str),
        "started_at": ("startDateTime", encode_time, decode_time),
        "status": ("scheduleStatus", str, RunStatus),
        "revision": ("revision", int, int),
        "generation": ("generation", int, int),
        "schedule_version": ("scheduleVersion", int, int),
        "schedule_digest": ("scheduleDigest", str, str),
        "schedule_name": ("scheduleName", str, str),
        "policy": ("policy", partial(_encode, _POLICY), partial(_decode, _POLICY, Policy)),
        "parameters": ("parameters", dict, dict),
        "started_by": ("startedBy", str, str),
        "reason": ("reason", str, str),
        "cancelling": ("cancelling", str, str),
        "working_directory": ("workingDirectory", str, str),
        "driver": ("driver", str, str),
        "handovers": ("handovers", int, int),
        "ended_at": ("lastDateTime", encode_time, decode_time),
        "archive": ("archive", str, str),
        "expires_at": ("detailsUntil", encode_time, decode_time),
        "made_at": ("madeAt", encode_time, decode_time),
        "counts": ("counts", dict, dict),
    },
)


def encode_policy(policy: Policy) -> Record:
    return _encode(_POLICY, policy)


def decode_policy(record: Mapping[str, Any]) -> Policy:
    policy: Policy = _decode(_POLICY, Policy, record)
    return policy


def encode_spec(spec: JobSpec) -> Record:
    return _encode(_SPEC, spec)


def decode_spec(record: Mapping[str, Any]) -> JobSpec:
    spec: JobSpec = _decode(_SPEC, JobSpec, record)
    return spec


def encode_told(told: Told) -> Record:
    return _encode(_TOLD, told)


def decode_told(record: Mapping[str, Any]) -> Told:
    told: Told = _decode(_TOLD, Told, record)
    return told


def encode_state(state: JobState) -> Record:
    return _encode(_STATE, state)


def decode_state(record: Mapping[str, Any]) -> JobState:
    """Raises InvalidInputError for a status that a person misspelt in the table."""
    state: JobState = _decode(_STATE, JobState, record)
    return state


def encode_header(header: RunHeader) -> Record:
    return _encode(_HEADER, header)


def decode_header(record: Mapping[str, Any]) -> RunHeader:
    header: RunHeader = _decode(_HEADER, RunHeader, record)
    return header


def is_event(change: Change) -> bool:
    """Say whether a change belongs into the history: a look-up that found nothing does not."""
    before, after = change.before, change.after
    return (
        before.status is not after.status
        or before.intent is not after.intent
        or before.reason != after.reason
    )


def event_of(change: Change, sequence: int) -> Event:
    """The line of the history that a change leaves."""
    after = change.after
    return Event(
        sequence=sequence,
        at=change.at,
        job=change.job,
        act=change.act,
        before=change.before.status,
        after=after.status,
        attempt=after.attempt,
        job_id=after.job_id,
        actor=change.actor,
        reason=after.reason,
        exit_code=after.exit_code,
    )
