"""What people are told of ticks, and what is counted of them."""

import logging
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

import pytest

from chalicelib.core.notices import Letter
from chalicelib.errors import BackendError
from chalicelib.local.memory_outbox import MemoryOutbox
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.ports import Ports
from chalicelib.services.ticking import Ticked, tick_in_time
from tests.unit.stores import driving_world, world
from tests.unit.triggered import (
    DAY,
    HOUR,
    HOURLY,
    NIGHTLY,
    START,
    TWO,
    Picky,
    move,
    put,
    ticks,
)


@pytest.fixture
def ports() -> Ports:
    made = world()
    move(made, START)
    return made


class Jammed(MemoryOutbox):
    """An outbox that takes nothing."""

    def add(self, letter: Letter, next_at: datetime) -> bool:
        del letter, next_at
        raise BackendError("outbox", "add", "jammed", retryable=True)


def told(ports: Ports) -> list[tuple[str, str]]:
    """What people are told: the occasions and the reasons."""
    posted = ports.outbox.pending(ports.clock() + DAY, 100)
    return sorted((each.letter.kind, each.letter.message) for each in posted)


NOTIFY = [{"on": ["missed", "overlapSkipped"], "log": True}]


def test_people_are_told_of_starts_that_are_not_made_and_why(ports: Ports) -> None:
    ports = replace(ports, outbox=MemoryOutbox())
    put(ports, "etl", {**HOURLY, "catchUp": "none"}, notify=NOTIFY)
    ticks(ports, START + 3 * HOUR + HOUR / 2)
    put(ports, "etl", {**HOURLY, "overlap": "skip"}, notify=NOTIFY)
    ticks(ports, START + 4 * HOUR, START + 5 * HOUR)
    (missed, why), (skipped, overlap) = told(ports)
    assert (missed, skipped) == ("missed", "overlapSkipped")
    assert "nobody looked when it was due" in why
    assert "so were 2 more since 2026-11-23 01:00 +0000" in why
    assert "the run before it still goes on" in overlap


def test_people_are_told_of_a_start_that_can_t_be_made_and_of_one_that_is_too_late() -> None:
    queue = Picky(VirtualClock())
    ports = replace(world(queue=queue), outbox=MemoryOutbox())
    move(ports, START)
    put(ports, "etl", {**HOURLY, "catchUp": "all", "deadline": 600}, notify=NOTIFY)
    ticks(ports, START + HOUR, START + 2 * HOUR + HOUR / 2)
    (_, late), (_, unmade) = sorted(told(ports), key=lambda each: "GPU" in each[1])
    assert "its deadline had passed" in late
    assert "it needs a GPU" in unmade


def test_of_a_start_whose_window_opens_after_its_deadline_that_is_told(ports: Ports) -> None:
    ports = replace(ports, outbox=MemoryOutbox())
    late = {**HOURLY, "startBetween": ["12:00", "13:00"], "deadline": 600}
    put(ports, "etl", late, notify=NOTIFY)
    ticks(ports, START + HOUR)
    ((_, why),) = told(ports)
    assert "startBetween or jitter lets it start after its deadline only" in why
    assert "had passed" not in why


def test_f37_people_who_can_t_be_told_keep_nothing_from_starting(ports: Ports) -> None:
    ports = replace(ports, outbox=Jammed())
    put(ports, "etl", HOURLY, {**HOURLY, "name": "late", "catchUp": "none"}, notify=NOTIFY)
    assert ticks(ports, START + 2 * HOUR) == [Ticked(started=1, refused=3)]


def test_a_trigger_whose_calendar_is_gone_is_logged(
    ports: Ports, caplog: pytest.LogCaptureFixture
) -> None:
    put(ports, "etl", {**HOURLY, "calendar": "gone"}, {**HOURLY, "name": "other"})
    with caplog.at_level(logging.WARNING):
        assert ticks(ports, START + HOUR) == [Ticked(started=1)]
    assert "trigger hourly of etl does not fire" in caplog.text


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
