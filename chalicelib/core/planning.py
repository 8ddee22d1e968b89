"""What is to be done next in a run, as data.

`plan` looks at what is true and lists what is missing; it is called again until it lists nothing.
Doing a plan twice does nothing twice, because each part is conditional on what it was made from. A
dry run is a plan that is printed.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.core.batch import MAX_REASON, QueueLimits
from chalicelib.core.lifecycle import BROKEN, FINAL, Act, JobStatus, RunStatus
from chalicelib.core.readiness import Verdict
from chalicelib.core.run import Change, Intent, JobState, Run
from chalicelib.core.schedule import OnFailure

_PENDING = JobStatus.PENDING


@dataclass(frozen=True, slots=True)
class HandOver:
    """Submit `job`, telling the queue to wait for the queue's jobs `depends_on`."""

    job: str
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Ask the queue to end a job: `only_unstarted` is CancelJob, else TerminateJob."""

    job: str
    job_id: str
    only_unstarted: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that can be done now, in the order in which it must be done.

    `wake_at` is when time alone will make more possible; None when only an event can.
    """

    changes: tuple[Change, ...] = ()
    hand_over: tuple[HandOver, ...] = ()
    withdraw: tuple[Withdrawal, ...] = ()
    outcome: RunStatus | None = None
    wake_at: datetime | None = None


def plan(
    run: Run, now: datetime, limits: QueueLimits, put_off: Collection[str] = frozenset()
) -> Plan:
    """Decide. The same run, time and limits give the same plan.

    Jobs that are `put_off` are not handed over.
    """
    changes = tuple(_changes(run, now))
    if changes:
        # What they lead to is seen by the next call: one fact at a time.
        return Plan(changes=changes)
    return Plan(
        hand_over=tuple(_hand_over(run, now, limits, put_off)),
        withdraw=tuple(_withdrawals(run)),
        outcome=outcome(run) if run.is_settled else None,
        wake_at=_wake_at(run, now),
    )


def outcome(run: Run) -> RunStatus:
    """How a settled run ends. One in which every job is satisfied SUCCEEDED, cancelled or not."""
    if run.header.cancelling and run.counts[JobStatus.CANCELLED]:
        return RunStatus.CANCELLED
    unsatisfied = sum(run.counts[status] for status in BROKEN | {JobStatus.CANCELLED})
    return RunStatus.FAILED if unsatisfied else RunStatus.SUCCEEDED


def stopping(run: Run) -> str:
    """Why nothing more of the main jobs may start; empty when it may."""
    if run.header.cancelling:
        return run.header.cancelling
    if run.header.policy.on_failure is not OnFailure.STOP:
        return ""
    if not any(run.counts[status] for status in BROKEN):
        return ""
    for name, state in run.states.items():
        if state.status in BROKEN and not run.specs[name].is_finally:
            return f"onFailure is stop, and {name!r} is {state.status}"
    return ""


def _changes(run: Run, now: datetime) -> Iterator[Change]:
    reason = stopping(run)
    if reason:
        yield from _stop(run, now, reason)
    for name in run.closed:
        if not _stops(run, name, reason):
            yield _close(run, name, now)
    for name in run.movable:
        # The queue can wait on behalf of a job that it is given, and a gate is never given to it.
        opens = run.specs[name].is_gate and run.verdict(name) is Verdict.READY
        if opens and not _stops(run, name, reason):
            state = run.states[name]
            yield Change(name, Act.OPEN, state, _evolve(state, JobStatus.PASS, "gate opened"), now)
    yield from _expire(run, now, reason)


def _close(run: Run, name: str, now: datetime) -> Change:
    state = run.states[name]
    if run.verdict(name) is Verdict.DOOMED:
        after = _evolve(state, JobStatus.UPSTREAM_FAILED, _blame(run, name))
        return Change(name, Act.DOOM, state, after, now)
    text = f"its trigger rule is {run.specs[name].trigger_rule.value!r}, and none failed"
    return Change(name, Act.SKIP, state, _evolve(state, JobStatus.SKIPPED, text), now)


def _stops(run: Run, name: str, reason: str) -> bool:
    """Say whether `reason` to stop is one for this job."""
    return bool(reason) and (bool(run.header.cancelling) or not run.specs[name].is_finally)


