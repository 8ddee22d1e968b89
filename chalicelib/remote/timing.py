"""Triggers and calendars, by routes of a server."""

import json
from datetime import datetime
from urllib.parse import quote

from chalicelib.core.naming import start_text
from chalicelib.core.timing.agenda import Pause
from chalicelib.core.timing.calendar_document import CalendarDocument
from chalicelib.errors import ConflictError
from chalicelib.remote.decoding import Shape
from chalicelib.remote.reading import run_path, schedule_path
from chalicelib.remote.timing_decoding import (
    ahead_of,
    calendar_of,
    dropped_of,
    look_ahead_of,
    pause_of,
    start_of,
)
from chalicelib.remote.wire import Wire
from chalicelib.services.triggers import LookAhead, Upcoming
from chalicelib.services.waiting_starts import Dropped, Waiting
from chalicelib.store_words import no_calendar, no_run
from chalicelib.timing_ports import StoredCalendar
from chalicelib.verbs.asked import Ahead

_PAGE = 1000  # the most that the server tells at once


class RemoteCalendars:
    """reading_ports.CalendarReader."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def get_calendar(self, name: str) -> StoredCalendar:
        return self._wire.get(_calendar_path(name)).read(calendar_of)

    def list_calendars(self) -> list[StoredCalendar]:
        reply = self._wire.get("/calendars")
        return reply.read(_stored_ones)


class RemoteTimingVerbs:
    """verbs.asked.TimingVerbs."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def pause(self, schedule_id: str, reason: str) -> Pause | None:
        path = f"{schedule_path(schedule_id)}/pause"
        return self._wire.post(path, {"reason": reason}).read(pause_of)

    def resume(self, schedule_id: str, reason: str) -> Pause | None:
        path = f"{schedule_path(schedule_id)}/resume"
        return self._wire.post(path, {"reason": reason}).read(pause_of)

    def cancel_start(self, run_id: str, reason: str) -> Dropped:
        reply = self._wire.post(f"{run_path(run_id)}/cancel", {"reason": reason})
        return reply.read(lambda shape: dropped_of(_unmade(shape)))

    def find_start(self, run_id: str) -> Waiting | Dropped:
        found = self._wire.get(run_path(run_id)).read(start_of)
        if found is None:
            raise no_run(run_id)  # it is a run by now
        return found

    def next_fire_times(self, schedule_id: str, count: int, after: datetime) -> Ahead:
        """Page by page: each goes on behind the last moment of the one before."""
        path, since = f"{schedule_path(schedule_id)}/next", after
        found: list[Upcoming] = []
        while True:
            size = min(count - len(found), _PAGE)
            query = [("count", str(size)), ("after", start_text(since))]
            ahead = self._wire.get(path, query).read(ahead_of)
            told = list(ahead.found.upcoming)
            if len(told) < size or len(found) + len(told) >= count:
                told_ahead = LookAhead(found + told, ahead.found.broken)
                return Ahead(ahead.pause, told_ahead, ahead.waiting)
            found += _whole_moments(told)
            since = found[-1].fire.at

    def preview(self, begin: datetime, end: datetime, limit: int) -> LookAhead:
        found: list[Upcoming] = []
        while True:
            size = min(limit - len(found), _PAGE)
            query = [("from", start_text(begin)), ("to", start_text(end)), ("limit", str(size))]
            page = self._wire.get("/preview", query).read(look_ahead_of)
            told = list(page.upcoming)
            if len(told) < size or len(found) + len(told) >= limit:
                return LookAhead(found + told, page.broken)
            found += _whole_moments(told)
            begin = found[-1].fire.at

    def put_calendar(self, document: CalendarDocument) -> StoredCalendar:
        value = json.loads(document.text)
        return self._wire.put(_calendar_path(document.name), value).read(calendar_of)

    def delete_calendar(self, name: str) -> StoredCalendar:
        return self._wire.delete(_calendar_path(name), again=False).read(calendar_of)


def _stored_ones(shape: Shape) -> list[StoredCalendar]:
    """Those that somebody has stored: what is built in is known here."""
    return [calendar_of(each) for each in shape["calendars"] if not each.get("builtIn")]


def _unmade(shape: Shape) -> Shape:
    """The shape, unless the start became a run before it could be taken away."""
    if "waits" not in shape:
        told = f"The start became a run meanwhile, and {shape['runId']} is being cancelled."
        raise ConflictError(told, status="RUNNING", event="cancel")
    return shape


def _whole_moments(told: list[Upcoming]) -> list[Upcoming]:
    """Without those of the last moment, of which there may be more behind a page's end."""
    last = told[-1].fire.at
    whole = [each for each in told if each.fire.at < last]
    return whole or told


def _calendar_path(name: str) -> str:
    """The address of a calendar. Raises NotFoundError for what can be no name."""
    if not name or "/" in name or not name.isprintable() or len(name) > _PAGE:
        raise no_calendar(name)
    return f"/calendars/{quote(name, safe='')}"
