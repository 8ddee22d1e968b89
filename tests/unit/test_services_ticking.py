"""Ticks, as the services do them: each fire time starts one run, whatever befalls the ticks."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.notices import Letter
from chalicelib.core.run import JobState, RunHeader
from chalicelib.core.schedule import JobSpec
from chalicelib.core.timing.calendar_document import load_calendar
from chalicelib.errors import BackendError
from chalicelib.local.memory_outbox import MemoryOutbox
from chalicelib.local.memory_queue import MemoryQueue, VirtualClock
from chalicelib.local.memory_store import MemoryStore
from chalicelib.ports import Ports
from chalicelib.services import calendars, triggers
from chalicelib.services.runs import StartRequest, start
from chalicelib.services.ticking import Ticked, tick, tick_in_time
from tests.unit.stores import driving_world, world
from tests.unit.triggered import (
    DAY,
    HOUR,
    MINUTE,
    START,
    TappedTriggers,
    agenda,
    end,
    move,
    paused,
    put,
    runs,
)

NIGHTLY = {"name": "nightly", "cron": "0 2 * * *", "timezone": "Europe/Berlin"}
HOURLY = {"name": "hourly", "cron": "0 * * * *"}
TWO = START + HOUR  # 02:00 in Berlin


@pytest.fixture
def ports() -> Ports:
    made = world()
    move(made, START)
    return made


def ticks(ports: Ports, *moments: datetime) -> list[Ticked]:
    done = []
    for moment in moments:
        move(ports, moment)
        done.append(tick(ports))
    return done


def starts(ports: Ports, schedule_id: str = "etl") -> list[datetime]:
    """The fire times of the runs there are, to the minute."""
    return [each.started_at.replace(microsecond=0) for each in runs(ports, schedule_id)]


def test_a_fire_time_starts_one_run_that_says_what_started_it(ports: Ports) -> None:
    put(ports, "etl", NIGHTLY)
    assert ticks(ports, TWO - MINUTE, TWO + timedelta(seconds=20)) == [Ticked(), Ticked(started=1)]
    (run,) = runs(ports)
    assert run.started_at.replace(microsecond=0) == TWO
    assert run.began_at == TWO + timedelta(seconds=20)
    assert run.started_by == "trigger nightly"
    assert run.reason == "fire time 2026-11-23 02:00:00 +0100"
    assert run.schedule_version == 1


def test_f13_a_tick_that_comes_again_starts_nothing_again(ports: Ports) -> None:
    put(ports, "etl", NIGHTLY)
    ticks(ports, *[TWO] * 5)
    assert starts(ports) == [TWO]


def test_parameters_are_filled_from_the_fire_time(ports: Ports) -> None:
    given = {"day": "${fireTime:%Y-%m-%d}", "before": "${previousBusinessDay:%a}"}
    declared = {"day": {"type": "date"}, "before": {}}
    put(ports, "etl", {**NIGHTLY, "parameters": given}, parameters=declared)
    ticks(ports, TWO)
    assert runs(ports)[0].parameters == {"day": "2026-11-23", "before": "Fri"}


def test_f14_a_tick_that_is_late_makes_up_for_what_the_policy_says(ports: Ports) -> None:
    for policy in ("none", "latest", "all"):
        put(ports, policy, {**HOURLY, "catchUp": policy, "overlap": "allow"})
    ticks(ports, START + 3 * HOUR + 30 * MINUTE)
    assert starts(ports, "none") == []
    assert starts(ports, "latest") == [START + 3 * HOUR]
    assert starts(ports, "all") == [START + HOUR, START + 2 * HOUR, START + 3 * HOUR]
    assert runs(ports, "latest")[0].reason.endswith(", made up for")


def test_f14_after_a_month_without_a_tick_at_most_100_runs_are_made_up_for(ports: Ports) -> None:
    put(ports, "etl", {**HOURLY, "catchUp": "all", "overlap": "allow"})
    ticks(ports, START + 30 * DAY + HOUR / 2)
    assert len(runs(ports)) == 100
    assert starts(ports)[-1] == START + 30 * DAY


def test_a_paused_schedule_starts_nothing_and_does_not_make_up_for_the_pause(ports: Ports) -> None:
    put(ports, "etl", {**HOURLY, "catchUp": "all"})
    paused(ports, "etl", "ann", "maintenance")
    ticks(ports, *(START + number * HOUR for number in range(5)))
    assert runs(ports) == []
    triggers.resume(ports, "etl")
    ticks(ports, START + 4 * HOUR + MINUTE, START + 5 * HOUR)
    assert starts(ports) == [START + 5 * HOUR]


def test_one_broken_schedule_stops_no_other(ports: Ports, caplog: pytest.LogCaptureFixture) -> None:
    for schedule_id in ("a", "b", "c"):
        put(ports, schedule_id, HOURLY)
    before = ports.triggers.get_triggers("b")
    assert before is not None
    ports.triggers.put_triggers(before, replace(before, revision=2, record="{"))
    with caplog.at_level(logging.CRITICAL):
        assert ticks(ports, START + HOUR) == [Ticked(started=2, broken=1)]
    assert [len(runs(ports, each)) for each in "abc"] == [1, 0, 1]


class Picky(MemoryQueue):
    """A queue that some jobs can't run on, for a while."""

    needs = "a GPU"

    def lacks(self, request: Mapping[str, Any]) -> str:
        del request
        return self.needs


