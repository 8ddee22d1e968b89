"""One turn of a run: see what is true, do what is missing.

A turn may be repeated, doubled, cut off anywhere or lost, and the next one makes it good: it
starts from what is stored and what the queue says, never from what an earlier turn meant to do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.core import folding, planning, reserving
from chalicelib.core.batch import JobDetail
from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.run import Intent, Run
from chalicelib.errors import ConflictError
from chalicelib.ports import Ports, RunChange
from chalicelib.services import claims, dispatch
from chalicelib.services.dispatch import IsLate, in_no_hurry

_ASK_AGAIN = timedelta(seconds=1)  # after which the queue is asked anew to end a job
_READ_AGAIN = timedelta(seconds=5)  # after which claims that could not be read are read anew
AT_ONCE = 1000  # jobs that the queue is asked about between two looks at the time


@dataclass(slots=True)
class Driven:
    """A run that a driver holds in memory, and what it has already asked the queue to end."""

    run: Run
    asked: set[tuple[str, Intent]] = field(default_factory=set)
    undecided: tuple[str, ...] = ()  # queue's ids that a reply left open
    wake_at: datetime | None = None  # when time alone makes more possible


def take_turn(ports: Ports, driven: Driven, changed: Iterable[str] | None = None) -> None:
    """Move the run as far as it can go now.

    `changed` are ids of the queue's jobs worth asking about; None asks about every live one. On a
    conflict, when an operator or another driver moved the run, it is loaded again and nothing of
    what this turn had decided is done. A conflict although the run stood still is raised: then it
    is not the run but this driver that has been left behind.
    """
    try:
        dispatch.recover(ports, driven.run)
        poll(ports, driven, changed)
        advance(ports, driven)
    except ConflictError:
        seen = driven.run.versions
        driven.run = ports.runs.load_run(driven.run.header.run_id)
        driven.wake_at = ports.clock()
        driven.undecided = tuple(driven.run.live)  # what the queue told this turn is lost
        if driven.run.versions == seen:
            raise


def poll(
    ports: Ports,
    driven: Driven,
    changed: Iterable[str] | None = None,
    is_late: IsLate = in_no_hurry,
) -> None:
    """Ask the queue about live jobs and fold in what it says; of those there is time for."""
    run = driven.run
    hinted = run.live if changed is None else dict.fromkeys((*changed, *driven.undecided))
    ids = [job_id for job_id in hinted if job_id in run.live]
    details, asked = _ask(ports, ids, is_late)
    if not asked:
        return
    folded = folding.fold(run, details, ports.clock())
    dispatch.commit(ports, run, claims.with_told(ports, run, folded.changes))
    driven.undecided = folded.undecided
    if len(details) < len(asked):
        described = {detail.job_id for detail in details}
        missing = [job_id for job_id in asked if job_id not in described]
        _look_for(ports, run, missing, is_late)


def _ask(
    ports: Ports, ids: Sequence[str], is_late: IsLate
) -> tuple[list[JobDetail], Sequence[str]]:
    """What the queue says of the jobs, and of which of them it was asked."""
    details: list[JobDetail] = []
    for first in range(0, len(ids), AT_ONCE):
        if first and is_late():
            return details, ids[:first]
        details += ports.queue.describe(ids[first : first + AT_ONCE])
    return details, ids


def _look_for(ports: Ports, run: Run, missing: Iterable[str], is_late: IsLate) -> None:
    """Decide about jobs that the queue once had and does not describe."""
    changes = []
    for job_id in missing:
        if is_late():
            break
        job = run.live[job_id]
        found = ports.queue.find(run.states[job].queue_name, reserving.queue_of(run, job))
        change = reserving.forget(run, job, found, ports.clock(), ports.queue.limits)
        if change is not None:
            changes.append(change)
    dispatch.commit(ports, run, changes)


def advance(ports: Ports, driven: Driven, is_late: IsLate = in_no_hurry) -> bool:
    """Plan and act until there is nothing left to do now.

    False when the driver's time ran out before: what is left is done by the next turn.
    """
    run = driven.run
    put_off: set[str] = set()  # what they read can't be had now
    while run.header.status is RunStatus.RUNNING:
        if is_late():
            return False
        plan = planning.plan(run, ports.clock(), ports.queue.limits, put_off)
        driven.wake_at = plan.wake_at
        if put_off:
            again = ports.clock() + _READ_AGAIN
            driven.wake_at = min(again, plan.wake_at or again)
        if plan.changes:
            dispatch.commit(ports, run, plan.changes)
            continue
        if not dispatch.withdraw(ports, run, plan.withdraw, driven.asked, is_late):
            driven.wake_at = ports.clock() + _ASK_AGAIN
        if plan.outcome is not None:
            _end(ports, run, plan.outcome)
        if not plan.hand_over:
            break
        put_off.update(dispatch.hand_over(ports, run, plan.hand_over))
    return True


def _end(ports: Ports, run: Run, outcome: RunStatus) -> None:
    now, header = ports.clock(), run.header
    after = replace(header, status=outcome, ended_at=now, driver="", revision=header.revision + 1)
    change = RunChange(
        act="END", before=header.status, after=outcome, at=now, actor="engine", reason=""
    )
    ports.runs.record(header, [], after=after, run_changes=[change])
    run.header = after
