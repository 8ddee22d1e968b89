"""A whole random world from one number: graph, rules, failures, faults, operators, zombies.

To see one again: `python -m tests.prove.random_runs SEED`.
"""

import sys
from collections.abc import Callable

from chalicelib.core.batch import QueueLimits
from chalicelib.core.schedule import JobSpec, OnFailure, Policy, RetryPolicy, TriggerRule
from tests.prove.again import told_how
from tests.simulation.chance import Chance
from tests.simulation.faults import Fault
from tests.simulation.oracle import OVER, judge
from tests.simulation.scenarios import ARRAY, REQUEST, Scenario, act, cancel, job, restart
from tests.simulation.world import World

_CALLS = 300  # of the engine, among which faults and operators are spread
_VERBS = ("HOLD", "RELEASE", "PASS", "TERMINATE", "RERUN", "MARK_FAILED", "MARK_SUCCEEDED")


def endure(seed: int) -> World:
    """Live through the world of that number, to the end; whatever it raises is a bug."""
    with told_how("random_runs", seed):
        world = world_of(seed)
        world.drive()
        judge(world.evidence())
        assert set(world.statuses().values()) <= OVER, world.statuses()
    return world


def world_of(seed: int) -> World:
    """The world of that number, before anything has happened in it."""
    chance = Chance(seed)
    lag = chance.choice([0.0, 0.0, 0.0, 15.0])
    limits = QueueLimits(fence=40.0, empty_lookups=2) if lag else QueueLimits()
    world = World(scenario_of(seed, chance), faults_of(chance), listing_lag=lag, limits=limits)
    world.releases = True
    for _ in range(chance.randrange(6)):
        world.tap.hooks[chance.randrange(60)] = deed_of(world, chance)
    return world


def scenario_of(seed: int, chance: Chance) -> Scenario:
    """A graph of up to twelve jobs, and how they behave."""
    names = [f"job{number}" for number in range(chance.randrange(1, 13))]
    specs = [spec_of(chance, name, names[:index]) for index, name in enumerate(names)]
    if chance.one_in(3):
        specs.append(job("last", is_finally=True, trigger_rule=TriggerRule.ALL_DONE))
        names.append("last")
    policy = Policy(
        on_failure=OnFailure.STOP if chance.one_in(4) else OnFailure.CONTINUE,
        max_concurrency=chance.choice([None, None, None, 1, 2, 4]),
        wait_time=10,
    )
    return Scenario(
        name=f"seed {seed}",
        jobs=specs,
        policy=policy,
        fails={name: attempts_of(chance) for name in names},
        seconds={name: chance.choice([0.0, 1.0, 3.0, 20.0]) for name in names},
        max_dependencies=chance.choice([1, 2, 20]),
    )


def spec_of(chance: Chance, name: str, before: list[str]) -> JobSpec:
    upstream = chance.sample(before, min(len(before), chance.choice([0, 1, 1, 2, 3, 5])))
    rule = chance.choice([TriggerRule.ALL_SUCCEEDED] * 5 + list(TriggerRule))
    if chance.one_in(12):
        return JobSpec(name=name, upstream=tuple(upstream), trigger_rule=rule, hold=True)
    retry = RetryPolicy(
        attempts=chance.randrange(1, 4), delay_seconds=chance.choice([0.0, 7.0]), backoff=2.0
    )
    there = {**REQUEST, "retryStrategy": {"attempts": 2}}
    return job(
        name,
        *upstream,
        trigger_rule=rule,
        hold=chance.one_in(15),
        passed=chance.one_in(20),
        retry=retry if chance.one_in(4) else None,
        runnable_timeout=30 if chance.one_in(8) else None,
        request=ARRAY if chance.one_in(10) else there if chance.one_in(6) else REQUEST,
    )


def attempts_of(chance: Chance) -> list[int]:
    """The attempts at which a job fails: mostly none."""
    return [attempt for attempt in range(1, 5) if chance.one_in(6)]


def faults_of(chance: Chance) -> dict[int, Fault]:
    rarity = chance.choice([1000, 40, 15, 6])
    return {index: chance.choice(list(Fault)) for index in range(_CALLS) if chance.one_in(rarity)}


def deed_of(world: World, chance: Chance) -> Callable[[], None]:
    """Something that an operator does, or that happens to the host, or a new engine."""
    names = list(world.scenario.jobs)
    verb = act(
        chance.choice(_VERBS),
        *(spec.name for spec in chance.sample(names, chance.randrange(1, len(names) + 1))),
        downstream=chance.one_in(2),
    )
    match chance.randrange(10):
        case 0:
            return world.queue.lose_host
        case 1:
            return lambda: take_over(world)
        case 2:
            return lambda: _try(world, cancel)
        case 3 | 4:
            return lambda: _try(world, restart)
        case _:
            return lambda: _try(world, verb)


def _try(world: World, deed: Callable[[World], None]) -> None:
    world.try_to(deed)


def take_over(world: World) -> None:
    """A new engine does a little, and the world goes on with the one before it."""
    engine = world.engine()
    for _ in range(3):
        if not world.is_over:
            world.step(engine)


if __name__ == "__main__":
    endure(int(sys.argv[1]))
