"""Acts that may have been done already by the same request: then what they did is told again.

An act is known by its moment, its actor and its verb, which its events have.
"""

from dataclasses import dataclass

from chalicelib.core.operating import Order, operate
from chalicelib.core.run import Event, RunHeader
from chalicelib.core.selecting import select
from chalicelib.errors import NotFoundError
from chalicelib.ports import Ports, StoredSchedule
from chalicelib.services import operations, runs
from chalicelib.services.operations import Selection
from chalicelib.services.requesting import ask
from chalicelib.services.runs import StartRequest
from chalicelib.services.schedules import check_in_use
from chalicelib.services.shape_types import OperationShape
from chalicelib.services.shapes import operation_shape, refusals_shape
from chalicelib.services.waiting_starts import Dropped, Waiting, cancel_start


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The run that is to be started: of which schedule, at which version, None for the newest."""

    schedule_id: str
    version: int | None = None


def start(ports: Ports, wanted: Wanted, request: StartRequest) -> RunHeader | Waiting:
    """Start a run, or give the one that the same request has started; see `requesting.ask`."""
    before = runs.started_before(ports, wanted.schedule_id, request) if request.again else None
    if before is not None:
        ports.drivers.nudge(before)
        return before
    stored: StoredSchedule = ports.schedules.get_schedule(wanted.schedule_id, wanted.version)
    is_chosen = wanted.version is not None
    if is_chosen:
        check_in_use(ports, stored)
    return ask(ports, stored, request, keeps_version=is_chosen)


def restart(ports: Ports, run_id: str, order: Order, *, again: bool) -> RunHeader:
    """Restart a run unless the same order has done so; see `operations.restart`."""
    if again and _acts(ports, run_id, order, job=""):
        return _nudged(ports, run_id)
    return operations.restart(ports, run_id, order).header


def cancel(ports: Ports, run_id: str, order: Order, *, again: bool) -> RunHeader | Dropped:
    """Cancel a run, or a start that waits, unless the same order has done so.

    See `operations.cancel` and `waiting_starts.cancel_start`.
    """
    try:
        ports.runs.get_header(run_id)
    except NotFoundError:
        return cancel_start(ports, run_id, order, again=again)
    if again and _acts(ports, run_id, order, job=""):
        return _nudged(ports, run_id)
    return operations.cancel(ports, run_id, order)


def act_on_jobs(ports: Ports, selection: Selection, order: Order, *, again: bool) -> OperationShape:
    """Do a verb to jobs, or tell what the same order did; see `operations.act_on_jobs`."""
    done = _acts(ports, selection.run_id, order) if again else []
    if not done:
        return operation_shape(operations.act_on_jobs(ports, selection, order))
    _nudged(ports, selection.run_id)
    told = [event for event in done if event.job]
    return {
        "runId": selection.run_id,
        "changed": [
            {
                "jobName": event.job,
                "act": event.act,
                "before": event.before,
                "after": event.after,
                "reason": event.reason or None,
                "asked": None,  # of what was asked of the queue then, histories do not tell
            }
            for event in told
        ],
        "refused": refusals_shape(_refused(ports, selection, order, told)),
    }


def _refused(
    ports: Ports, selection: Selection, order: Order, done: list[Event]
) -> list[tuple[str, str]]:
    """What the order could not do, by the run as it is now."""
    run = ports.runs.load_run(selection.run_id)
    changed = {event.job for event in done}
    try:
        names = select(run, selection.patterns, selection.statuses)
    except NotFoundError:
        return []  # none has the status any more that was asked for
    left = [name for name in names if name not in changed]
    return [(refusal.job, refusal.sentence) for refusal in operate(run, left, order).refusals]


def _acts(ports: Ports, run_id: str, order: Order, job: str | None = None) -> list[Event]:
    events = ports.runs.events(run_id, job=job)
    return [event for event in events if event.at == order.at and event.actor == order.actor]


def _nudged(ports: Ports, run_id: str) -> RunHeader:
    """The run, whose driver may not have been told when the act was cut off."""
    header = ports.runs.get_header(run_id)
    ports.drivers.nudge(header)
    return header
