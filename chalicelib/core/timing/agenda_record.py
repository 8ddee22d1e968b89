"""Where triggers stand, as a store keeps it: JSON in, JSON out; what is missing is forgiven."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.records import decode_time, encode_time
from chalicelib.core.timing.agenda import (
    Agenda,
    Pause,
    PlannedStart,
    ScheduleAct,
    ScheduleEvent,
)
from chalicelib.core.timing.trigger import Overlap
from chalicelib.core.timing.trigger_json import of_json, to_json

Row = dict[str, Any]


def encode_agenda(agenda: Agenda) -> Row:
    """Every member that is not empty."""
    row = {
        "scheduleId": agenda.schedule_id,
        "version": agenda.version,
        "triggers": [to_json(each) for each in agenda.triggers],
        "marks": {name: encode_time(mark) for name, mark in sorted(agenda.marks.items())},
        "pause": _of_pause(agenda.pause),
        "planned": [_of_start(each) for each in agenda.planned],
        "queued": [_of_start(each) for each in agenda.queued],
        "handled": list(agenda.handled),
        "depths": dict(agenda.depths),
        "lastRun": agenda.last_run,
        "events": [_of_event(each) for each in agenda.events],
    }
    return {key: value for key, value in row.items() if value not in (None, "", [], {})}


def decode_agenda(row: Mapping[str, Any]) -> Agenda:
    """The agenda of a row. Raises ValueError or KeyError for what was never one."""
    return Agenda(
        schedule_id=row["scheduleId"],
        version=int(row.get("version", 0)),
        triggers=tuple(of_json(each) for each in row.get("triggers", ())),
        marks={name: decode_time(mark) for name, mark in row.get("marks", {}).items()},
        pause=_pause(row.get("pause")),
        planned=tuple(_start(each) for each in row.get("planned", ())),
        queued=tuple(_start(each) for each in row.get("queued", ())),
        handled=tuple(row.get("handled", ())),
        depths={text: int(depth) for text, depth in row.get("depths", {}).items()},
        last_run=row.get("lastRun", ""),
        events=tuple(_event(each) for each in row.get("events", ())),
    )


def _of_pause(pause: Pause | None) -> Row | None:
    if pause is None:
        return None
    return {"actor": pause.actor, "at": encode_time(pause.at), "reason": pause.reason}


def _pause(row: Mapping[str, Any] | None) -> Pause | None:
    if row is None:
        return None
    return Pause(actor=row["actor"], at=decode_time(row["at"]), reason=row.get("reason", ""))


def _of_start(start: PlannedStart) -> Row:
    row = {
        "trigger": start.trigger,
        "startDateTime": encode_time(start.started_at),
        "fireTime": encode_time(start.fire_at),
        "overlap": start.overlap.value,
        "notBefore": encode_time(start.not_before),
        "actor": start.actor,
        "latest": encode_time(start.latest) if start.latest else None,
        "parameters": dict(start.parameters),
        "reason": start.reason,
        "depth": start.depth or None,
        "version": start.version,
    }
    return {key: value for key, value in row.items() if value is not None}


def _start(row: Mapping[str, Any]) -> PlannedStart:
    latest, version = row.get("latest"), row.get("version")
    return PlannedStart(
        trigger=row["trigger"],
        started_at=decode_time(row["startDateTime"]),
        fire_at=decode_time(row["fireTime"]),
        overlap=Overlap(row["overlap"]),
        not_before=decode_time(row["notBefore"]),
        actor=row["actor"],
        latest=decode_time(latest) if latest else None,
        parameters=dict(row.get("parameters", {})),
        reason=row.get("reason", ""),
        depth=int(row.get("depth", 0)),
        version=None if version is None else int(version),
    )


def _of_event(event: ScheduleEvent) -> Row:
    row = {
        "act": event.act.value,
        "at": encode_time(event.at),
        "actor": event.actor,
        "reason": event.reason,
        "runId": event.run_id,
    }
    return {key: value for key, value in row.items() if value}


def _event(row: Mapping[str, Any]) -> ScheduleEvent:
    return ScheduleEvent(
        act=ScheduleAct(row["act"]),
        at=decode_time(row["at"]),
        actor=row["actor"],
        reason=row.get("reason", ""),
        run_id=row.get("runId", ""),
    )
