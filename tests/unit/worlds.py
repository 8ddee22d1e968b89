"""A run, its queue and its operators in one thread: what happens is read off a list of numbers.

The queue is as dull as AWS Batch: it resolves dependsOn, fails what waits for a failure, hides new
jobs for a while, and may lose a reply. The engine's part is that of services.turn, on the core
alone. Every change and every submission is checked the moment it is made.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from chalicelib.core.batch import (
    Accepted,
    Deferred,
    JobDetail,
    Outcome,
    QueueLimits,
    Refused,
    Submission,
    Unanswered,
)
from chalicelib.core.folding import fold
from chalicelib.core.lifecycle import FINAL, OPERATOR_ACTS, Act, JobStatus, RunStatus
from chalicelib.core.operating import operate
from chalicelib.core.planning import HandOver, Plan, plan
from chalicelib.core.reserving import answer, forget, recover, reserve, submission
from chalicelib.core.restarting import plan_restart
from chalicelib.core.run import Change, Run
from chalicelib.errors import ConflictError
from tests.unit.graphs import may_be_handed_over
from tests.unit.runs import NOW, order

T = TypeVar("T")
J = JobStatus
REPLIES = ("accept",) * 5 + ("refuse", "defer", "lose", "lose the reply")
LAG = 20.0  # s for which the queue may hide a new job: less than the fence
LIMITS = QueueLimits(max_dependencies=2, max_submissions=3, fence=30.0, empty_lookups=2)
VERBS = (Act.RELEASE, Act.PASS, Act.HOLD, Act.TERMINATE, Act.RERUN, Act.MARK_SUCCEEDED,
         Act.MARK_FAILED)  # fmt: skip


class Script:
    """Choices, taken one after the other; the first option once they are used up."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._left = list(numbers[::-1])

    def __bool__(self) -> bool:
        return bool(self._left)

    def pick(self, options: Sequence[T]) -> T:
        return options[self._left.pop() % len(options) if self._left else 0]


@dataclass(slots=True)
class QueuedJob:
    detail: JobDetail
    depends_on: tuple[str, ...]


class Queue:
    """Jobs by id; `fails` says of a job's name and attempt whether it is to fail."""

    def __init__(self) -> None:
        self.jobs: dict[str, QueuedJob] = {}
        self.cascaded: set[str] = set()  # failed because of what they waited for

    def accept(self, item: Submission, now: datetime) -> str:
        names = {job.detail.job_name for job in self.jobs.values()}
        assert item.job_name not in names, "one submission an attempt (I1)"
        assert len(item.depends_on) <= LIMITS.max_dependencies
        assert all(job_id in self.jobs for job_id in item.depends_on)
        job_id = f"q{len(self.jobs)}"
        detail = JobDetail(
            job_id=job_id, job_name=item.job_name, status=J.SUBMITTED, created_at=now
        )
        self.jobs[job_id] = QueuedJob(detail, item.depends_on)
        return job_id

    @property
    def open(self) -> list[str]:
        return [name for name, job in self.jobs.items() if job.detail.status not in FINAL]

    def move(self, job_id: str, now: datetime, *, fails: bool) -> None:
        """One step on the way that Batch's statuses go."""
        job = self.jobs[job_id]
        above = {self.jobs[up].detail.status for up in job.depends_on}
        match job.detail.status:
            case J.SUBMITTED | J.PENDING:
                if J.FAILED in above:
                    self.cascaded.add(job_id)
                    self._end(job_id, J.FAILED, now)
                else:
                    self._show(job, J.RUNNABLE if above <= {J.SUCCEEDED} else J.PENDING)
            case J.RUNNABLE:
                self._show(job, J.STARTING)
            case J.STARTING:
                self._show(job, J.RUNNING)
                job.detail = replace(job.detail, started_at=now)
            case J.RUNNING:
                self._end(job_id, J.FAILED if fails else J.SUCCEEDED, now)
            case _:
                pass

    def end(self, job_id: str, now: datetime, *, only_unstarted: bool) -> None:
        status = self.jobs[job_id].detail.status
        if status in FINAL or (only_unstarted and status in (J.STARTING, J.RUNNING)):
            return
        self._end(job_id, J.FAILED, now)

    def describe(self, job_ids: Iterable[str], now: datetime) -> list[JobDetail]:
        return [self.jobs[name].detail for name in job_ids if not self._is_hidden(name, now)]

    def find(self, job_name: str, now: datetime) -> list[JobDetail]:
        ids = [name for name, job in self.jobs.items() if job.detail.job_name == job_name]
        return self.describe(ids, now)

    def _is_hidden(self, job_id: str, now: datetime) -> bool:
        created = self.jobs[job_id].detail.created_at
        return created is not None and now - created < timedelta(seconds=LAG)

    def _show(self, job: QueuedJob, status: JobStatus) -> None:
        job.detail = replace(job.detail, status=status)

    def _end(self, job_id: str, status: JobStatus, now: datetime) -> None:
        job = self.jobs[job_id]
        code = None if job.detail.started_at is None else int(status is J.FAILED)
        job.detail = replace(job.detail, status=status, stopped_at=now, exit_code=code)


