"""What the queue says of jobs, folded into the run.

The queue is believed about what happened to an attempt, and never asked what it means: that a job
which failed without starting was upstream's fault, was taken back for an operator, or is to be
tried again, is decided here. What a reply leaves open is left as it was until the next reply.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.core.batch import JobDetail
from chalicelib.core.lifecycle import BROKEN, LIVE, SATISFIED, STARTED, Act, JobStatus
from chalicelib.core.planning import stopping
from chalicelib.core.run import Change, Intent, JobState, Run
from chalicelib.core.schedule import TriggerRule

_WITHDRAWN = {
    Intent.HOLD: JobStatus.HELD,
    Intent.PASS: JobStatus.PASS,
    Intent.CANCEL: JobStatus.CANCELLED,
}
_SAYS_NOTHING = "Essential container in task exited"  # Batch's word for any end of any container


@dataclass(frozen=True, slots=True)
class Folded:
    """What a reply comes to; `undecided` are the queue's ids that must be asked about again."""

    changes: tuple[Change, ...] = ()
    undecided: tuple[str, ...] = ()


def fold(run: Run, details: Iterable[JobDetail], now: datetime) -> Folded:
    """The changes that the queue's reply makes, in the order in which the jobs ended.

    Details of jobs that are not live are ignored.
    """
    changes: dict[str, Change] = {}
    unstarted: dict[str, JobDetail] = {}
    for detail in sorted(details, key=lambda detail: detail.stopped_at or now):
        name = run.live.get(detail.job_id)
        if name is None:
            continue
        # A job that is ended while STARTING has no startedAt (API_JobDetail): we saw it start.
        started = has_started(detail) or run.states[name].status in STARTED
        if detail.status is JobStatus.FAILED and not started:
            unstarted[name] = detail
        elif (change := _seen(run, name, detail, now)) is not None:
            changes[name] = change
    _fold_unstarted(run, unstarted, changes, now)
    undecided = tuple(d.job_id for name, d in unstarted.items() if name not in changes)
    return Folded(tuple(changes.values()), undecided)


def has_started(detail: JobDetail) -> bool:
    """Say whether the queue ever started an attempt of the job."""
    return detail.started_at is not None or bool(detail.attempts)


def _seen(run: Run, name: str, detail: JobDetail, now: datetime) -> Change | None:
    state = run.states[name]
    if detail.status is JobStatus.FAILED:
        return _failed(run, name, detail, now)
    if detail.status is JobStatus.SUCCEEDED:
        late = f"succeeded before {state.intent} could be done" if state.intent else ""
        after = _ended(state, JobStatus.SUCCEEDED, detail, late or _said(detail.status_reason))
        return Change(name, Act.OBSERVE, state, after, now)
    return _moved(name, state, detail, now)


def _moved(name: str, state: JobState, detail: JobDetail, now: datetime) -> Change | None:
    """The job is live still; a change only if what is kept of it differs."""
    intent, reason = state.intent, detail.status_reason
    if intent not in (Intent.NONE, Intent.CANCEL) and detail.status in STARTED:
        intent, reason = Intent.NONE, f"started before {state.intent} could be done"
    elif intent is not Intent.NONE or (not reason and detail.status is state.status):
        reason = state.reason
    seen = (detail.status, reason, intent, 0)
    if seen == (state.status, state.reason, state.intent, state.lookups):
        return None
    runnable_since = None
    if detail.status is JobStatus.RUNNABLE:
        runnable_since = state.runnable_since or now
    after = replace(
        state,
        version=state.version + 1,
        status=detail.status,
        intent=intent,
        lookups=0,
        runnable_since=runnable_since,
        started_at=detail.started_at,
        reason=reason,
    )
    return Change(name, Act.OBSERVE, state, after, now)


def _failed(run: Run, name: str, detail: JobDetail, now: datetime) -> Change:
    """The attempt failed by its own doing, or was ended while it ran."""
    state, reason = run.states[name], describe_failure(detail)
    if state.intent is Intent.CANCEL or (state.intent is Intent.EXPIRE and not has_started(detail)):
        ended = JobStatus.CANCELLED if state.intent is Intent.CANCEL else JobStatus.FAILED
        return Change(name, Act.OBSERVE, state, _ended(state, ended, detail, state.reason), now)
    after = _ended(state, JobStatus.FAILED, detail, reason)
    retry, failures = run.specs[name].retry, state.failures + 1
    if retry is None or failures >= retry.attempts or _stopped(run, name):
        return Change(name, Act.OBSERVE, state, replace(after, failures=failures), now)
    delay = retry.delay(failures)
    after = replace(
        after,
        status=JobStatus.WAITING,
        failures=failures,
        not_before=now + timedelta(seconds=delay),
        reason=f"{reason}; attempt {failures + 1} of {retry.attempts} in {delay:g} s",
    )
    return Change(name, Act.RETRY, state, after, now)


