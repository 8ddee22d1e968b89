"""Triggers as people deal with them: followed, paused, looked ahead at."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.loading import load
from chalicelib.errors import ConflictError, InvalidInputError, NotFoundError
from chalicelib.ports import Ports
from chalicelib.services import schedules, triggers
from chalicelib.services.ticking import Ticked, tick
from chalicelib.services.triggers import LookAhead
from tests.unit.stores import world
from tests.unit.triggered import (
    DAY,
    HOUR,
    MINUTE,
    START,
    TappedTriggers,
    agenda,
    calendar,
    move,
    paused,
    put,
    resumed,
    upcoming,
)

NIGHTLY = {"name": "nightly", "cron": "0 2 * * *"}
JOBS = [{"jobName": "a", "command": ["true"]}]
WORKDAYS = {"name": "workdays", "cron": "0 6 * * *", "calendar": "ours"}


@pytest.fixture
def ports() -> Ports:
    made = world()
    move(made, START)
    return made


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
    assert resumed(ports, "etl").pause is None
    assert resumed(ports, "etl", again=True).pause is None
    with pytest.raises(ConflictError, match="is not paused"):
        resumed(ports, "etl")


def test_only_schedules_that_there_are_can_be_paused(ports: Ports) -> None:
    for act in (resumed, lambda ports, name: paused(ports, name, "ann")):
        with pytest.raises(NotFoundError):
            act(ports, "etl")
    assert ports.triggers.get_triggers("etl") is None


def test_a_pause_holds_for_the_triggers_that_a_schedule_gets_later(ports: Ports) -> None:
    put(ports, "etl")
    paused(ports, "etl", "ann")
    put(ports, "etl", NIGHTLY)
    move(ports, START + 2 * HOUR)
    assert tick(ports) == Ticked()
    resumed(ports, "etl")
    move(ports, START + DAY + 2 * HOUR)
    assert tick(ports) == Ticked(started=1)


def test_a_pause_outlives_the_deletion_of_its_schedule_and_put_says_so(ports: Ports) -> None:
    put(ports, "etl", NIGHTLY)
    paused(ports, "etl", "ann", "maintenance")
    schedules.delete(ports, "etl", "bob")
    document = load({"scheduleId": "etl", "jobList": JOBS, "triggers": [NIGHTLY]})
    schedules.put(ports, document, "bob")
    (warning,) = triggers.warnings(ports, document)
    assert "paused since 2026-11-23T00:00:00.000000Z, by ann: maintenance" in warning.reason
    assert triggers.warnings(ports, document, lambda _: False) == []
    bare = load({"scheduleId": "etl", "jobList": JOBS})
    (warning,) = triggers.warnings(ports, bare)
    assert (warning.path, "is not started over HTTP" in warning.reason) == ("$", True)
    move(ports, START + 2 * HOUR)
    assert tick(ports) == Ticked()
    resumed(ports, "etl")
    assert triggers.warnings(ports, document) == []
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


def test_ahead_it_is_noted_which_starts_will_miss_their_deadline_and_what_moved_them(
    ports: Ports,
) -> None:
    calendar(ports)
    days = {"name": "ours", "roll": "forward"}
    closed = {"startBetween": ["04:00", "05:00"], "deadline": "1h"}
    put(ports, "etl", {"name": "n", "cron": "0 1,3 29 11 *", "calendar": days, **closed})
    found = triggers.next_fire_times(ports, "etl", 2, ports.clock())
    first, second = (each.fire.note for each in found.upcoming)
    assert first.startswith("moved from Sun 2026-11-29")
    assert first.endswith("; misses its deadline: no run is started")
    assert "deadline" not in second
    put(ports, "etl", {"name": "n", "cron": "0 1 * * *", **closed})
    (bare,) = triggers.next_fire_times(ports, "etl", 1, ports.clock()).upcoming
    assert bare.fire.note == triggers.MISSED


def test_a_preview_that_ends_before_it_begins_is_refused(ports: Ports) -> None:
    with pytest.raises(InvalidInputError, match=r"\?to: is earlier than from"):
        triggers.check_span(START, START - MINUTE, "?to")
    triggers.check_span(START, START, "?to")
    assert triggers.preview(ports, START, START, 9) == LookAhead([], [])


# Deleting and warning


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
