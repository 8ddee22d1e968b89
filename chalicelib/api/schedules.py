"""Schedules: keeping them, looking at them, comparing their versions."""

import json
from http import HTTPStatus

from chalicelib.api import asking
from chalicelib.api.answering import Answer
from chalicelib.api.cursors import Listing
from chalicelib.api.desk import Desk, Resource
from chalicelib.api.models import (
    DiffQuery,
    Nothing,
    ReasonQuery,
    ScheduleGraphQuery,
    SchedulesQuery,
    VersionQuery,
    VersionsQuery,
)
from chalicelib.api.problems import problem_shapes
from chalicelib.core.document import ScheduleDocument
from chalicelib.core.drawing import draw, nodes_of_document
from chalicelib.core.loading import read
from chalicelib.core.secrecy import shown_document
from chalicelib.errors import InvalidInputError
from chalicelib.ports import StoredSchedule
from chalicelib.services import schedules as keeping
from chalicelib.services import triggers
from chalicelib.services.listing import list_schedules as list_visible
from chalicelib.services.shapes import difference_shape, schedule_shape, validation_shape
from chalicelib.services.timing_shapes import schedule_history_shape

schedules = Resource(__name__)


@schedules.handles("validate_schedule")
def validate_schedule(desk: Desk) -> Answer:
    """Check a document and say everything that is wrong with it; nothing is stored."""
    document = _document(desk)
    shape = validation_shape(document.schedule_id, keeping.validate(document))
    warnings = triggers.warnings(desk.ports, document, desk.principal.sees)
    return Answer(body={**shape, "warnings": problem_shapes(warnings)})


@schedules.handles("list_schedules")
def list_schedules(desk: Desk) -> Answer:
    """The newest version of each, in the order of their ids."""
    asked = desk.query(SchedulesQuery)
    listing = Listing("schedules", asked.prefix)
    after = listing.name(asked.cursor)
    page = list_visible(desk.ports, desk.principal, asked.prefix, asked.limit, after)
    found = [schedule_shape(schedule) for schedule in page.items]
    return Answer(body={"schedules": found, "nextCursor": listing.of_name(page.after)})


@schedules.handles("get_schedule")
def get_schedule(desk: Desk) -> Answer:
    """A version of a schedule with its document."""
    stored = desk.schedule(desk.query(VersionQuery).version)
    body = {**schedule_shape(stored), "document": shown_document(json.loads(stored.document))}
    return Answer(body=body, etag=_etag(stored))


@schedules.handles("put_schedule")
def put_schedule(desk: Desk) -> Answer:
    """Store a document as the newest version, if it differs from that."""
    document = _document(desk)
    if document.schedule_id != desk.path["schedule_id"]:
        allowed = desk.path["schedule_id"]
        raise InvalidInputError.at("$.scheduleId", "is not that of the address", allowed=allowed)
    placed = keeping.place(desk.ports, document, desk.principal.actor, asking.seen(desk.request))
    status = HTTPStatus.CREATED if placed.is_new else HTTPStatus.OK
    warnings = triggers.warnings(desk.ports, document, desk.principal.sees)
    body = {**schedule_shape(placed.stored), "warnings": problem_shapes(warnings)}
    return Answer(body=body, status=status, etag=_etag(placed.stored))


@schedules.handles("delete_schedule")
def delete_schedule(desk: Desk) -> Answer:
    """Take a schedule out of use; its versions and its runs stay."""
    reason, seen = desk.query(ReasonQuery).reason, asking.seen(desk.request)
    actor = desk.principal.actor
    last = keeping.delete(desk.ports, desk.schedule_id, actor, seen, reason=reason)
    return Answer(body=schedule_shape(last))


@schedules.handles("list_versions")
def list_versions(desk: Desk) -> Answer:
    """The newest first, those of a deleted schedule too; and who deleted or paused it."""
    asked = desk.query(VersionsQuery)
    listing = Listing("versions", desk.schedule_id)
    before = listing.number(asked.cursor)
    page = keeping.versions(desk.ports, desk.schedule_id, asked.limit, before)
    events = keeping.history(desk.ports, desk.schedule_id)
    shape = schedule_history_shape(desk.schedule_id, page.items, events)
    return Answer(body={**shape, "nextCursor": listing.of_number(page.after)})


@schedules.handles("diff_versions")
def diff_versions(desk: Desk) -> Answer:
    """What two versions differ in."""
    asked = desk.query(DiffQuery)
    found = keeping.compare(desk.ports, desk.schedule_id, asked.before, asked.after)
    return Answer(body=difference_shape(found))


@schedules.handles("draw_schedule")
def draw_schedule(desk: Desk) -> Answer:
    """The graph of a version."""
    asked = desk.query(ScheduleGraphQuery)
    stored = desk.schedule(asked.version)
    nodes = nodes_of_document(read(stored.document.encode(), "schedule.json"))
    lines = draw(nodes, stored.schedule_id, asked.format)
    return Answer(body="\n".join([*lines, ""]), media_type="text/plain; charset=utf-8")


def _document(desk: Desk) -> ScheduleDocument:
    desk.query(Nothing)
    return read(*asking.document(desk.request))


def _etag(stored: StoredSchedule) -> str:
    return f'"{keeping.tag_of(stored)}"'
