"""Starts that wait: for their window, or for the end of the run before them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.core.naming import run_id
from chalicelib.core.operating import Order
from chalicelib.core.timing.agenda import (
    Agenda,
    PlannedStart,
    ScheduleAct,
    ScheduleEvent,
    noted,
)
from chalicelib.errors import ConflictError, NotFoundError
from chalicelib.ports import Ports
from chalicelib.services import agendas

_ENDS = (ScheduleAct.CANCEL, ScheduleAct.DROP, ScheduleAct.CUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A start that waits; `until` is by when it must have started, None for no limit."""

    run_id: str  # which its run will have
    trigger: str
    actor: str
    not_before: datetime
    until: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A start that waited, and was taken away before it became a run."""

    run_id: str
    event: ScheduleEvent


def waiting_of(agenda: Agenda | None) -> list[Waiting]:
    """Those of a schedule, in the order in which they go."""
    if agenda is None:
        return []
    return [_waiting(agenda.schedule_id, each) for each in (*agenda.planned, *agenda.queued)]


def find_start(ports: Ports, run: str) -> Waiting | Dropped:
    """The start of which a run of this id is to come, or was to. Raises NotFoundError."""
    agenda = agendas.find_agenda(ports, run.partition("/")[0])
    found = next((each for each in waiting_of(agenda) if each.run_id == run), None)
    if found is not None:
        return found
    ends = _ends(agenda.events if agenda else (), run)
    if not ends:
        raise NotFoundError("run", run)
    return Dropped(run, ends[-1])


def cancel_start(ports: Ports, run: str, order: Order, *, again: bool = False) -> Dropped:
    """Take away a start that waits; `again` says that the same order may have done so.

    Raises NotFoundError, and ConflictError for a start whose run is being made, or that was taken
    away before.
    """
    event = ScheduleEvent(
        act=ScheduleAct.CANCEL, at=order.at, actor=order.actor, reason=order.reason, run_id=run
    )
    schedule_id = run.partition("/")[0]

    def decide(agenda: Agenda | None) -> Agenda:
        before = agenda or Agenda(schedule_id=schedule_id, version=0)
        ends = _ends(before.events, run)
        if again and event in ends:
            return before
        if _has(schedule_id, before.planned, run):
            told = f"The run {run} is being made: cancel it in a moment."
            raise ConflictError(told, status="planned", event="cancel")
        if not _has(schedule_id, before.queued, run):
            if not ends:
                raise NotFoundError("run", run)
            told = f"The start {run} is taken away already, by {ends[-1].actor}."
            raise ConflictError(told, status="cancelled", event="cancel")
        left = tuple(each for each in before.queued if run_id(schedule_id, each.started_at) != run)
        return noted(replace(before, queued=left), event)

    if agendas.find_agenda(ports, schedule_id) is None:
        raise NotFoundError("run", run)
    agendas.change(ports, schedule_id, decide)
    return Dropped(run, event)


def _has(schedule_id: str, starts: Iterable[PlannedStart], run: str) -> bool:
    return any(run_id(schedule_id, each.started_at) == run for each in starts)


def _ends(events: Iterable[ScheduleEvent], run: str) -> list[ScheduleEvent]:
    return [each for each in events if each.act in _ENDS and each.run_id == run]


def _waiting(schedule_id: str, start: PlannedStart) -> Waiting:
    return Waiting(
        run_id=run_id(schedule_id, start.started_at),
        trigger=start.trigger,
        actor=start.actor,
        not_before=start.not_before,
        until=start.latest,
        reason=start.reason,
    )
