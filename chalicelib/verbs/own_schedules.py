"""The verbs over schedules, on a store in reach."""

from collections.abc import Callable

from chalicelib.core.document import ScheduleDocument
from chalicelib.errors import Problem
from chalicelib.ports import StoredSchedule
from chalicelib.services import schedules, triggers
from chalicelib.services.served import Served


class OwnScheduleVerbs:
    """verbs.asked.ScheduleVerbs."""

    def __init__(self, served: Served, actor: Callable[[], str]) -> None:
        self._served = served
        self._actor = actor

    def put(self, document: ScheduleDocument) -> StoredSchedule:
        return schedules.put(self._served.ports, document, self._actor())

    def warnings(self, document: ScheduleDocument) -> list[Problem]:
        return triggers.warnings(self._served.ports, document)

    def delete(self, schedule_id: str) -> StoredSchedule:
        return schedules.delete(self._served.ports, schedule_id, self._actor())
