"""Going on with a run where it stopped: the plan of a restart, which can be read before it is done.

What is SUCCEEDED, PASS or SKIPPED stays; what the queue has is adopted as it is; the rest becomes
WAITING in the next generation of the same run. So does a SKIPPED job whose upstream runs again: it
was skipped because of an end that counts no more.
"""

from dataclasses import dataclass, replace

from chalicelib.core.lifecycle import FINAL, LIVE, SATISFIED, Act, JobStatus, RunStatus
from chalicelib.core.operating import Order, again, finally_again, revive, words
from chalicelib.core.run import Change, Run, RunHeader
from chalicelib.errors import ConflictError

_IN_QUEUE = LIVE | {JobStatus.RESERVED}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPlan:
    """What a restart would do, by job names in the document's order.

    `in_doubt` are those of `again` whose last end was never seen: they may have done their work.
    `at_end` are those of `again` that are done: finally jobs, which end this generation too.
    """

    header: RunHeader
    changes: tuple[Change, ...]
    keep: tuple[str, ...]
    adopt: tuple[str, ...]
    again: tuple[str, ...]
    in_doubt: tuple[str, ...]
    at_end: tuple[str, ...] = ()


def plan_restart(run: Run, order: Order) -> RestartPlan:
    """Decide a restart. Raises ConflictError when there is nothing to restart."""
    header = run.header
    if header.status is RunStatus.RUNNING and header.cancelling:
        raise ConflictError(
            f"Run {header.run_id} is being cancelled; restart it when it has ended.",
            status=header.status,
            event=Act.RESTART,
        )
    why = words(order, Act.RESTART)
    changes = {
        name: Change(name, Act.RESTART, state, again(run, name, why), order.at, order.actor)
        for name, state in run.states.items()
        if state.status in FINAL and state.status not in SATISFIED
    }
    # A FAILED run whose last open job an operator has passed has nothing to run, but a new end.
    if not changes and header.status in (RunStatus.RUNNING, RunStatus.SUCCEEDED):
        raise ConflictError(_nothing(run), status=header.status, event=Act.RESTART)
    for change in finally_again(run, changes, order):
        changes[change.job] = change
    for change in revive(run, changes, order):
        changes[change.job] = change
    in_doubt = [name for name in changes if run.states[name].status is JobStatus.NOTFOUND]
    kept = [name for name, state in run.states.items() if name not in changes]
    return RestartPlan(
        header=_header(run, order),
        changes=tuple(changes[name] for name in run.specs if name in changes),
        keep=tuple(name for name in kept if run.states[name].status in SATISFIED),
        adopt=tuple(name for name in kept if run.states[name].status in _IN_QUEUE),
        again=tuple(name for name in run.specs if name in changes),
        in_doubt=tuple(in_doubt),
        at_end=tuple(
            name for name in run.specs if name in changes and run.states[name].status in SATISFIED
        ),
    )


def _header(run: Run, order: Order) -> RunHeader:
    return replace(
        run.header,
        revision=run.header.revision + 1,
        generation=run.header.generation + 1,
        status=RunStatus.RUNNING,
        cancelling="",
        ended_at=None,
        reason=words(order, Act.RESTART),
    )


def _nothing(run: Run) -> str:
    header = run.header
    if header.status is RunStatus.RUNNING:
        return f"Run {header.run_id} is RUNNING and nothing of it has failed: nothing to restart."
    return (
        f"Run {header.run_id} is {header.status} and every job is done: nothing to restart. "
        "To do a job once more: batch-scheduler rerun JOB."
    )
