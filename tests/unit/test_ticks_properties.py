"""Ticks that are late, cut off anywhere, doubled, and meet others: each fire time has one run."""

from contextlib import suppress
from dataclasses import replace
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.lifecycle import RunStatus
from chalicelib.ports import Ports
from chalicelib.services.ticking import tick
from tests.unit.stores import world
from tests.unit.triggered import HOUR, MINUTE, START, TappedTriggers, end, move, put, runs

CALLS = 8  # of a tick over one schedule, before and after each
HOURS = 30
# How the next tick comes: so many minutes later, cut off at a call, or meeting another at a call.
TICKS = st.lists(
    st.tuples(
        st.integers(0, 150),
        st.sampled_from(["whole", "cut", "meets"]),
        st.integers(0, CALLS),
        st.booleans(),
    ),
    max_size=25,
)


class CutError(Exception):
    """The end of a process."""


def disturbed(ports: Ports, how: str, number: int) -> Ports:
    """The same ports, of which a call ends the process, or lets another tick run before it."""
    calls = count()

    def tap() -> None:
        if next(calls) != number or how == "whole":
            return
        if how == "cut":
            raise CutError
        tick(ports)

    return replace(ports, triggers=TappedTriggers(ports.triggers, tap))


def live(ports: Ports, ticks: list[tuple[int, str, int, bool]]) -> None:
    """Let ticks come as they come; now and then the runs that go on end."""
    now = START
    for minutes, how, number, ends in ticks:
        now = min(now + minutes * MINUTE, START + HOURS * HOUR)
        move(ports, now)
        with suppress(CutError):
            tick(disturbed(ports, how, number))
        if ends:
            for header in runs(ports):
                if header.status is RunStatus.RUNNING:
                    end(ports, header)
    move(ports, START + HOURS * HOUR)
    tick(ports)


def fired(ports: Ports) -> list[int]:
    """The hours of the runs' fire times, one for each run."""
    return [round((each.started_at - START) / HOUR) for each in runs(ports)]


@given(TICKS)
def test_f13_every_fire_time_has_one_run_where_all_are_made_up_for(
    ticks: list[tuple[int, str, int, bool]],
) -> None:
    ports = world()
    move(ports, START)
    put(ports, "etl", {"cron": "0 * * * *", "catchUp": "all", "overlap": "allow"})
    live(ports, ticks)
    assert fired(ports) == list(range(1, HOURS + 1))


@given(TICKS)
def test_f15_where_starts_queue_none_is_lost_and_no_two_runs_go_on_at_once(
    ticks: list[tuple[int, str, int, bool]],
) -> None:
    ports = world()
    move(ports, START)
    put(ports, "etl", {"cron": "0 * * * *", "catchUp": "all", "overlap": "queue"})
    live(ports, ticks)
    while [each for each in runs(ports) if each.status is RunStatus.RUNNING]:
        going = [each for each in runs(ports) if each.status is RunStatus.RUNNING]
        assert len(going) == 1
        end(ports, going[0])
        tick(ports)
    assert fired(ports) == list(range(1, HOURS + 1))


@given(TICKS, st.sampled_from(["skip", "cancel"]))
def test_f15_where_overlap_is_forbidden_no_two_runs_go_on_at_once_and_none_starts_twice(
    ticks: list[tuple[int, str, int, bool]], overlap: str
) -> None:
    ports = world()
    move(ports, START)
    put(ports, "etl", {"cron": "0 * * * *", "overlap": overlap})
    live(ports, ticks)
    going = [each for each in runs(ports) if each.status is RunStatus.RUNNING]
    assert len(going) <= 1
    assert len(set(fired(ports))) == len(fired(ports))
