"""Drivers and operators in the same run at once: one of them learns that it came second."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.run import Change
from chalicelib.errors import ConflictError
from tests.aws.large_runs import begin_large, held, hold_all, reserved
from tests.aws.worlds import World, world
from tests.contract.dynamo_store import DynamoStore
from tests.contract.store_contents import RUN, change
from tests.simulation.faults import Tap

WAITING, RESERVED = JobStatus.WAITING, JobStatus.RESERVED
HELD, SUBMITTED = JobStatus.HELD, JobStatus.SUBMITTED
FEW, MANY = 2, 101  # one transaction; more than one

Act_ = Callable[[DynamoStore], object]


def reserve_all(store: DynamoStore) -> None:
    """What a driver's turn does."""
    run = store.load_for_turn(RUN)
    changes = reserved(run, [name for name in run.specs if run.states[name].status is WAITING])
    store.record(run.header, changes)
    run.apply(changes)
    store.close_turn(run)


def hold(store: DynamoStore) -> None:
    """What an operator does."""
    hold_all(store, store.load_run(RUN))


def conflicts(act: Act_, store: DynamoStore) -> bool:
    try:
        act(store)
    except ConflictError:
        return True
    return False


def interleave(here: World, call: int, first: Act_, second: Act_) -> tuple[bool, bool, int]:
    """`second` does all of its act before that call of `first`: who conflicted, and calls made."""
    second_conflicts = []
    tap = Tap(hooks={call: lambda: second_conflicts.append(conflicts(second, here.store()))})
    first_conflicts = conflicts(first, here.store(tap))
    return first_conflicts, any(second_conflicts), len(tap.calls)


@pytest.mark.parametrize("count", [FEW, MANY])
def test_of_two_drivers_each_job_is_reserved_by_one(count: int) -> None:
    for call in range(100):
        with world() as here:
            begin_large(here.store(), count)
            *_, calls = interleave(here, call, reserve_all, reserve_all)
            if call >= calls:
                return
            run = here.store().load_run(RUN)
            assert {(state.status, state.version) for state in run.states.values()} == {
                (RESERVED, 1)
            }
            acts = [event.act for event in here.store().events(RUN)]
            assert acts.count("RESERVE") == count
            assert {s.status for s in here.store().load_for_turn(RUN).states.values()} == {RESERVED}
    raise AssertionError("a turn makes fewer calls")


@pytest.mark.parametrize(
    ("first", "second"), [(reserve_all, hold), (hold, reserve_all)], ids=["driver", "operator"]
)
@pytest.mark.parametrize("count", [FEW, MANY])
def test_of_a_driver_and_an_operator_nothing_is_lost(count: int, first: Act_, second: Act_) -> None:
    for call in range(100):
        with world() as here:
            begin_large(here.store(), count)
            one, two, calls = interleave(here, call, first, second)
            if call >= calls:
                return
            run = here.store().load_run(RUN)
            ways = {(state.status, state.version) for state in run.states.values()}
            assert ways <= {(RESERVED, 1), (HELD, 1), (HELD, 2)}
            acts = [event.act for event in here.store().events(RUN)]
            is_held = run.header.revision == 1
            assert acts.count("HOLD") == (count + 1 if is_held else 0)
            assert acts.count("RESERVE") == sum(s.attempt for s in run.states.values())
            assert is_held or two or one
    raise AssertionError("neither makes so many calls")


def test_two_orders_at_once_are_one_after_the_other_or_one_is_refused() -> None:
    for call in range(100):
        with world() as here:
            begin_large(here.store(), MANY)
            one, two, calls = interleave(here, call, hold, hold_again)
            if call >= calls:
                return
            about = here.store().get_header(RUN)
            assert about.revision == 2 - one - two
            versions = {state.version for state in here.store().load_run(RUN).states.values()}
            assert versions == {about.revision}
    raise AssertionError("an order makes fewer calls")


def hold_again(store: DynamoStore) -> None:
    run = store.load_run(RUN)
    header = replace(run.header, revision=run.header.revision + 1)
    store.record(run.header, held(run), after=header)


def test_f24_facts_of_an_earlier_transaction_stay_when_a_later_one_conflicts() -> None:
    with world() as here:
        run = begin_large(here.store(), MANY)
        last = list(run.specs)[-1]
        other = here.store()
        other.record(run.header, [moved(other, last)])
        store = here.store()
        with pytest.raises(ConflictError):
            store.record(run.header, reserved(run))
        states = here.store().load_run(RUN).states
        written = [name for name, state in states.items() if state.status is RESERVED]
        assert written == list(run.specs)[: len(written)]
        assert written
        assert states[last].status is SUBMITTED


def moved(store: DynamoStore, job: str) -> Change:
    before = store.load_run(RUN).states[job]
    return change(before, Act.OBSERVE, job, status=SUBMITTED, job_id="id")
