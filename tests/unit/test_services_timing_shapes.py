"""What is told of triggers and calendars, as JSON."""

from dataclasses import replace
from datetime import UTC, datetime

from chalicelib.core.timing.agenda import Pause, ScheduleAct, ScheduleEvent
from chalicelib.core.timing.trigger import FireTime
from chalicelib.services.timing_shapes import (
    calendar_shape,
    next_shape,
    paused_shape,
    schedule_history_shape,
    waiting_shape,
)
from chalicelib.services.triggers import Broken, LookAhead, Upcoming
from chalicelib.services.waiting_starts import Waiting
from chalicelib.timing_ports import StoredCalendar

AT = datetime(2026, 11, 23, 1, tzinfo=UTC)
WAITING = Waiting(
    run_id="etl/2026-11-23T00:00:00.000000Z", trigger="api", actor="ann", not_before=AT
)
NINE = datetime.fromisoformat("2026-11-23T10:00:00+09:00")


def test_fire_times_are_told_in_utc_and_on_the_wall_clock() -> None:
    upcoming = Upcoming("etl", "nightly", FireTime(AT, NINE, "moved"), AT)
    plain = Upcoming("etl", "nightly", FireTime(AT, NINE), AT)
    broken = Broken("etl", "workdays", "there is no calendar")
    told = next_shape("etl", None, LookAhead([upcoming, plain], [broken]), [WAITING])
    assert told == {
        "scheduleId": "etl",
        "paused": None,
        "fireTimes": [
            {
                "scheduleId": "etl",
                "trigger": "nightly",
                "fireTime": "2026-11-23T01:00:00.000000Z",
                "localTime": "2026-11-23T10:00:00+09:00",
                "readyAt": "2026-11-23T01:00:00.000000Z",
                "localReadyAt": "2026-11-23T10:00:00+09:00",
                "note": note,
            }
            for note in ("moved", None)
        ],
        "problems": [
            {"scheduleId": "etl", "trigger": "workdays", "reason": "there is no calendar"}
        ],
        "waiting": [waiting_shape(WAITING)],
    }


def test_a_pause_is_told_with_who_when_and_why() -> None:
    told = paused_shape("etl", Pause(actor="ann", at=AT))
    at = "2026-11-23T01:00:00.000000Z"
    assert told == {"scheduleId": "etl", "paused": {"actor": "ann", "at": at, "reason": None}}


def test_a_calendar_is_told_with_its_document() -> None:
    stored = StoredCalendar(
        name="de", revision=2, document='{"name": "de"}', stored_at=AT, stored_by="ann"
    )
    assert calendar_shape(stored) == {
        "name": "de",
        "revision": 2,
        "builtIn": False,
        "storedAt": "2026-11-23T01:00:00.000000Z",
        "storedBy": "ann",
        "document": {"name": "de"},
    }


def test_a_start_that_waits_tells_its_run_and_until_when() -> None:
    assert waiting_shape(WAITING) == {
        "runId": "etl/2026-11-23T00:00:00.000000Z",
        "scheduleId": "etl",
        "waits": True,
        "notBefore": "2026-11-23T01:00:00.000000Z",
        "notAfter": None,
        "trigger": "api",
        "startedBy": "ann",
        "reason": None,
    }
    assert waiting_shape(replace(WAITING, until=AT))["notAfter"] == "2026-11-23T01:00:00.000000Z"


def test_a_line_of_a_schedules_history_tells_who_did_what_when_and_why() -> None:
    event = ScheduleEvent(act=ScheduleAct.DELETE, at=AT, actor="ann")
    assert schedule_history_shape("etl", [], [event]) == {
        "scheduleId": "etl",
        "versions": [],
        "events": [
            {
                "at": "2026-11-23T01:00:00.000000Z",
                "act": "DELETE",
                "actor": "ann",
                "reason": None,
                "runId": None,
            }
        ],
    }
