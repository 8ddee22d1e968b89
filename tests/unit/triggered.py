"""Schedules with triggers in memory, on a clock that the test moves."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.loading import load
from chalicelib.core.run import RunHeader
from chalicelib.core.timing.agenda import Agenda, Pause, ScheduleAct, ScheduleEvent
from chalicelib.core.timing.calendar_document import load_calendar
from chalicelib.local.memory_queue import MemoryQueue, VirtualClock
from chalicelib.ports import Ports, RunChange, StoredSchedule
from chalicelib.services import agendas, calendars, schedules, triggers
from chalicelib.services.ticking import Ticked, tick
from chalicelib.timing_ports import StoredCalendar, StoredTriggers, TriggerStore

Result = TypeVar("Result")

START = datetime.fromisoformat("2026-11-23T00:00:00Z")  # a Monday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

NIGHTLY = {"name": "nightly", "cron": "0 2 * * *", "timezone": "Europe/Berlin"}
HOURLY = {"name": "hourly", "cron": "0 * * * *"}
TWO = START + HOUR  # 02:00 in Berlin


def document(schedule_id: str, *triggers: Mapping[str, Any], **members: Any) -> dict[str, Any]:
    job = {"jobName": "a", "command": ["true"]}
    return {"scheduleId": schedule_id, "jobList": [job], "triggers": list(triggers), **members}


def put(
    ports: Ports, schedule_id: str, *triggers: Mapping[str, Any], **members: Any
) -> StoredSchedule:
    """Store a schedule of one job with these triggers."""
    return schedules.put(ports, load(document(schedule_id, *triggers, **members)), "ann")


def move(ports: Ports, to: datetime) -> None:
    """Set the clock."""
    clock = ports.clock
    assert isinstance(clock, VirtualClock)
    clock.at = to


def runs(ports: Ports, schedule_id: str = "etl") -> list[RunHeader]:
    """The runs of a schedule, the earliest first."""
    return list(reversed(ports.runs.find_headers(schedule_id=schedule_id, limit=1000)))


def agenda(ports: Ports, schedule_id: str = "etl") -> Agenda:
    found = agendas.find_agenda(ports, schedule_id)
    assert found is not None
    return found


def paused(ports: Ports, schedule_id: str, actor: str, reason: str = "") -> Agenda:
    """Pause a schedule now."""
    return triggers.pause(ports, schedule_id, Pause(actor=actor, at=ports.clock(), reason=reason))


def resumed(
    ports: Ports, schedule_id: str, actor: str = "ann", reason: str = "", *, again: bool = False
) -> Agenda:
    """Resume a schedule now."""
    event = ScheduleEvent(act=ScheduleAct.RESUME, at=ports.clock(), actor=actor, reason=reason)
    return triggers.resume(ports, schedule_id, event, again=again)


def end(ports: Ports, header: RunHeader, status: RunStatus = RunStatus.SUCCEEDED) -> RunHeader:
    """Let a run be over."""
    before = ports.runs.get_header(header.run_id)
    now, revision = ports.clock(), before.revision + 1
    after = replace(before, status=status, ended_at=now, revision=revision)
    moved = RunChange(act="END", before=before.status, after=status, at=now, actor="engine")
    ports.runs.record(before, [], after=after, run_changes=[moved])
    return after


class TappedTriggers:
    """A store of triggers that calls a function before and after each of its own calls."""

    def __init__(self, inner: TriggerStore, tap: Callable[[], None]) -> None:
        self._inner = inner
        self._tap = tap

    def get_triggers(self, schedule_id: str) -> StoredTriggers | None:
        return self._tapped(partial(self._inner.get_triggers, schedule_id))

    def put_triggers(self, before: StoredTriggers | None, after: StoredTriggers) -> None:
        self._tapped(partial(self._inner.put_triggers, before, after))

    def due_triggers(self, now: datetime, limit: int) -> list[StoredTriggers]:
        return self._tapped(partial(self._inner.due_triggers, now, limit))

    def listeners(self, event: str) -> list[str]:
        return self._tapped(partial(self._inner.listeners, event))

    def _tapped(self, call: Callable[[], Result]) -> Result:
        self._tap()
        result = call()
        self._tap()
        return result


class Picky(MemoryQueue):
    """A queue that some jobs can't run on, for a while."""

    needs = "a GPU"

    def lacks(self, request: Mapping[str, Any]) -> str:
        del request
        return self.needs


def ticks(ports: Ports, *moments: datetime) -> list[Ticked]:
    done = []
    for moment in moments:
        move(ports, moment)
        done.append(tick(ports))
    return done


def starts(ports: Ports, schedule_id: str = "etl") -> list[datetime]:
    """The fire times of the runs there are, to the minute."""
    return [each.started_at.replace(microsecond=0) for each in runs(ports, schedule_id)]


def calendar(ports: Ports, name: str = "ours", **members: Any) -> StoredCalendar:
    return calendars.put(ports, load_calendar({"name": name, **members}), "ann")


def upcoming(ports: Ports, count: int = 3) -> list[str]:
    """The next fire times of `etl` in local time, each behind its trigger."""
    found = triggers.next_fire_times(ports, "etl", count, ports.clock())
    return [f"{each.trigger} {each.fire.local:%a %d %H:%M}" for each in found.upcoming]
