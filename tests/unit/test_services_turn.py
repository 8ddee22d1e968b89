"""One turn of a run: what it does when the queue, or the run itself, is not as it was."""

from collections.abc import Sequence

import pytest

from chalicelib.core.batch import JobDetail
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.planning import Withdrawal
from chalicelib.core.run import Intent
from chalicelib.errors import BackendError
from chalicelib.local.memory_queue import MemoryQueue, VirtualClock
from chalicelib.ports import Ports
from chalicelib.services import dispatch, operations
from chalicelib.services.operations import Selection
from chalicelib.services.turn import Driven, take_turn
from tests.unit.runs import NOW, after, header, order, spec
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
