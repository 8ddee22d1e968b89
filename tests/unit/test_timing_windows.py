"""How long starts wait after their fire time: for their jitter, and for their window to open."""

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.core.timing.due import Due, MissReason
from chalicelib.core.timing.trigger import Window
from chalicelib.core.timing.waiting import jitter_of, opening, ready_at
from tests.fire_oracle import WallClock, changes, utc, zone_of
from tests.unit.timing import HOUR, MINUTE, NOON, TICK, missed, started, tick, trigger

DAY = timedelta(days=1)
NIGHT = ["22:00", "05:00"]


@given(st.datetimes().map(lambda each: each.replace(year=2026, microsecond=0)))
def test_jitter_is_a_delay_that_is_always_the_same(naive: datetime) -> None:
    moment = utc(*naive.timetuple()[:6])
    made = trigger("0 * * * *", jitter="5m")
    delay = jitter_of("nightly", made, moment)
    assert timedelta() <= delay <= timedelta(minutes=5)
    assert delay == jitter_of("nightly", made, moment)
    assert jitter_of("nightly", trigger("0 * * * *"), moment) == timedelta()


def test_jitter_spreads_starts_over_its_whole_length() -> None:
    made = trigger("0 * * * *", jitter=9)
    delays = {jitter_of("nightly", made, NOON + count * HOUR).seconds for count in range(500)}
    assert delays == set(range(10))
    other = {jitter_of("weekly", made, NOON + count * HOUR) for count in range(5)}
    assert other != {jitter_of("nightly", made, NOON + count * HOUR) for count in range(5)}


def test_a_start_waits_for_its_jitter() -> None:
    made = trigger("0 12 * * *", jitter="2h", catchUp="none")
    delay = jitter_of("nightly", made, NOON)
    assert delay > 10 * MINUTE
    waiting = tick(made, NOON - HOUR, NOON + delay - TICK)
    assert waiting == Due(next_at=NOON + delay)
    assert started(tick(made, NOON - HOUR, NOON + delay)) == [NOON]


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ((2026, 11, 23, 21), (2026, 11, 23, 21)),
        ((2026, 11, 24, 3, 59), (2026, 11, 24, 3, 59)),
        ((2026, 11, 24, 4), (2026, 11, 24, 21)),
        ((2026, 11, 23, 20, 59), (2026, 11, 23, 21)),
        ((2026, 3, 28, 20, 30), (2026, 3, 28, 21)),
        ((2026, 3, 29, 4), (2026, 3, 29, 20)),
    ],
)
def test_runs_start_only_within_the_window(now: tuple[int, ...], opens: tuple[int, ...]) -> None:
    made = trigger("0 * * * *", startBetween=["22:00", "05:00"], timezone="Europe/Berlin")
    assert opening(made, utc(*now)) == utc(*opens)


def test_f41_a_window_that_opens_in_an_hour_that_comes_twice_opens_twice() -> None:
    made = trigger("0 * * * *", startBetween=["02:15", "02:45"], timezone="Europe/Berlin")
    assert opening(made, utc(2026, 10, 25, 0)) == utc(2026, 10, 25, 0, 15)
    assert opening(made, utc(2026, 10, 25, 0, 50)) == utc(2026, 10, 25, 1, 15)
    assert opening(made, utc(2026, 10, 25, 1, 50)) == utc(2026, 10, 26, 1, 15)
    # It opens again when clocks are put back into it.
    made = trigger("0 * * * *", startBetween=["01:30", "02:30"], timezone="Europe/Berlin")
    assert opening(made, utc(2026, 10, 25, 0, 45)) == utc(2026, 10, 25, 1)


def test_f41_a_window_within_a_gap_does_not_open_on_that_day() -> None:
    made = trigger("0 * * * *", startBetween=["02:15", "02:45"], timezone="Europe/Berlin")
    assert opening(made, utc(2026, 3, 29, 0)) == utc(2026, 3, 30, 0, 15)
    assert opening(made, utc(2026, 3, 28, 2)) == utc(2026, 3, 30, 0, 15)
    # And where only its beginning is in a gap, it opens at the gap's end.
    made = trigger("0 * * * *", startBetween=["02:15", "03:45"], timezone="Europe/Berlin")
    assert opening(made, utc(2026, 3, 29, 0)) == utc(2026, 3, 29, 1)


