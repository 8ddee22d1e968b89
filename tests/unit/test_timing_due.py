"""What ticks decide: each fire time once, however ticks come."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.timing.calendars import Calendar
from chalicelib.core.timing.due import (
    LOOK_AHEAD,
    MOST_CAUGHT_UP,
    ON_TIME,
    Due,
    MissReason,
    carried_over,
    due,
    passed,
)
from chalicelib.core.timing.fire_times import fire_times
from chalicelib.core.timing.trigger import CatchUp, FireTime, OnFile, Trigger
from chalicelib.core.timing.waiting import jitter_of, opening, ready_at
from tests.fire_oracle import utc
from tests.unit.timing import (
    HOUR,
    MINUTE,
    NOON,
    TICK,
    instants,
    missed,
    started,
    tick,
    trigger,
)

DAY = timedelta(days=1)


def test_a_tick_starts_what_is_due_and_marks_it() -> None:
    made = trigger("0 * * * *")
    found = tick(made, NOON - MINUTE, NOON + MINUTE)
    assert [(start.trigger, start.is_late) for start in found.starts] == [(made, False)]
    assert started(found) == [NOON]
    assert found.marks == {made.name: NOON}
    assert found.next_at == NOON + HOUR
    assert (found.missed, found.stuck) == ((), {})


def test_a_second_tick_finds_nothing_more() -> None:
    made = trigger("0 * * * *")
    assert tick(made, NOON, NOON + MINUTE) == Due(next_at=NOON + HOUR)


def test_f40_a_clock_that_goes_backwards_changes_nothing() -> None:
    made = trigger("0 * * * *")
    assert tick(made, NOON, NOON - 5 * HOUR) == Due(next_at=NOON + HOUR)


def test_a_trigger_without_a_mark_begins_now() -> None:
    made = trigger("0 * * * *")
    assert due("nightly", [made], {}, {}, NOON) == Due(marks={made.name: NOON}, next_at=NOON + HOUR)


def test_starts_of_several_triggers_come_in_the_order_of_their_fire_times() -> None:
    triggers = [trigger("2 12 * * *"), trigger("", http={}), trigger("1 12 * * *")]
    marks = {each.name: NOON for each in triggers}
    found = due("nightly", triggers, {}, marks, NOON + 2 * MINUTE)
    assert started(found) == [NOON + MINUTE, NOON + 2 * MINUTE]
    assert set(found.marks) == {triggers[0].name, triggers[2].name}
    assert found.next_at == NOON + DAY + MINUTE


@pytest.mark.parametrize("catch_up", list(CatchUp))
def test_f14_five_minutes_late_is_on_time(catch_up: CatchUp) -> None:
    made = trigger("0 12 * * *", catchUp=catch_up.value)
    found = tick(made, NOON - HOUR, NOON + ON_TIME)
    assert [(start.fire.at, start.is_late) for start in found.starts] == [(NOON, False)]


@pytest.mark.parametrize(
    ("catch_up", "starts", "misses"),
    [
        ("none", [], [(MissReason.CATCH_UP, 150)]),
        ("latest", [150], [(MissReason.CATCH_UP, 149)]),
        ("all", list(range(51, 151)), [(MissReason.CATCH_UP, 50)]),
    ],
)
def test_f14_what_becomes_of_late_fire_times_is_the_policy_of_the_trigger(
    catch_up: str, starts: list[int], misses: list[tuple[MissReason, int]]
) -> None:
    made = trigger("0 * * * *", catchUp=catch_up)
    found = tick(made, NOON, NOON + 150 * HOUR + 6 * MINUTE)
    assert started(found) == [NOON + count * HOUR for count in starts]
    assert all(start.is_late for start in found.starts)
    assert missed(found) == misses
    assert found.marks == {made.name: NOON + 150 * HOUR}
    for each in found.missed:
        assert each.trigger == made.name
        assert (each.first.at, each.last.at) == (NOON + HOUR, NOON + misses[0][1] * HOUR)


def test_f14_a_late_one_and_one_on_time_both_start() -> None:
    made = trigger("0 * * * *")
    found = tick(made, NOON, NOON + 5 * HOUR + MINUTE)
    late_or_not = [(start.fire.at, start.is_late) for start in found.starts]
    assert late_or_not == [(NOON + 4 * HOUR, True), (NOON + 5 * HOUR, False)]
    assert missed(found) == [(MissReason.CATCH_UP, 3)]


@pytest.mark.parametrize(("late", "expected"), [(60, 1), (61, 0)])
def test_f14_after_its_deadline_a_fire_time_is_missed(late: int, expected: int) -> None:
    made = trigger("0 12 * * *", deadline=60, catchUp="all")
    found = tick(made, NOON - HOUR, NOON + timedelta(seconds=late))
    assert len(found.starts) == expected
    assert missed(found) == [(MissReason.DEADLINE, 1)][expected:]
    assert found.marks == {made.name: NOON}


@pytest.mark.parametrize("days", [1, 7, 30])
@pytest.mark.parametrize("catch_up", list(CatchUp))
def test_f14_after_days_without_a_tick_no_fire_time_is_forgotten(
    days: int, catch_up: CatchUp
) -> None:
    made = trigger("*/10 * * * *", catchUp=catch_up.value, deadline="10d")
    now = NOON + days * DAY
    found = tick(made, NOON, now)
    assert len(found.starts) + sum(each.count for each in found.missed) == days * 144
    assert len(found.starts) <= MOST_CAUGHT_UP + 1
    assert found.marks == {made.name: now}
    assert found.next_at == now + 10 * MINUTE


def test_fire_times_while_a_trigger_is_not_enabled_pass_by() -> None:
    made = trigger("0 * * * *", enabled=False)
    found = tick(made, NOON, NOON + 150 * MINUTE)
    assert found == Due(marks={made.name: NOON + 150 * MINUTE})
    assert tick(made, NOON, NOON + MINUTE) == Due()
    assert due("nightly", [made], {}, {}, NOON) == Due(marks={made.name: NOON})
    again = replace(made, enabled=True)
    assert tick(again, NOON + 150 * MINUTE, NOON + 170 * MINUTE).starts == ()


def test_a_trigger_whose_calendar_is_not_there_waits_and_stops_no_other() -> None:
    lost, made = trigger("0 12 * * *", calendar="de"), trigger("1 12 * * *")
    marks = {lost.name: NOON - HOUR, made.name: NOON - HOUR}
    found = due("nightly", [lost, made], {}, marks, NOON + MINUTE)
    assert started(found) == [NOON + MINUTE]
    assert list(found.marks) == [made.name]
    assert "There is no calendar 'de'" in found.stuck[lost.name]
    found = due("nightly", [lost], {"de": Calendar("de")}, marks, NOON + MINUTE)
    assert started(found) == [NOON]


def test_what_a_calendar_kept_from_firing_stays_so_when_it_changes() -> None:
    hourly = trigger("0 * * * *", calendar="de")
    other = replace(trigger("0 * * * *", calendar="fr"), name="other")
    plain = replace(trigger("0 * * * *"), name="plain")
    fresh = replace(hourly, name="fresh")
    file = replace(hourly, name="file", kind=OnFile(path="in/*.csv"))
    made = [hourly, other, plain, fresh, file]
    marks = {each.name: NOON - DAY for each in made if each is not fresh}
    closed = Calendar("de", holidays=frozenset({NOON.date(), (NOON - DAY).date()}))
    assert passed(made, closed, marks, NOON) == {**marks, hourly.name: NOON}


def test_what_was_not_decided_when_its_calendar_changes_is_not_lost() -> None:
    hourly, open_ = trigger("0 * * * *", calendar="de"), Calendar("de")
    mark, now = NOON - 3 * HOUR + MINUTE, NOON + MINUTE
    marks = passed([hourly], open_, {hourly.name: mark}, now)
    assert marks[hourly.name] > mark
    calendars = {"de": open_}
    found = tick(hourly, marks[hourly.name], now, calendars)
    assert found == tick(hourly, mark, now, calendars)
    assert started(found) == [NOON - HOUR, NOON]
    late = passed([hourly], open_, {hourly.name: NOON + HOUR}, NOON)
    assert late == {hourly.name: NOON + HOUR}


def test_what_comes_later_than_in_a_year_is_looked_for_in_a_year() -> None:
    assert tick(trigger("0 0 29 2 *"), NOON, NOON).next_at == NOON + LOOK_AHEAD
    assert tick(trigger("", at="2029-01-01T00:00"), NOON, NOON).next_at == utc(2029, 1, 1)
    assert tick(trigger("", at="2020-01-01T00:00"), NOON, NOON).next_at is None
    assert due("nightly", [trigger("", http={})], {}, {}, NOON) == Due()


def test_a_deadline_that_ends_before_the_window_opens_is_missed_at_once() -> None:
    made = trigger("0 12 * * *", startBetween=["22:00", "05:00"], deadline="1h")
    found = tick(made, NOON - HOUR, NOON)
    assert missed(found) == [(MissReason.WAIT, 1)]
    assert found.next_at == NOON + DAY


def test_a_deadline_that_ends_before_the_window_opens_again_is_missed_for_that_reason() -> None:
    made = trigger("0 12 * * *", startBetween=["12:00", "12:10"], deadline="1h")
    for late, reason in ((MINUTE * 30, MissReason.WAIT), (2 * HOUR, MissReason.DEADLINE)):
        assert missed(tick(made, NOON - HOUR, NOON + late)) == [(reason, 1)]


def test_one_that_waits_holds_back_those_behind_it() -> None:
    made = trigger("* * * * *", jitter="10m", catchUp="none")
    delays = [jitter_of("nightly", made, NOON + count * MINUTE) for count in range(30)]
    behind = next(
        count for count in range(29) if delays[count] > delays[count + 1] + 7 * MINUTE
    )  # ready much later than the one behind it
    first = NOON + behind * MINUTE
    ready = first + delays[behind]
    assert tick(made, first - MINUTE, ready - TICK) == Due(next_at=ready)
    found = tick(made, first - MINUTE, ready)
    assert started(found)[:2] == [first, first + MINUTE]
    assert not any(start.is_late for start in found.starts)


def test_a_changed_trigger_begins_when_it_was_changed() -> None:
    same, moved = trigger("0 1 * * *", name="same"), trigger("0 2 * * *", name="moved")
    gone, new = trigger("0 3 * * *", name="gone"), trigger("0 4 * * *", name="new")
    marks = dict.fromkeys(("same", "moved", "gone"), NOON - DAY)
    after = [
        replace(same, jitter=5, catch_up=CatchUp.ALL),
        replace(moved, timezone="Europe/Berlin"),
        new,
        trigger("", http={}),
    ]
    assert carried_over([same, moved, gone], after, marks, NOON) == {
        "same": NOON - DAY, "moved": NOON, "new": NOON,
    }  # fmt: skip
    assert carried_over([same], [same], {}, NOON) == {"same": NOON}
    asleep = replace(same, enabled=False)
    assert carried_over([asleep], [same], marks, NOON) == {"same": NOON}


# An engine that ticks as it likes, crashes before or after it stores marks, and comes back.
@dataclass
class Ticker:
    trigger: Trigger
    mark: datetime
    starts: list[FireTime] = field(default_factory=list)
    missed: int = 0

    def look(self, now: datetime) -> Due:
        found = tick(self.trigger, self.mark, now, CALENDARS)
        self.mark = found.marks.get(self.trigger.name, self.mark)
        self.starts += [start.fire for start in found.starts]
        self.missed += sum(each.count for each in found.missed)
        return found


CALENDARS = {"de": Calendar("de", country="DE")}
CRONS: Sequence[dict[str, Any]] = (
    {"cron": "*/7 * * * *"},
    {"cron": "30 * * * *"},
    {"cron": "0 2,14 * * *", "timezone": "Europe/Berlin"},
    {"cron": "15 6 * * *", "calendar": {"name": "de", "roll": "forward"}},
    {"rate": "11 minutes"},
    {"at": "2026-12-24T12:00:00"},
)
POLICIES = st.fixed_dictionaries(
    {"catchUp": st.sampled_from(["none", "latest", "all"])},
    optional={
        "jitter": st.integers(1, 1800),
        "startBetween": st.sampled_from([["22:00", "05:00"], ["09:00", "09:30"]]),
        "deadline": st.integers(60, 20_000),
    },
)
BEGIN = utc(2026, 12, 23, 20, 45)


@given(
    st.sampled_from(CRONS),
    POLICIES,
    st.lists(st.timedeltas(timedelta(), timedelta(hours=9)), min_size=1, max_size=40),
    st.lists(st.integers(0, 3), min_size=1),
)
def test_f14_no_fire_time_is_lost_and_none_comes_twice_however_ticks_come(
    kind: dict[str, Any], policies: dict[str, Any], pauses: list[timedelta], repeats: list[int]
) -> None:
    made = trigger(**{"cron": "", **kind, **policies})
    ticker = Ticker(made, BEGIN)
    now = BEGIN
    for count, pause in enumerate(pauses):
        now += pause
        for back in range(repeats[count % len(repeats)] + 1):
            found = ticker.look(now - back * MINUTE)  # again, by a clock that is behind
        for start in found.starts:
            assert start.fire.at <= now
    fired = [fire.at for fire in fire_times(made, CALENDARS.get("de"), BEGIN, ticker.mark)]
    assert len(ticker.starts) + ticker.missed == len(fired)
    assert len(set(instants(ticker.starts))) == len(ticker.starts)
    assert set(instants(ticker.starts)) <= set(fired)


@given(
    st.sampled_from(CRONS),
    POLICIES,
    st.integers(1, 2),
)
def test_a_tick_every_minute_starts_each_fire_time_as_soon_as_it_may(
    kind: dict[str, Any], policies: dict[str, Any], hours: int
) -> None:
    made = trigger(**{"cron": "", **kind, **policies})
    ticker = Ticker(made, BEGIN)
    now = BEGIN
    next_at = None
    for _ in range(hours * 60):
        now += MINUTE
        mark = ticker.mark
        found = ticker.look(now)
        if next_at is not None and now < next_at:
            assert (found.starts, found.missed, ticker.mark) == ((), (), mark)
        next_at = found.next_at
        for start in found.starts:
            assert ready_at("nightly", made, start.fire.at) <= now
            assert made.window is None or opening(made, now) == now
            assert made.deadline is None or (now - start.fire.at).total_seconds() <= made.deadline
    waiting = [each.at for each in fire_times(made, CALENDARS.get("de"), ticker.mark, now)]
    assert len(ticker.starts) + ticker.missed == len(
        list(fire_times(made, CALENDARS.get("de"), BEGIN, now))
    ) - len(waiting)
    if waiting:
        assert next_at is not None
        assert next_at > now
