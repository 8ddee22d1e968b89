"""The verbs over runs and their jobs, by routes of a server."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from chalicelib.core.document import ScheduleDocument
from chalicelib.core.lifecycle import Act
from chalicelib.core.operating import Operation, Refusal
from chalicelib.core.restarting import RestartPlan
from chalicelib.core.run import RunHeader
from chalicelib.ports import StoredSchedule
from chalicelib.reading_ports import RunReader
from chalicelib.remote.decoding import change_of, header_of, plan_of
from chalicelib.remote.reading import run_path
from chalicelib.remote.timing_decoding import waiting_of
from chalicelib.remote.wire import Wire
from chalicelib.services.operations import Selection
from chalicelib.services.waiting_starts import Waiting
from chalicelib.verbs.asked import JobsAct, Start

_ROUTES = {
    Act.HOLD: "hold",
    Act.RELEASE: "release",
    Act.PASS: "pass",
    Act.TERMINATE: "terminate",
    Act.RERUN: "rerun",
    Act.MARK_SUCCEEDED: "mark",
    Act.MARK_FAILED: "mark",
}
_OUTCOMES = {Act.MARK_SUCCEEDED: "succeeded", Act.MARK_FAILED: "failed"}


class RemoteRunVerbs:
    """verbs.asked.RunVerbs."""

    def __init__(self, wire: Wire, runs: RunReader) -> None:
        self._wire = wire
        self._runs = runs

    def start(
        self, stored: StoredSchedule, asked: Start, document: ScheduleDocument | None = None
    ) -> RunHeader | Waiting:
        del document  # the server has it
        wanted = {
            "scheduleId": stored.schedule_id,
            "version": stored.version,
            "parameters": asked.parameters,
            "reason": asked.reason,
        }
        return self._wire.post("/runs", wanted).read(_started)

    def preview_restart(self, run_id: str) -> RestartPlan:
        header = self._runs.get_header(run_id)
        reply = self._wire.get(f"{run_path(run_id)}/restart")
        return reply.read(
            lambda shape: plan_of(shape, replace(header, generation=int(shape["generation"])))
        )

    def restart(self, run_id: str, reason: str) -> RestartPlan:
        plan = self.preview_restart(run_id)
        reply = self._wire.post(f"{run_path(run_id)}/restart", {"reason": reason})
        return replace(plan, header=reply.read(header_of))

    def cancel(self, run_id: str, reason: str) -> RunHeader:
        reply = self._wire.post(f"{run_path(run_id)}/cancel", {"reason": reason})
        return reply.read(header_of)

    def act_on_jobs(self, selection: Selection, asked: JobsAct) -> Operation:
        path = f"{run_path(selection.run_id)}/{_ROUTES[asked.act]}"
        reply = self._wire.post(path, _wanted(selection, asked))
        header = self._runs.get_header(selection.run_id)
        if reply.status == HTTPStatus.CONFLICT and (refused := reply.problems):
            # Of all that was asked nothing could be done: each problem is a job's.
            refusals = tuple(Refusal(each.path, each.reason) for each in refused)
            return Operation(changes=(), refusals=refusals, header=header)
        return reply.read(lambda shape: _operation(shape, header))


def _started(shape: Any) -> RunHeader | Waiting:
    return waiting_of(shape) if "waits" in shape else header_of(shape)


def _wanted(selection: Selection, asked: JobsAct) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        "jobs": list(selection.patterns),
        "status": [status.value for status in selection.statuses],
        "reason": asked.reason,
    }
    if asked.act is Act.RERUN:
        wanted["downstream"] = asked.downstream
    if asked.act in _OUTCOMES:
        wanted["as"] = _OUTCOMES[asked.act]
    return wanted


def _operation(shape: Any, header: RunHeader) -> Operation:
    return Operation(
        changes=tuple(change_of(each, header) for each in shape["changed"]),
        refusals=tuple(Refusal(each["jobName"], each["reason"]) for each in shape["refused"]),
        header=header,
    )
