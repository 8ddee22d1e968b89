"""Runs: starting them, listing them, looking at one."""

from http import HTTPStatus

from chalicelib.api.answering import Answer
from chalicelib.api.desk import Desk, Resource
from chalicelib.api.models import NoQuery, RunsQuery, StartBody
from chalicelib.core.run import RunHeader
from chalicelib.services.runs import StartRequest, start
from chalicelib.services.shapes import run_shape
from chalicelib.store_words import no_schedule

runs = Resource(__name__)


@runs.handles("list_runs")
def list_runs(desk: Desk) -> Answer:
    """The newest first."""
    asked = desk.query(RunsQuery)
    found = desk.ports.runs.find_headers(
        schedule_id=asked.schedule_id or None, status=asked.status, limit=asked.limit
    )
    seen = [run_shape(header) for header in found if desk.principal.sees(header.schedule_id)]
    return Answer(body={"runs": seen, "nextCursor": None})


@runs.handles("start_run")
def start_run(desk: Desk) -> Answer:
    """Start a run."""
    return accepted(_start(desk, desk.body(StartBody)))


@runs.handles("get_run")
def get_run(desk: Desk) -> Answer:
    """One run."""
    desk.query(NoQuery)
    return Answer(body=run_shape(desk.run))


def accepted(header: RunHeader) -> Answer:
    """That something was taken on, and where to look at what becomes of it."""
    return Answer(
        body=run_shape(header), status=HTTPStatus.ACCEPTED, location=f"/runs/{header.run_id}"
    )


def _start(desk: Desk, asked: StartBody) -> RunHeader:
    if not desk.principal.sees(asked.schedule_id):
        raise no_schedule(asked.schedule_id, asked.version)
    request = StartRequest(
        actor=desk.principal.actor,
        parameters=asked.parameters,
        reason=asked.reason,
        working_directory=desk.served.directory,
    )
    stored = desk.ports.schedules.get_schedule(asked.schedule_id, asked.version)
    return start(desk.ports, stored, request)
