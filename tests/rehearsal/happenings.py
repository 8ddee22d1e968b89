"""What may happen in the middle of a function, and to events on their way."""

from collections.abc import Mapping, Sequence

from tests.rehearsal.plots import Do, act, cancel, restart
from tests.rehearsal.world import Rehearsal
from tests.simulation.chance import Chance
from tests.strict.bus import Delays, Event


def _lost(seconds: float) -> Do:
    return lambda world: world.lose_sight(seconds)


def _tried(deed: Do) -> Do:
    return lambda world: world.do(deed)


def _taken_over(world: Rehearsal) -> None:
    world.abort()
    world.lose_sight(20.0)


# The run ends as it would have without these.
HARMLESS: Mapping[str, Do] = {
    "called twice": Rehearsal.call_again,
    "lost from sight for a moment": _lost(3.0),
    "lost from sight for a minute": _lost(60.0),
    "lost from sight until its time is up": _lost(301.0),
    "its execution is aborted": Rehearsal.abort,
    "another execution takes over": _taken_over,
}
BY_PEOPLE: Mapping[str, Do] = {
    "cancel": _tried(cancel),
    "restart": _tried(restart),
    "hold": _tried(act("HOLD", "b")),
    "pass": _tried(act("PASS", "b")),
    "terminate": _tried(act("TERMINATE", "a")),
    "rerun": _tried(act("RERUN", "a", downstream=True)),
    "mark-failed": _tried(act("MARK_FAILED", "a")),
    "mark-succeeded": _tried(act("MARK_SUCCEEDED", "a")),
}


def fates(seed: int) -> Mapping[str, Delays]:
    """What becomes of events: for each, after how many seconds it comes, how often."""
    chance = Chance(f"fates {seed}")

    def mixed(_event: Event) -> Sequence[float]:
        return [chance.choice([0.0, 1.0, 20.0, 400.0]) for _ in range(chance.choice([0, 1, 1, 2]))]

    return {
        "lost": lambda _event: (),
        "doubled": lambda _event: (0.0, 0.0),
        "late": lambda _event: (400.0,),
        "again much later": lambda _event: (0.0, 4000.0),
        "reordered": lambda _event: (chance.uniform(0.0, 90.0),),
        "mixed": mixed,
    }