class World:
    """Drives one run. `fails` says of a queue's job whether its command fails."""

    def __init__(
        self,
        run: Run,
        script: Script,
        fails: Callable[[str], bool],
        replies: Sequence[str] = ("accept",),
    ) -> None:
        self.run = run
        self.names = list(run.specs)
        self.replies = replies
        self.script = script
        self.fails = fails
        self.queue = Queue()
        self.now = NOW
        self.undecided: tuple[str, ...] = ()

    def play(self, events: Sequence[str]) -> None:
        """Let happen what the script says, then let everything come to its end."""
        while self.script:
            self.happen(self.script.pick(events))
        for _ in range(60 + 40 * len(self.run.specs)):
            self.act(Act.RELEASE, self.names)
            for job_id in self.queue.open:
                self.queue.move(job_id, self.now, fails=self.fails(self.name_of(job_id)))
            self.now += timedelta(seconds=15)
            self.turn()
            if self.run.header.status is not RunStatus.RUNNING:
                return
        raise AssertionError(f"the run never ends: {self.run.states}")

    def happen(self, event: str) -> None:
        acts: Mapping[str, Callable[[], None]] = {
            "move": self.move,
            "turn": self.turn,
            "lose": self.lose,
            "act": lambda: self.act(self.script.pick(VERBS), [self.script.pick(self.names)]),
            "cancel": self.cancel,
            "restart": self.restart,
        }
        acts[event]()
        self.now += timedelta(seconds=self.script.pick((1, 5, 20)))

    def move(self) -> None:
        if ids := self.queue.open:
            job_id = self.script.pick(ids)
            self.queue.move(job_id, self.now, fails=self.fails(self.name_of(job_id)))

    def lose(self) -> None:
        """What a job runs on goes away."""
        if ids := self.queue.open:
            self.queue.end(self.script.pick(ids), self.now, only_unstarted=False)

    def cancel(self) -> None:
        if self.run.header.status is RunStatus.RUNNING:
            self.run.header = replace(self.run.header, cancelling="cancel by ada")

    def name_of(self, job_id: str) -> str:
        """The job's name: those of these tests have one letter, which begins the queue's name."""
        return self.queue.jobs[job_id].detail.job_name[0]

    def act(self, act: Act, names: list[str]) -> None:
        downstream = act is Act.RERUN and self.script.pick((False, True))
        wanted = order(act, at=self.now, downstream=downstream)
        operation = operate(self.run, names, wanted)
        assert all("possible" in item.sentence or "wait" in item.sentence
                   or "already" in item.sentence or "terminate" in item.sentence
                   for item in operation.refusals)  # fmt: skip
        if operation.changes:
            self.apply(operation.changes)
            self.run.header = operation.header

    def restart(self) -> None:
        try:
            again = plan_restart(self.run, order(Act.RESTART, at=self.now))
        except ConflictError:
            return
        self.apply(again.changes)
        self.run.header = again.header

    def turn(self) -> None:
        if self.run.header.status is not RunStatus.RUNNING:
            return
        self.look_up()
        self.poll()
        self.advance()

    def look_up(self) -> None:
        for name in list(self.run.reserved):
            found = self.queue.find(self.run.states[name].queue_name, self.now)
            self.apply([recover(self.run, name, found, self.now, LIMITS)])

    def poll(self) -> None:
        ids = [name for name in self.run.live if self.script.pick((True, True, False))]
        ids = list(dict.fromkeys((*ids, *(i for i in self.undecided if i in self.run.live))))
        details = self.queue.describe(ids, self.now)
        folded = fold(self.run, details, self.now)
        twice = fold(self.run, [*details[::-1], *details], self.now)
        assert {item.job: item for item in folded.changes} == {
            item.job: item for item in twice.changes
        }
        assert set(folded.undecided) == set(twice.undecided)
        self.apply(folded.changes)
        self.undecided = folded.undecided
        described = {detail.job_id for detail in details}
        for job_id in (name for name in ids if name not in described):
            name = self.run.live[job_id]
            found = self.queue.find(self.run.states[name].queue_name, self.now)
            change = forget(self.run, name, found, self.now, LIMITS)
            self.apply([change] if change else [])

    def advance(self) -> None:
        for _ in range(3 * len(self.run.specs) + 3):
            todo = plan(self.run, self.now, LIMITS)
            assert todo == plan(self.run, self.now, LIMITS)
            if todo.changes:
                self.apply(todo.changes)
                continue
            for item in todo.withdraw:
                self.queue.end(item.job_id, self.now, only_unstarted=item.only_unstarted)
            if todo.outcome is not None:
                self.end(todo)
            if not todo.hand_over:
                return
            self.hand_over(todo.hand_over)
        raise AssertionError("a plan repeats itself")

    def end(self, todo: Plan) -> None:
        assert todo.outcome is not None
        assert not self.queue.open, "a run that ends leaves nothing behind (I6)"
        self.run.header = replace(self.run.header, status=todo.outcome, ended_at=self.now)

    def hand_over(self, items: Sequence[HandOver]) -> None:
        for item in items:
            assert may_be_handed_over(self.run, item.job, item.depends_on, self.now)
            self.apply([reserve(self.run, item, self.now)])
        for item in items:
            change = answer(self.run, item.job, self.submit(item), self.now)
            self.apply([change] if change else [])
        maximum = self.run.header.policy.max_concurrency
        assert maximum is None or len(self.run.live) + len(self.run.reserved) <= maximum

    def submit(self, item: HandOver) -> Outcome:
        wanted = submission(self.run, item)
        match self.script.pick(self.replies):
            case "refuse":
                return Refused("no such queue")
            case "defer":
                return Deferred("throttled", 5.0)
            case "lose":
                return Unanswered("timed out")
            case "lose the reply":
                self.queue.accept(wanted, self.now)
                return Unanswered("timed out")
            case _:
                return Accepted(self.queue.accept(wanted, self.now))

    def apply(self, changes: Sequence[Change]) -> None:
        """Make changes true, as strictly as a store does and a history wants it."""
        assert len({item.job for item in changes}) == len(changes)
        for item in changes:
            before, later = item.before, item.after
            assert (before, item.at) == (self.run.states[item.job], self.now)
            assert later.version == before.version + 1
            given_back = 1 if item.act is Act.UNRESERVE else 0
            assert later.attempt >= before.attempt - given_back
            own_failure = item.act is Act.RETRY or (
                item.act is Act.OBSERVE and later.status is J.FAILED
            )
            assert not (own_failure and before.job_id in self.queue.cascaded)
            by_operator = item.act in OPERATOR_ACTS or item.act is Act.REVIVE
            assert by_operator or before.status not in FINAL, "what is final stays (I4)"
        self.run.apply(changes)
