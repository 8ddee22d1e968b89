"""What only reconcile can make good, by the names of the fault catalogue: no event ever comes."""

import pytest

from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.naming import start_text
from chalicelib.services import driving
from tests.simulation.driven_world import LIMITS, DrivenWorld
from tests.simulation.faults import Fault
from tests.simulation.oracle import judge
from tests.simulation.scenarios import BY_NAME

_HOURS = 3 * 3600.0  # s


def silent(name: str = "chain") -> DrivenWorld:
    """A world in which EventBridge tells of nothing."""
    world = DrivenWorld(BY_NAME[name])
    world.hears = False
    return world


def first_submission(name: str) -> int:
    """The call of a port at which an undisturbed run hands over its first job."""
    world = silent(name)
    world.drive()
    return world.tap.calls.index("submit")


def reconciled(world: DrivenWorld) -> DrivenWorld:
    """All is well in the end, and each job has run once."""
    world.rest(_HOURS)
    judge(world.evidence())
    assert world.header.status is RunStatus.SUCCEEDED
    assert len(world.queue.starts) == len(world.scenario.jobs)
    return world


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        pytest.param(Fault.CRASH_BEFORE, True, id="F1: dies before SubmitJob"),
        pytest.param(Fault.CRASH_AFTER, False, id="F2: dies before the id is written"),
    ],
)
def test_a_reservation_that_its_driver_left_behind_is_settled_by_the_next_one(
    fault: Fault, waits: bool
) -> None:
    world = silent()
    call = first_submission("chain")
    world.tap.faults = {call: fault}
    world.tap.hooks[call] = world.abort
    world.drive(steps=3)
    assert world.status_of("a") == "RESERVED"
    assert not world.machine.running()
    reconciled(world)
    waited = world.queue.starts[0].at - world.header.started_at
    assert waits == (waited.total_seconds() >= LIMITS.fence)


def test_f18_a_run_whose_execution_was_never_started_is_started() -> None:
    world = silent()
    reconciled(world)
    assert list(world.machine.executions) == [world.driver]


def test_f18_an_execution_that_can_not_be_started_is_started_when_it_can() -> None:
    world = silent()
    world.tap.faults = dict.fromkeys(range(2, 5), Fault.LOST_REQUEST)
    reconciled(world)


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT", "FAILED"])
def test_f20_an_execution_that_ended_from_outside_is_replaced(status: str) -> None:
    world = silent("diamond")
    world.drive(steps=5)
    [execution] = world.machine.running()
    world.machine.abort(execution.name, status)
    assert not world.has_ended
    reconciled(world)
    assert len(world.machine.executions) == 2


def test_f20_at_every_step_of_an_execution() -> None:
    whole = silent("diamond")
    whole.drive()
    [execution] = whole.machine.executions.values()
    for step in range(1, execution.transitions):
        world = silent("diamond")
        world.drive(steps=step)
        assert not world.has_ended
        world.abort()
        reconciled(world)


def test_a_driver_that_gave_up_is_replaced() -> None:
    world = silent()
    world.drive(steps=4)
    [execution] = world.machine.running()
    error = {"Error": "Lambda.Unknown", "Cause": "out of memory"}
    world.invoke("notify", {**execution.data, "error": error})
    world.machine.abort(execution.name, "FAILED")
    assert world.header.driver == ""
    reconciled(world)
    events = world.store.events(world.run_id, job="")
    told = [event.reason for event in events if event.act == "DRIVER_FAILED"]
    assert told == ["Lambda.Unknown: out of memory"]


def test_an_execution_that_has_no_run_ends_by_itself_and_makes_none() -> None:
    world = silent()
    payload = {"scheduleId": "gone", "startDateTime": start_text(world.clock())}
    world.machine.start("ghost", {**payload, "scheduleStatus": "CONTINUE"})
    world.machine.run_due()
    ghost = world.machine.executions["ghost"]
    assert (ghost.status, ghost.error) == ("FAILED", "NotFoundError")
    assert len(world.store.find_headers()) == 1


def test_an_execution_whose_run_another_one_drives_ends_at_its_next_step() -> None:
    world = silent()
    world.drive(steps=4)
    [first] = world.machine.running()
    world.executions.ended.add(first.name)  # as it seems to reconcile
    assert driving.execution_ended(world.ports(), first.name, "ABORTED") == 1
    reconciled(world)
    assert first.status == "SUCCEEDED"


def test_a_look_at_a_run_that_is_well_finds_nothing_at_any_step() -> None:
    world = silent("diamond")
    found = []
    while not world.is_over:
        world.drive(steps=1)
        found.append(world.reconcile())
    assert set(found) == {0}
    assert len(found) > 10
