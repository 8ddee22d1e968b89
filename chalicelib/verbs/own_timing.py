"""The verbs over triggers and calendars, on a store in reach."""

from collections.abc import Callable
from datetime import datetime

from chalicelib.core.lifecycle import Act
from chalicelib.core.operating import Order
from chalicelib.core.timing.agenda import Pause, ScheduleAct, ScheduleEvent
from chalicelib.core.timing.calendar_document import CalendarDocument
from chalicelib.services import agendas, calendars, triggers
from chalicelib.services.served import Served
from chalicelib.services.triggers import LookAhead
from chalicelib.services.waiting_starts import (
    Dropped,
    Waiting,
    cancel_start,
    find_start,
    waiting_of,
)
from chalicelib.timing_ports import StoredCalendar
from chalicelib.verbs.asked import Ahead


class OwnTimingVerbs:
    """verbs.asked.TimingVerbs."""

    def __init__(self, served: Served, actor: Callable[[], str]) -> None:
        self._served = served
        self._actor = actor

    def pause(self, schedule_id: str, reason: str) -> Pause | None:
        ports = self._served.ports
        wanted = Pause(actor=self._actor(), at=ports.clock(), reason=reason)
        return triggers.pause(ports, schedule_id, wanted).pause

    def resume(self, schedule_id: str, reason: str) -> Pause | None:
        ports = self._served.ports
        event = ScheduleEvent(
            act=ScheduleAct.RESUME, at=ports.clock(), actor=self._actor(), reason=reason
        )
        return triggers.resume(ports, schedule_id, event).pause

    def cancel_start(self, run_id: str, reason: str) -> Dropped:
        ports = self._served.ports
        order = Order(act=Act.CANCEL, actor=self._actor(), reason=reason, at=ports.clock())
        return cancel_start(ports, run_id, order)

    def find_start(self, run_id: str) -> Waiting | Dropped:
        return find_start(self._served.ports, run_id)

    def next_fire_times(self, schedule_id: str, count: int, after: datetime) -> Ahead:
        ports = self._served.ports
        found = triggers.next_fire_times(ports, schedule_id, count, after)
        agenda = agendas.find_agenda(ports, schedule_id)
        return Ahead(agenda.pause if agenda else None, found, waiting_of(agenda))

    def preview(self, begin: datetime, end: datetime, limit: int) -> LookAhead:
        return triggers.preview(self._served.ports, begin, end, limit)

    def put_calendar(self, document: CalendarDocument) -> StoredCalendar:
        return calendars.put(self._served.ports, document, self._actor())

    def delete_calendar(self, name: str) -> StoredCalendar:
        return calendars.delete(self._served.ports, name)
