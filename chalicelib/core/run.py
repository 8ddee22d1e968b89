"""A run in memory: its header, its frozen jobs, where each stands, and what may move next.

`Run` is the only mutable thing of the core. Its one mutator, `apply`, checks every change against
the status table and keeps the counts that make a turn cost what changed rather than what exists.
Everything `apply` keeps can be computed from the specs and states alone; a property test does so.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.core.claims import Told
from chalicelib.core.lifecycle import (
    FINAL,
    LIVE,
    STARTED,
    Act,
    JobStatus,
    RunStatus,
    may_follow,
)
from chalicelib.core.readiness import Standing, Verdict, judge, standing_of
from chalicelib.core.schedule import JobSpec, Policy
from chalicelib.errors import ConflictError

ENGINE = "engine"  # the actor of everything no person did
DRIVER_FAILED = "DRIVER_FAILED"  # an event of a run whose driver gave up


class Intent(StrEnum):
    """What was asked of a job while the queue has it; done when the queue has answered."""

    NONE = ""
    HOLD = "HOLD"  # take it back if it has not started, then hold it
    PASS = "PASS"  # noqa: S105 - take it back if it has not started, then count it as done
    CANCEL = "CANCEL"  # end it, whether it has started or not
    EXPIRE = "EXPIRE"  # it sat in RUNNABLE for too long: end it as failed


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """Where one job of a run stands; times are aware UTC."""

    status: JobStatus = JobStatus.WAITING
    version: int = 0  # grows by one with every change: the condition of the next write
    attempt: int = 0  # the last submission's number, counted over the whole run
    failures: int = 0  # failed attempts that the retry policy has answered in this generation
    queue_name: str = ""  # jobName in the queue: found by it after a crash
    job_id: str = ""  # the queue's id of the last attempt
    intent: Intent = Intent.NONE
    lookups: int = 0  # look-ups of a reservation that found nothing
    reserved_at: datetime | None = None
    not_before: datetime | None = None  # a retry's delay
    runnable_since: datetime | None = None
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    exit_code: int | None = None
    reason: str = ""
    told: Told | None = None  # what the last attempt told, once it has ended


@dataclass(frozen=True, slots=True)
class Change:
    """One job going from one state to the next: the item's new value and the event at once."""

    job: str
    act: Act
    before: JobState
    after: JobState
    at: datetime
    actor: str = ENGINE


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """What is known of a run as a whole.

    `revision` grows with every operator's act and with every change of status: a reservation is
    written on the condition that it has not moved. `cancelling` is the reason of a cancel.
    `driver` is the execution of the state machine that may act, empty while there is none, and
    `handovers` counts those that the generation has had before; neither is used on one machine.
    `archive` and `expires_at` say what becomes of a run that has ended: any change takes them away.
    `made_at` is when a run was made that a trigger planned: its start, by which it is known, is its
    fire time; None for all others, which are made at their start.
    """

    run_id: str
    schedule_id: str
    started_at: datetime
    status: RunStatus = RunStatus.RUNNING
    revision: int = 0
    generation: int = 1
    schedule_version: int = 0
    schedule_digest: str = ""
    schedule_name: str = ""
    policy: Policy = field(default_factory=Policy)
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    started_by: str = ""
    reason: str = ""
    cancelling: str = ""
    working_directory: str = ""
    driver: str = ""
    handovers: int = 0
    ended_at: datetime | None = None
    archive: str = ""  # where the whole run is kept; empty until it is
    expires_at: datetime | None = None  # from then on this header is all that is left here
    made_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)  # jobs per status

    @property
    def began_at(self) -> datetime:
        """When the run began in truth."""
        return self.made_at or self.started_at

    def end_by(self, now: datetime) -> datetime | None:
        """Its end, `now` while it runs; None for a run of the first version that tells of none."""
        return self.ended_at or (now if self.status is RunStatus.RUNNING else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a run's history. `job` is empty for the run itself."""

    sequence: int
    at: datetime
    job: str
    act: str
    before: str
    after: str
    attempt: int = 0
    job_id: str = ""
    actor: str = ENGINE
    reason: str = ""
    exit_code: int | None = None


class Run:
    """One run: header, specs and states by job name, in the document's order."""

    def __init__(
        self, header: RunHeader, specs: Iterable[JobSpec], states: Mapping[str, JobState]
    ) -> None:
        self.header = header
        self.specs = {spec.name: spec for spec in specs}
        self.states = dict(states)
        self.downstream: dict[str, list[str]] = {name: [] for name in self.specs}
        self.upstream: dict[str, tuple[str, ...]] = {}
        main = tuple(name for name, spec in self.specs.items() if not spec.is_finally)
        for name, spec in self.specs.items():
            # A finally job with no upstream of its own waits for all that are not finally jobs.
            waits_for_all = spec.is_finally and not spec.upstream
            self.upstream[name] = main if waits_for_all else spec.upstream
            for upstream in self.upstream[name]:
                self.downstream[upstream].append(name)
        self.counts: Counter[JobStatus] = Counter(state.status for state in self.states.values())
        self.live: dict[str, str] = {}  # queue's job id -> job name
        self.started: dict[str, None] = {}
        self.reserved: dict[str, None] = {}
        self.with_intent: dict[str, None] = {}  # the queue has them, an operator wants them back
        self.delayed: dict[str, None] = {}  # waiting for `not_before`
        self.runnable: dict[str, None] = {}  # in RUNNABLE, with a time limit on that
        self.movable: dict[str, None] = {}  # WAITING, and its rule lets it go or be handed over
        self.closed: dict[str, None] = {}  # WAITING or HELD, and its rule says never
        self._tallies = {name: [0] * len(Standing) for name in self.specs}
        for name, state in self.states.items():
            standing = self._standing(name, state)
            for downstream in self.downstream[name]:
                self._tallies[downstream][standing] += 1
        for name in self.specs:
            self._index(name)
            self._consider(name)

    def apply(self, changes: Iterable[Change]) -> None:
        """Make the changes true here, in order.

        Raises ConflictError at the first one that the status table forbids.
        """
        for change in changes:
            self._apply(change)

    def _apply(self, change: Change) -> None:
        name, before, after = change.job, self.states[change.job], change.after
        if not may_follow(before.status, change.act, after.status):
            raise ConflictError(
                f"{change.act} can't lead job {name!r} from {before.status} to {after.status}.",
                status=before.status,
                event=change.act,
            )
        was, now = self._standing(name, before), self._standing(name, after)
        self._unindex(name)
        self.states[name] = after
        self.counts[before.status] -= 1
        self.counts[after.status] += 1
        self._index(name)
        self._consider(name)
        if was is not now:
            for downstream in self.downstream[name]:
                tally = self._tallies[downstream]
                tally[was] -= 1
                tally[now] += 1
                self._consider(downstream)

    def verdict(self, name: str) -> Verdict:
        """What the trigger rule of `name` says now."""
        return judge(self.specs[name].trigger_rule, self._tallies[name])

    def unfinished_upstream(self, name: str) -> list[str]:
        """The upstream jobs of `name` that are not final, in the document's order."""
        return [up for up in self.upstream[name] if self.states[up].status not in FINAL]

    def unfinished_sources(self, name: str) -> list[str]:
        """The jobs that are not final of which `name` reads outputs, each once."""
        sources = dict.fromkeys(each.job for each in self.specs[name].reads)
        return [job for job in sources if self.states[job].status not in FINAL]

    @property
    def versions(self) -> tuple[int, list[int]]:
        """What moves with every write to the run: equal to that of a later load if none came."""
        return self.header.revision, [state.version for state in self.states.values()]

    @property
    def occupied(self) -> int:
        """How many jobs the queue has or may have: what `maxConcurrency` limits."""
        return len(self.live) + len(self.reserved)

    @property
    def is_settled(self) -> bool:
        """True when no job can change any more without an operator."""
        return all(status in FINAL for status, count in self.counts.items() if count)

    def _standing(self, name: str, state: JobState) -> Standing:
        told = state.status in LIVE and state.intent is Intent.NONE
        retry = self.specs[name].retry
        if told and retry is not None:
            # A failure that the engine will answer with another attempt must not fail downstream.
            told = state.failures + 1 >= retry.attempts
        return standing_of(state.status, told=told)

    def _unindex(self, name: str) -> None:
        self.live.pop(self.states[name].job_id, None)
        for index in (self.started, self.reserved, self.with_intent, self.delayed, self.runnable):
            index.pop(name, None)

    def _index(self, name: str) -> None:
        state = self.states[name]
        if state.status in LIVE:
            self.live[state.job_id] = name
            if state.status in STARTED:
                self.started[name] = None
            if state.intent is not Intent.NONE:
                self.with_intent[name] = None
            if state.status is JobStatus.RUNNABLE and self.specs[name].runnable_timeout:
                self.runnable[name] = None
        elif state.status is JobStatus.RESERVED:
            self.reserved[name] = None
        elif state.status is JobStatus.WAITING and state.not_before is not None:
            self.delayed[name] = None

    def _consider(self, name: str) -> None:
        """Put `name` before the planner if it can move, else take it away."""
        self.movable.pop(name, None)
        self.closed.pop(name, None)
        status = self.states[name].status
        if status is not JobStatus.WAITING and status is not JobStatus.HELD:
            return
        verdict = self.verdict(name)
        if verdict is Verdict.DOOMED or verdict is Verdict.UNMET:
            self.closed[name] = None
        elif verdict is not Verdict.BLOCKED and status is JobStatus.WAITING:
            self.movable[name] = None


def initial_states(specs: Sequence[JobSpec]) -> dict[str, JobState]:
    """The states that a new run begins with."""
    return {spec.name: initial_state(spec) for spec in specs}


_UNTOUCHED = JobState()  # one for all: a job has a state of its own from its first change on


def initial_state(spec: JobSpec) -> JobState:
    """The state of a job that nothing has happened to."""
    if spec.passed:
        return JobState(status=JobStatus.PASS, reason="PASS in the document")
    if spec.hold:
        return JobState(status=JobStatus.HELD, reason="a gate: waits for its release")
    return _UNTOUCHED
