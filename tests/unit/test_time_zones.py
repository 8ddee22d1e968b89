"""Times mean the same wherever the machine stands and whatever zone they are given in."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from chalicelib.core.naming import parse_start, run_id, start_text
from chalicelib.core.records import decode_time, encode_time

IN_UTC = datetime(2026, 11, 23, 20, 30, tzinfo=UTC)
NEPAL = timezone(timedelta(hours=5, minutes=45))
IN_NEPAL = datetime(2026, 11, 24, 2, 15, tzinfo=NEPAL)  # the same moment, on another day
WRITTEN = "2026-11-23T20:30:00.000000Z"


@pytest.fixture(params=["UTC0", "AAA+9:30", "BBB-13"], autouse=True)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on UTC, one in the Marquesas, one in Samoa."""
    with monkeypatch.context() as there:
        there.setenv("TZ", request.param)
        time.tzset()
        encode_time.cache_clear()
        yield
    time.tzset()


@pytest.mark.parametrize("moment", [IN_UTC, IN_NEPAL])
def test_a_start_is_written_in_utc(moment: datetime) -> None:
    assert start_text(moment) == WRITTEN
    assert run_id("etl", moment) == f"etl/{WRITTEN}"


@pytest.mark.parametrize(
    "text",
    ["2026-11-23T20:30:00Z", "2026-11-23T20:30:00", "2026-11-24T02:15:00+05:45",
     "2026-11-23T11:00:00-09:30"],
)  # fmt: skip
def test_a_start_is_read_as_utc_whatever_zone_it_says(text: str) -> None:
    read = parse_start(text)
    assert (read, read.tzinfo) == (IN_UTC, UTC)


@pytest.mark.parametrize("moment", [IN_UTC, IN_NEPAL])
def test_a_time_is_recorded_in_utc_and_read_as_the_same_moment(moment: datetime) -> None:
    assert encode_time(moment) == WRITTEN
    assert decode_time(WRITTEN) == moment
    assert decode_time(WRITTEN).utcoffset() == timedelta()
