"""The verbs over schedules, on a store in reach."""

from collections.abc import Callable
from functools import partial

from chalicelib.core.document import ScheduleDocument
from chalicelib.ports import StoredSchedule
from chalicelib.services import schedules, triggers
from chalicelib.services.served import Served
from chalicelib.verbs.asked import History, Put


class OwnScheduleVerbs:
    """verbs.asked.ScheduleVerbs."""

    def __init__(self, served: Served, actor: Callable[[], str]) -> None:
        self._served = served
        self._actor = actor

    def put(self, document: ScheduleDocument) -> Put:
        ports = self._served.ports
        stored = schedules.put(ports, document, self._actor())
        return Put(stored, partial(triggers.warnings, ports, document))

    def delete(self, schedule_id: str, reason: str) -> StoredSchedule:
        return schedules.delete(self._served.ports, schedule_id, self._actor(), reason=reason)

    def history(self, schedule_id: str, limit: int) -> History:
        ports = self._served.ports
        page = schedules.versions(ports, schedule_id, limit, None)
        return History(page.items, schedules.history(ports, schedule_id))
