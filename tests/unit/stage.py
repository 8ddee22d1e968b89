"""A stage in memory: everything that its functions touch, and the moods that it may be in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core.batch import Outcome, QueueLimits, Submission, Unanswered
from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.run import Change, JobState, RunHeader
from chalicelib.core.schedule import JobSpec
from chalicelib.driving_ports import DrivingPorts, Notice
from chalicelib.errors import BackendError
from chalicelib.local.memory_driving import (
    MemoryArchive,
    MemoryExecutions,
    MemoryMarks,
    MemoryNotices,
    MemoryUploads,
)
from chalicelib.local.memory_outbox import MemoryOutbox, MemoryWebhooks
from chalicelib.local.memory_queue import FakeSettings, MemoryQueue, VirtualClock
from chalicelib.local.memory_store import MemoryStore
from chalicelib.local.memory_triggers import MemoryTriggers
from chalicelib.ports import RunChange, StoredSchedule
from chalicelib.services import driving, reconciling
from chalicelib.services.steps import Leg
from tests.unit.runs import NOW, header, spec
from tests.unit.stores import record_run

RUN = "etl/2026-11-23T11:00:00.000000Z"
DRIVER = "the-driver"
REQUEST = {"containerOverrides": {"command": ["true"]}, "jobQueue": "main"}


class CrowdedStore(MemoryStore):
    """A store in which others write, one after the other, each just before one of our writes."""

    def __init__(self) -> None:
        super().__init__()
        self.others: list[Callable[[], object]] = []

    def put_schedule(self, schedule: StoredSchedule) -> None:
        self._let_another()
        super().put_schedule(schedule)

    def record(
        self,
        before: RunHeader,
        changes: Sequence[Change],
        *,
        after: RunHeader | None = None,
        run_changes: Sequence[RunChange] = (),
    ) -> None:
        self._let_another()
        super().record(before, changes, after=after, run_changes=run_changes)

    def _let_another(self) -> None:
        if self.others:
            other, *later = self.others
            self.others = []
            other()
            self.others = later


class MoodyExecutions(MemoryExecutions):
    """Executions that at times can't be asked for anything, or whose replies are lost."""

    def __init__(self) -> None:
        self.woken: list[str] = []
        super().__init__(wake=self.woken.append)
        self.is_away = False
        self.loses_replies = False
        self.unknowable: set[str] = set()  # names that nothing can be asked about

    def start(self, name: str, payload: Mapping[str, Any]) -> None:
        self._reach("StartExecution")
        super().start(name, payload)
        if self.loses_replies:
            raise BackendError("Step Functions", "StartExecution", "no reply", retryable=True)

    def is_running(self, name: str) -> bool | None:
        self._reach("DescribeExecution", name)
        return super().is_running(name)

    def wake(self, token: str) -> None:
        self._reach("SendTaskSuccess")
        super().wake(token)

    def _reach(self, operation: str, name: str = "") -> None:
        if self.is_away or name in self.unknowable:
            raise BackendError("Step Functions", operation, "throttled", retryable=True)


class MoodyNotices(MemoryNotices):
    """Notices that at times reach nobody, and some topics never (the default one is empty)."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.closed: set[str] = set()

    def publish(self, notice: Notice) -> None:
        if self.is_down:
            raise BackendError("SNS", "Publish", "throttled", retryable=True)
        if notice.topic in self.closed:
            reason = "AuthorizationError: not allowed"
            raise BackendError("SNS", "Publish", reason, retryable=False)
        super().publish(notice)


class MoodyQueue(MemoryQueue):
    """A queue of given limits in which some jobs fail, and whose replies may be lost."""

    def __init__(self, clock: VirtualClock, lag: float, limits: QueueLimits) -> None:
        super().__init__(clock, self._run, FakeSettings(listing_lag=lag))
        self.failing: set[str] = set()
        self.loses_replies = False
        self._limits = limits

    @property
    def limits(self) -> QueueLimits:
        return self._limits

    def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        outcomes = super().submit(submissions)
        return [Unanswered("no reply")] * len(outcomes) if self.loses_replies else outcomes

    def _run(self, submission: Submission, _attempt: int) -> tuple[float, int]:
        return 1.0, int(job_of(submission) in self.failing)


def job_of(submission: Submission) -> str:
    return submission.tags["batch-scheduler:job"]


def plenty() -> int:
    """The milliseconds of a function that has just begun."""
    return 300_000


def driven(**members: Any) -> RunHeader:
    """A header of the run `RUN` that `DRIVER` drives."""
    return header(**{"run_id": RUN, "driver": DRIVER, **members})


@dataclass
class Stage:
    """What is on AWS, and what can be seen of it."""

    lag: float = 0.0  # s for which the queue shows no new job
    limits: QueueLimits = field(default_factory=QueueLimits)
    skew: float = 0.0  # s that the clock of the function which runs now is ahead of the true time
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))
    store: CrowdedStore = field(default_factory=CrowdedStore)
    marks: MemoryMarks = field(default_factory=MemoryMarks)
    executions: MoodyExecutions = field(default_factory=MoodyExecutions)
    notices: MoodyNotices = field(default_factory=MoodyNotices)
    archive: MemoryArchive = field(default_factory=MemoryArchive)
    uploads: MemoryUploads = field(default_factory=MemoryUploads)
    triggers: MemoryTriggers = field(default_factory=MemoryTriggers)
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    webhooks: MemoryWebhooks = field(default_factory=MemoryWebhooks)

    def __post_init__(self) -> None:
        self.queue = MoodyQueue(self.clock, self.lag, self.limits)
        self.ports = DrivingPorts(
            schedules=self.store,
            runs=self.store,
            queue=self.queue,
            clock=self._now,
            triggers=self.triggers,
            calendars=self.triggers,
            drivers=driving.ExecutionDrivers(self.marks, self.executions),
            marks=self.marks,
            executions=self.executions,
            notices=self.notices,
            archive=self.archive,
            uploads=self.uploads,
            retention=self.store,
            keep=timedelta(days=90),
            outbox=self.outbox,
            webhooks=self.webhooks,
        )

    def _now(self) -> datetime:
        return self.clock.at + timedelta(seconds=self.skew)

    def record(
        self, *specs: JobSpec, run: RunHeader | None = None, **states: JobStatus | JobState
    ) -> Leg:
        """Put a run on record, of one job `a` if none are given; the leg of what drives it."""
        made = run or driven()
        given = specs or (spec("a"),)
        jobs = [replace(each, request=REQUEST) if each.request else each for each in given]
        record_run(self.ports, *jobs, run=made, **states)
        return Leg(run_id=made.run_id, driver=made.driver, generation=made.generation)

    def reconcile(self) -> None:
        """Do what is done every few minutes."""
        reconciling.reconcile(self.ports, lambda: 240_000)

    @property
    def header(self) -> RunHeader:
        return self.store.get_header(RUN)

    @property
    def states(self) -> dict[str, JobState]:
        return {record.spec.name: record.state for record in self.store.find_jobs(RUN)}

    @property
    def statuses(self) -> dict[str, str]:
        return {name: state.status.value for name, state in self.states.items()}

    @property
    def acts(self) -> list[str]:
        """What has happened to the run itself."""
        return [event.act for event in self.store.events(RUN) if not event.job]

    @property
    def submitted(self) -> list[str]:
        """The jobs that the queue took, in that order."""
        return [job_of(submission) for submission in self.queue.submissions.values()]

    @property
    def subjects(self) -> list[str]:
        """What people were told, in that order."""
        return [notice.subject for notice in self.notices.published]
