"""Schedules that start each other by `onRun` are warned of, when the circle is closed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.loading import load
from chalicelib.core.run import RunHeader
from chalicelib.core.timing.agenda import MAX_CHAIN, ScheduleAct
from chalicelib.local.memory_outbox import MemoryOutbox
from chalicelib.ports import Ports
from chalicelib.services import schedules, triggers
from chalicelib.services.listening import run_ended
from chalicelib.services.requesting import ask
from chalicelib.services.runs import StartRequest
from chalicelib.services.ticking import tick
from tests.unit.stores import world
from tests.unit.triggered import HOURLY, MINUTE, START, document, end, move, put, runs


@pytest.fixture
def ports() -> Ports:
    made = world()
    move(made, START)
    return made


def after(schedule_id: str, **members: Any) -> dict[str, Any]:
    return {"name": f"after-{schedule_id}", "onRun": {"schedule": schedule_id}, **members}


def all_(_: str) -> bool:
    return True


def warned(
    ports: Ports,
    schedule_id: str,
    *wanted: dict[str, Any],
    sees: Callable[[str], bool] = all_,
) -> list[tuple[str, str]]:
    found = triggers.warnings(ports, load(document(schedule_id, *wanted)), sees)
    return [(each.path, each.found) for each in found if "circle" in each.reason]


def test_two_schedules_that_start_each_other_are_a_circle(ports: Ports) -> None:
    put(ports, "a", HOURLY, after("b"))
    assert warned(ports, "b", HOURLY, after("a")) == [("$.triggers[1].onRun", "b -> a -> b")]


def test_a_circle_is_named_in_the_order_in_which_it_starts(ports: Ports) -> None:
    put(ports, "b", after("a"), after("x"))
    put(ports, "x", after("y"))
    put(ports, "c", after("b"), after("x"))
    assert warned(ports, "a", after("c")) == [("$.triggers[0].onRun", "a -> b -> c -> a")]


def test_what_starts_one_after_the_other_is_no_circle(ports: Ports) -> None:
    put(ports, "a")
    put(ports, "b", after("a"))
    assert warned(ports, "c", after("b"), after("a"), after("none")) == []


def test_a_circle_among_others_is_not_the_schedule_s(ports: Ports) -> None:
    put(ports, "a", after("b"))
    put(ports, "b", after("a"))
    assert warned(ports, "c", after("b")) == []


def test_a_trigger_that_is_not_enabled_closes_no_circle(ports: Ports) -> None:
    put(ports, "a", after("b", enabled=False))
    assert warned(ports, "b", after("a")) == []
    put(ports, "c", after("d"))
    assert warned(ports, "d", after("c", enabled=False)) == []


def test_a_circle_through_what_is_out_of_sight_is_not_told(ports: Ports) -> None:
    put(ports, "hidden", after("b"))
    put(ports, "a", after("hidden"))
    assert warned(ports, "b", after("a")) == [("$.triggers[0].onRun", "b -> hidden -> a -> b")]
    assert warned(ports, "b", after("a"), sees=lambda name: name != "hidden") == []


def go_round(ports: Ports, times: int) -> int:
    """Let the newest run of `a` and `b` end, and start the next, so often; how many runs began."""
    for number in range(times):
        move(ports, START + (number + 1) * MINUTE)
        for schedule_id in ("a", "b"):
            for header in runs(ports, schedule_id):
                if header.status is RunStatus.RUNNING:
                    run_ended(ports, end(ports, header))
        tick(ports)
    return len(runs(ports, "a")) + len(runs(ports, "b"))


def test_t13_a_circle_is_cut_after_so_many_runs_and_people_are_told(
    ports: Ports, caplog: pytest.LogCaptureFixture
) -> None:
    ports = replace(ports, outbox=MemoryOutbox())
    told = {"notify": [{"on": ["missed"], "log": True}]}
    put(ports, "a", {"name": "daily", "cron": "0 0 24 11 *"}, after("b"), **told)
    put(ports, "b", after("a"), **told)
    ask(ports, ports.schedules.get_schedule("a"), StartRequest(actor="ann", at=START))
    assert go_round(ports, 3 * MAX_CHAIN) == MAX_CHAIN + 1
    (event,) = [each for name in "ab" for each in schedules.history(ports, name)]
    assert (event.act, event.actor) == (ScheduleAct.CUT, "trigger after-b")
    assert f"more than {MAX_CHAIN} runs have started each other in a row" in event.reason
    assert "after-b of a starts nothing" in caplog.text
    (posted,) = ports.outbox.pending(ports.clock(), 9)
    assert "started each other" in posted.letter.message


def test_t13_a_chain_begins_anew_with_each_run_that_no_run_has_started(ports: Ports) -> None:
    put(ports, "a")
    put(ports, "b", after("a"))
    for number in range(2 * MAX_CHAIN):
        move(ports, START + number * MINUTE)
        header = ask(
            ports, ports.schedules.get_schedule("a"), StartRequest(actor="ann", at=ports.clock())
        )
        assert isinstance(header, RunHeader)
        run_ended(ports, end(ports, header))
        tick(ports)
        for each in runs(ports, "b")[-1:]:
            end(ports, each)
    assert len(runs(ports, "b")) == 2 * MAX_CHAIN
