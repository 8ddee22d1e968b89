"""A whole random stage from one number: graph, failures, faults, people, events, lags, outages.

To see one again: `python -m tests.prove.random_stages SEED`.
"""

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from chalicelib.local.slots import Capacity
from tests.prove.again import told_how
from tests.rehearsal.happenings import BY_PEOPLE, HARMLESS, fates
from tests.rehearsal.judging import judge
from tests.rehearsal.plots import Do, Fields, Plot, act, job
from tests.rehearsal.suffering import possible
from tests.rehearsal.world import Rehearsal, Weather
from tests.simulation.chance import Chance
from tests.strict.answers import Call, Fault
from tests.strict.stage import Setup

_STORMY = timedelta(minutes=10)  # of the beginning, in which single calls fail
_OUTAGE = timedelta(hours=6)
_CALLS = 250  # among which things happen
_RULES = ("all done", "none failed", "any succeeded", "any failed")
_VERBS = ("HOLD", "RELEASE", "PASS", "TERMINATE", "RERUN", "MARK_FAILED", "MARK_SUCCEEDED")


def endure(seed: int) -> Rehearsal:
    """Live through the stage of that number, to the end; whatever it raises is a bug."""
    with told_how("random_stages", seed):
        world = world_of(seed)
        judge(world.drive())
    return world


def world_of(seed: int) -> Rehearsal:
    """The stage of that number, before anything has happened on it."""
    chance = Chance(f"stage {seed}")
    plot = plot_of(seed, chance)
    world = Rehearsal(plot, setup=setup_of(seed, chance), delays=delays_of(seed, chance))
    world.weather = weather_of(world, chance)
    for _ in range(chance.choice([0, 0, 1, 1, 2, 4])):
        world.hooks[chance.randrange(_CALLS)] = deed_of(plot, chance)
    return world


def plot_of(seed: int, chance: Chance) -> Plot:
    """A graph of up to twelve jobs, and how they behave."""
    names = ["a", "b", *(f"job{number}" for number in range(chance.randrange(11)))]
    jobs = [job_of(chance, name, names[:index]) for index, name in enumerate(names)]
    members: Fields = {"wait_time": chance.choice([10, 60, 300])}
    if chance.one_in(3):
        members["finally"] = [job("last")]
    if chance.one_in(4):
        members["onFailure"] = "stop"
    if chance.one_in(4):
        members["maxConcurrency"] = chance.choice([1, 2, 4])
    return Plot(
        name=f"seed {seed}",
        jobs=jobs,
        members=members,
        fails={name: [n for n in range(1, 5) if chance.one_in(6)] for name in [*names, "last"]},
        seconds={name: chance.choice([0.0, 1.0, 30.0, 200.0]) for name in names},
        is_certain=False,
    )


def job_of(chance: Chance, name: str, before: Sequence[str]) -> Fields:
    upstream = chance.sample(before, min(len(before), chance.choice([0, 1, 1, 2, 3, 5])))
    members: dict[str, Any] = {}
    if chance.one_in(5):
        members["triggerRule"] = chance.choice(_RULES)
    if chance.one_in(15):
        members["hold"] = True
    elif chance.one_in(20):
        members["jobStatus"] = "PASS"
    if chance.one_in(4):
        attempts, delay = chance.randrange(1, 4), chance.choice([0, 7])
        members["retry"] = {"attempts": attempts, "delaySeconds": delay, "backoff": 2}
    if chance.one_in(10):
        members["arrayProperties"] = {"size": 2}
    if chance.one_in(6):
        members["retryStrategy"] = {"attempts": 2}
    if chance.one_in(8):
        members["runnableTimeout"] = 600
    return job(name, *upstream, **members)


def setup_of(seed: int, chance: Chance) -> Setup:
    return Setup(
        capacity=Capacity(chance.choice([1000.0, 1000.0, 2.0]), 10_000_000),
        listing_lag=chance.choice([0.0, 0.0, 20.0, 200.0]),
        index_lag=chance.choice([0.0, 0.0, 60.0, 600.0]),
        executions_lag=chance.choice([0.0, 0.0, 30.0]),
        is_warm=not chance.one_in(3),
        skew=chance.choice([0.0, 0.0, 300.0]),
        sends_again=chance.one_in(3),
        turns=chance.choice([None, None, 1, 3]),
        seed=seed,
    )


def delays_of(seed: int, chance: Chance) -> Any:
    kinds = fates(seed)
    return chance.choice([*kinds.values(), lambda _event: (0.0,), lambda _event: (0.0,)])


def weather_of(world: Rehearsal, chance: Chance) -> Weather:
    """Single calls that fail at first, and now and then hours in which nothing works."""
    rarity = chance.choice([1000, 60, 20, 8])
    calm_from = world.clock() + _STORMY
    outage_from = world.clock() + timedelta(seconds=chance.uniform(0.0, 120.0))
    has_outage = chance.one_in(8)

    def weather(call: Call) -> Fault | None:
        if has_outage and outage_from <= call.at < outage_from + _OUTAGE:
            return chance.choice([Fault.LOST_REQUEST, Fault.SERVER_ERROR])
        if call.at < calm_from and chance.one_in(rarity):
            return chance.choice(possible(call.operation))
        return None

    return weather


def deed_of(plot: Plot, chance: Chance) -> Do:
    """Something that befalls a function, or that somebody does meanwhile."""
    names = [each["jobName"] for each in plot.jobs]
    match chance.randrange(8):
        case 0 | 1 | 2:
            return chance.choice(list(HARMLESS.values()))
        case 3:
            return lambda world: world.stage.batch.lose_host()
        case 4:
            return lambda world: world.do(lambda world: world.people.start())
        case 5:
            return chance.choice([BY_PEOPLE["cancel"], BY_PEOPLE["restart"]])
    some = chance.sample(names, chance.randrange(1, len(names) + 1))
    verb = act(chance.choice(_VERBS), *some, downstream=chance.one_in(2))
    return lambda world: world.do(verb)


if __name__ == "__main__":
    endure(int(sys.argv[1]))