@given(
    st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia"]),
    st.integers(0, 40),
    st.times(),
    st.times(),
    st.timedeltas(-timedelta(hours=26), timedelta(hours=6)),
)
def test_f41_a_window_opens_at_the_first_minute_that_shows_a_time_within_it(
    name: str, which: int, begin: time, end: time, distance: timedelta
) -> None:
    zone = zone_of(name)
    all_changes = CHANGES[name]
    moment = (all_changes[which % len(all_changes)] + distance).replace(second=0, microsecond=0)
    begin, end = (each.replace(second=0, microsecond=0) for each in (begin, end))
    assume(begin != end)
    window = Window(begin, end)
    clock = WallClock(zone, moment, moment + timedelta(hours=50))

    def is_within(wall: datetime) -> bool:
        shown = wall.time()
        return begin <= shown < end if begin < end else not end <= shown < begin

    made = replace(trigger("0 * * * *", timezone=name), window=window)
    found = opening(made, moment)
    assert found == clock.in_real_time(is_within)[0]
    assert opening(made, found) == found


CHANGES = {
    name: list(changes(zone_of(name), utc(2010, 6, 1), utc(2013, 1, 1)))
    for name in ("Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia")
}


def test_a_fire_time_outside_of_the_window_waits_until_it_opens() -> None:
    made = trigger("0 12 * * *", startBetween=["22:00", "05:00"])
    assert tick(made, NOON - HOUR, NOON + MINUTE) == Due(next_at=NOON + 10 * HOUR)
    found = tick(made, NOON - HOUR, NOON + 10 * HOUR + MINUTE)
    assert [(start.fire.at, start.is_late) for start in found.starts] == [(NOON, False)]


def test_f14_a_tick_that_comes_when_the_window_is_closed_again_waits_for_the_next() -> None:
    made = trigger("0 2 * * *", startBetween=["02:00", "02:10"], deadline="2d")
    two = utc(2026, 11, 23, 2)
    assert tick(made, two - HOUR, two + 10 * MINUTE) == Due(next_at=two + DAY)
    found = tick(made, two - HOUR, two + DAY + MINUTE)
    late_or_not = [(start.fire.at, start.is_late) for start in found.starts]
    assert late_or_not == [(two, True), (two + DAY, False)]


# Jitter where a window delays


def test_starts_that_wait_for_a_window_are_spread_over_the_jitter_behind_its_opening() -> None:
    made = trigger("0 12 * * *", startBetween=NIGHT, jitter="10m")
    opens = NOON + 10 * HOUR
    ready = {ready_at(f"schedule-{number}", made, NOON) for number in range(200)}
    assert len(ready) > 100
    assert opens <= min(ready) < opens + MINUTE
    assert opens + 9 * MINUTE < max(ready) <= opens + 10 * MINUTE


def test_fire_times_of_one_trigger_that_wait_for_the_same_opening_have_the_same_jitter() -> None:
    made = trigger("0 * * * *", startBetween=NIGHT, jitter="10m")
    waiting = {ready_at("nightly", made, NOON + count * HOUR) for count in range(11)}
    assert len(waiting) == 1
    assert waiting != {ready_at("nightly", made, NOON + 11 * HOUR)}


def test_jitter_puts_no_start_off_to_the_next_window() -> None:
    made = trigger("0 12 * * *", startBetween=["22:00", "22:02"], jitter="2h")
    opens = NOON + 10 * HOUR
    ready = {ready_at(f"schedule-{number}", made, NOON) for number in range(999)}
    assert ready == {opens + timedelta(seconds=count) for count in range(120)}
    within = ready_at("nightly", made, opens + 2 * MINUTE - timedelta(seconds=1))
    assert within == opens + 2 * MINUTE - timedelta(seconds=1)


@given(
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
    st.timedeltas(timedelta(), timedelta(days=366)),
    st.times(),
    st.times(),
    st.integers(0, 86_400),
)
def test_f41_a_start_is_ready_in_its_window_and_at_most_its_jitter_behind_the_opening(
    name: str, distance: timedelta, begin: time, end: time, jitter: int
) -> None:
    begin, end = (each.replace(second=0, microsecond=0) for each in (begin, end))
    assume(begin != end)
    made = replace(trigger("0 * * * *", timezone=name, jitter=jitter), window=Window(begin, end))
    fire = (utc(2026, 1, 1) + distance).replace(microsecond=0)
    opens, ready = opening(made, fire), ready_at("nightly", made, fire)
    assert opens <= ready <= opens + timedelta(seconds=jitter)
    assert opening(made, ready) == ready


def test_f14_starts_that_a_window_has_missed_wait_for_the_jitter_of_the_next_together() -> None:
    made = trigger("*/20 22 * * *", startBetween=["22:00", "23:00"], jitter="10m")
    mark, closed = NOON, NOON + DAY  # three were missed between
    opens = NOON + DAY + 10 * HOUR
    ready = opens + jitter_of("nightly", made, opens)
    assert ready > opens
    for moment in (closed, opens, ready - TICK):
        assert tick(made, mark, moment) == Due(next_at=ready)
    found = tick(made, mark, ready)
    assert missed(found) == [(MissReason.CATCH_UP, 2)]
    assert started(found)[0] == NOON + 10 * HOUR + 40 * MINUTE
