"""The verbs over schedules, by routes of a server."""

import json
from typing import Any

from chalicelib.core.document import ScheduleDocument
from chalicelib.errors import Problem
from chalicelib.ports import StoredSchedule
from chalicelib.remote.decoding import schedule_of
from chalicelib.remote.reading import schedule_path
from chalicelib.remote.wire import Wire


class RemoteScheduleVerbs:
    """verbs.asked.ScheduleVerbs."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def put(self, document: ScheduleDocument) -> StoredSchedule:
        path = schedule_path(document.schedule_id)
        return self._wire.put(path, json.loads(document.text)).read(schedule_of)

    def warnings(self, document: ScheduleDocument) -> list[Problem]:
        return self._wire.look("/validate", json.loads(document.text)).read(_warnings)

    def delete(self, schedule_id: str) -> StoredSchedule:
        return self._wire.delete(schedule_path(schedule_id), again=False).read(schedule_of)


def _warnings(shape: Any) -> list[Problem]:
    return [Problem(**each) for each in shape["warnings"]]
