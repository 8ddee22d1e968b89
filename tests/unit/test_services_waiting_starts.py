"""Starts that wait: seen, and taken away by people before they become runs."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from chalicelib.core.lifecycle import Act
from chalicelib.core.operating import Order
from chalicelib.core.run import RunHeader
from chalicelib.core.timing.agenda import PlannedStart, ScheduleAct, admit
from chalicelib.core.timing.trigger import Overlap
from chalicelib.errors import ConflictError, NotFoundError
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.ports import Ports
from chalicelib.services import agendas, redoing, schedules
from chalicelib.services.requesting import ask
from chalicelib.services.runs import StartRequest
from chalicelib.services.ticking import tick
from chalicelib.services.waiting_starts import (
    Dropped,
    Waiting,
    cancel_start,
    find_start,
    waiting_of,
)
from tests.unit.stores import world
from tests.unit.triggered import (
    HOUR,
    MINUTE,
    START,
    Picky,
    agenda,
    end,
    move,
    paused,
    put,
    resumed,
    runs,
)

QUEUED = {"name": "api", "http": {}, "overlap": "queue", "deadline": "1h"}
WAITS = "etl/2026-11-23T00:01:00.000000Z"


@pytest.fixture
def ports() -> Ports:
    """One run goes on, and a start waits for its end."""
    made = world()
    move(made, START)
    stored = put(made, "etl", QUEUED)
    for _ in range(2):
        ask(made, stored, StartRequest(actor="ann", at=made.clock(), reason="now"))
        move(made, made.clock() + MINUTE)
    return made


def order(ports: Ports, actor: str = "bob") -> Order:
    return Order(act=Act.CANCEL, actor=actor, reason="a mistake", at=ports.clock())


def first(ports: Ports) -> RunHeader:
    return runs(ports)[0]


def test_a_start_that_waits_is_found_until_it_is_a_run(ports: Ports) -> None:
    (waiting,) = waiting_of(agenda(ports))
    assert waiting == Waiting(
        run_id=WAITS,
        trigger="api",
        actor="ann",
        not_before=START + MINUTE,
        until=START + 61 * MINUTE,
        reason="now",
    )
    assert find_start(ports, WAITS) == waiting
    end(ports, first(ports))
    tick(ports)
    assert waiting_of(agenda(ports)) == []
    assert [each.run_id for each in runs(ports)][1] == WAITS
    with pytest.raises(NotFoundError):
        find_start(ports, WAITS)


def test_a_start_that_is_taken_away_becomes_no_run_and_it_is_known_who_did_it(
    ports: Ports,
) -> None:
    dropped = cancel_start(ports, WAITS, order(ports))
    assert (dropped.event.actor, dropped.event.reason) == ("bob", "a mistake")
    assert find_start(ports, WAITS) == dropped
    assert schedules.history(ports, "etl") == [dropped.event]
    end(ports, first(ports))
    tick(ports)
    assert len(runs(ports)) == 1


def test_what_is_taken_away_once_is_not_taken_away_twice_but_by_the_same_order(
    ports: Ports,
) -> None:
    wanted = order(ports)
    dropped = redoing.cancel(ports, WAITS, wanted, again=False)
    assert redoing.cancel(ports, WAITS, wanted, again=True) == dropped
    with pytest.raises(ConflictError, match="taken away already, by bob"):
        cancel_start(ports, WAITS, order(ports, "cyd"))


def test_a_start_whose_run_is_being_made_is_not_taken_away(ports: Ports) -> None:
    planned = admit(agenda(ports), [], busy=False, now=ports.clock()).agenda
    agendas.change(ports, "etl", lambda _: planned)
    with pytest.raises(ConflictError, match="is being made"):
        cancel_start(ports, WAITS, order(ports))
    assert isinstance(find_start(ports, WAITS), Waiting)


@pytest.mark.parametrize("run", ["etl/2026-11-23T09:00:00.000000Z", "never/1", "etl"])
def test_what_neither_waits_nor_runs_is_not_there(ports: Ports, run: str) -> None:
    with pytest.raises(NotFoundError):
        find_start(ports, run)
    with pytest.raises(NotFoundError):
        cancel_start(ports, run, order(ports))
    assert ports.triggers.get_triggers("never") is None


def test_of_two_who_take_the_same_start_away_at_once_one_is_refused(ports: Ports) -> None:
    cancel_start(ports, WAITS, order(ports))
    assert isinstance(find_start(ports, WAITS), Dropped)
    with pytest.raises(ConflictError):
        redoing.cancel(ports, WAITS, order(ports, "cyd"), again=True)


def test_what_waits_when_a_schedule_is_paused_waits_for_its_resumption(ports: Ports) -> None:
    paused(ports, "etl", "ann")
    end(ports, first(ports))
    tick(ports)
    assert [each.run_id for each in waiting_of(agenda(ports))] == [WAITS]
    resumed(ports, "etl")
    tick(ports)
    assert len(runs(ports)) == 2


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (lambda ports: move(ports, START + 2 * HOUR), "its deadline has passed"),
        (lambda ports: put(ports, "etl"), "version 2 has no such trigger"),
        (lambda ports: schedules.delete(ports, "etl", "ann"), "the schedule is out of use"),
    ],
)
def test_of_a_start_that_waits_in_vain_it_is_told_why(
    ports: Ports, happens: Callable[[Ports], object], why: str
) -> None:
    happens(ports)
    tick(ports)
    found = find_start(ports, WAITS)
    assert isinstance(found, Dropped)
    assert (found.event.act, found.event.reason) == (ScheduleAct.DROP, why)


def test_what_an_act_led_to_stands_above_it_though_it_was_noted_before(ports: Ports) -> None:
    clock = ports.clock

    def slow() -> datetime:
        move(ports, clock() + MINUTE)
        return clock()

    schedules.delete(replace(ports, clock=slow), "etl", "ann")
    assert [each.act for each in agenda(ports).events] == [ScheduleAct.DROP, ScheduleAct.DELETE]
    told = schedules.history(ports, "etl")
    assert [each.act for each in told] == [ScheduleAct.DROP, ScheduleAct.DELETE]
    assert told[0].at > told[1].at


def test_of_a_start_whose_run_can_t_be_made_it_is_told_why() -> None:
    queue = Picky(VirtualClock(START))
    queue.needs = ""
    ports = world(queue=queue)
    move(ports, START)
    in_the_morning = {"name": "api", "http": {}, "startBetween": ["06:00", "08:00"]}
    stored = put(ports, "etl", in_the_morning)
    waits = ask(ports, stored, StartRequest(actor="ann", at=START))
    assert isinstance(waits, Waiting)
    queue.needs = "a GPU"
    move(ports, START + 6 * HOUR)
    tick(ports)
    found = find_start(ports, waits.run_id)
    assert isinstance(found, Dropped)
    assert "a GPU" in found.event.reason


def test_a_schedule_without_triggers_has_nothing_that_waits() -> None:
    assert waiting_of(None) == []


def test_the_chain_that_was_cut_is_what_became_of_the_start(ports: Ports) -> None:
    at = ports.clock()
    start = PlannedStart(
        trigger="after",
        started_at=at,
        fire_at=at,
        overlap=Overlap.ALLOW,
        not_before=at,
        actor="trigger after",
        depth=1000,
    )
    agendas.change(
        ports, "etl", lambda it: admit(it or agenda(ports), [start], busy=False, now=at).agenda
    )
    found = find_start(ports, "etl/2026-11-23T00:02:00.000000Z")
    assert isinstance(found, Dropped)
    assert found.event.act is ScheduleAct.CUT
