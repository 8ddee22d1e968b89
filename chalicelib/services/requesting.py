"""Starts that somebody asks for by HTTP, by the policies of the schedule's `http` trigger."""

from dataclasses import replace
from datetime import timedelta

from chalicelib.core.naming import run_id, start_text
from chalicelib.core.run import RunHeader
from chalicelib.core.timing.agenda import Agenda, PlannedStart
from chalicelib.core.timing.fire_parameters import event_fire, fire_parameters
from chalicelib.core.timing.trigger import Http, Trigger
from chalicelib.core.timing.waiting import ready_at
from chalicelib.errors import ConflictError, InvalidInputError, NotFoundError
from chalicelib.ports import Ports, StoredSchedule
from chalicelib.services import agendas, runs
from chalicelib.services.starting import Asked, make, settle
from chalicelib.services.waiting_starts import Waiting, waiting_of


def ask(
    ports: Ports, stored: StoredSchedule, request: runs.StartRequest, *, keeps_version: bool = False
) -> RunHeader | Waiting:
    """Start a run of the schedule, now or when its policies let it; again is the same start.

    `request.at` must be given. A start that waits is made of the version that is the newest then,
    unless it `keeps_version`. Raises InvalidInputError, and ConflictError for a schedule that is
    paused and for a start that its policies refuse.
    """
    agenda = agendas.find_agenda(ports, stored.schedule_id)
    if agenda is not None and agenda.pause is not None:
        raise ConflictError(
            f"Schedule {stored.schedule_id!r} is paused by {agenda.pause.actor}; resume it.",
            status="paused",
            event="start",
        )
    trigger = _http_trigger(agenda)
    if agenda is None or trigger is None:
        return runs.start(ports, stored, replace(request, again=True))
    if stored.version != agenda.version:
        reason = f"can't be chosen: trigger {trigger.name!r} starts the newest version"
        raise InvalidInputError.at("$.version", reason, allowed=str(agenda.version))
    start = _planned(ports, trigger, stored.schedule_id, request)
    if keeps_version:
        start = replace(start, version=stored.version)
    runs.check(ports, stored, start.parameters)
    _check_deadline(start)
    decided = settle(ports, stored.schedule_id, lambda it: Asked(it, [start]))
    made = make(ports, decided, agendas.next_fire_of(ports, decided.agenda))
    failed = {each.start.started_at: each.error for each in (*made.unmade, *made.postponed)}
    if start.started_at in failed:
        raise failed[start.started_at]
    return _outcome(ports, start, made.agenda)


def _http_trigger(agenda: Agenda | None) -> Trigger | None:
    triggers = agenda.triggers if agenda else ()
    return next((each for each in triggers if each.enabled and isinstance(each.kind, Http)), None)


def _planned(
    ports: Ports, trigger: Trigger, schedule_id: str, request: runs.StartRequest
) -> PlannedStart:
    now = request.at or ports.clock()
    days = trigger.days
    calendar = agendas.calendars_of(ports, [trigger]).get(days.calendar) if days else None
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


def _check_deadline(start: PlannedStart) -> None:
    """Raise ConflictError for a start that would wait in vain."""
    if start.is_late(start.not_before):
        raise ConflictError(
            f"Trigger {start.trigger!r} starts nothing before {start_text(start.not_before)}, when"
            " the deadline of this start has passed: ask again then, or nearer to it.",
            status="closed",
            event="start",
        )


def _outcome(ports: Ports, start: PlannedStart, agenda: Agenda) -> RunHeader | Waiting:
    """The run, or what it waits for; a start that is neither was refused, now or before."""
    wanted = run_id(agenda.schedule_id, start.started_at)
    waiting = next((each for each in waiting_of(agenda) if each.run_id == wanted), None)
    if waiting is not None:
        return waiting
    try:
        return ports.runs.get_header(wanted)
    except NotFoundError as error:
        raise ConflictError(
            f"Schedule {agenda.schedule_id!r} has a run that still goes on, and its trigger"
            f" {start.trigger!r} starts no other beside it: wait for its end, or cancel it.",
            status="RUNNING",
            event="start",
        ) from error
