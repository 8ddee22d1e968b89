"""Plain values as DynamoDB's attributes, and runs as items."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.aws.documents import to_json
from chalicelib.core.records import (
    Record,
    decode_header,
    decode_state,
    decode_time,
    encode_header,
    encode_state,
    encode_time,
)
from chalicelib.core.run import Event, JobState, RunHeader
from chalicelib.errors import InvalidInputError, Problem
from chalicelib.store_words import storable

Item = dict[str, Any]  # attribute values as the API has them: {"jobName": {"S": "make"}}

# A reason may be a whole log (F23). 1,024 bytes hold what AWS Batch says (API_TerminateJob).
_MAX_TEXT = 1024
_CUT = "…"
_AS_JSON = ("parameters", "policy")  # mappings whose numbers must come back as they were
from_json = json.JSONDecoder().decode


def to_item(values: Mapping[str, Any]) -> Item:
    return {key: to_attribute(value) for key, value in values.items()}


def to_attribute(value: Any) -> dict[str, Any]:
    match value:
        case str():
            return {"S": str(value)}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case bytes():
            return {"B": value}
        case list() | tuple():
            return {"L": [to_attribute(each) for each in value]}
    raise TypeError(f"no attribute holds {value!r}")


def to_values(item: Item) -> Record:
    return {key: to_value(attribute) for key, attribute in item.items()}


def to_value(attribute: Mapping[str, Any]) -> Any:
    """Tolerant: items of the old system hold what its documents held."""
    [(kind, value)] = attribute.items()
    match kind:
        case "N":
            return float(value) if "." in value or "E" in value.upper() else int(value)
        case "L":
            return [to_value(each) for each in value]
        case "M":
            return to_values(value)
        case "NULL":
            return None
    return value


def short(text: str) -> str:
    """Text as it is stored: at most 1,024 bytes of UTF-8."""
    packed = storable(text).encode()
    if len(packed) <= _MAX_TEXT:
        return packed.decode()
    return packed[: _MAX_TEXT - len(_CUT.encode())].decode(errors="ignore") + _CUT


def header_values(header: RunHeader) -> Record:
    """All of a header but its key, its counts and what only the store knows."""
    record = encode_header(header)
    for key in ("startDateTime", "scheduleId", "counts"):
        record.pop(key, None)
    for key in ("reason", "cancelling", "startedBy"):
        if key in record:
            record[key] = short(record[key])
    for key in _AS_JSON:
        if key in record:
            record[key] = to_json(record[key])
    # Defaults that the index and the conditions of writes ask for.
    return record | {"scheduleStatus": str(header.status), "revision": header.revision}


def header_of(values: Mapping[str, Any], counts: Mapping[str, int]) -> RunHeader:
    record = {**values, "counts": counts}
    for key in _AS_JSON:
        if key in record:
            record[key] = from_json(record[key])
    return decode_header(record)


def state_values(state: JobState) -> Record:
    record = encode_state(state)
    if "reason" in record:
        record["reason"] = short(record["reason"])
    if "told" in record:
        record["told"] = to_json(record["told"])
    return record | {"jobStatus": str(state.status), "version": state.version}


def state_of(values: Mapping[str, Any]) -> JobState:
    """Raises InvalidInputError, naming the job, for a status that a person misspelt."""
    record = {**values, "jobStatus": str(values.get("jobStatus", ""))}
    if "told" in record:
        record["told"] = from_json(record["told"])
    try:
        return decode_state(record)
    except InvalidInputError as error:
        place = f"{values['run']}: job {values['jobName']!r}, attribute jobStatus"
        [problem] = error.problems
        raise InvalidInputError(
            [Problem(place, problem.reason, allowed=problem.allowed)]
        ) from error


def event_text(event: Event) -> str:
    """One element of an item's `events`."""
    parts: list[Any] = [event.sequence, encode_time(event.at), event.act, event.before, event.after]
    parts += [event.attempt, event.job_id, short(event.actor), short(event.reason)]
    return to_json([*parts, event.exit_code])


def events_of(values: Mapping[str, Any]) -> Iterator[Event]:
    job = job_of_events(values["jobName"])
    for text in values.get("events", ()):
        sequence, at, act, before, after, attempt, job_id, actor, reason, code = from_json(text)
        yield Event(
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
            exit_code=code,
        )


# Keys that no job can have: a job's name begins with a printable character that is no blank.
RUN_ITEM = " #run"  # the run's own events
WAKE_ITEM = " #wake"
FIRST_JOB = "!"  # all names of jobs sort from here on, and all other items before
_PAGES = " #events#"


def page_name(job: str, number: int) -> str:
    """The item that earlier events of a job, or of the run, were moved to."""
    return f"{_PAGES}{number:06d}#{job}"


def job_of_events(name: str) -> str:
    """The job whose events an item holds; empty for the run itself."""
    if name.startswith(_PAGES):
        name = name[len(_PAGES) :].split("#", 1)[1]
    return "" if name == RUN_ITEM else name


def page_names(job: str, pages: int) -> Sequence[str]:
    return [page_name(job, number) for number in range(1, pages + 1)]
