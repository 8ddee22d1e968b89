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
from chalicelib.core.timing.standing import (
    PlannedStart,
    Refusal,
    Refused,
    Standing,
    admit,
    dropped,
    made,
)
from chalicelib.core.timing.trigger import Trigger
from chalicelib.errors import (
    BackendError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    SchedulerError,
)
from chalicelib.ports import Ports, StoredTriggers
from chalicelib.services import operations, runs, standings

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
    """What was written down: the standing with its planned starts, and those that are refused."""

    standing: Standing
    stored: StoredTriggers | None = None
    refused: Sequence[Refused] = ()


@dataclass(slots=True)
class Made:
    """What became of the planned starts of one schedule."""

    standing: Standing
    started: list[RunHeader] = field(default_factory=list)
    unmade: list[Unmade] = field(default_factory=list)
    postponed: list[Unmade] = field(default_factory=list)  # made again by the next tick


@dataclass(frozen=True, slots=True)
class Asked:
    """Starts that are asked for, and the standing that is to be written with them."""

    standing: Standing
    starts: Sequence[PlannedStart]


def settle(ports: Ports, schedule_id: str, ask: Callable[[Standing], Asked]) -> Decided:
    """Decide about starts of a schedule, again for as long as others decide meanwhile.

    Of a paused schedule nothing starts. What may go now is made by whoever calls `make`, which
    every tick does.
    """
    for tries_left in reversed(range(_TRIES)):
        stored = ports.triggers.get_triggers(schedule_id)
        standing = standings.standing_in(stored) if stored else None
        if stored is None or standing is None or standing.pause is not None:
            logger.info("%s is paused: nothing starts", schedule_id)
            return Decided(standing or Standing(schedule_id=schedule_id, version=0), stored)
        asked = ask(standing)
        next_fire = standings.next_fire_of(ports, standing)
        try:
            return decide(ports, stored, asked.standing, asked.starts, next_fire)
        except ConflictError:
            if not tries_left:
                raise
    raise AssertionError("the last try returns or raises")


def decide(
    ports: Ports,
    stored: StoredTriggers,
    standing: Standing,
    starts: Sequence[PlannedStart],
    next_fire: datetime | None,
) -> Decided:
    """Let starts in, and write that down; a run that has to make room for them is cancelled.

    `standing` is what is to be written of it besides. Raises ConflictError, with nothing done, if
    somebody else has decided since `stored` was read.
    """
    waits = bool(starts or standing.queued)
    busy = _goes_on(ports, standing) if waits else ""
    admission = admit(standing, starts, busy=bool(busy), now=ports.clock())
    stored = standings.save(ports, stored, admission.standing, next_fire)
    if admission.cancels:
        _cancel(ports, busy, admission.standing)
    return Decided(admission.standing, stored, admission.refused)


def make(ports: Ports, decided: Decided, next_fire: datetime | None) -> Made:
    """Make the runs of all planned starts, or find those that were made of them before."""
    result = Made(decided.standing)
    for start in decided.standing.planned:
        _make_one(ports, start, result)
    if result.standing is not decided.standing:
        # Another tick that makes the same starts has written the same.
        with suppress(ConflictError):
            standings.save(ports, decided.stored, result.standing, next_fire)
    return result


def _goes_on(ports: Ports, standing: Standing) -> str:
    """The run of the schedule that goes on: whoever started it, if it is one of the newest."""
    recent = ports.runs.find_headers(schedule_id=standing.schedule_id, limit=_RECENT)
    for header in recent:
        if header.status is RunStatus.RUNNING:
            return header.run_id
    if not standing.last_run or any(each.run_id == standing.last_run for each in recent):
        return ""
    with suppress(NotFoundError):
        if ports.runs.get_header(standing.last_run).status is RunStatus.RUNNING:
            return standing.last_run
    return ""


def _cancel(ports: Ports, run: str, standing: Standing) -> None:
    """Cancel the run that a newer start waits for; one that is being cancelled is let be."""
    reason = "a newer start takes its place"
    order = Order(act=Act.CANCEL, actor="trigger", reason=reason, at=ports.clock())
    try:
        operations.cancel(ports, run, order)
    except (ConflictError, NotFoundError) as error:
        about = {"action": "cancel", "schedule_id": standing.schedule_id}
        logger.info("%s is not cancelled: %s", run, error, extra=about)


def _make_one(ports: Ports, start: PlannedStart, result: Made) -> None:
    try:
        header = _start(ports, result.standing, start)
    except BackendError as error:
        result.postponed.append(Unmade(start, error))
    except (InvalidInputError, NotFoundError, ConflictError) as error:
        result.unmade.append(Unmade(start, error))
        result.standing = dropped(result.standing, start)
    else:
        result.started.append(header)
        result.standing = made(result.standing, start)


def _start(ports: Ports, standing: Standing, start: PlannedStart) -> RunHeader:
    """Make the run of a planned start, or find the one that was made of it before."""
    if start.is_late(ports.clock()) and not _is_there(ports, standing, start):
        raise ConflictError(f"{Refusal.LATE}: {start.latest}", event="start")
    stored = ports.schedules.get_schedule(standing.schedule_id)
    if stored.version != standing.version:  # it was put and is not followed yet
        stored = ports.schedules.get_schedule(standing.schedule_id, standing.version)
    request = runs.StartRequest(
        actor=start.actor,
        parameters=start.parameters,
        reason=start.reason,
        at=start.started_at,
        again=True,
    )
    return runs.start(ports, stored, request)


def _is_there(ports: Ports, standing: Standing, start: PlannedStart) -> bool:
    try:
        ports.runs.get_header(run_id(standing.schedule_id, start.started_at))
    except NotFoundError:
        return False
    return True
