"""Starts that triggers ask for: let in by their policies, written down, and then made.

What was decided is written before it is done, on the condition that nobody decided meanwhile. A
start that is written and not made is made by whoever finds it: its run has the same id.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.core.lifecycle import Act, RunStatus
from chalicelib.core.naming import run_id
from chalicelib.core.operating import Order
from chalicelib.core.run import RunHeader
from chalicelib.core.timing.agenda import (
    Admission,
    Agenda,
    PlannedStart,
    Refusal,
    Refused,
    admit,
    dropped,
    made,
    note_dropped,
)
from chalicelib.core.timing.trigger import Trigger
from chalicelib.errors import (
    BackendError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    SchedulerError,
)
from chalicelib.ports import Ports
from chalicelib.services import agendas, announcing, operations, runs
from chalicelib.timing_ports import StoredTriggers

logger = logging.getLogger(__name__)

_TRIES = 20  # while ticks decide about the same schedule
_RECENT = 10  # runs of a schedule that are looked at for one that goes on


def actor_of(trigger: Trigger) -> str:
    """Who starts the runs of a trigger, for the audit trail."""
    return f"trigger {trigger.name}"


@dataclass(frozen=True, slots=True)
class Unmade:
    """A planned start whose run can't be made, and the error that says why."""

    start: PlannedStart
    error: SchedulerError


@dataclass(frozen=True, slots=True)
class Decided:
    """What was written down: the agenda with its planned starts, and those that are refused.

    `in_the_way` is a run that has to make room for a start that waits; empty for none.
    """

    agenda: Agenda
    stored: StoredTriggers | None = None
    refused: Sequence[Refused] = ()
    in_the_way: str = ""


@dataclass(slots=True)
class Made:
    """What became of the planned starts of one schedule."""

    agenda: Agenda
    started: list[RunHeader] = field(default_factory=list)
    unmade: list[Unmade] = field(default_factory=list)
    postponed: list[Unmade] = field(default_factory=list)  # made again by the next tick


@dataclass(frozen=True, slots=True)
class Asked:
    """Starts that are asked for, and the agenda that is to be written with them."""

    agenda: Agenda
    starts: Sequence[PlannedStart]


def settle(ports: Ports, schedule_id: str, ask: Callable[[Agenda], Asked]) -> Decided:
    """Decide about starts of a schedule, again for as long as others decide meanwhile.

    Of a paused schedule nothing starts. What may go now is made, and what is in its way cancelled,
    by whoever calls `make`, which every tick does: whoever only tells of an event needs no right
    to either.
    """
    for tries_left in reversed(range(_TRIES)):
        stored = ports.triggers.get_triggers(schedule_id)
        agenda = agendas.agenda_in(stored) if stored else None
        if stored is None or agenda is None or agenda.pause is not None:
            logger.info("%s is paused: nothing starts", schedule_id)
            return Decided(agenda or Agenda(schedule_id=schedule_id, version=0), stored)
        asked = ask(agenda)
        next_fire = agendas.next_fire_of(ports, agenda)
        try:
            return decide(ports, stored, asked.agenda, asked.starts, next_fire)
        except ConflictError:
            if not tries_left:
                raise
    raise AssertionError("the last try returns or raises")


def decide(
    ports: Ports,
    stored: StoredTriggers,
    agenda: Agenda,
    starts: Sequence[PlannedStart],
    next_fire: datetime | None,
) -> Decided:
    """Let starts in, and write that down.

    `agenda` is what is to be written of it besides. Raises ConflictError, with nothing done, if
    somebody else has decided since `stored` was read.
    """
    waits = bool(starts or agenda.queued)
    busy = _goes_on(ports, agenda) if waits else ""
    admission = admit(agenda, starts, busy=bool(busy), now=ports.clock())
    stored = agendas.save(ports, stored, admission.agenda, next_fire)
    _tell(ports, admission)
    in_the_way = busy if admission.cancels else ""
    return Decided(admission.agenda, stored, admission.refused, in_the_way)


