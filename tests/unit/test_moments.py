"""Moments as people write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.moments import parse_moment
from chalicelib.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T14:55", datetime(2026, 11, 23, 14, 55, tzinfo=UTC)),
        (" 2026-11-23T14:55:01Z ", datetime(2026, 11, 23, 14, 55, 1, tzinfo=UTC)),
        ("2026-11-23T14:55+05:45", datetime(2026, 11, 23, 9, 10, tzinfo=UTC)),
    ],
)
def test_days_and_times_are_read(text: str, moment: datetime) -> None:
    assert parse_moment(text, "--from") == moment


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01", "0001-01-01T00:00+23:59"])
def test_what_is_no_moment_is_refused_where_it_was_written(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_moment(text, "--from")
    assert caught.value.path == "--from"


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-1439, 1439))
def test_a_moment_is_the_same_in_whichever_zone_it_is_written(moment: datetime, off: int) -> None:
    try:
        there = moment + timedelta(minutes=off)
    except OverflowError:
        return
    sign, minutes = "-" if off < 0 else "+", abs(off)
    text = f"{there:%Y-%m-%dT%H:%M:%S.%f}{sign}{minutes // 60:02}:{minutes % 60:02}"
    if there.year >= 1000:  # strftime leaves years without their zeros
        assert parse_moment(text, "--from") == moment
