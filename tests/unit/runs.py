"""Runs for tests, in the fewest words: `run_of(spec("a"), spec("b", "a"), a=JobStatus.FAILED)`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core.batch import AttemptDetail, JobDetail, QueueLimits
from chalicelib.core.folding import fold
from chalicelib.core.lifecycle import FINAL, LIVE, Act, JobStatus
from chalicelib.core.operating import Order
from chalicelib.core.planning import Plan, plan
from chalicelib.core.run import Change, JobState, Run, RunHeader, initial_state
from chalicelib.core.schedule import JobSpec, OnFailure, Policy

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)  # when the jobs of `state` were reserved
LIMITS = QueueLimits(fence=30.0, empty_lookups=2)
REQUEST = {"jobDefinition": "clean:3", "jobQueue": "main"}


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def spec(name: str, *upstream: str, **members: Any) -> JobSpec:
    """A job that runs something, unless `request` says otherwise."""
    return JobSpec(name=name, upstream=upstream, **{"request": REQUEST, **members})


def gate(name: str, *upstream: str, **members: Any) -> JobSpec:
    """A job that waits for its release and runs nothing."""
    return JobSpec(name=name, upstream=upstream, hold=True, **members)


def header(**members: Any) -> RunHeader:
    """A header of the run `etl/2026`; `stop` and `max_concurrency` are of its policy."""
    policy = Policy(
        on_failure=OnFailure.STOP if members.pop("stop", False) else OnFailure.CONTINUE,
        max_concurrency=members.pop("max_concurrency", None),
    )
    given = {"run_id": "etl/2026", "schedule_id": "etl", "started_at": EARLIER, "policy": policy}
    return RunHeader(**{**given, **members})


def state(name: str, status: JobStatus, **members: Any) -> JobState:
    """The state of a job as a first attempt would have left it; its queue's id is `id-NAME`."""
    handed_over = {
        "attempt": 1,
        "job_id": f"id-{name}",
        "queue_name": f"{name}-1",
        "reserved_at": EARLIER,
        "runnable_since": EARLIER if status is JobStatus.RUNNABLE else None,
    }
    reached_queue = status in LIVE or status in (JobStatus.SUCCEEDED, JobStatus.FAILED)
    if status is JobStatus.RESERVED:
        handed_over["job_id"] = ""
        reached_queue = True
    return JobState(**{"status": status, **(handed_over if reached_queue else {}), **members})


def run_of(*specs: JobSpec, run: RunHeader | None = None, **states: JobStatus | JobState) -> Run:
    """A run whose jobs are new, but for those whose status or state is given by name."""
    known = {item.name: initial_state(item) for item in specs}
    for name, given in states.items():
        known[name] = state(name, given) if isinstance(given, JobStatus) else given
    return Run(run or header(), specs, known)


def described(job_id: str, status: JobStatus, *, started: bool = True, **members: Any) -> JobDetail:
    """What the queue says of a job; one that has ended has an attempt if it was `started`."""
    times: dict[str, Any] = {"created_at": EARLIER}
    if started and status not in (JobStatus.SUBMITTED, JobStatus.PENDING, JobStatus.RUNNABLE):
        times["started_at"] = NOW
    if status in FINAL:
        times["stopped_at"] = NOW
        if started:
            code = members.get("exit_code")
            attempt = AttemptDetail(started_at=NOW, stopped_at=NOW, exit_code=code)
            times["attempts"] = (attempt,)
    name = job_id.removeprefix("id-") + "-1"
    return JobDetail(job_id=job_id, job_name=name, status=status, **{**times, **members})


def order(act: Act, **members: Any) -> Order:
    return Order(**{"act": act, "actor": "ada", "reason": "", "at": NOW, **members})


def planned(run: Run, *, at: datetime = NOW, limits: QueueLimits = LIMITS) -> Plan:
    return plan(run, at, limits)


def settle_changes(run: Run, *, at: datetime = NOW, limits: QueueLimits = LIMITS) -> list[Change]:
    """Make a plan's changes true until it has none left; answers with all of them."""
    made: list[Change] = []
    while changes := plan(run, at, limits).changes:
        run.apply(changes)
        made.extend(changes)
    return made


def with_intent(name: str, status: JobStatus, intent: Any, **members: Any) -> JobState:
    """A live job of which an operator wants something."""
    return replace(state(name, status), intent=intent, **members)


def folded(run: Run, *details: JobDetail) -> dict[str, Change]:
    return {change.job: change for change in fold(run, details, NOW).changes}


def becomes(run: Run, *details: JobDetail) -> dict[str, tuple[Act, JobStatus]]:
    return {name: (item.act, item.after.status) for name, item in folded(run, *details).items()}


def unstarted(job_id: str) -> JobDetail:
    return described(job_id, JobStatus.FAILED, started=False, status_reason="Dependent Job failed")
