"""Schedules that start each other by `onRun` are warned of, when the circle is closed."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.loading import load
from chalicelib.ports import Ports
from chalicelib.services import triggers
from tests.unit.stores import world
from tests.unit.triggered import HOURLY, START, document, move, put


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