def test_a_start_that_can_t_be_made_is_dropped_and_the_next_one_is_made() -> None:
    queue = Picky(VirtualClock())
    ports = world(queue=queue)
    move(ports, START)
    put(ports, "etl", HOURLY)
    assert ticks(ports, START + HOUR) == [Ticked(refused=1)]
    assert agenda(ports).planned == ()
    queue.needs = ""
    assert ticks(ports, START + 2 * HOUR) == [Ticked(started=1)]


def test_a_start_whose_parameters_can_t_be_told_is_not_made(ports: Ports) -> None:
    calendar = {"name": "once", "weekdays": [], "workingDates": ["2026-11-23"]}
    calendars.put(ports, load_calendar(calendar), "ann")
    odd = {**HOURLY, "calendar": "once", "parameters": {"n": "${nextBusinessDay}"}}
    put(ports, "etl", odd, parameters={"n": {"default": ""}})
    assert ticks(ports, START + HOUR) == [Ticked(refused=1)]
    assert runs(ports) == []


def test_what_there_is_no_time_for_is_left_to_the_next_tick(ports: Ports) -> None:
    for schedule_id in ("a", "b", "c"):
        put(ports, schedule_id, HOURLY)
    move(ports, START + HOUR)
    looks = iter((False, True))
    assert tick(ports, lambda: next(looks)) == Ticked(started=1)
    assert tick(ports) == Ticked(started=2)


# Overlap


def test_f15_a_run_that_goes_on_keeps_the_next_from_starting(ports: Ports) -> None:
    put(ports, "etl", HOURLY)
    assert ticks(ports, START + HOUR, START + 2 * HOUR) == [
        Ticked(started=1),
        Ticked(refused=1),
    ]
    end(ports, runs(ports)[0])
    ticks(ports, START + 3 * HOUR)
    assert starts(ports) == [START + HOUR, START + 3 * HOUR]


def test_f15_a_run_that_somebody_started_counts_too(ports: Ports) -> None:
    stored = put(ports, "etl", HOURLY)
    start(ports, stored, StartRequest(actor="ann"))
    assert ticks(ports, START + HOUR) == [Ticked(refused=1)]


