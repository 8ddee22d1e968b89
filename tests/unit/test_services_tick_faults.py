"""Ticks that are cut off, meet others, or find that a store fails: none starts a run twice."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest

from chalicelib.core.run import JobState, RunHeader
from chalicelib.core.schedule import JobSpec
from chalicelib.errors import BackendError
from chalicelib.local.memory_store import MemoryStore
from chalicelib.ports import Ports
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
    TappedTriggers,
    agenda,
    move,
    put,
    runs,
    starts,
    ticks,
)


@pytest.fixture
def ports() -> Ports:
    made = world()
    move(made, START)
    return made


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
