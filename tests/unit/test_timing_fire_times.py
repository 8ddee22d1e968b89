"""When triggers fire: where clocks change, on business days, in any interval."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.timing.calendars import Calendar
from chalicelib.core.timing.fire_times import fire_times
from chalicelib.core.timing.trigger import Trigger
from chalicelib.errors import NotFoundError
from tests.changes import check_change
from tests.fire_oracle import changes, utc, zone_of
from tests.unit.timing import TICK, fires, instants, trigger, walls

# Clocks there go by an hour, by half an hour, over midnight, by a day, and twice about Ramadan.
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns",
         "America/Sao_Paulo", "Pacific/Apia", "Africa/Casablanca", "Antarctica/Troll",
         "Atlantic/Azores", "Asia/Gaza")  # fmt: skip
DE = Calendar(
    "de", holidays=frozenset({date(2026, 12, 24)}), working_dates=frozenset({date(2026, 5, 2)}),
    country="DE",
)  # fmt: skip


def sample() -> list[tuple[str, datetime]]:
    """About 40 changes, 4 of each zone, the skipped day of Apia among them."""
    found = []
    for name in ZONES:
        all_changes = list(changes(zone_of(name), utc(2008, 1, 1), utc(2030, 1, 1)))
        chosen = all_changes[:: max(1, len(all_changes) // 4)][:4]
        if name == "Pacific/Apia":
            chosen = [each for each in all_changes if each.year in {2011, 2012}][:4]
        found += [(name, change) for change in chosen]
    return found


SAMPLE = sample()


@pytest.mark.parametrize(("name", "change"), SAMPLE, ids=str)
def test_f41_fire_times_about_a_change_of_clocks_are_those_of_the_wall_clock(
    name: str, change: datetime
) -> None:
    check_change(name, change)


def test_f41_a_whole_day_that_was_skipped_is_in_the_sample() -> None:
    assert ("Pacific/Apia", utc(2011, 12, 30, 10)) in SAMPLE


@pytest.mark.parametrize(
    ("zone", "cron", "day", "shown"),
    [
        # Put forward over 02:30, back over 02:30, in Berlin.
        ("Europe/Berlin", "30 2 * * *", (2026, 3, 28),
         ["2026-03-28 02:30+01:00", "2026-03-29 03:00+02:00", "2026-03-30 02:30+02:00"]),
        ("Europe/Berlin", "30 2 * * *", (2026, 10, 24),
         ["2026-10-24 02:30+02:00", "2026-10-25 02:30+02:00", "2026-10-26 02:30+01:00"]),
        ("America/New_York", "30 2 * * *", (2026, 3, 7),
         ["2026-03-07 02:30-05:00", "2026-03-08 03:00-04:00", "2026-03-09 02:30-04:00"]),
        ("America/New_York", "30 1 * * *", (2026, 10, 31),
         ["2026-10-31 01:30-04:00", "2026-11-01 01:30-04:00", "2026-11-02 01:30-05:00"]),
        # By half an hour only.
        ("Australia/Lord_Howe", "15 2 * * *", (2026, 10, 3),
         ["2026-10-03 02:15+10:30", "2026-10-04 02:30+11:00", "2026-10-05 02:15+11:00"]),
        ("Australia/Lord_Howe", "45 1 * * *", (2026, 4, 4),
         ["2026-04-04 01:45+11:00", "2026-04-05 01:45+11:00", "2026-04-06 01:45+10:30"]),
        # A day that never was: its fire time is the first instant of the next.
        ("Pacific/Apia", "0 12 * * *", (2011, 12, 29),
         ["2011-12-29 12:00-10:00", "2011-12-31 00:00+14:00", "2011-12-31 12:00+14:00"]),
        # Odd offsets, without and with changes over midnight.
        ("Asia/Kathmandu", "30 2 * * *", (2026, 3, 28),
         ["2026-03-28 02:30+05:45", "2026-03-29 02:30+05:45", "2026-03-30 02:30+05:45"]),
        ("Atlantic/Azores", "30 0 * * *", (2026, 3, 28),
         ["2026-03-28 00:30-01:00", "2026-03-29 01:00+00:00", "2026-03-30 00:30+00:00"]),
        # Leap days, and every hour.
        ("UTC", "0 0 29 2 *", (2026, 1, 1),
         ["2028-02-29 00:00+00:00", "2032-02-29 00:00+00:00", "2036-02-29 00:00+00:00"]),
        ("UTC", "0 0 29 2 *", (2096, 3, 1),
         ["2104-02-29 00:00+00:00", "2108-02-29 00:00+00:00", "2112-02-29 00:00+00:00"]),
        ("UTC", "0 0 * 2 MON#5", (2080, 1, 1),
         ["2112-02-29 00:00+00:00"]),
        ("Europe/Berlin", "cron(0 0 29 2 ? 2028)", (2026, 1, 1),
         ["2028-02-29 00:00+01:00"]),
    ],
)  # fmt: skip
def test_f41_fixed_times_fire_once_a_day_whatever_clocks_do(
    zone: str, cron: str, day: tuple[int, int, int], shown: list[str]
) -> None:
    made = trigger(cron, timezone=zone)
    begin = datetime(*day, tzinfo=zone_of(zone)).astimezone(UTC) - TICK
    assert walls(list(islice(fire_times(made, None, begin), len(shown)))) == shown


@pytest.mark.parametrize(
    ("zone", "cron", "begin", "shown"),
    [
        ("Europe/Berlin", "*/30 * * * *", (2026, 10, 24, 23, 45),
         ["02:00+02:00", "02:30+02:00", "02:00+01:00", "02:30+01:00", "03:00+01:00"]),
        ("Europe/Berlin", "30 * * * *", (2026, 3, 29, 0),
         ["01:30+01:00", "03:30+02:00", "04:30+02:00"]),
        ("Australia/Lord_Howe", "*/20 * * * *", (2026, 4, 4, 14, 35),
         ["01:40+11:00", "01:40+10:30", "02:00+10:30"]),
        # Put back at one minute past midnight, into the day before.
        ("America/St_Johns", "*/30 * * * *", (2010, 11, 7, 2),
         ["00:00-02:30", "23:30-03:30", "00:00-03:30", "00:30-03:30"]),
    ],
)  # fmt: skip
def test_f41_what_fires_every_hour_goes_by_real_time(
    zone: str, cron: str, begin: tuple[int, ...], shown: list[str]
) -> None:
    found = islice(fire_times(trigger(cron, timezone=zone), None, utc(*begin)), len(shown))
    assert [wall[11:] for wall in walls(list(found))] == shown


def test_f41_an_hour_that_comes_twice_over_midnight_belongs_to_the_day_it_shows() -> None:
    def sundays(cron: str) -> list[str]:
        found = fires(cron, utc(2010, 11, 7), utc(2010, 11, 9), timezone="America/St_Johns")
        return [wall[8:] for wall in walls(found)]

    assert sundays("20 * * * SAT")[-3:] == ["06 22:20-02:30", "06 23:20-02:30", "06 23:20-03:30"]
    assert sundays("0 * * * SUN")[:3] == ["07 00:00-02:30", "07 00:00-03:30", "07 01:00-03:30"]


def test_f41_an_interval_may_begin_and_end_while_the_day_before_comes_again() -> None:
    # At 02:31 UTC clocks go back from 00:01 to 23:01 of the day before.
    first_midnight, again_half_past_11 = utc(2010, 11, 7, 2, 30), utc(2010, 11, 7, 3)
    zone = {"timezone": "America/St_Johns"}
    found = fires("30 * * * SAT", first_midnight, again_half_past_11, **zone)
    assert walls(found) == ["2010-11-06 23:30-03:30"]
    found = fires("30 * * * SAT", first_midnight, utc(2010, 11, 14), **zone)
    assert walls(found)[:2] == ["2010-11-06 23:30-03:30", "2010-11-13 00:30-03:30"]
    found = fires("0 0 * * *", first_midnight - timedelta(minutes=1), again_half_past_11, **zone)
    assert walls(found) == ["2010-11-07 00:00-02:30"]


@pytest.mark.parametrize(("dst", "expected"), [("next", 1), ("skip", 0)])
@pytest.mark.parametrize(
    "fields", [{"cron": "10,30 2 29 3 *"}, {"cron": None, "at": "2026-03-29T02:30:00"}]
)
def test_f41_a_time_that_does_not_exist_is_moved_to_the_end_of_the_gap_or_skipped(
    dst: str, expected: int, fields: dict[str, Any]
) -> None:
    made = trigger(**fields, timezone="Europe/Berlin", dst=dst)
    found = list(fire_times(made, None, utc(2026, 3, 1), utc(2026, 4, 1)))
    assert walls(found) == ["2026-03-29 03:00+02:00"][:expected]
    for fire in found:
        assert "does not exist on 2026-03-29; first valid instant" in fire.note


def test_f41_a_rate_counts_in_utc_and_knows_no_clocks() -> None:
    found = fires("", utc(2026, 3, 28), utc(2026, 3, 31), rate="1 day", timezone="Europe/Berlin")
    assert walls(found) == [
        "2026-03-29 02:00+02:00"[:11] + "01:00+01:00", "2026-03-30 02:00+02:00",
        "2026-03-31 02:00+02:00",
    ]  # fmt: skip
    assert len(fires("", utc(2026, 10, 25), utc(2026, 10, 26), rate="rate(5 minutes)")) == 288


def test_a_rate_fires_at_the_multiples_since_1970() -> None:
    found = instants(fires("", utc(2026, 1, 1), utc(2026, 1, 2), rate="7 hours"))
    assert found == [
        moment
        for moment in (utc(2026, 1, 1) + timedelta(minutes=count) for count in range(1, 1441))
        if moment.timestamp() % (7 * 3600) == 0
    ]


def test_what_fires_at_one_time_does_so_once() -> None:
    fields = {"at": "at(2026-12-24T18:00:05)", "timezone": "Europe/Berlin"}
    assert instants(fires("", utc(2020, 1, 1), utc(2030, 1, 1), **fields)) == [
        utc(2026, 12, 24, 17, 0, 5)
    ]
    assert fires("", utc(2026, 12, 24, 17, 0, 5), utc(2030, 1, 1), **fields) == []


@pytest.mark.parametrize("kind", [
    {"onRun": {"schedule": "load"}}, {"onFile": {"path": "in/*.csv"}}, {"http": {}},
])  # fmt: skip
def test_the_clock_makes_no_other_trigger_fire(kind: dict[str, Any]) -> None:
    assert fires("", utc(2020, 1, 1), utc(2030, 1, 1), **kind) == []


@pytest.mark.parametrize("after", [datetime.min.replace(tzinfo=UTC), utc(1969, 12, 31, 23)])
def test_time_begins_in_1970(after: datetime) -> None:
    assert next(fire_times(trigger("0 0 * * *"), None, after)).at == utc(1970, 1, 1)


@pytest.mark.parametrize(
    ("cron", "after"),
    [
        ("* * * * *", utc(2200, 1, 1)),
        ("* * * * *", datetime.max.replace(tzinfo=UTC)),
        ("0 0 1 1 *", utc(2199, 6, 1)),
        ("0 0 */20 * 1L", utc(2026, 1, 1)),
        ("cron(0 0 31W 2 ? *)", utc(2026, 1, 1)),
        ("cron(0 0 1 1 ? 2020)", utc(2026, 1, 1)),
    ],
)
def test_a_search_that_finds_nothing_more_ends(cron: str, after: datetime) -> None:
    assert list(fire_times(trigger(cron), None, after)) == []


def test_without_an_end_the_search_is_over_after_50_years() -> None:
    found = list(fire_times(trigger("0 0 1 1 *"), None, utc(2026, 6, 1)))
    assert [fire.at.year for fire in found] == list(range(2027, 2077))
    assert list(fire_times(trigger("cron(0 0 1 1 ? 2199)"), None, utc(2026, 1, 1))) == []
    far = fire_times(trigger("cron(0 0 1 1 ? 2199)"), None, utc(2150, 1, 1))
    assert instants(list(far)) == [utc(2199, 1, 1)]


@pytest.mark.parametrize(
    ("cron", "calendar", "shown"),
    [
        # 1 May is a Friday and a holiday; 2 May works by decree.
        ("0 6 30 4 *", {"name": "de"}, ["Thu 2026-04-30"]),
        ("0 6 1-5 5 *", {"name": "de"}, ["Sat 2026-05-02", "Mon 2026-05-04", "Tue 2026-05-05"]),
        ("0 6 1 5 *", {"name": "de", "roll": "forward"}, ["Sat 2026-05-02"]),
        ("0 6 1 5 *", {"name": "de", "roll": "back"}, ["Thu 2026-04-30"]),
        ("0 6 1 5 *", {"name": "de", "roll": "skip"}, []),
        ("0 6 24-28 12 *", {"name": "de"}, ["Mon 2026-12-28"]),
        ("0 6 24-28 12 *", {"name": "de", "roll": "forward"}, ["Mon 2026-12-28"]),
        ("0 6 24-28 12 *", {"name": "de", "roll": "back"}, ["Wed 2026-12-23", "Mon 2026-12-28"]),
        ("0 6 * 12 *", {"name": "de", "day": "first business day"}, ["Tue 2026-12-01"]),
        ("0 6 * 12 *", {"name": "de", "day": "last business day"}, ["Thu 2026-12-31"]),
        ("0 6 * 12 *", {"name": "de", "day": "Third  last business day"}, ["Tue 2026-12-29"]),
        ("0 6 * 12 *", {"name": "de", "day": "3rd last business day"}, ["Tue 2026-12-29"]),
        ("0 6 * 12 *", {"name": "de", "day": "twentieth business day"}, ["Wed 2026-12-30"]),
        ("0 6 * 2 *", {"name": "weekdays", "day": "20th business day"}, ["Fri 2026-02-27"]),
        ("0 6 * 2 *", {"name": "weekdays", "day": "second business day"}, ["Tue 2026-02-03"]),
        ("0 6 ? * SAT *", {"name": "weekdays", "day": "first business day"}, []),
    ],
)  # fmt: skip
def test_a_calendar_restricts_and_moves_days(
    cron: str, calendar: dict[str, str], shown: list[str]
) -> None:
    found = fires(cron, utc(2026, 1, 1), utc(2027, 1, 1), DE, calendar=calendar)
    assert [f"{fire.local:%a %Y-%m-%d}" for fire in found] == shown
    assert {f"{fire.local:%H:%M}" for fire in found} <= {"06:00"}


@pytest.mark.parametrize(
    ("roll", "shown"), [("skip", []), ("forward", [2]), ("back", [1]), (None, [])]
)
def test_what_fires_once_moves_to_a_business_day_too(roll: str | None, shown: list[int]) -> None:
    plain = Calendar("plain", holidays=frozenset({date(2026, 6, 3)}))

    def days(day: int) -> list[int]:
        calendar = {"name": "plain", **({"roll": roll} if roll else {})}
        at = f"2026-06-0{day}T18:00:00"
        found = fires("", utc(2026, 5, 1), utc(2026, 7, 1), plain, at=at, calendar=calendar)
        return [fire.local.day for fire in found]

    assert days(2) == [2]
    assert days(3) == [day + (2 if roll == "forward" else 1) for day in shown]


def test_a_note_says_from_where_a_fire_time_was_moved() -> None:
    rolled = {"name": "weekdays", "roll": "forward"}
    (alone,) = fires("0 6 2 5 *", utc(2026, 5, 1), utc(2026, 6, 1), calendar=rolled)
    assert alone.note == "moved from Sat 2026-05-02, not a business day of weekdays"
    both = fires("0 6 2-4 5 *", utc(2026, 5, 1), utc(2026, 6, 1), calendar=rolled)
    assert [(fire.local.day, fire.note) for fire in both] == [(4, "")]
    fields = {"timezone": "Pacific/Apia", "calendar": {"name": "weekdays", "roll": "back"}}
    found = fires("0 12 1 1 *", utc(2011, 12, 29), utc(2012, 1, 3), **fields)
    moved = "moved from Sun 2012-01-01, not a business day of weekdays"
    gap = "12:00 does not exist on 2011-12-30; first valid instant"
    assert [fire.note for fire in found] == [f"{moved}; {gap}"]


def test_an_interval_may_begin_and_end_among_the_days_that_fire_times_are_moved_from() -> None:
    forward = {"calendar": {"name": "weekdays", "roll": "forward"}}
    (monday,) = fires("0 6 * * SAT", utc(2026, 11, 22), utc(2026, 11, 27), **forward)
    assert monday.note.startswith("moved from Sat 2026-11-21")
    assert monday.local.day == 23
    back = {"calendar": {"name": "weekdays", "roll": "back"}}
    (friday,) = fires("0 6 * * SUN", utc(2026, 11, 16), utc(2026, 11, 20, 12), **back)
    assert friday.note.startswith("moved from Sun 2026-11-22")
    assert friday.local.day == 20


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "UTC", "America/New_York"])
def test_a_rate_is_restricted_to_days(zone: str) -> None:
    fields = {"rate": "12 hours", "timezone": zone}
    all_days = fires("", utc(2026, 1, 1), utc(2027, 1, 1), **fields)
    some = fires("", utc(2026, 1, 1), utc(2027, 1, 1), DE, **fields, calendar="de")
    assert some == [fire for fire in all_days if DE.is_business_day(fire.local.date())]
    calendar = {"name": "de", "day": "first business day"}
    first = fires("", utc(2026, 1, 1), utc(2027, 1, 1), DE, **fields, calendar=calendar)
    assert {fire.local.date() for fire in first} == {
        min(day for day in {fire.local.date() for fire in some} if day.month == month)
        for month in range(1, 13)
    }


@pytest.mark.parametrize("roll", ["skip", "forward", "back"])
@pytest.mark.parametrize("cron", ["0 6 * * *", "0 * * * *"])
def test_a_calendar_without_business_days_leaves_nothing(roll: str, cron: str) -> None:
    empty = Calendar("empty", weekdays=frozenset())
    calendar = {"name": "empty", "roll": roll}
    assert fires(cron, utc(2026, 1, 1), utc(2026, 3, 1), empty, calendar=calendar) == []


@pytest.mark.parametrize("given", [None, Calendar("other")])
def test_a_calendar_that_is_not_there_is_told(given: Calendar | None) -> None:
    made = trigger("0 6 * * *", name="early", calendar="de")
    with pytest.raises(NotFoundError, match=r"no calendar 'de'\. Trigger 'early' needs it"):
        list(fire_times(made, given, utc(2026, 1, 1)))


SPLIT = (
    {"cron": "30 2 * * *"},
    {"cron": "*/20 0-5 * * *"},
    {"cron": "*/15 * * * *"},
    {"cron": "0 23,0,1 * * 1,6", "dst": "skip"},
    {"cron": "0 6 * * *", "calendar": {"name": "de", "roll": "forward"}},
    {"cron": "0 * * * *", "calendar": {"name": "de", "roll": "back"}},
    {"cron": "0 6 * * *", "calendar": {"name": "de", "day": "last business day"}},
    {"rate": "45 minutes", "calendar": "de"},
    {"rate": "2 days"},
    {"at": "2011-12-30T12:00:00"},
)
TRIGGERS: st.SearchStrategy[Trigger] = st.builds(
    lambda fields, zone: trigger(**{"cron": "", **fields}, timezone=zone),
    st.sampled_from(SPLIT),
    st.sampled_from(ZONES),
)
BEGINS = st.sampled_from(
    [utc(2010, 11, 5), utc(2011, 12, 28), utc(2026, 3, 27), utc(2026, 10, 23), utc(2026, 12, 22)]
)
CUTS = st.lists(st.timedeltas(timedelta(), timedelta(days=6)), max_size=6)


@given(TRIGGERS, BEGINS, CUTS)
def test_f41_intervals_may_be_cut_anywhere(
    made: Trigger, begin: datetime, cuts: list[timedelta]
) -> None:
    end = begin + timedelta(days=6)
    whole = list(fire_times(made, DE, begin, end))
    assert all(before.at < after.at for before, after in pairwise(whole))
    assert all(begin < fire.at <= end for fire in whole)
    assert all(fire.at == fire.local for fire in whole)
    edges = [begin, *sorted(begin + cut for cut in cuts), end]
    parts = [fire for first, last in pairwise(edges) for fire in fire_times(made, DE, first, last)]
    assert parts == whole
    for fire in whole[:3]:
        assert next(fire_times(made, DE, fire.at - TICK)) == fire