@pytest.mark.parametrize("goes_on", [True, False])
def test_f15_an_old_run_of_the_trigger_counts_for_as_long_as_it_goes_on(
    ports: Ports, *, goes_on: bool
) -> None:
    stored = put(ports, "etl", HOURLY)
    ticks(ports, START + HOUR)
    if not goes_on:
        end(ports, runs(ports)[0])
    for number in range(12):
        move(ports, START + HOUR + (number + 1) * MINUTE)
        end(ports, start(ports, stored, StartRequest(actor="ann")))
    ticked = ticks(ports, START + 2 * HOUR)
    assert ticked == [Ticked(refused=1) if goes_on else Ticked(started=1)]


def test_f15_what_is_queued_starts_when_the_run_before_it_has_ended(ports: Ports) -> None:
    put(ports, "etl", {**HOURLY, "overlap": "queue"})
    ticks(ports, START + HOUR, START + 2 * HOUR, START + 3 * HOUR)
    assert starts(ports) == [START + HOUR]
    for moment in (START + 3 * HOUR + MINUTE, START + 3 * HOUR + 2 * MINUTE):
        end(ports, runs(ports)[-1])
        assert ticks(ports, moment) == [Ticked(started=1)]
    assert starts(ports) == [START + HOUR, START + 2 * HOUR, START + 3 * HOUR]


def test_a_tick_that_finds_a_queue_still_waiting_writes_nothing(ports: Ports) -> None:
    put(ports, "etl", {**HOURLY, "overlap": "queue"})
    ticks(ports, START + HOUR, START + 2 * HOUR)
    before = ports.triggers.get_triggers("etl")
    ticks(ports, START + 2 * HOUR + MINUTE, START + 2 * HOUR + 2 * MINUTE)
    assert ports.triggers.get_triggers("etl") == before


def test_f15_a_newer_start_cancels_the_run_before_it_and_waits_for_its_end(ports: Ports) -> None:
    put(ports, "etl", {**HOURLY, "overlap": "cancel"})
    ticks(ports, START + HOUR, START + 2 * HOUR)
    (old,) = runs(ports)
    assert old.cancelling == "cancel by trigger: a newer start takes its place"
    ticks(ports, START + 2 * HOUR + MINUTE)  # and is not cancelled twice
    end(ports, old, RunStatus.CANCELLED)
    ticks(ports, START + 2 * HOUR + 2 * MINUTE)
    assert starts(ports) == [START + HOUR, START + 2 * HOUR]


# Faults


class CutError(Exception):
    """The end of a process at a call."""


class Failing(MemoryStore):
    """A store that fails so many times when a run is made, before it is or after."""

    def __init__(self, times: int, *, after: bool) -> None:
        super().__init__()
        self._times = times
        self._after = after

    def create_run(
        self, header: RunHeader, specs: Sequence[JobSpec], states: Mapping[str, JobState]
    ) -> None:
        if not self._times or self._after:
            super().create_run(header, specs, states)
        if self._times:
            self._times -= 1
            raise BackendError("store", "create run", "unplugged", retryable=True)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_f18_a_start_that_was_written_down_and_not_made_is_made_by_the_next_tick(
    *, after: bool
) -> None:
    ports = world(store=Failing(2, after=after))
    move(ports, START)
    put(ports, "etl", NIGHTLY)
    for number in range(3):
        ticks(ports, TWO + number * MINUTE)
    assert starts(ports) == [TWO]
    assert agenda(ports).planned == ()


def test_a_start_that_was_made_in_time_is_found_after_its_deadline(ports: Ports) -> None:
    put(ports, "etl", {**NIGHTLY, "deadline": 60})
    calls = count()

    def cut() -> None:
        if next(calls) == 4:  # the write that says that the run is made
            raise CutError

    ticks(replace(ports, triggers=TappedTriggers(ports.triggers, cut)), TWO)
    assert len(agenda(ports).planned) == 1
    assert ticks(ports, TWO + 2 * MINUTE) == [Ticked(started=1)]
    assert starts(ports) == [TWO]


