"""Runs: starting them, listing them, looking at one."""

from collections.abc import Mapping

from chalicelib.api import asking
from chalicelib.api.acting import accepted, start_shape
from chalicelib.api.answering import Answer
from chalicelib.api.cursors import Listing
from chalicelib.api.desk import Desk, Resource
from chalicelib.api.models import Nothing, RunsQuery, StartBody
from chalicelib.api.routes import OF_OPERATION
from chalicelib.core.access import Decision, decide
from chalicelib.core.lifecycle import Act
from chalicelib.core.messages import StartMessage, parse_message
from chalicelib.core.naming import run_id
from chalicelib.core.run import RunHeader
from chalicelib.errors import InvalidInputError, NotFoundError
from chalicelib.services import redoing
from chalicelib.services.listing import RunFilter
from chalicelib.services.listing import list_runs as list_visible
from chalicelib.services.redoing import Wanted
from chalicelib.services.repeating import Turn
from chalicelib.services.runs import StartRequest
from chalicelib.services.shapes import run_shape
from chalicelib.services.waiting_starts import Waiting, find_start
from chalicelib.store_words import no_schedule

runs = Resource(__name__)
_OF_MESSAGES = frozenset({"input", "startDateTime", "scheduleStatus"})  # no field of StartBody's


@runs.handles("list_runs")
def list_runs(desk: Desk) -> Answer:
    """The newest first."""
    asked = desk.query(RunsQuery)
    wanted = RunFilter(schedule_id=asked.schedule_id, status=asked.status, prefix=asked.prefix)
    listing = Listing("runs", wanted)
    before = listing.run_key(asked.cursor)
    page = list_visible(desk.ports, desk.principal, wanted, asked.limit, before)
    found = [run_shape(header) for header in page.items]
    return Answer(body={"runs": found, "nextCursor": listing.of_run(page.after)})


@runs.handles("start_run")
def start_run(desk: Desk) -> Answer:
    """Start a run; the messages of the first version start and restart as they did."""
    value = asking.json_body(desk.request)
    if isinstance(value, Mapping) and not _OF_MESSAGES.isdisjoint(value):
        message = parse_message(value)
        _check_scope(desk, message.schedule_id, None)
        return desk.once(lambda turn: accepted(_obey(desk, message, turn)))
    asked = asking.validated(StartBody, value)
    _check_scope(desk, asked.schedule_id, asked.version)
    return desk.once(lambda turn: accepted(_start(desk, asked, turn)))


@runs.handles("get_run")
def get_run(desk: Desk) -> Answer:
    """One run, or the start that waits to become it."""
    desk.query(Nothing)
    try:
        header = desk.run
    except NotFoundError:
        return Answer(body=start_shape(find_start(desk.ports, desk.run_id)))
    return Answer(body={**run_shape(header), "drivenBy": desk.served.holder()})


def _check_scope(desk: Desk, schedule_id: str, version: int | None) -> None:
    """Hide what is out of scope, before an answer that was kept for somebody else is told."""
    if decide(OF_OPERATION["start_run"], desk.principal, schedule_id) is not Decision.ALLOW:
        raise no_schedule(schedule_id, version)


def _start(desk: Desk, asked: StartBody, turn: Turn) -> RunHeader | Waiting:
    request = StartRequest(
        actor=desk.principal.actor,
        parameters=asked.parameters,
        reason=asked.reason,
        working_directory=desk.served.directory,
        at=turn.at,
        again=turn.again,
    )
    wanted = Wanted(schedule_id=asked.schedule_id, version=asked.version)
    return redoing.start(desk.ports, wanted, request)


def _obey(desk: Desk, message: StartMessage, turn: Turn) -> RunHeader | Waiting:
    if message.started_at is None:
        asked = StartBody(
            scheduleId=message.schedule_id,
            parameters=dict(message.parameters),
            reason=message.reason[:1024],
        )
        return _start(desk, asked, turn)
    if not message.restart:
        raise InvalidInputError.at("$.scheduleStatus", "is no order", allowed="RESTART, or a blank")
    order = desk.order(Act.RESTART, message.reason, turn.at)
    run = run_id(message.schedule_id, message.started_at)
    return redoing.restart(desk.ports, run, order, again=turn.again)
