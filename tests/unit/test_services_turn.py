"""One turn of a run: what it does when the queue, or the run itself, is not as it was."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from chalicelib.core import reserving
from chalicelib.core.batch import JobDetail
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.planning import HandOver, Withdrawal
from chalicelib.core.run import Intent
from chalicelib.errors import BackendError, ConflictError
from chalicelib.local.memory_queue import MemoryQueue, VirtualClock
from chalicelib.local.memory_store import MemoryStore
from chalicelib.ports import Ports
from chalicelib.services import dispatch, operations
from chalicelib.services.operations import Selection
from chalicelib.services.turn import Driven, advance, take_turn
from tests.unit.runs import NOW, after, gate, header, order, spec
from tests.unit.stage import CrowdedStore
from tests.unit.stores import record_run, world

RUN = "etl/2026"
J = JobStatus
REQUEST = {"containerOverrides": {"command": ["true"]}, "jobQueue": "main"}


class MoodyQueue(MemoryQueue):
    """A queue that now and then describes nothing, or can't be asked to end a job."""

    def __init__(self) -> None:
        super().__init__(VirtualClock(NOW))
        self.is_blind = False
        self.is_deaf = False
        self.asked = 0

    def describe(self, job_ids: Sequence[str]) -> list[JobDetail]:
        return [] if self.is_blind else super().describe(job_ids)

    def terminate(self, job_id: str, reason: str) -> None:
        self.asked += 1
        if self.is_deaf:
            raise BackendError("queue", "TerminateJob", "throttled", retryable=True)
        super().terminate(job_id, reason)


@pytest.fixture
def queue() -> MoodyQueue:
    return MoodyQueue()


@pytest.fixture
def ports(queue: MoodyQueue) -> Ports:
    return world(queue=queue)


@pytest.fixture
def driven(ports: Ports) -> Driven:
    """A run of two jobs that the queue has."""
    record_run(ports, *(spec(name, request=REQUEST) for name in "ab"))
    made = Driven(ports.runs.load_run(RUN))
    take_turn(ports, made)
    return made


def terminate(ports: Ports, driven: Driven) -> None:
    """Let an operator terminate both jobs, and the driver know of it."""
    selection = Selection(run_id=RUN, patterns=["a", "b"])
    operations.act_on_jobs(ports, selection, order(Act.TERMINATE))
    driven.run = ports.runs.load_run(RUN)


def statuses(ports: Ports) -> set[JobStatus]:
    return {record.state.status for record in ports.runs.find_jobs(RUN)}


def test_a_turn_of_a_run_that_has_ended_does_nothing(ports: Ports) -> None:
    record_run(ports, spec("a"), run=header(status=RunStatus.CANCELLED, ended_at=NOW))
    driven = Driven(ports.runs.load_run(RUN))
    take_turn(ports, driven)
    assert [event.act for event in ports.runs.events(RUN)] == ["START"]
    assert driven.wake_at is None


def test_a_job_that_is_listed_but_not_described_is_left_alone(
    ports: Ports, queue: MoodyQueue, driven: Driven
) -> None:
    before = ports.runs.find_jobs(RUN)
    queue.is_blind = True
    take_turn(ports, driven)
    assert ports.runs.find_jobs(RUN) == before


def test_a_job_that_the_queue_forgot_is_not_found(ports: Ports, driven: Driven) -> None:
    forgetful = world(queue=MemoryQueue(VirtualClock(after(3600))), store=ports.runs)
    take_turn(forgetful, driven)
    assert statuses(ports) == {J.NOTFOUND}


def test_a_queue_that_can_not_be_asked_is_asked_again_after_a_second(
    ports: Ports, queue: MoodyQueue, driven: Driven
) -> None:
    queue.is_deaf = True
    terminate(ports, driven)
    take_turn(ports, driven)
    assert driven.wake_at == after(1)
    assert (queue.asked, driven.asked) == (2, set())
    queue.is_deaf = False
    take_turn(ports, driven)
    assert queue.asked == 4
    take_turn(ports, driven)
    assert statuses(ports) == {J.CANCELLED}


def test_a_queue_that_was_asked_is_not_asked_again(
    ports: Ports, queue: MoodyQueue, driven: Driven
) -> None:
    terminate(ports, driven)
    queue.is_blind = True
    for _ in range(3):
        take_turn(ports, driven)
    assert queue.asked == 2
    assert {intent for _, intent in driven.asked} == {Intent.CANCEL}
    assert driven.wake_at is None