def test_a_start_that_can_t_be_made_before_its_deadline_is_missed() -> None:
    ports = world(store=Failing(3, after=False))
    move(ports, START)
    put(ports, "etl", {**NIGHTLY, "deadline": 60})
    assert ticks(ports, TWO, TWO + MINUTE, TWO + 2 * MINUTE) == [
        Ticked(broken=1),
        Ticked(broken=1),
        Ticked(refused=1),
    ]
    assert starts(ports) == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(2))
def test_f44_a_tick_that_is_cut_off_at_a_write_is_made_good_by_the_next(
    ports: Ports, number: int, *, after: bool
) -> None:
    put(ports, "etl", {**HOURLY, "catchUp": "all", "overlap": "allow"})
    calls = count()

    def cut() -> None:
        if next(calls) == 2 * (number + 1) + after:
            raise CutError

    cutting = TappedTriggers(ports.triggers, cut)
    move(ports, START + 3 * HOUR)
    with suppress(CutError):
        tick(replace(ports, triggers=cutting))
    tick(ports)
    assert starts(ports) == [START + each * HOUR for each in (1, 2, 3)]
    assert agenda(ports).planned == ()


@pytest.mark.parametrize("policy", ["skip", "queue", "allow", "cancel"])
@pytest.mark.parametrize("at", range(6))
def test_f13_ticks_that_meet_at_any_call_start_one_run(ports: Ports, policy: str, at: int) -> None:
    put(ports, "etl", {**NIGHTLY, "overlap": policy})
    calls = count()

    def meet() -> None:
        if next(calls) == at:
            tick(ports)

    move(ports, TWO)
    tick(replace(ports, triggers=TappedTriggers(ports.triggers, meet)))
    tick(ports)
    assert starts(ports) == [TWO]
    assert agenda(ports).planned == ()


def test_f15_two_triggers_at_one_fire_time_start_one_run_where_overlap_is_forbidden(
    ports: Ports,
) -> None:
    put(ports, "etl", NIGHTLY, {**NIGHTLY, "name": "other"})
    assert ticks(ports, TWO) == [Ticked(started=1, refused=1)]


def test_f43_a_trigger_that_was_changed_does_not_fire_for_what_was_before(ports: Ports) -> None:
    put(ports, "etl", {**HOURLY, "cron": "0 5 * * *"})
    move(ports, START + 3 * HOUR + 30 * MINUTE)
    put(ports, "etl", {**HOURLY, "cron": "0 3 * * *"})  # which would have been half an hour ago
    ticks(ports, START + 4 * HOUR, START + 5 * HOUR)
    assert starts(ports) == []
    ticks(ports, START + DAY + 3 * HOUR)
    assert starts(ports) == [START + DAY + 3 * HOUR]


def test_f43_a_change_of_the_jobs_alone_loses_no_fire_time(ports: Ports) -> None:
    put(ports, "etl", NIGHTLY)
    move(ports, TWO + MINUTE)  # and no tick has come
    put(ports, "etl", NIGHTLY, scheduleName="other")
    ticks(ports, TWO + 2 * MINUTE)
    assert starts(ports) == [TWO]
    assert runs(ports)[0].schedule_version == 2


def test_a_schedule_without_triggers_is_never_due(ports: Ports) -> None:
    put(ports, "etl")
    assert ports.triggers.get_triggers("etl") is None
    put(ports, "etl", NIGHTLY)
    put(ports, "etl")
    assert ticks(ports, TWO, TWO + DAY) == [Ticked(), Ticked()]
    assert ports.triggers.due_triggers(START + 1000 * DAY, 10) == []


def test_what_a_version_planned_is_started_of_that_version(ports: Ports) -> None:
    put(ports, "etl", NIGHTLY)
    calls = count()

    def meet() -> None:
        if next(calls) == 2:  # when it is decided, and before it is made
            with suppress(CutError):
                put(replace(ports, triggers=TappedTriggers(ports.triggers, cut)), "etl", HOURLY)

    def cut() -> None:
        raise CutError

    ticks(replace(ports, triggers=TappedTriggers(ports.triggers, meet)), TWO)
    assert [each.schedule_version for each in runs(ports)] == [1]
    assert ports.schedules.get_schedule("etl").version == 2


