"""What verbs and the HTTP API tell of triggers and calendars, as JSON."""

import json
from collections.abc import Iterable

from chalicelib.core.naming import start_text
from chalicelib.core.timing.agenda import Pause, ScheduleEvent
from chalicelib.ports import StoredSchedule
from chalicelib.services.shape_types import (
    BrokenTriggerShape,
    CalendarShape,
    DroppedStartShape,
    FireTimeShape,
    NextShape,
    PausedShape,
    PauseShape,
    ScheduleEventShape,
    ScheduleHistoryShape,
    WaitingShape,
)
from chalicelib.services.shapes import schedule_shape
from chalicelib.services.triggers import Broken, LookAhead, Upcoming
from chalicelib.services.waiting_starts import Dropped, Waiting
from chalicelib.timing_ports import StoredCalendar


def fire_time_shape(upcoming: Upcoming) -> FireTimeShape:
    """A fire time to come."""
    return {
        "scheduleId": upcoming.schedule_id,
        "trigger": upcoming.trigger,
        "fireTime": start_text(upcoming.fire.at),
        "localTime": upcoming.fire.local.isoformat(),
        "readyAt": start_text(upcoming.ready_at),
        "localReadyAt": upcoming.ready_at.astimezone(upcoming.fire.local.tzinfo).isoformat(),
        "note": upcoming.fire.note or None,
    }


def broken_shape(broken: Broken) -> BrokenTriggerShape:
    """A trigger whose fire times can't be told."""
    return {
        "scheduleId": broken.schedule_id,
        "trigger": broken.trigger,
        "reason": broken.reason,
    }


def next_shape(
    schedule_id: str, pause: Pause | None, found: LookAhead, waiting: Iterable[Waiting]
) -> NextShape:
    """The next fire times of a schedule."""
    return {
        "scheduleId": schedule_id,
        "paused": pause_shape(pause),
        "fireTimes": [fire_time_shape(each) for each in found.upcoming],
        "problems": [broken_shape(each) for each in found.broken],
        "waiting": [waiting_shape(each) for each in waiting],
    }


def waiting_shape(waiting: Waiting) -> WaitingShape:
    """A start that waits."""
    return {
        "runId": waiting.run_id,
        "scheduleId": waiting.run_id.partition("/")[0],
        "waits": True,
        "notBefore": start_text(waiting.not_before),
        "notAfter": start_text(waiting.until) if waiting.until else None,
        "trigger": waiting.trigger,
        "startedBy": waiting.actor,
        "reason": waiting.reason or None,
    }


def dropped_shape(dropped: Dropped) -> DroppedStartShape:
    """A start that was taken away."""
    return {
        "runId": dropped.run_id,
        "scheduleId": dropped.run_id.partition("/")[0],
        "waits": False,
        "dropped": schedule_event_shape(dropped.event),
    }


def schedule_history_shape(
    schedule_id: str, versions: Iterable[StoredSchedule], events: Iterable[ScheduleEvent]
) -> ScheduleHistoryShape:
    """What became of a schedule."""
    return {
        "scheduleId": schedule_id,
        "versions": [schedule_shape(each) for each in versions],
        "events": [schedule_event_shape(each) for each in events],
    }


def schedule_event_shape(event: ScheduleEvent) -> ScheduleEventShape:
    """A line of a schedule's history."""
    return {
        "at": start_text(event.at),
        "act": event.act.value,
        "actor": event.actor,
        "reason": event.reason or None,
        "runId": event.run_id or None,
    }


def paused_shape(schedule_id: str, pause: Pause | None) -> PausedShape:
    """Whether a schedule is paused."""
    return {"scheduleId": schedule_id, "paused": pause_shape(pause)}


def pause_shape(pause: Pause | None) -> PauseShape | None:
    """A pause; None for none."""
    if pause is None:
        return None
    return {"actor": pause.actor, "at": start_text(pause.at), "reason": pause.reason or None}


def calendar_shape(stored: StoredCalendar) -> CalendarShape:
    """A calendar; of one that is built in nobody has stored anything."""
    is_stored = stored.revision > 0
    return {
        "name": stored.name,
        "revision": stored.revision,
        "builtIn": not is_stored,
        "storedAt": start_text(stored.stored_at) if is_stored else None,
        "storedBy": stored.stored_by if is_stored else None,
        "document": json.loads(stored.document),
    }
