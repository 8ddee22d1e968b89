"""When the schedule of a crontab line starts, against an oracle after the source of cron."""

from datetime import datetime, time, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.crontab.times import (
    TimesError,
    differs_where_clocks_change,
    times_of,
)
from chalicelib.core.loading import load
from chalicelib.core.timing.fire_times import fire_times
from chalicelib.core.timing.trigger_reading import triggers_of
from tests.cron_oracle import FIRST_AND_LAST, NAMES, SHORT, CronLine, scanned
from tests.fire_oracle import DAY, WallClock, utc, zone_of
from tests.unit.crontabs import imported

YEAR = timedelta(days=365)
BEFORE = timedelta(microseconds=1)
DENSE = 24  # starts a day, above which a part of the year is walked
BERLIN = "Europe/Berlin"
JANUARY = utc(2026, 1, 1)
CHANGES = (utc(2026, 3, 29, 1), utc(2026, 10, 25, 1))  # of Berlin


def written(index: int) -> st.SearchStrategy[str]:
    """One number of a field: as digits, with zeros before them, by name in either case."""
    low, high = FIRST_AND_LAST[index]
    digits = st.integers(low, high).map(str) | st.integers(low, high).map("{:03}".format)
    if not NAMES[index]:
        return digits
    return digits | st.sampled_from([*NAMES[index], *(name.upper() for name in NAMES[index])])


def span_of(index: int) -> st.SearchStrategy[str]:
    bounds = FIRST_AND_LAST[index]

    def forwards(ends: tuple[str, str]) -> str:
        return "-".join(sorted(ends, key=lambda end: min(scanned(end, *bounds, NAMES[index]))))

    return st.tuples(written(index), written(index)).map(forwards)


def term(index: int) -> st.SearchStrategy[str]:
    step = st.integers(1, 70).map("/{}".format)
    span = span_of(index)
    stepped = st.tuples(span | st.just("*"), step).map("".join)
    return st.just("*") | written(index) | span | stepped


def some_times() -> st.SearchStrategy[str]:
    """What may stand before a command."""
    field = [st.lists(term(index), min_size=1, max_size=3).map(",".join) for index in range(5)]
    rare = [st.just("*") | each for each in field[2:]]
    five = st.tuples(*field[:2], *rare).map(" ".join)
    return five | st.tuples(*field).map(" ".join) | st.sampled_from(sorted(SHORT))


def fires(times: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    """When the schedule of the line starts within [begin, end)."""
    made = imported(f"{times} true\n", timezone=zone)
    (trigger,) = triggers_of(load(made.documents[0]).triggers)
    return [fire.at for fire in fire_times(trigger, None, begin - BEFORE, end - BEFORE)]


@given(some_times(), st.integers(0, 360))
def test_a_schedule_starts_when_cron_would_start_its_line_for_a_year(
    times: str, offset: int
) -> None:
    cron = CronLine(times)
    is_dense = len(cron.minutes) * len(cron.hours) > DENSE
    begin = utc(2026, 1, 1) + timedelta(days=offset)
    end = begin + (timedelta(days=10) if is_dense else YEAR)
    assert fires(times, "UTC", begin, end) == cron.walk(begin, end)


@cache
def clock(change: datetime) -> WallClock:
    """Some days around a change of clocks."""
    return WallClock(zone_of(BERLIN), change - timedelta(days=2), change + timedelta(days=2))


@given(some_times(), st.sampled_from(CHANGES))
def test_where_clocks_change_it_starts_as_cron_does_or_is_said_to_differ(
    times: str, change: datetime
) -> None:
    cron, wall = CronLine(times), clock(change)
    begin, end = change - timedelta(days=1), change + timedelta(days=1)
    found = fires(times, BERLIN, begin, end)
    if cron.goes_by_the_wall:
        expected = wall.in_real_time(cron.starts)
    else:
        days = [change.date() + timedelta(days=count) for count in (-1, 0, 1)]
        midnights = [datetime.combine(day, time()) for day in days]
        walls = [each for midnight in midnights for each in cron.walk(midnight, midnight + DAY)]
        starts = (wall.at_walls([each.date()], [each.time()]) for each in walls)
        expected = sorted(at for each in starts for at in each)
    expected = [at for at in expected if begin <= at < end]
    if differs_where_clocks_change(times_of(times.split()), BERLIN, JANUARY):
        near = (change - timedelta(hours=2), change + timedelta(hours=2))
        found, expected = (
            [at for at in each if not near[0] <= at <= near[1]] for each in (found, expected)
        )
    assert found == expected


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ("60 * * * *", 'no minute "60": 0 to 59'),
        ("* 24 * * *", 'no hour "24": 0 to 23'),
        ("* * 0 * *", 'no day of the month "0": 1 to 31'),
        ("* * * 13 *", 'no month "13": 1 to 12'),
        ("* * * * 8", 'no day of the week "8": 0 to 7'),
        ("* * * mon *", 'no month "mon"'),
        ("jan * * * *", 'no minute "jan"'),
        ("* * * * monday", 'no day of the week "monday"'),
        ("*/0 * * * *", 'no minute "*/0"'),
        ("99999 * * * *", 'no minute "99999"'),
        ("*-5 * * * *", 'no minute "*-5"'),
        ("1, * * * *", 'no minute ""'),
        ("H * * * *", 'no minute "H"'),
        ("* * L * *", 'no day of the month "L"'),
        ("* * ? * *", 'no day of the month "?"'),
        ("* * 15W * *", 'no day of the month "15W"'),
        ("* * * * mon#1", 'no day of the week "mon#1"'),
        ("* * * * 5L", 'no day of the week "5L"'),
        ("* 22-4 * * *", '"22-4", goes backwards'),
        ("* * * * fri-sun", '"fri-sun", goes backwards'),
        ("5/15 * * * *", 'crons differ about "5/15": write 5-59/15, or 5'),
        ("0~59 * * * *", "its minute, \"0~59\", is picked at random"),
        ("* ~ * * *", "its hour, \"~\", is picked at random"),
        ("@reboot", "no trigger fires at the start of a machine"),
        ("@every_minute", '"@every_minute" is none of @yearly'),
        ("@Daily", '"@Daily" is none of @yearly'),
    ],
)  # fmt: skip
def test_times_that_cron_refuses_or_no_trigger_has_are_told_of_with_the_part(
    times: str, said: str
) -> None:
    with pytest.raises(TimesError) as error:
        times_of(times.split())
    assert said in str(error.value)


def test_a_range_of_one_number_is_that_number_whatever_its_step() -> None:
    assert times_of(["05-5/2", "1-1", "7-07", "*", "sun-0/3"]) == "05 1 7 * sun"


@pytest.mark.parametrize(
    ("times", "differs"),
    [
        ("30 2 * * *", False),
        ("@hourly", False),
        ("*/5 * * * *", False),
        ("*/5 9-17 * * *", False),
        ("*/5 2 * * *", True),
        ("0 */2 * * *", True),
        ("0 1-23/2 * * *", False),
        ("0 0-23 * * *", True),
        ("15,45 2 * * *", True),
        ("15,45 1,3 * * *", False),
    ],
)
def test_only_times_that_a_change_of_clocks_meets_differ(times: str, differs: bool) -> None:
    assert differs_where_clocks_change(times, BERLIN, JANUARY) is differs
    assert not differs_where_clocks_change(times, "UTC", JANUARY)
    assert not differs_where_clocks_change(times, "Asia/Tokyo", JANUARY)