class Counted:
    """ports.Metrics that can be looked at."""

    def __init__(self) -> None:
        self.counts: list[Mapping[str, int]] = []

    def count(self, counts: Mapping[str, int]) -> None:
        self.counts.append(counts)


def in_time(ports: Ports, *left: int) -> tuple[Ticked, list[Mapping[str, int]]]:
    """What a function's tick does that has so many milliseconds left, each time it looks."""
    counted, times = Counted(), iter(left)
    driving = replace(driving_world(), **shared(ports), metrics=counted)
    return tick_in_time(driving, lambda: next(times)), counted.counts


def shared(ports: Ports) -> dict[str, Any]:
    return {each.name: getattr(ports, each.name) for each in fields(Ports)}


def test_what_a_tick_did_is_counted_and_nothing_is_when_it_did_nothing(ports: Ports) -> None:
    put(ports, "etl", NIGHTLY)
    assert in_time(ports) == (Ticked(), [])
    move(ports, TWO)
    assert in_time(ports, 240_000) == (Ticked(started=1), [{"TicksStarted": 1}])


def test_f45_a_tick_begins_nothing_in_the_last_minute_of_its_function(ports: Ports) -> None:
    for name in ("a", "b"):
        put(ports, name, NIGHTLY)
    move(ports, TWO)
    assert in_time(ports, 60_000, 59_999)[0] == Ticked(started=1)
    assert in_time(ports, 60_000)[0] == Ticked(started=1)


# Telling


class BrokenOutbox(MemoryOutbox):
    """Takes nothing."""

    def add(self, letter: Letter, next_at: datetime) -> bool:
        raise BackendError("store", "add letter", "it is full", retryable=True)


ALL_TOLD = [{"on": ["missed", "overlapSkipped"], "log": True}]


def told(ports: Ports) -> list[str]:
    return [each.letter.message for each in ports.outbox.pending(ports.clock(), 99)]


def test_one_missed_fire_time_is_told_without_a_number_and_several_with_it(ports: Ports) -> None:
    ports = replace(ports, outbox=MemoryOutbox())
    put(ports, "etl", {**HOURLY, "catchUp": "none"}, notify=ALL_TOLD)
    ticks(ports, START + HOUR + 10 * MINUTE)
    [one] = told(ports)
    assert "more since" not in one
    ticks(ports, START + 4 * HOUR + 10 * MINUTE)
    assert any("so were 2 more since" in each for each in told(ports))


def test_people_who_can_not_be_told_of_what_was_missed_keep_nothing_from_starting(
    ports: Ports, caplog: pytest.LogCaptureFixture
) -> None:
    ports = replace(ports, outbox=BrokenOutbox())
    put(ports, "etl", {**HOURLY, "catchUp": "latest", "overlap": "skip"}, notify=ALL_TOLD)
    [ticked] = ticks(ports, START + 3 * HOUR + 10 * MINUTE)
    assert ticked.started == 1
    assert "can't tell of" in caplog.text
    caplog.clear()
    [ticked] = ticks(ports, START + 4 * HOUR)  # the run goes on
    assert (ticked.started, ticked.refused) == (0, 1)
    assert "can't tell of" in caplog.text


def test_a_trigger_that_lacks_its_calendar_is_told_of_and_keeps_no_other_from_firing(
    ports: Ports, caplog: pytest.LogCaptureFixture
) -> None:
    put(ports, "etl", HOURLY, {**NIGHTLY, "calendar": "gone"})
    [ticked] = ticks(ports, START + HOUR)
    assert ticked.started == 1
    assert "trigger nightly of etl does not fire" in caplog.text
