"""Whatever call a process ends at, a run is as it was or as it was to be, and the next goes on."""

from collections.abc import Callable, Sequence
from functools import partial

import pytest

from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.run import initial_states
from chalicelib.core.schedule import JobSpec
from chalicelib.errors import ConflictError, NotFoundError
from tests.aws.large_runs import begin_large, hold_all, reserved, specs_of
from tests.aws.worlds import World, world
from tests.contract.dynamo_store import DynamoStore
from tests.contract.store_contents import RUN, header
from tests.simulation.faults import Crash, Fault, Tap

HELD, WAITING = JobStatus.HELD, JobStatus.WAITING
SOME = 101  # jobs: more than one transaction holds
FAULTS = [Fault.CRASH_BEFORE, Fault.CRASH_AFTER]


def crash(here: World, call: int, fault: Fault, act: Callable[[DynamoStore], object]) -> bool:
    """Do `act` in a process that ends at that call; False if it makes fewer calls."""
    tap = Tap(faults={call: fault})
    try:
        act(here.store(tap))
    except Crash:
        return True
    return False


@pytest.mark.parametrize("fault", FAULTS)
def test_f26_a_large_order_that_is_cut_off_is_done_whole_or_not_at_all(fault: Fault) -> None:
    for call in range(100):
        with world() as here:
            begin_large(here.store(), SOME)
            run = here.store().load_run(RUN)
            crashed = crash(here, call, fault, partial(hold_all, run=run))
            seen = see_one_side_of_it(here)
            go_on_after(here, seen)
        if not crashed:
            assert seen is HELD
            assert call > 6
            return
    raise AssertionError("an order makes fewer calls")


def see_one_side_of_it(here: World) -> JobStatus:
    """Ask a process that knows nothing yet, by every door."""
    reader = here.store()
    [status] = {record.state.status for record in reader.find_jobs(RUN)}
    about = here.store().get_header(RUN)
    assert about.counts == {status: SOME}
    assert (about.revision, about.reason) == ((1, "held") if status is HELD else (0, ""))
    told = [event.act for event in here.store().events(RUN)]
    assert told.count("HOLD") == (SOME + 1 if status is HELD else 0)
    for load in (here.store().load_run, here.store().load_for_turn):
        assert {state.status for state in load(RUN).states.values()} == {status}
    return status


def go_on_after(here: World, seen: JobStatus) -> None:
    """An order left behind before it was decided stops the run for half a minute at most."""
    here.clock.advance(31)
    store = here.store()
    run = store.load_for_turn(RUN)
    assert {state.status for state in run.states.values()} == {seen}
    [first] = reserved(run, ["job-00000"])
    store.record(run.header, [first])
    assert store.load_run(RUN).states["job-00000"] == first.after


@pytest.mark.parametrize("count", [3, SOME])
@pytest.mark.parametrize("fault", FAULTS)
def test_f26_a_creation_that_is_cut_off_leaves_no_run_and_can_be_done_again(
    fault: Fault, count: int
) -> None:
    specs, others = specs_of(count), specs_of(count - 1)
    for call in range(100):
        with world() as here:
            crashed = crash(here, call, fault, lambda store: create(store, specs))
            done = exists(here.store())
            if not done:
                assert here.store().find_headers() == []
                assert here.store().find_jobs(RUN) == []
                assert here.store().events(RUN) == []
                create(here.store(), others)
            run = here.store().load_run(RUN)
            assert list(run.specs.values()) == (specs if done else others)
            assert run.states == initial_states(list(run.specs.values()))
            assert [event.act for event in here.store().events(RUN)] == ["START"]
        if not crashed:
            assert call > 1
            return
    raise AssertionError("a creation makes fewer calls")


def create(store: DynamoStore, specs: Sequence[JobSpec]) -> None:
    store.create_run(header(), specs, initial_states(specs))


def exists(store: DynamoStore) -> bool:
    try:
        store.get_header(RUN)
    except NotFoundError:
        return False
    return True


@pytest.mark.parametrize("call", range(1, 5))
def test_f26_a_creator_that_comes_late_writes_nothing_into_a_run_that_lives(call: int) -> None:
    specs = specs_of(SOME)
    with world() as here:

        def live() -> None:
            first = here.store()
            create(first, specs)
            run = first.load_for_turn(RUN)
            first.record(run.header, reserved(run))

        with pytest.raises(ConflictError, match="exists already"):
            create(here.store(Tap(hooks={call: live})), specs)
        states = here.store().load_run(RUN).states
        assert {state.status for state in states.values()} == {JobStatus.RESERVED}
