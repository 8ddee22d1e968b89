"""Faults between a run and AWS Batch, turn by turn: nothing is lost and nothing is done twice."""

from datetime import timedelta
from random import Random

import pytest

from chalicelib.aws.batch_queue import BatchQueue
from chalicelib.aws.clients import Clients
from chalicelib.aws.submitting import Pace, Submitter
from chalicelib.core.guarding import Allowed
from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.run import JobState, RunHeader, initial_states
from chalicelib.core.schedule import JobSpec
from chalicelib.errors import BackendError
from chalicelib.local.memory_queue import FakeSettings, VirtualClock
from chalicelib.local.memory_store import MemoryStore
from chalicelib.local.memory_triggers import MemoryTriggers
from chalicelib.local.slots import Capacity
from chalicelib.ports import Ports
from chalicelib.services.turn import Driven, take_turn
from tests.contract.queues import LeakyBucket
from tests.strict.answers import Fault
from tests.strict.aws import Faults, StrictAws
from tests.strict.batch import FakeBatch

RUN = "etl/2026-01-01T00:00:00.000000Z"
HOUR = 3600


class World:
    """A run on AWS Batch, driven by a turn a minute."""

    def __init__(self, *specs: JobSpec, lag: float = 0.0) -> None:
        self.clock = VirtualClock()
        settings = FakeSettings(capacity=Capacity(500, 10**6), listing_lag=lag)
        self.batch = FakeBatch(self.clock, [], settings=settings)
        self.batch.registry.make_queue("default")
        self.batch.registry.register("d")
        self.aws = StrictAws(self.clock)
        self.aws.serve("batch", self.batch.service())
        clients = Clients(self.aws)
        pace = Pace(
            budget=LeakyBucket(self.clock),
            clock=self.clock,
            sleep=self.clock.advance,
            remaining=lambda: 900.0,
            chance=Random(1),  # noqa: S311 - jitter
        )
        queue = BatchQueue(clients, Submitter(clients, pace), Allowed())
        store = MemoryStore()
        triggers = MemoryTriggers()
        self.ports = Ports(
            schedules=store,
            runs=store,
            queue=queue,
            clock=self.clock,
            triggers=triggers,
            calendars=triggers,
        )
        header = RunHeader(run_id=RUN, schedule_id="etl", started_at=self.clock.at)
        store.create_run(header, specs, initial_states(specs))
        self.driven = Driven(store.load_run(RUN))

    def turn(self) -> None:
        """One turn, which trouble of AWS may end early as it ends a Lambda function's."""
        try:
            take_turn(self.ports, self.driven)
        except BackendError as error:
            assert error.retryable or "Endpoint" in str(error.__cause__.__class__)  # noqa: PT017
        self.clock.advance(60)

    def turns(self, seconds: float) -> None:
        for _ in range(round(seconds / 60)):
            if self.driven.run.header.status is RunStatus.RUNNING:
                self.turn()

    def job(self, name: str) -> JobState:
        return self.driven.run.states[name]


def spec(name: str, *upstream: str) -> JobSpec:
    request = {"jobDefinition": "d:1", "jobQueue": "default"}
    return JobSpec(
        name=name, upstream=upstream, request={**request, "containerOverrides": {"command": ["x"]}}
    )


def once(fault: Fault) -> Faults:
    """Do that to the first SubmitJob."""
    left = [fault]
    return lambda _index, _service, operation: (
        left.pop() if left and operation == "SubmitJob" else None
    )


@pytest.mark.parametrize("lag", [0, 30, 290, 1400])
def test_f5_a_lost_reply_and_a_late_listing_make_one_job(lag: float) -> None:
    world = World(spec("a"), spec("b", "a"), lag=lag)
    world.aws.faults = once(Fault.LOST_REPLY)
    world.turns(2 * HOUR)
    assert world.driven.run.header.status is RunStatus.SUCCEEDED
    assert len(world.batch.submissions) == 2
    assert world.job("a").attempt == 1


def test_f1_a_request_that_never_arrived_is_sent_again_only_after_the_fence() -> None:
    world = World(spec("a"))
    world.aws.faults = once(Fault.LOST_ON_THE_WAY)
    world.turns(1500)
    assert world.aws.count("SubmitJob") == 1
    assert world.job("a").status is JobStatus.RESERVED
    world.turns(HOUR)
    assert world.aws.count("SubmitJob") == 2
    assert len(world.batch.submissions) == 1
    assert world.driven.run.header.status is RunStatus.SUCCEEDED


def test_f6_a_job_that_batch_has_forgotten_is_not_run_again_and_not_asked_about_for_ever() -> None:
    world = World(spec("a"))
    world.turn()
    world.batch.forget([world.job("a").job_id])
    world.turns(8 * 24 * HOUR)
    assert world.job("a").status is JobStatus.NOTFOUND
    assert world.driven.run.header.status is RunStatus.FAILED
    assert world.aws.count("SubmitJob") == 1
    assert world.aws.count("ListJobs") <= 30


def test_f50_after_an_outage_of_six_hours_all_goes_on_at_the_pace_of_the_budget() -> None:
    world = World(*(spec(f"job-{number}") for number in range(100)))

    world.aws.faults = lambda *_: Fault.UNREACHABLE
    world.turns(6 * HOUR)
    assert len(world.aws.calls) <= 6 * HOUR / 600 + 6  # one attempt in ten minutes
    assert world.batch.submissions == {}
    world.aws.faults = None
    tried = len(world.aws.calls)
    world.turns(HOUR)
    assert world.driven.run.header.status is RunStatus.SUCCEEDED
    times = [call.at for call in world.aws.calls[tried:] if call.operation == "SubmitJob"]
    assert len(times) == len(world.batch.submissions) == 100
    second = timedelta(seconds=1)
    assert max(sum(at <= other < at + second for other in times) for at in times) <= 50
