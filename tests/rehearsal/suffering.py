"""One run with given faults, judged; and which faults can befall which call."""

from collections.abc import Mapping, Sequence
from functools import cache

from tests.rehearsal.judging import judge
from tests.rehearsal.plots import BY_NAME, Plot
from tests.rehearsal.world import Hook, Rehearsal
from tests.strict.answers import Call, Fault
from tests.strict.stage import Setup

PLAIN = Setup()
_ANY = (
    Fault.CRASH_BEFORE,
    Fault.CRASH_AFTER,
    Fault.LOST_REPLY,
    Fault.LOST_REQUEST,
    Fault.THROTTLE,
    Fault.SERVER_ERROR,
    Fault.SERVER_ERROR_AFTER,
)
_OWN: Mapping[str, Sequence[Fault]] = {
    "GetItem": (Fault.STALE_READ,),
    "Query": (Fault.STALE_READ,),
    "BatchGetItem": (Fault.STALE_READ, Fault.PARTIAL_BATCH),
    "TransactWriteItems": (Fault.CONFLICT,),
    "PutObject": (Fault.CONFLICT,),
}


def possible(operation: str) -> Sequence[Fault]:
    """The faults that make a difference to a call."""
    return (*_ANY, *_OWN.get(operation, ()))


@cache
def undisturbed(name: str, setup: Setup = PLAIN) -> Rehearsal:
    world = Rehearsal(BY_NAME[name], setup=setup).drive()
    judge(world)
    return world


def calls_of(name: str, setup: Setup = PLAIN) -> list[Call]:
    """The calls of a run that nothing happens to."""
    return undisturbed(name, setup).calls


def calls_to(name: str, operation: str, caller: str = "", setup: Setup = PLAIN) -> list[int]:
    """The numbers of the calls to an operation, of those that a function makes if one is named."""
    return [
        index
        for index, call in enumerate(calls_of(name, setup))
        if call.operation == operation and caller in ("", call.caller)
    ]


def calls_by(name: str, caller: str, setup: Setup = PLAIN) -> list[int]:
    """The numbers of the calls that a function makes."""
    return [i for i, call in enumerate(calls_of(name, setup)) if call.caller == caller]


def suffer(
    plot: Plot,
    faults: Mapping[int, Fault],
    hooks: Mapping[int, Hook] | None = None,
    setup: Setup = PLAIN,
) -> Rehearsal:
    """Run with these faults, judge, and compare the end where it is certain."""
    world = Rehearsal(plot, faults, setup, dict(hooks or {}))
    try:
        world.drive()
        judge(world)
        if plot.is_certain:
            assert world.statuses() == undisturbed(plot.name).statuses()
            assert world.status() == undisturbed(plot.name).status()
    except BaseException as error:
        error.add_note(f"{plot.name}: {_told(world, faults, hooks or {})}")
        raise
    return world


def _told(world: Rehearsal, faults: Mapping[int, Fault], hooks: Mapping[int, Hook]) -> str:
    calls = world.calls
    places = {**faults, **dict.fromkeys(hooks, None)}
    return ", ".join(
        f"{fault.value if fault else 'something'} at call {index}"
        f" ({calls[index].caller or 'a person'}: {calls[index].operation})"
        for index, fault in places.items()
        if index < len(calls)
    )
