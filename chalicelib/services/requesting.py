"""Starts that somebody asks for by HTTP, by the policies of the schedule's `http` trigger."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.core.naming import run_id
from chalicelib.core.run import RunHeader
from chalicelib.core.timing.fire_parameters import event_fire, fire_parameters
from chalicelib.core.timing.standing import PlannedStart, Standing
from chalicelib.core.timing.trigger import Http, Trigger
from chalicelib.core.timing.waiting import ready_at
from chalicelib.errors import ConflictError, InvalidInputError, NotFoundError
from chalicelib.ports import Ports, StoredSchedule
from chalicelib.services import runs, standings
from chalicelib.services.starting import Asked, make, settle


@dataclass(frozen=True, slots=True)
class Waiting:
    """A start that waits: for its window, or for the end of the run before it."""

    run_id: str  # which its run will have
    not_before: datetime


def ask(ports: Ports, stored: StoredSchedule, request: runs.StartRequest) -> RunHeader | Waiting:
    """Start a run of the schedule, now or when its policies let it; again is the same start.

    `request.at` must be given. Raises InvalidInputError, and ConflictError for a schedule that is
    paused and for a start that its policies refuse.
    """
    standing = standings.find_standing(ports, stored.schedule_id)
    if standing is not None and standing.pause is not None:
        raise ConflictError(
            f"Schedule {stored.schedule_id!r} is paused by {standing.pause.actor}; resume it.",
            status="paused",
            event="start",
        )
    trigger = _http_trigger(standing)
    if standing is None or trigger is None:
        return runs.start(ports, stored, replace(request, again=True))
    if stored.version != standing.version:
        reason = f"can't be chosen: trigger {trigger.name!r} starts the newest version"
        raise InvalidInputError.at("$.version", reason, allowed=str(standing.version))
    start = _planned(ports, trigger, stored.schedule_id, request)
    runs.check(ports, stored, start.parameters)
    decided = settle(ports, stored.schedule_id, lambda it: Asked(it, [start]))
    made = make(ports, decided, standings.next_fire_of(ports, decided.standing))
    failed = {each.start.started_at: each.error for each in (*made.unmade, *made.postponed)}
    if start.started_at in failed:
        raise failed[start.started_at]
    return _outcome(ports, start, made.standing)


def _http_trigger(standing: Standing | None) -> Trigger | None:
    triggers = standing.triggers if standing else ()
    return next((each for each in triggers if each.enabled and isinstance(each.kind, Http)), None)


def _planned(
    ports: Ports, trigger: Trigger, schedule_id: str, request: runs.StartRequest
) -> PlannedStart:
    now = request.at or ports.clock()
    days = trigger.days
    calendar = standings.calendars_of(ports, [trigger]).get(days.calendar) if days else None
    given = fire_parameters(schedule_id, trigger, event_fire(trigger, now), calendar)
    return PlannedStart(
        trigger=trigger.name,
        started_at=now,
        fire_at=now,
        not_before=ready_at(schedule_id, trigger, now),
        actor=request.actor,
        overlap=trigger.overlap,
        latest=now + timedelta(seconds=trigger.deadline) if trigger.deadline else None,
        parameters={**given, **request.parameters},
        reason=request.reason,
    )


def _outcome(ports: Ports, start: PlannedStart, standing: Standing) -> RunHeader | Waiting:
    """The run, or what it waits for; a start that is neither was refused, now or before."""
    wanted = run_id(standing.schedule_id, start.started_at)
    if any(each.started_at == start.started_at for each in standing.queued):
        return Waiting(wanted, start.not_before)
    try:
        return ports.runs.get_header(wanted)
    except NotFoundError as error:
        raise ConflictError(
            f"Schedule {standing.schedule_id!r} has a run that still goes on, and its trigger"
            f" {start.trigger!r} starts no other beside it: wait for its end, or cancel it.",
            status="RUNNING",
            event="start",
        ) from error
