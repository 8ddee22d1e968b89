"""Triggers as people deal with them: followed, paused, looked ahead at; and the calendars."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.loading import load
from chalicelib.core.timing.calendar_document import load_calendar
from chalicelib.errors import ChangedError, ConflictError, InvalidInputError, NotFoundError
from chalicelib.local.memory_triggers import MemoryTriggers
from chalicelib.ports import Ports
from chalicelib.services import calendars, schedules, triggers
from chalicelib.services.schedules import Seen
from chalicelib.services.ticking import Ticked, tick
from chalicelib.services.triggers import LookAhead
from chalicelib.timing_ports import StoredCalendar
from tests.unit.stores import world
from tests.unit.triggered import (
    DAY,
    HOUR,
    MINUTE,
    START,
    TappedTriggers,
    agenda,
    move,
    paused,
    put,
)

NIGHTLY = {"name": "nightly", "cron": "0 2 * * *"}
JOBS = [{"jobName": "a", "command": ["true"]}]
WORKDAYS = {"name": "workdays", "cron": "0 6 * * *", "calendar": "ours"}


@pytest.fixture
def ports() -> Ports:
    made = world()
    move(made, START)
    return made


def calendar(ports: Ports, name: str = "ours", **members: Any) -> StoredCalendar:
    return calendars.put(ports, load_calendar({"name": name, **members}), "ann")


def upcoming(ports: Ports, count: int = 3) -> list[str]:
    found = triggers.next_fire_times(ports, "etl", count, ports.clock())
    return [f"{each.trigger} {each.fire.local:%a %d %H:%M}" for each in found.upcoming]


# Following


def test_f42_a_version_that_was_stored_and_not_followed_is_followed_later(ports: Ports) -> None:
    def cut() -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        put(replace(ports, triggers=TappedTriggers(ports.triggers, cut)), "etl", NIGHTLY)
    put(ports, "other", NIGHTLY)
    put(ports, "without")
    assert ports.triggers.get_triggers("etl") is None
    assert triggers.follow_all(ports) == 1
    assert triggers.follow_all(ports) == 0
    assert agenda(ports).version == 1


def test_f42_a_version_that_would_be_refused_today_keeps_no_other_from_being_followed(
    ports: Ports, caplog: pytest.LogCaptureFixture
) -> None:
    old = schedules.first_version(ports, load({"scheduleId": "a", "jobList": JOBS}), "ann")
    ports.schedules.put_schedule(replace(old, document="{}"))
    new = load({"scheduleId": "etl", "jobList": JOBS, "triggers": [NIGHTLY]})
    ports.schedules.put_schedule(schedules.first_version(ports, new, "ann"))
    assert triggers.follow_all(ports) == 1
    assert upcoming(ports, 1) == ["nightly Mon 23 02:00"]
    assert "a is not followed" in caplog.text


def test_f42_the_same_document_put_again_makes_that_good_too(ports: Ports) -> None:
    def cut() -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        put(replace(ports, triggers=TappedTriggers(ports.triggers, cut)), "etl", NIGHTLY)
    assert put(ports, "etl", NIGHTLY).version == 1
    assert agenda(ports).version == 1


def test_an_older_version_that_comes_late_changes_nothing(ports: Ports) -> None:
    from chalicelib.core.loading import read  # noqa: PLC0415 - only here

    old = put(ports, "etl", NIGHTLY)
    put(ports, "etl", {**NIGHTLY, "name": "other"})
    triggers.follow(ports, old, read(old.document.encode(), "schedule.json"))
    assert [each.name for each in agenda(ports).triggers] == ["other"]


def test_f42_starts_that_wait_for_a_trigger_that_is_gone_are_dropped_and_it_is_said(
    ports: Ports, caplog: pytest.LogCaptureFixture
) -> None:
    put(ports, "etl", {"name": "often", "cron": "0 * * * *", "overlap": "queue"})
    for hour in (1, 2):
        move(ports, START + hour * HOUR)
        tick(ports)
    assert len(agenda(ports).queued) == 1
    put(ports, "etl", NIGHTLY)
    assert agenda(ports).queued == ()
    assert "often of etl starts nothing for 2026-" in caplog.text
    assert caplog.text.rstrip().endswith("version 2 has no such trigger")


def test_starts_that_wait_for_a_schedule_that_is_deleted_are_dropped_and_it_is_said(
    ports: Ports, caplog: pytest.LogCaptureFixture
) -> None:
    put(ports, "etl", {"name": "often", "cron": "0 * * * *", "overlap": "queue"})
    for hour in (1, 2):
        move(ports, START + hour * HOUR)
        tick(ports)
    triggers.forget(ports, "etl")
    assert agenda(ports).queued == ()
    assert caplog.text.rstrip().endswith("the schedule is out of use")


# Pausing


def test_a_pause_says_whose_it_is_and_is_not_given_twice(ports: Ports) -> None:
    put(ports, "etl", NIGHTLY)
    pause = paused(ports, "etl", "ann", "maintenance").pause
    assert pause is not None
    assert (pause.actor, pause.at, pause.reason) == ("ann", START, "maintenance")
    assert paused(ports, "etl", "ann", "maintenance").pause == pause
    with pytest.raises(ConflictError, match="paused already, by ann"):
        paused(ports, "etl", "bob")
    assert triggers.resume(ports, "etl").pause is None
    assert triggers.resume(ports, "etl", again=True).pause is None
    with pytest.raises(ConflictError, match="is not paused"):
        triggers.resume(ports, "etl")


def test_only_schedules_that_there_are_can_be_paused(ports: Ports) -> None:
    for act in (triggers.resume, lambda ports, name: paused(ports, name, "ann")):
        with pytest.raises(NotFoundError):
            act(ports, "etl")
    assert ports.triggers.get_triggers("etl") is None


def test_a_pause_holds_for_the_triggers_that_a_schedule_gets_later(ports: Ports) -> None:
    put(ports, "etl")
    paused(ports, "etl", "ann")
    put(ports, "etl", NIGHTLY)
    move(ports, START + 2 * HOUR)
    assert tick(ports) == Ticked()
    triggers.resume(ports, "etl")
    move(ports, START + DAY + 2 * HOUR)
    assert tick(ports) == Ticked(started=1)


def test_a_tick_that_read_before_the_pause_starts_nothing_after_it(ports: Ports) -> None:
    put(ports, "etl", NIGHTLY)
    move(ports, START + 2 * HOUR)
    steps = iter(range(9))

    def meet() -> None:
        if next(steps) == 2:  # between reading and writing
            paused(ports, "etl", "ann")

    assert tick(replace(ports, triggers=TappedTriggers(ports.triggers, meet))) == Ticked()


def test_a_pause_that_comes_between_finding_and_reading_is_heeded(ports: Ports) -> None:
    put(ports, "etl", NIGHTLY)
    paused(ports, "etl", "ann")
    stored = ports.triggers.get_triggers("etl")
    assert stored is not None
    ports.triggers.put_triggers(
        stored, replace(stored, revision=stored.revision + 1, next_at=START)
    )
    assert tick(ports) == Ticked()


# Looking ahead


def test_the_next_fire_times_of_all_triggers_come_in_their_order(ports: Ports) -> None:
    put(ports, "etl", NIGHTLY, {"name": "noon", "cron": "0 12 * * *", "timezone": "Asia/Tokyo"})
    assert upcoming(ports) == ["nightly Mon 23 02:00", "noon Mon 23 12:00", "nightly Tue 24 02:00"]


def test_what_does_not_fire_by_the_clock_is_not_looked_ahead_at(ports: Ports) -> None:
    put(ports, "etl", {"onRun": {"schedule": "load"}}, {**NIGHTLY, "enabled": False})
    assert upcoming(ports) == []
    put(ports, "bare")
    assert triggers.next_fire_times(ports, "bare", 3, START) == LookAhead([], [])
    with pytest.raises(NotFoundError):
        triggers.next_fire_times(ports, "none", 3, START)


def test_jitter_and_window_are_told_apart_from_the_fire_time(ports: Ports) -> None:
    put(ports, "etl", {**NIGHTLY, "startBetween": ["04:00", "05:00"]})
    (found,) = triggers.next_fire_times(ports, "etl", 1, START).upcoming
    assert (found.fire.at, found.ready_at) == (START + 2 * HOUR, START + 4 * HOUR)


def test_a_preview_has_the_fire_times_of_all_schedules_that_are_not_paused(ports: Ports) -> None:
    for name in ("a", "b", "c", "d"):
        put(ports, name, NIGHTLY) if name != "d" else put(ports, name)
    paused(ports, "b", "ann")
    found = triggers.preview(ports, START, START + 2 * DAY, 100)
    assert [each.schedule_id for each in found.upcoming] == ["a", "c", "a", "c"]
    assert len(triggers.preview(ports, START, START + 2 * DAY, 3).upcoming) == 3


def test_a_trigger_whose_calendar_is_not_there_is_told_of_beside_the_others(ports: Ports) -> None:
    put(ports, "etl", WORKDAYS, NIGHTLY)
    put(ports, "other", NIGHTLY)
    both = [
        triggers.next_fire_times(ports, "etl", 1, START),
        triggers.preview(ports, START, START + DAY, 1),
    ]
    for found in both:
        assert [each.trigger for each in found.upcoming] == ["nightly"]
        (broken,) = found.broken
        assert (broken.schedule_id, broken.trigger) == ("etl", "workdays")
        assert "no calendar 'ours'" in broken.reason
    calendar(ports)
    assert triggers.preview(ports, START, START + DAY, 9).broken == []


def test_a_preview_that_ends_before_it_begins_is_refused(ports: Ports) -> None:
    with pytest.raises(InvalidInputError, match="to: is earlier than from"):
        triggers.preview(ports, START, START - MINUTE, 9)
    assert triggers.preview(ports, START, START, 9) == LookAhead([], [])


# Calendars


def test_a_calendar_that_is_put_later_lets_a_trigger_fire(ports: Ports) -> None:
    put(ports, "etl", WORKDAYS)
    move(ports, START + 7 * HOUR)
    assert tick(ports) == Ticked()
    calendar(ports)
    assert tick(ports) == Ticked(started=1)  # of this morning, made up for


def test_a_calendar_that_changes_moves_the_fire_times(ports: Ports) -> None:
    calendar(ports)
    put(ports, "etl", WORKDAYS)
    assert upcoming(ports, 1) == ["workdays Mon 23 06:00"]
    calendar(ports, holidays=["2026-11-23"])
    assert upcoming(ports, 1) == ["workdays Tue 24 06:00"]
    assert ports.triggers.due_triggers(START + 6 * HOUR, 9) == []


def test_a_day_that_becomes_a_business_day_fires_for_none_of_its_past(ports: Ports) -> None:
    calendar(ports, holidays=["2026-11-23"])
    put(ports, "etl", {"name": "hourly", "cron": "0 * * * *", "calendar": "ours"}, NIGHTLY)
    put(ports, "waits", {"name": "fresh", "onRun": {"schedule": "etl"}, "calendar": "ours"})
    move(ports, START + HOUR + MINUTE)
    tick(ports)
    calendar(ports)
    assert tick(ports) == Ticked()
    assert upcoming(ports, 1) == ["hourly Mon 23 02:00"]
    move(ports, START + 2 * HOUR)
    assert tick(ports).started == 1


def test_a_fire_time_that_nobody_looked_at_is_not_lost_when_its_calendar_changes(
    ports: Ports,
) -> None:
    calendar(ports)
    put(ports, "etl", {"name": "hourly", "cron": "0 * * * *", "calendar": "ours"})
    move(ports, START + HOUR + MINUTE)
    calendar(ports, holidays=["2026-11-24"])
    assert tick(ports) == Ticked(started=1)


def test_the_same_calendar_is_not_stored_again(ports: Ports) -> None:
    first = calendar(ports, country="DE")
    move(ports, START + MINUTE)
    assert calendar(ports, country="DE") == first
    assert calendar(ports, country="FR").revision == 2


def test_a_calendar_that_schedules_go_by_is_not_deleted(ports: Ports) -> None:
    calendar(ports)
    for number in range(7):
        put(ports, f"etl-{number}", WORKDAYS)
    with pytest.raises(ConflictError, match=r"used by etl-0, .*etl-4 and 2 more"):
        calendars.delete(ports, "ours")
    for number in range(7):
        put(ports, f"etl-{number}", NIGHTLY)
    calendars.delete(ports, "ours")
    with pytest.raises(NotFoundError):
        calendars.delete(ports, "ours")


def test_a_few_users_of_a_calendar_are_all_named(ports: Ports) -> None:
    calendar(ports)
    put(ports, "etl", WORKDAYS)
    with pytest.raises(ConflictError, match="used by etl: change"):
        calendars.delete(ports, "ours")


def test_triggers_that_always_move_say_so(ports: Ports) -> None:
    put(ports, "etl", NIGHTLY)

    def busy() -> None:
        before = ports.triggers.get_triggers("etl")
        assert before is not None
        ports.triggers.put_triggers(before, replace(before, revision=before.revision + 1))

    with pytest.raises(ConflictError):
        paused(replace(ports, triggers=TappedTriggers(ports.triggers, busy)), "etl", "ann")
    assert agenda(ports).pause is None
    move(ports, START + timedelta(days=1))


def test_a_calendar_is_changed_by_whoever_has_seen_the_newest(ports: Ports) -> None:
    one, two = (load_calendar({"name": "ours", "country": each}) for each in ("DE", "FR"))
    nothing, first = Seen(nothing=True), Seen(tags=["1"])
    with pytest.raises(ChangedError, match="not there any more"):
        calendars.put(ports, one, "ann", first)
    stored = calendars.put(ports, one, "ann", nothing)
    with pytest.raises(ChangedError, match="there already"):
        calendars.put(ports, two, "ann", nothing)
    assert calendars.tag_of(stored) == "1"
    calendars.put(ports, two, "ann", first)
    with pytest.raises(ChangedError, match="at revision 2 by now"):
        calendars.put(ports, one, "ann", first)
    with pytest.raises(ChangedError, match="at revision 2 by now"):
        calendars.delete(ports, "ours", first)
    assert calendars.delete(ports, "ours", Seen(tags=["*"])).revision == 2


class BusyCalendars(MemoryTriggers):
    """Somebody else changes a calendar just before, so often."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def put_calendar(self, calendar: StoredCalendar) -> None:
        if self.times:
            self.times -= 1
            super().put_calendar(
                replace(calendar, document=f'{{"name": "ours", "description": "{self.times}"}}')
            )
        super().put_calendar(calendar)

    def delete_calendar(self, name: str, revision: int) -> None:
        if self.times:
            super().put_calendar(replace(self.get_calendar(name), revision=revision + 1))
        super().delete_calendar(name, revision)


