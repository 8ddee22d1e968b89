"""The documented shapes of fire times, pauses and calendars as what they were made of."""

import json
from datetime import datetime

from chalicelib.core.naming import parse_start
from chalicelib.core.timing.agenda import Pause, ScheduleAct, ScheduleEvent
from chalicelib.core.timing.trigger import FireTime
from chalicelib.remote.decoding import Shape, moment
from chalicelib.services.triggers import Broken, LookAhead, Upcoming
from chalicelib.services.waiting_starts import Dropped, Waiting
from chalicelib.timing_ports import StoredCalendar
from chalicelib.verbs.asked import Ahead


def ahead_of(shape: Shape) -> Ahead:
    """The next fire times of a schedule."""
    waiting = [waiting_of(each) for each in shape["waiting"]]
    return Ahead(pause_of(shape), look_ahead_of(shape), waiting)


def look_ahead_of(shape: Shape) -> LookAhead:
    """Fire times to come, and the triggers that keep theirs from being told."""
    return LookAhead(
        [upcoming_of(each) for each in shape["fireTimes"]],
        [Broken(each["scheduleId"], each["trigger"], each["reason"]) for each in shape["problems"]],
    )


def pause_of(shape: Shape) -> Pause | None:
    """The pause of a schedule; None while its triggers start runs."""
    told = shape["paused"]
    if told is None:
        return None
    return Pause(actor=told["actor"], at=parse_start(told["at"]), reason=told["reason"] or "")


def waiting_of(shape: Shape) -> Waiting:
    """A start that waits."""
    return Waiting(
        run_id=shape["runId"],
        trigger=shape["trigger"],
        actor=shape["startedBy"],
        not_before=parse_start(shape["notBefore"]),
        until=moment(shape["notAfter"]),
        reason=shape["reason"] or "",
    )


def start_of(shape: Shape) -> Waiting | Dropped | None:
    """A start that is no run; None for what is one."""
    if "waits" not in shape:
        return None
    return waiting_of(shape) if shape["waits"] else dropped_of(shape)


def dropped_of(shape: Shape) -> Dropped:
    """A start that was taken away."""
    return Dropped(shape["runId"], event_of(shape["dropped"]))


def event_of(shape: Shape) -> ScheduleEvent:
    """A line of a schedule's history."""
    return ScheduleEvent(
        act=ScheduleAct(shape["act"]),
        at=parse_start(shape["at"]),
        actor=shape["actor"],
        reason=shape["reason"] or "",
        run_id=shape["runId"] or "",
    )


def upcoming_of(shape: Shape) -> Upcoming:
    """A fire time to come. Its zone is known by the offsets that it has then."""
    fire = FireTime(
        parse_start(shape["fireTime"]),
        datetime.fromisoformat(shape["localTime"]),
        shape["note"] or "",
    )
    ready_at = parse_start(shape["readyAt"])
    return Upcoming(shape["scheduleId"], shape["trigger"], fire, ready_at)


def calendar_of(shape: Shape) -> StoredCalendar:
    """A calendar."""
    return StoredCalendar(
        name=shape["name"],
        revision=int(shape["revision"]),
        document=json.dumps(shape["document"]),
        stored_at=parse_start(shape["storedAt"]),
        stored_by=shape["storedBy"],
    )