def make(ports: Ports, decided: Decided, next_fire: datetime | None) -> Made:
    """Make the runs of all planned starts, or find those that were made of them before.

    A run that has to make room is cancelled.
    """
    result = Made(decided.agenda)
    if decided.in_the_way:
        _cancel(ports, decided.in_the_way, decided.agenda)
    for start in decided.agenda.planned:
        _make_one(ports, start, result)
    if result.agenda is not decided.agenda:
        # Another tick that makes the same starts has written the same.
        with suppress(ConflictError):
            agendas.save(ports, decided.stored, result.agenda, next_fire)
    return result


def _tell(ports: Ports, admission: Admission) -> None:
    """Post that starts are not made; people who can't be told are no reason to start nothing."""
    schedule_id = admission.agenda.schedule_id
    for refused in admission.refused:
        start, is_overlap = refused.start, refused.why is Refusal.OVERLAP
        if refused.why is Refusal.CHAIN:
            told = (start.trigger, schedule_id, start.reason, refused.why)
            logger.warning("%s of %s starts nothing for %s: %s", *told)
        tell = announcing.tell_overlap_skipped if is_overlap else announcing.tell_missed
        try:
            tell(ports, schedule_id, announcing.no_start_of(start, refused.why))
        except SchedulerError as error:
            logger.warning("can't tell of %s: %s", start.started_at, error)


def _goes_on(ports: Ports, agenda: Agenda) -> str:
    """The run of the schedule that goes on: whoever started it, if it is one of the newest."""
    recent = ports.runs.find_headers(schedule_id=agenda.schedule_id, limit=_RECENT)
    for header in recent:
        if header.status is RunStatus.RUNNING:
            return header.run_id
    if not agenda.last_run or any(each.run_id == agenda.last_run for each in recent):
        return ""
    with suppress(NotFoundError):
        if ports.runs.get_header(agenda.last_run).status is RunStatus.RUNNING:
            return agenda.last_run
    return ""


def _cancel(ports: Ports, run: str, agenda: Agenda) -> None:
    """Cancel the run that a newer start waits for; one that is being cancelled is let be."""
    reason = "a newer start takes its place"
    order = Order(act=Act.CANCEL, actor="trigger", reason=reason, at=ports.clock())
    try:
        operations.cancel(ports, run, order)
    except (ConflictError, NotFoundError) as error:
        about = {"action": "cancel", "schedule_id": agenda.schedule_id}
        logger.info("%s is not cancelled: %s", run, error, extra=about)


def _make_one(ports: Ports, start: PlannedStart, result: Made) -> None:
    try:
        header = _start(ports, result.agenda, start)
    except BackendError as error:
        result.postponed.append(Unmade(start, error))
    except (InvalidInputError, NotFoundError, ConflictError) as error:
        result.unmade.append(Unmade(start, error))
        told = note_dropped(result.agenda, [start], str(error), ports.clock())
        result.agenda = dropped(told, start)
    else:
        result.started.append(header)
        result.agenda = made(result.agenda, start)


def _start(ports: Ports, agenda: Agenda, start: PlannedStart) -> RunHeader:
    """Make the run of a planned start, or find the one that was made of it before."""
    if start.is_late(ports.clock()) and not _is_there(ports, agenda, start):
        raise ConflictError(f"{Refusal.LATE}: {start.latest}", event="start")
    stored = ports.schedules.get_schedule(agenda.schedule_id)
    wanted = start.version or agenda.version
    if stored.version != wanted:  # another was put, and is not asked for or not followed yet
        stored = ports.schedules.get_schedule(agenda.schedule_id, wanted)
    request = runs.StartRequest(
        actor=start.actor,
        parameters=start.parameters,
        reason=start.reason,
        working_directory=ports.directory,
        at=start.started_at,
        again=True,
    )
    return runs.start(ports, stored, request)


def _is_there(ports: Ports, agenda: Agenda, start: PlannedStart) -> bool:
    try:
        ports.runs.get_header(run_id(agenda.schedule_id, start.started_at))
    except NotFoundError:
        return False
    return True
