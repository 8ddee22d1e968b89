"""Names of runs and of attempts: found again by what they name, and by nothing else."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.naming import execution_name, parse_start, queue_name, run_id, start_text
from chalicelib.errors import InvalidInputError

START = datetime(2026, 11, 23, 14, 55, 1, 123456, tzinfo=UTC)
moments = st.datetimes(timezones=st.just(UTC))
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
keys = st.tuples(st.text(max_size=300), st.text(max_size=300), st.integers(1, 10**6))


def test_a_run_is_named_by_its_schedule_and_its_start() -> None:
    assert run_id("etl", START) == "etl/2026-11-23T14:55:01.123456Z"


def test_a_start_is_written_in_utc_with_microseconds() -> None:
    plus_two = timezone(timedelta(hours=2))
    assert start_text(datetime(2026, 1, 1, 1, tzinfo=plus_two)) == "2025-12-31T23:00:00.000000Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T14:55:01.123456Z",
        "2026-11-23T14:55:01.123456",
        "2026-11-23T16:55:01.123456+02:00",
    ],
)
def test_a_start_is_read_as_utc(text: str) -> None:
    assert parse_start(text) == START
    assert parse_start(text).utcoffset() == timedelta()


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "0001-01-01T00:00:00+23:00"])
def test_what_is_no_start_is_told_with_an_example(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_start(text)
    assert str(caught.value) == (
        f"$.startDateTime: {text!r} is not a time; allowed: 2026-11-23T14:55:01.123456Z"
    )


@given(moments)
def test_a_start_is_read_as_it_was_written(moment: datetime) -> None:
    assert parse_start(start_text(moment)) == moment


@given(moments, moments)
def test_starts_sort_as_text_as_they_do_as_times(one: datetime, other: datetime) -> None:
    assert (start_text(one) < start_text(other)) == (one < other)


@given(moments.map(lambda moment: moment.replace(tzinfo=None)), zones)
def test_a_start_of_any_zone_is_read_or_refused(moment: datetime, zone: timezone) -> None:
    text = moment.replace(tzinfo=zone).isoformat()
    with suppress(InvalidInputError):
        assert parse_start(text) == moment.replace(tzinfo=zone)


def test_an_attempt_is_named_by_its_job_and_can_be_read() -> None:
    name = queue_name("etl/2026", "Load Orders!", 12)
    assert re.fullmatch(r"load-orders-[0-9a-f]{16}-12", name)


def test_a_job_whose_name_has_no_allowed_letter_still_has_a_name() -> None:
    assert re.fullmatch(r"job-[0-9a-f]{16}-1", queue_name("etl", "_-夜-_", 1))


def test_a_long_name_is_cut_to_what_the_queue_takes() -> None:
    name = queue_name("etl", "x" * 500, 7)
    assert len(name) == 128
    assert name.endswith("-7")


@given(keys)
def test_a_name_is_one_that_the_queue_takes(key: tuple[str, str, int]) -> None:
    # jobName of SubmitJob, without the upper case that ListJobs does not tell from the lower.
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,127}", queue_name(*key))


@given(keys, keys)
def test_two_attempts_share_a_name_only_if_they_are_the_same(
    one: tuple[str, str, int], other: tuple[str, str, int]
) -> None:
    assert (queue_name(*one) == queue_name(*other)) == (one == other)


@pytest.mark.parametrize("other", [("r", "J", 1), ("R", "j", 1), ("r", "j", 2), ("r", "k", 1)])
def test_an_attempt_is_told_from_its_neighbours(other: tuple[str, str, int]) -> None:
    assert queue_name("r", "j", 1) != queue_name(*other)


def test_a_name_stays_what_it_was_in_runs_that_are_stored() -> None:
    assert queue_name("etl/2026", "a", 1) == "a-cf49463b5f2e1825-1"


def test_an_execution_is_named_by_schedule_run_generation_and_driver() -> None:
    assert execution_name("Etl Daily/2026", 2, 3) == "etl-daily-c783f835858217ca-2-3"


def test_an_execution_of_a_schedule_without_an_allowed_letter_still_has_a_name() -> None:
    assert re.fullmatch(r"run-[0-9a-f]{16}-1-0", execution_name("夜/2026", 1, 0))


def test_the_name_of_an_execution_is_cut_to_what_step_functions_takes() -> None:
    name = execution_name("x" * 200 + "/2026", 1, 12)
    assert len(name) == 80
    assert name.endswith("-1-12")


@pytest.mark.parametrize("other", [("r/2", 1, 0), ("r/1", 2, 0), ("r/1", 1, 1)])
def test_no_two_executions_share_a_name(other: tuple[str, int, int]) -> None:
    assert execution_name("r/1", 1, 0) != execution_name(*other)
