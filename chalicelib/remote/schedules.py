"""The verbs over schedules, by routes of a server."""

import json
from typing import Any

from chalicelib.core.document import ScheduleDocument
from chalicelib.core.timing.agenda import ScheduleEvent
from chalicelib.errors import Problem
from chalicelib.ports import StoredSchedule
from chalicelib.remote.decoding import schedule_of
from chalicelib.remote.reading import Wanted, pages, schedule_path
from chalicelib.remote.timing_decoding import event_of
from chalicelib.remote.wire import Wire
from chalicelib.verbs.asked import History, Put


class RemoteScheduleVerbs:
    """verbs.asked.ScheduleVerbs."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def put(self, document: ScheduleDocument) -> Put:
        path = schedule_path(document.schedule_id)
        return self._wire.put(path, json.loads(document.text)).read(_put)

    def delete(self, schedule_id: str, reason: str) -> StoredSchedule:
        query = [("reason", reason)] if reason else []
        path = schedule_path(schedule_id)
        return self._wire.delete(path, query, again=False).read(schedule_of)

    def history(self, schedule_id: str, limit: int) -> History:
        path = f"{schedule_path(schedule_id)}/versions"
        wanted = Wanted("versions", limit, schedule_of)
        events = self._wire.get(path, [("limit", "1")]).read(_events)
        return History(pages(self._wire, path, [], wanted), events)


def _events(shape: Any) -> list[ScheduleEvent]:
    return [event_of(each) for each in shape["events"]]


def _put(shape: Any) -> Put:
    warnings = [Problem(**each) for each in shape["warnings"]]
    return Put(schedule_of(shape), lambda: warnings)
