"""Records: whatever is written is read back, JSON can hold it, and old and new ones load."""

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.claims import Told
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.records import (
    decode_header,
    decode_job_status,
    decode_policy,
    decode_spec,
    decode_state,
    decode_time,
    decode_told,
    encode_header,
    encode_policy,
    encode_spec,
    encode_state,
    encode_time,
    encode_told,
    event_of,
    is_event,
)
from chalicelib.core.run import Change, Event, Intent, JobState, RunHeader
from chalicelib.core.schedule import JobSpec, OnFailure, Policy, Reference, RetryPolicy, TriggerRule
from chalicelib.errors import InvalidInputError

NOW = datetime(2026, 11, 23, 1, 2, 3, 4, UTC)
numbers = st.integers(0, 2**31)
names = st.text(max_size=5)
times = st.datetimes(timezones=st.just(UTC))
seconds = st.floats(0, 1e6)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | names,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
policies = st.builds(
    Policy,
    on_failure=st.sampled_from(OnFailure),
    max_concurrency=st.none() | numbers,
    wait_time=numbers,
)
specs = st.builds(
    JobSpec,
    name=names,
    upstream=st.lists(names, max_size=3).map(tuple),
    trigger_rule=st.sampled_from(TriggerRule),
    is_finally=st.booleans(),
    hold=st.booleans(),
    passed=st.booleans(),
    retry=st.none()
    | st.builds(
        RetryPolicy,
        attempts=st.integers(1, 10),
        delay_seconds=seconds,
        backoff=seconds,
        max_delay_seconds=seconds,
    ),
    runnable_timeout=st.none() | numbers,
    description=names,
    request=st.dictionaries(names, json_values, max_size=3),
    reads=st.lists(st.builds(Reference, names, names), max_size=2).map(tuple),
)
texts = st.dictionaries(names, names, max_size=3)
tolds = st.builds(Told, outputs=texts, links=texts)
states = st.builds(
    JobState,
    status=st.sampled_from(JobStatus),
    version=numbers,
    attempt=numbers,
    failures=numbers,
    queue_name=names,
    job_id=names,
    intent=st.sampled_from(Intent),
    lookups=numbers,
    reserved_at=st.none() | times,
    not_before=st.none() | times,
    runnable_since=st.none() | times,
    started_at=st.none() | times,
    stopped_at=st.none() | times,
    exit_code=st.none() | st.integers(0, 255),
    reason=names,
    told=st.none() | tolds,
)
headers = st.builds(
    RunHeader,
    run_id=names,
    schedule_id=names,
    started_at=times,
    status=st.sampled_from(RunStatus),
    revision=numbers,
    generation=numbers,
    schedule_version=numbers,
    schedule_digest=names,
    schedule_name=names,
    policy=policies,
    parameters=st.dictionaries(names, names | numbers | seconds | st.booleans(), max_size=3),
    started_by=names,
    reason=names,
    cancelling=names,
    working_directory=names,
    ended_at=st.none() | times,
    counts=st.dictionaries(st.sampled_from(JobStatus).map(str), numbers, max_size=3),
)
CODECS = [
    pytest.param(policies, encode_policy, decode_policy, id="policy"),
    pytest.param(specs, encode_spec, decode_spec, id="spec"),
    pytest.param(states, encode_state, decode_state, id="state"),
    pytest.param(tolds, encode_told, decode_told, id="told"),
    pytest.param(headers, encode_header, decode_header, id="header"),
]


def through_json(record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(record, allow_nan=False))
    return found


def members_of(value: Any) -> list[tuple[object, type]]:
    """With their types: True equals 1, and a status equals its text."""
    found = [getattr(value, field.name) for field in fields(value)]
    return [(member, type(member)) for member in found]


@pytest.mark.parametrize(("values", "encode", "decode"), CODECS)
@given(data=st.data())
def test_what_is_written_as_json_is_read_back_with_its_types(
    values: st.SearchStrategy[Any], encode: Any, decode: Any, data: st.DataObject
) -> None:
    value = data.draw(values)
    assert members_of(decode(through_json(encode(value)))) == members_of(value)


@pytest.mark.parametrize(
    ("value", "encode", "decode"),
    [
        (Policy(wait_time=5), encode_policy, decode_policy),
        (JobSpec(name="a", hold=True), encode_spec, decode_spec),
        (JobState(version=2), encode_state, decode_state),
        (RunHeader(run_id="r", schedule_id="s", started_at=NOW), encode_header, decode_header),
    ],
    ids=["policy", "spec", "state", "header"],
)
def test_members_of_a_newer_version_are_ignored(value: Any, encode: Any, decode: Any) -> None:
    assert decode({**encode(value), "inventedLater": {"a": 1}}) == value