def test_what_can_not_be_withdrawn_keeps_nothing_else_from_it(
    ports: Ports, queue: MoodyQueue, driven: Driven
) -> None:
    terminate(ports, driven)
    gone = Withdrawal("a", driven.run.states["a"].job_id, False, "terminate")
    queue.is_deaf = True
    assert not dispatch.withdraw(ports, driven.run, [gone], driven.asked)
    queue.is_deaf = False
    assert dispatch.withdraw(ports, driven.run, [gone], driven.asked)
    assert dispatch.withdraw(ports, driven.run, [], driven.asked)


def late_after(count: int) -> Callable[[], bool]:
    """Of a driver that has time for so many of whatever it does one by one."""
    left = iter([False] * count)
    return lambda: next(left, True)


def test_a_driver_without_time_asks_for_some_ends_now_and_for_the_rest_later(
    ports: Ports, queue: MoodyQueue, driven: Driven
) -> None:
    terminate(ports, driven)
    # It looks once before the plan, and once before each job.
    assert advance(ports, driven, late_after(2))
    assert (queue.asked, driven.wake_at) == (1, after(1))
    assert advance(ports, driven)
    assert queue.asked == 2


def test_a_driver_without_time_looks_for_some_reservations_now_and_for_the_rest_later(
    ports: Ports, driven: Driven
) -> None:
    record_run(
        ports, *(spec(name, request=REQUEST) for name in "ab"), run=header(run_id="etl/2027")
    )
    run = ports.runs.load_run("etl/2027")
    changes = [reserving.reserve(run, HandOver(name), NOW) for name in "ab"]
    dispatch.commit(ports, run, changes)
    ports.queue.submit([reserving.submission(run, HandOver(name)) for name in "ab"])
    dispatch.recover(ports, run, late_after(1))
    assert [run.states[name].status for name in "ab"] == [J.SUBMITTED, J.RESERVED]
    dispatch.recover(ports, run, late_after(1))
    assert [run.states[name].status for name in "ab"] == [J.SUBMITTED, J.SUBMITTED]


# Others who move the run


def begun(store: MemoryStore) -> tuple[Ports, Driven]:
    """A driver just before its first turn of a run of two jobs, and a gate that is shut."""
    ports = world(store=store)
    record_run(ports, *(spec(name, request=REQUEST) for name in "ab"), gate("z"))
    return ports, Driven(ports.runs.load_run(RUN))


def act(ports: Ports, name: str, act: Act) -> Callable[[], object]:
    selection = Selection(run_id=RUN, patterns=[name])
    return lambda: operations.act_on_jobs(ports, selection, order(act))


def test_what_a_turn_decided_on_a_run_that_moved_is_not_done_and_the_next_decides_anew() -> None:
    store = CrowdedStore()
    ports, driven = begun(store)
    store.others = [act(ports, "b", Act.HOLD)]
    take_turn(ports, driven)
    assert (statuses(ports), driven.wake_at) == ({J.WAITING, J.HELD}, NOW)
    take_turn(ports, driven)
    assert statuses(ports) == {J.SUBMITTED, J.HELD}


def test_what_the_queue_told_a_turn_that_found_the_run_moved_is_asked_again() -> None:
    store = CrowdedStore()
    ports, driven = begun(store)
    take_turn(ports, driven)
    assert isinstance(ports.queue, MemoryQueue)
    ports.queue.run_until_quiet()
    store.others = [act(ports, "z", Act.RELEASE)]
    take_turn(ports, driven)
    assert J.SUBMITTED in statuses(ports)
    take_turn(ports, driven, changed=())
    assert statuses(ports) == {J.SUCCEEDED, J.PASS}


class ClosedStore(MemoryStore):
    """Takes nothing from this driver, as a file does in which another has the lease."""

    def record(self, *args: Any, **members: Any) -> None:
        raise ConflictError("Another engine has this run.", event="record")


def test_a_driver_whom_a_run_that_stands_still_refuses_has_been_left_behind() -> None:
    ports, driven = begun(ClosedStore())
    with pytest.raises(ConflictError, match="Another engine"):
        take_turn(ports, driven)
    assert isinstance(ports.queue, MemoryQueue)
    assert not ports.queue.submissions