def _stopped(run: Run, name: str) -> bool:
    return bool(run.header.cancelling) or (not run.specs[name].is_finally and bool(stopping(run)))


def describe_failure(detail: JobDetail) -> str:
    """The queue's words for why a job failed, with the exit code in front."""
    last = detail.attempts[-1].reason if detail.attempts else ""
    said = detail.container_reason or last
    told = (_said(text) for text in (said, detail.status_reason))
    parts = [f"exit {detail.exit_code}"] if detail.exit_code is not None else []
    parts += [text for text in told if text]
    return ": ".join(dict.fromkeys(parts)) or "failed, and the queue gave no reason"


def _said(text: str) -> str:
    return "" if text == _SAYS_NOTHING else text


def _fold_unstarted(
    run: Run, unstarted: dict[str, JobDetail], changes: dict[str, Change], now: datetime
) -> None:
    """Jobs that failed without having started, each after those upstream of it."""
    upstream = {name: sum(up in unstarted for up in run.upstream[name]) for name in unstarted}
    front = [name for name, count in upstream.items() if not count]
    while front:
        name = front.pop()
        if (change := _unstarted(run, name, unstarted[name], changes, now)) is not None:
            changes[name] = change
        for down in run.downstream[name]:
            if down in upstream:
                upstream[down] -= 1
                if not upstream[down]:
                    front.append(down)


def _unstarted(
    run: Run, name: str, detail: JobDetail, changes: dict[str, Change], now: datetime
) -> Change | None:
    state = run.states[name]
    if state.intent in _WITHDRAWN:
        after = _ended(state, _WITHDRAWN[state.intent], detail, state.reason)
        after = replace(after, stopped_at=detail.stopped_at or now)
        return Change(name, Act.WITHDRAW, state, after, now)
    told_of_upstream = run.specs[name].trigger_rule is TriggerRule.ALL_SUCCEEDED
    if state.intent is Intent.EXPIRE or not told_of_upstream:
        return _failed(run, name, detail, now)
    upstream = {
        up: changes[up].after if up in changes else run.states[up] for up in run.upstream[name]
    }
    return _cascaded(run, name, detail, upstream, now)


def _cascaded(
    run: Run, name: str, detail: JobDetail, upstream: Mapping[str, JobState], now: datetime
) -> Change | None:
    """The job failed before it started, maybe because of what the queue was told to wait for."""
    state = run.states[name]
    for up, above in upstream.items():
        if above.status in BROKEN or above.status is JobStatus.CANCELLED:
            reason = f"upstream {up!r} is {above.status}"
            after = _ended(state, JobStatus.UPSTREAM_FAILED, detail, reason)
            return Change(name, Act.OBSERVE, state, after, now)
    if not any(_has_moved_on(above, state) for above in upstream.values()):
        if all(above.status in SATISFIED for above in upstream.values()):
            return _failed(run, name, detail, now)
        if any(above.status in LIVE for above in upstream.values()):
            # The queue knows of an end upstream that we have not seen: wait for it, don't guess.
            return None
    reason = "taken back from the queue: something upstream was"
    return Change(name, Act.WITHDRAW, state, _ended(state, JobStatus.WAITING, detail, reason), now)


def _has_moved_on(above: JobState, state: JobState) -> bool:
    """Say whether an operator ended or replaced the attempt upstream that the queue was told of.

    The queue fails what waits for an attempt that failed there or was taken back, and may say so
    only after the job upstream was passed, was marked succeeded or is there for another attempt.
    What never started may go back once too often: handed over anew, it is later than all these.
    """
    if state.reserved_at is None:
        return False
    by_hand = above.status is JobStatus.PASS or (
        above.status is JobStatus.SUCCEEDED and above.exit_code != 0
    )
    if by_hand and above.stopped_at is not None and above.stopped_at >= state.reserved_at:
        return True
    return above.reserved_at is not None and above.reserved_at > state.reserved_at


def _ended(state: JobState, status: JobStatus, detail: JobDetail, reason: str) -> JobState:
    return replace(
        state,
        version=state.version + 1,
        status=status,
        intent=Intent.NONE,
        lookups=0,
        runnable_since=None,
        not_before=None,
        started_at=detail.started_at,
        stopped_at=detail.stopped_at,
        exit_code=detail.exit_code,
        reason=reason,
    )
