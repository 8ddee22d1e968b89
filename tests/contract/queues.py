"""All kinds of job queue with one way to use them and to let their time pass."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Protocol

from chalicelib.aws.batch_queue import BatchQueue
from chalicelib.aws.batch_replies import detail_of
from chalicelib.aws.clients import Clients
from chalicelib.aws.submitting import Pace, Submitter
from chalicelib.aws.translation import translated
from chalicelib.core.batch import (
    Accepted,
    JobDetail,
    Outcome,
    QueueLimits,
    Refused,
    Submission,
)
from chalicelib.core.guarding import Allowed
from chalicelib.core.lifecycle import FINAL, JobStatus
from chalicelib.local.memory_queue import MemoryQueue, VirtualClock
from tests.strict.aws import StrictAws
from tests.strict.batch import FakeBatch

TRUE = ("true",)
FAIL = ("sh", "-c", "exit 3")
LONG = ("sleep", "300")
FIRST_FAILS = ("sh", "-c", "exit $((AWS_BATCH_JOB_ATTEMPT < 2))")


class Queue(Protocol):
    """A queue with the wakes and the listing that all kinds have."""

    @property
    def limits(self) -> QueueLimits: ...
    def submit(self, submissions: Sequence[Submission]) -> list[Outcome]: ...
    def describe(self, job_ids: Sequence[str]) -> list[JobDetail]: ...
    def find(self, job_name: str, job_queue: str) -> list[JobDetail]: ...
    def list_jobs(self, request: Mapping[str, Any]) -> list[JobDetail]: ...
    def cancel(self, job_id: str, reason: str) -> None: ...
    def terminate(self, job_id: str, reason: str) -> None: ...
    def wait(self, seconds: float) -> frozenset[str]: ...


class LeakyBucket:
    """An account's budget of 20 submissions a second."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._free_at = 0.0

    def take(self, count: int) -> float:
        now = self._clock.milliseconds / 1000
        free_at = max(now, self._free_at)
        self._free_at = free_at + count / 20
        return free_at - now


class AwsQueue:
    """The queue on AWS, all of whose jobs name a definition; what answers it also wakes."""

    def __init__(self, clock: VirtualClock, fake: FakeBatch) -> None:
        aws = StrictAws(clock)
        aws.serve("batch", fake.service())
        fake.registry.register("any")
        for name in ("default", "left", "right"):
            fake.registry.make_queue(name)
        self._clients = Clients(aws)
        pace = Pace(
            budget=LeakyBucket(clock),
            clock=clock,
            sleep=clock.advance,
            remaining=lambda: 900.0,
            chance=Random(1),  # noqa: S311 - jitter
        )
        self._queue = BatchQueue(self._clients, Submitter(self._clients, pace), Allowed())
        self.limits = self._queue.limits
        self.describe = self._queue.describe
        self.find = self._queue.find
        self.cancel = self._queue.cancel
        self.terminate = self._queue.terminate
        self.wait = fake.wait

    def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        named = {"jobDefinition": "any:1", "jobQueue": "default"}
        return self._queue.submit(
            [replace(each, request={**named, **each.request}) for each in submissions]
        )

    def list_jobs(self, request: Mapping[str, Any]) -> list[JobDetail]:
        with translated("Batch", "ListJobs"):
            reply = self._clients["batch"].list_jobs(**request)
        return [detail_of(each) for each in reply["jobSummaryList"]]


class Bench:
    """A queue with two slots, and how to let its time pass."""

    def __init__(self, queue: Queue, fake: MemoryQueue | None) -> None:
        self.queue = queue
        self._fake = fake

    def accept(self, *submissions: Submission) -> list[str]:
        outcomes = self.queue.submit(submissions)
        return [each.job_id for each in outcomes if isinstance(each, Accepted)]

    def refuse(self, submission: Submission) -> str:
        [outcome] = self.queue.submit([submission])
        assert isinstance(outcome, Refused)
        return outcome.reason

    def detail(self, job_id: str) -> JobDetail:
        [detail] = self.queue.describe([job_id])
        return detail

    def until(self, job_id: str, *statuses: JobStatus) -> JobDetail:
        """Let time pass until the job has one of these statuses."""
        for _ in range(2000):
            if (detail := self.detail(job_id)).status in statuses:
                return detail
            if self._fake is None:
                self.queue.wait(0.05)
            else:
                self._fake.advance(0.1)
        raise AssertionError(detail)

    def end(self, job_id: str) -> JobDetail:
        return self.until(job_id, *FINAL)


def script(submission: Submission, attempt: int) -> tuple[float, int]:
    """What the commands of these tests do, for the queue that runs nothing."""
    match tuple(submission.request["containerOverrides"]["command"]):
        case ("sleep", seconds):
            return float(seconds), 0
        case command if command == FAIL:
            return 1, 3
        case command if command == FIRST_FAILS:
            return 1, int(attempt < 2)
    return 1, 0


def job(
    name: str, command: Sequence[str] = TRUE, upstream: Sequence[str] = (), **request: Any
) -> Submission:
    members = {"containerOverrides": {"command": list(command)}, **request}
    return Submission(job_name=name, request=members, depends_on=tuple(upstream))
