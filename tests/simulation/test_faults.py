"""The faults that have a name in the catalogue, F4 to F12 and F32, one by one."""

import pytest

from chalicelib.core.batch import QueueLimits
from chalicelib.errors import ConflictError
from tests.simulation.oracle import judge
from tests.simulation.scenarios import (
    BY_NAME,
)
from tests.simulation.world import World

LAGGING = QueueLimits(fence=120.0, empty_lookups=3)
HAUNTED = ("diamond", "engine-retry", "cancel", "restart", "two-at-once")


def calls_of(name: str) -> int:
    world = World(BY_NAME[name])
    world.drive()
    return len(world.tap.calls)


def haunted(world: World, index: int, steps: int) -> None:
    """A new engine takes over in the middle of a call, and the old one wakes up again."""
    successors = []

    def take_over() -> None:
        successor = world.engine()
        successors.append(successor)
        for _ in range(steps):
            if not world.is_over:
                world.step(successor)

    world.tap.hooks[index] = take_over
    old = world.engine()
    while not successors and not world.is_over:
        try:
            world.step(old)
        except ConflictError:
            assert successors
    world.engines(old, *successors)


@pytest.mark.parametrize("steps", [0, 1, 4])
@pytest.mark.parametrize("name", HAUNTED)
def test_f4_an_engine_that_was_replaced_doubles_nothing(name: str, steps: int) -> None:
    for index in range(calls_of(name)):
        world = World(BY_NAME[name])
        haunted(world, index, steps)
        judge(world.evidence())


def test_f4_an_engine_that_was_replaced_stops_driving() -> None:
    world = World(BY_NAME["chain"])
    old = world.engine()
    new = world.engine()
    with pytest.raises(ConflictError, match="Another engine has taken over"):
        world.step(old)
    world.engines(new)
    judge(world.evidence())


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("name", HAUNTED)
def test_f4_two_engines_that_know_nothing_of_each_other_double_nothing(
    name: str, steps: int
) -> None:
    for index in range(calls_of(name)):
        world = World(BY_NAME[name], limits=QueueLimits(fence=600.0), is_fenced=False)
        haunted(world, index, steps)
        judge(world.evidence())