def _stop(run: Run, now: datetime, reason: str) -> Iterator[Change]:
    for name, state in run.states.items():
        if state.status in FINAL or not _stops(run, name, reason):
            continue
        if state.status in (JobStatus.WAITING, JobStatus.HELD):
            after = _evolve(state, JobStatus.CANCELLED, reason)
            yield Change(name, Act.CANCEL, state, after, now)
        elif state.intent is not Intent.CANCEL:
            after = replace(state, version=state.version + 1, intent=Intent.CANCEL, reason=reason)
            yield Change(name, Act.CANCEL, state, after, now)


def _expire(run: Run, now: datetime, reason: str) -> Iterator[Change]:
    for name in run.runnable:
        if _stops(run, name, reason):
            continue
        state, limit = run.states[name], run.specs[name].runnable_timeout
        if limit and state.intent is Intent.NONE and now >= _deadline(state, limit):
            said = f": {state.reason}" if state.reason else ""
            text = f"RUNNABLE for longer than its runnableTimeout of {limit} s{said}"
            after = replace(state, version=state.version + 1, intent=Intent.EXPIRE, reason=text)
            yield Change(name, Act.TERMINATE, state, after, now)


def _hand_over(
    run: Run, now: datetime, limits: QueueLimits, put_off: Collection[str]
) -> Iterator[HandOver]:
    room = limits.max_submissions
    maximum = run.header.policy.max_concurrency
    if maximum is not None:
        room = min(room, maximum - run.occupied)
    for name in run.movable:
        if room <= 0:
            return
        if name in put_off or _is_early(run, name, now):
            continue
        if run.verdict(name) is Verdict.READY:
            yield HandOver(name)
        elif maximum is None:
            unfinished = run.unfinished_upstream(name)
            if len(unfinished) > limits.max_dependencies:
                continue
            yield HandOver(name, tuple(run.states[up].job_id for up in unfinished))
        else:
            continue
        room -= 1


def _is_early(run: Run, name: str, now: datetime) -> bool:
    """Say whether a job must not go to the queue yet, whatever the queue could wait for."""
    state, spec = run.states[name], run.specs[name]
    if state.not_before is not None and state.not_before > now:
        return True
    # The queue could wait for those whose outputs it reads, but not fill them in.
    return spec.is_gate or (bool(spec.reads) and bool(run.unfinished_sources(name)))


def _withdrawals(run: Run) -> Iterator[Withdrawal]:
    # A PENDING job does not end before what is upstream of it has (API_CancelJob): whoever has no
    # time for all gets further by asking for those that end at once.
    for name in sorted(run.with_intent, key=lambda name: run.states[name].status is _PENDING):
        state = run.states[name]
        only_unstarted = state.intent is not Intent.CANCEL
        yield Withdrawal(name, state.job_id, only_unstarted, _reason(state))


def _reason(state: JobState) -> str:
    """What the queue is told. What it would refuse is left out, for then the job would go on."""
    said = (state.reason or state.intent.value).replace("\0", "?")[:MAX_REASON]
    return said.encode("utf-8", "replace").decode()  # a lone surrogate is no text


def _wake_at(run: Run, now: datetime) -> datetime | None:
    moments = [at for name in run.delayed if (at := run.states[name].not_before) and at > now]
    for name in run.runnable:
        state, limit = run.states[name], run.specs[name].runnable_timeout
        if limit and state.intent is Intent.NONE:
            moments.append(_deadline(state, limit))
    return min(moments, default=None)


def _deadline(state: JobState, limit: int) -> datetime:
    since = state.runnable_since
    if since is None:
        raise AssertionError("a RUNNABLE job knows since when")
    return since + timedelta(seconds=limit)


def _blame(run: Run, name: str) -> str:
    for upstream in run.upstream[name]:
        status = run.states[upstream].status
        if status in BROKEN or status is JobStatus.CANCELLED:
            return f"upstream {upstream!r} is {status}"
    raise AssertionError("a doomed job has someone upstream to blame")


def _evolve(state: JobState, status: JobStatus, reason: str) -> JobState:
    return replace(state, version=state.version + 1, status=status, reason=reason, not_before=None)