def test_what_comes_in_between_is_a_change_to_whoever_has_said_what_was_seen(
    ports: Ports,
) -> None:
    busy = BusyCalendars(3)
    ports = replace(ports, calendars=busy)
    assert calendar(ports).revision == 4
    busy.times = 100
    with pytest.raises(ConflictError) as caught:
        calendar(ports, country="DE")
    assert not isinstance(caught.value, ChangedError)
    newest = calendars.tag_of(busy.get_calendar("ours"))
    with pytest.raises(ChangedError):
        calendars.put(ports, load_calendar({"name": "ours"}), "ann", Seen(tags=[newest]))
    with pytest.raises(ChangedError):
        calendars.delete(ports, "ours", Seen(tags=["*"]))
    with pytest.raises(ConflictError):
        calendars.delete(ports, "ours")


def test_a_schedule_that_is_deleted_starts_nothing_by_itself_any_more(ports: Ports) -> None:
    put(ports, "etl", NIGHTLY)
    put(ports, "bare")
    for name in ("etl", "bare"):
        schedules.delete(ports, name, "ann")
    move(ports, START + 2 * HOUR)
    assert tick(ports) == Ticked()
    assert put(ports, "etl", NIGHTLY).version == 2
    move(ports, START + DAY + 2 * HOUR)
    assert tick(ports) == Ticked(started=1)


def test_f42_a_schedule_that_was_deleted_by_halves_starts_nothing_either(ports: Ports) -> None:
    put(ports, "etl", NIGHTLY)

    def cut() -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        schedules.delete(replace(ports, triggers=TappedTriggers(ports.triggers, cut)), "etl", "ann")
    assert agenda(ports).triggers
    move(ports, START + 2 * HOUR)
    assert tick(ports) == Ticked(refused=1)
    assert not agenda(ports).triggers


def test_what_is_out_of_sight_is_not_previewed(ports: Ports) -> None:
    for name in ("a", "b"):
        put(ports, name, NIGHTLY)
    found = triggers.preview(ports, START, START + DAY, 9, lambda name: name == "b")
    assert [each.schedule_id for each in found.upcoming] == ["b"]


def test_what_is_hardly_meant_is_warned_of(ports: Ports) -> None:
    document = load({"scheduleId": "etl", "jobList": JOBS, "triggers": [WORKDAYS]})
    (warning,) = triggers.warnings(ports, document)
    assert "no such calendar" in warning.reason
    calendar(ports)
    assert triggers.warnings(ports, document) == []
