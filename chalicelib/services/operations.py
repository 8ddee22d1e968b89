"""The operators' verbs: decided on the stored run, written on the condition that it stood still.

Nothing is asked of the queue here. The act is durable when the verb returns, and whoever drives the
run is told, and carries it out at its next turn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.operating import Operation, Order, operate, words
from chalicelib.core.restarting import RestartPlan, plan_restart
from chalicelib.core.run import Run, RunHeader
from chalicelib.core.selecting import select
from chalicelib.errors import ConflictError
from chalicelib.ports import Ports, RunChange

_TRIES = 20  # a busy run moves between our read and our write; each time we decide anew

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which jobs of which run: patterns and statuses as people type them."""

    run_id: str
    patterns: Sequence[str] = ()
    statuses: Sequence[JobStatus] = ()


def act_on_jobs(ports: Ports, selection: Selection, order: Order) -> Operation:
    """Do one verb to many jobs; what is refused is told job by job and stops nothing else.

    Raises NotFoundError when the selection names nothing.
    """

    def decide(run: Run) -> Operation:
        names = select(run, selection.patterns, selection.statuses)
        operation = operate(run, names, order)
        if operation.changes:
            moved = _run_change(run.header, operation.header, order)
            ports.runs.record(
                run.header, operation.changes, after=operation.header, run_changes=moved
            )
            ports.drivers.nudge(operation.header)
        return operation

    return _decided(ports, selection.run_id, decide)


def preview_restart(ports: Ports, run_id: str, order: Order) -> RestartPlan:
    """What a restart would do now. Raises ConflictError when there is nothing to restart."""
    return plan_restart(ports.runs.load_run(run_id), order)


def restart(ports: Ports, run_id: str, order: Order, driver: str = "") -> RestartPlan:
    """Begin the next generation of the run with what is not done yet.

    `driver` is the execution that will drive it, if it is there already.
    """

    def decide(run: Run) -> RestartPlan:
        plan = plan_restart(run, order)
        if driver and not run.header.driver:
            plan = replace(plan, header=replace(plan.header, driver=driver))
        moved = _run_change(run.header, plan.header, order)
        ports.runs.record(run.header, plan.changes, after=plan.header, run_changes=moved)
        if plan.header.driver != driver or not driver:
            ports.drivers.nudge(plan.header)
        return plan

    return _decided(ports, run_id, decide)


def cancel(ports: Ports, run_id: str, order: Order) -> RunHeader:
    """Ask for the end of the run: when this returns, nothing more of it can be reserved.

    What was reserved before may reach the queue a moment later; the engine ends it there.
    Raises ConflictError for a run that has ended or is being cancelled.
    """

    def decide(run: Run) -> RunHeader:
        header = run.header
        if header.status is not RunStatus.RUNNING:
            raise ConflictError(
                f"Run {run_id} is {header.status}: there is nothing to cancel.",
                status=header.status,
                event=Act.CANCEL,
            )
        if header.cancelling:
            raise ConflictError(
                f"Run {run_id} is being cancelled already.", status=header.status, event=Act.CANCEL
            )
        why = words(order, Act.CANCEL)
        after = replace(header, cancelling=why, reason=why, revision=header.revision + 1)
        ports.runs.record(header, [], after=after, run_changes=[_told(header, after, order)])
        ports.drivers.nudge(after)
        return after

    return _decided(ports, run_id, decide)


def _decided(ports: Ports, run_id: str, decide: Callable[[Run], Result]) -> Result:
    """Decide on what is stored, again for as long as it moves under us."""
    for _ in range(_TRIES - 1):
        run = ports.runs.load_run(run_id)
        seen = run.versions
        try:
            return decide(run)
        except ConflictError:
            if seen == ports.runs.load_run(run_id).versions:
                raise
    return decide(ports.runs.load_run(run_id))


def _run_change(before: RunHeader, after: RunHeader, order: Order) -> list[RunChange]:
    return [_told(before, after, order)] if after.generation != before.generation else []


def _told(before: RunHeader, after: RunHeader, order: Order) -> RunChange:
    return RunChange(
        act=order.act,
        before=before.status,
        after=after.status,
        at=order.at,
        actor=order.actor,
        reason=order.reason,
    )
