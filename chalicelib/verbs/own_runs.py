"""The verbs over runs and their jobs, on a store in reach."""

from collections.abc import Callable

from chalicelib.core.document import ScheduleDocument
from chalicelib.core.lifecycle import Act
from chalicelib.core.operating import Operation, Order
from chalicelib.core.restarting import RestartPlan
from chalicelib.core.run import RunHeader
from chalicelib.ports import StoredSchedule
from chalicelib.services import operations, runs, schedules
from chalicelib.services.operations import Selection
from chalicelib.services.served import Served
from chalicelib.verbs.asked import JobsAct, Start


class OwnRunVerbs:
    """verbs.asked.RunVerbs."""

    def __init__(self, served: Served, actor: Callable[[], str]) -> None:
        self._served = served
        self._actor = actor

    def start(
        self, stored: StoredSchedule, asked: Start, document: ScheduleDocument | None = None
    ) -> RunHeader:
        if document is None:  # else it was put just now
            schedules.check_in_use(self._served.ports, stored)
        request = runs.StartRequest(
            actor=self._actor(),
            parameters=asked.parameters,
            reason=asked.reason,
            working_directory=self._served.directory,
        )
        return runs.start(self._served.ports, stored, request, document)

    def preview_restart(self, run_id: str) -> RestartPlan:
        order = self._order(JobsAct(act=Act.RESTART))
        return operations.preview_restart(self._served.ports, run_id, order)

    def restart(self, run_id: str, reason: str) -> RestartPlan:
        order = self._order(JobsAct(act=Act.RESTART, reason=reason))
        return operations.restart(self._served.ports, run_id, order)

    def cancel(self, run_id: str, reason: str) -> RunHeader:
        order = self._order(JobsAct(act=Act.CANCEL, reason=reason))
        return operations.cancel(self._served.ports, run_id, order)

    def act_on_jobs(self, selection: Selection, asked: JobsAct) -> Operation:
        return operations.act_on_jobs(self._served.ports, selection, self._order(asked))

    def _order(self, asked: JobsAct) -> Order:
        return Order(
            act=asked.act,
            actor=self._actor(),
            reason=asked.reason,
            at=self._served.ports.clock(),
            downstream=asked.downstream,
        )