@pytest.mark.parametrize(
    ("decode", "record", "value"),
    [
        (decode_policy, {}, Policy()),
        (decode_spec, {"jobName": "a"}, JobSpec(name="a")),
        (decode_state, {}, JobState()),
        (decode_state, {"exitCode": None, "reason": None}, JobState()),
        (
            decode_header,
            {"runId": "r", "scheduleId": "s", "startDateTime": "2026-11-23T01:02:03.000004Z"},
            RunHeader(run_id="r", schedule_id="s", started_at=NOW),
        ),
    ],
    ids=["policy", "spec", "state", "null", "header"],
)
def test_members_that_an_older_version_did_not_write_have_their_default(
    decode: Any, record: dict[str, Any], value: object
) -> None:
    assert decode(record) == value


@pytest.mark.parametrize(
    ("record", "members"),
    [
        (encode_policy(Policy()), set()),
        (encode_spec(JobSpec(name="a")), {"jobName"}),
        (encode_state(JobState()), set()),
        (
            encode_header(RunHeader(run_id="r", schedule_id="s", started_at=NOW)),
            {"runId", "scheduleId", "startDateTime"},
        ),
    ],
    ids=["policy", "spec", "state", "header"],
)
def test_members_with_their_default_are_not_written(
    record: dict[str, Any], members: set[str]
) -> None:
    assert set(record) == members


def test_the_names_that_tables_of_users_already_have_are_kept() -> None:
    record = encode_header(
        RunHeader(
            run_id="r", schedule_id="s", started_at=NOW, status=RunStatus.FAILED, ended_at=NOW
        )
    )
    assert record["scheduleId"] == "s"
    assert record["scheduleStatus"] == "FAILED"
    assert record["startDateTime"] == record["lastDateTime"] == "2026-11-23T01:02:03.000004Z"
    assert encode_state(JobState(status=JobStatus.PASS, job_id="id")) == {
        "jobStatus": "PASS",
        "jobId": "id",
    }


def test_an_exit_code_of_zero_is_written() -> None:
    assert decode_state(encode_state(JobState(exit_code=0))).exit_code == 0


@given(st.lists(times, min_size=2, max_size=2))
def test_times_sort_as_text_as_they_do_as_times(pair: list[datetime]) -> None:
    assert sorted(pair) == sorted(pair, key=encode_time)


@given(times)
def test_a_time_is_read_back_and_always_as_wide(at: datetime) -> None:
    assert decode_time(encode_time(at)) == at
    assert len(encode_time(at)) == len("2026-11-23T01:02:03.000004Z")


def test_a_time_of_another_zone_is_written_in_utc() -> None:
    # An instant of its own: equal times are written once and remembered.
    at = datetime(2020, 1, 1, 3, tzinfo=timezone(timedelta(hours=5)))
    assert encode_time(at) == "2019-12-31T22:00:00.000000Z"


def test_a_time_that_says_no_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="says no time zone"):
        encode_time(NOW.replace(tzinfo=None))


@given(st.sampled_from(JobStatus))
def test_every_status_is_read_as_it_is_written(status: JobStatus) -> None:
    assert decode_job_status(status) is status


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (" ", JobStatus.WAITING),
        ("", JobStatus.WAITING),
        ("SKIP", JobStatus.PASS),
        ("pass", JobStatus.PASS),
        (" PASS\n", JobStatus.PASS),
    ],
)
def test_a_status_may_be_written_as_people_do(text: str, status: JobStatus) -> None:
    assert decode_state({"jobStatus": text}).status is status


def test_a_status_that_does_not_exist_is_bad_input_that_says_what_is_allowed() -> None:
    with pytest.raises(InvalidInputError, match="'DONE' is no status") as caught:
        decode_state({"jobStatus": "DONE"})
    assert caught.value.path == "$.jobStatus"
    assert "SUCCEEDED" in caught.value.problems[0].allowed


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (JobState(version=1, status=JobStatus.HELD), True),
        (JobState(version=1, intent=Intent.HOLD), True),
        (JobState(version=1, reason="why"), True),
        (JobState(version=1, lookups=1), False),
        (JobState(version=1, started_at=NOW), False),
    ],
    ids=["status", "intent", "reason", "lookups", "times"],
)
def test_history_tells_what_a_person_would(after: JobState, told: bool) -> None:
    assert is_event(Change("a", Act.OBSERVE, JobState(), after, NOW)) is told


def test_an_event_says_all_that_a_change_does() -> None:
    after = JobState(
        status=JobStatus.FAILED, attempt=2, job_id="id", exit_code=1, reason="exit 1", version=1
    )
    assert event_of(Change("a", Act.OBSERVE, JobState(), after, NOW, "ann"), 7) == Event(
        sequence=7,
        at=NOW,
        job="a",
        act="OBSERVE",
        before="WAITING",
        after="FAILED",
        attempt=2,
        job_id="id",
        actor="ann",
        reason="exit 1",
        exit_code=1,
    )
