"""Ticks, as the services do them: each fire time starts one run, whatever befalls the ticks."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.timing.calendar_document import load_calendar
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.ports import Ports
from chalicelib.services import calendars
from chalicelib.services.runs import StartRequest, start
from chalicelib.services.ticking import Ticked, tick
from tests.unit.stores import world
from tests.unit.triggered import (
    DAY,
    HOUR,
    HOURLY,
    MINUTE,
    NIGHTLY,
    START,
    TWO,
    Picky,
    agenda,
    end,
    move,
    paused,
    put,
    resumed,
    runs,
    starts,
    ticks,
)


@pytest.fixture
def ports() -> Ports:
    made = world()
    move(made, START)
    return made


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
    resumed(ports, "etl")
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
