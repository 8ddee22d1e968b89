"""When schedules start by themselves: looking ahead, pausing, and the calendars they go by."""

from datetime import datetime, timedelta
from http import HTTPStatus

from chalicelib.api import asking
from chalicelib.api.answering import Answer
from chalicelib.api.desk import Desk, Resource
from chalicelib.api.models import NextQuery, Nothing, PreviewQuery, ReasonBody
from chalicelib.core.moments import parse_moment
from chalicelib.core.reading import parse
from chalicelib.core.timing.agenda import Pause, ScheduleAct, ScheduleEvent
from chalicelib.core.timing.calendar_document import CalendarDocument, load_calendar
from chalicelib.errors import InvalidInputError
from chalicelib.services import agendas, calendars, triggers
from chalicelib.services.repeating import Turn
from chalicelib.services.timing_shapes import (
    broken_shape,
    calendar_shape,
    fire_time_shape,
    next_shape,
    paused_shape,
)
from chalicelib.services.waiting_starts import waiting_of
from chalicelib.timing_ports import StoredCalendar

timing = Resource(__name__)

_AHEAD = timedelta(days=1)


@timing.handles("next_fire_times")
def next_fire_times(desk: Desk) -> Answer:
    """The next fire times of a schedule."""
    asked = desk.query(NextQuery)
    after = _time(asked.after, "?after", desk.now)
    found = triggers.next_fire_times(desk.ports, desk.schedule_id, asked.count, after)
    agenda = agendas.find_agenda(desk.ports, desk.schedule_id)
    pause = agenda.pause if agenda else None
    return Answer(body=next_shape(desk.schedule_id, pause, found, waiting_of(agenda)))


@timing.handles("preview_fire_times")
def preview_fire_times(desk: Desk) -> Answer:
    """The fire times of all schedules in a time."""
    asked = desk.query(PreviewQuery)
    begin = _time(asked.begin, "?from", desk.now)
    end = _time(asked.end, "?to", begin + _AHEAD)
    triggers.check_span(begin, end, "?to")
    found = triggers.preview(desk.ports, begin, end, asked.limit, desk.principal.sees)
    body = {
        "fireTimes": [fire_time_shape(each) for each in found.upcoming],
        "problems": [broken_shape(each) for each in found.broken],
    }
    return Answer(body=body)


@timing.handles("pause_schedule")
def pause_schedule(desk: Desk) -> Answer:
    """Let no trigger start runs of a schedule."""
    reason = desk.body(ReasonBody).reason
    return desk.once(lambda turn: _pause(desk, reason, turn))


@timing.handles("resume_schedule")
def resume_schedule(desk: Desk) -> Answer:
    """Let the triggers start runs again."""
    reason = desk.body(ReasonBody).reason
    return desk.once(lambda turn: _resume(desk, reason, turn))


@timing.handles("list_calendars")
def list_calendars(desk: Desk) -> Answer:
    """All of them."""
    desk.query(Nothing)
    found = calendars.list_calendars(desk.ports)
    return Answer(body={"calendars": [calendar_shape(each) for each in found]})


@timing.handles("get_calendar")
def get_calendar(desk: Desk) -> Answer:
    """One calendar with its document."""
    desk.query(Nothing)
    stored = calendars.get_calendar(desk.ports, desk.path["name"])
    return Answer(body=calendar_shape(stored), etag=_etag(stored))


@timing.handles("put_calendar")
def put_calendar(desk: Desk) -> Answer:
    """Store a calendar; the schedules that go by it do so from now on."""
    document = _document(desk)
    stored = calendars.put(desk.ports, document, desk.principal.actor, asking.seen(desk.request))
    status = HTTPStatus.CREATED if stored.revision == 1 else HTTPStatus.OK
    return Answer(body=calendar_shape(stored), status=status, etag=_etag(stored))


@timing.handles("delete_calendar")
def delete_calendar(desk: Desk) -> Answer:
    """Delete a calendar that no schedule goes by."""
    seen, sees = asking.seen(desk.request), desk.principal.sees
    last = calendars.delete(desk.ports, desk.path["name"], seen, sees)
    return Answer(body=calendar_shape(last))


def _pause(desk: Desk, reason: str, turn: Turn) -> Answer:
    pause = Pause(actor=desk.principal.actor, at=turn.at, reason=reason)
    agenda = triggers.pause(desk.ports, desk.schedule_id, pause)
    return Answer(body=paused_shape(desk.schedule_id, agenda.pause))


def _resume(desk: Desk, reason: str, turn: Turn) -> Answer:
    actor = desk.principal.actor
    event = ScheduleEvent(act=ScheduleAct.RESUME, at=turn.at, actor=actor, reason=reason)
    agenda = triggers.resume(desk.ports, desk.schedule_id, event, again=turn.again)
    return Answer(body=paused_shape(desk.schedule_id, agenda.pause))


def _document(desk: Desk) -> CalendarDocument:
    desk.query(Nothing)
    document = load_calendar(parse(*asking.document(desk.request)))
    if document.name != desk.path["name"]:
        allowed = desk.path["name"]
        raise InvalidInputError.at("$.name", "is not that of the address", allowed=allowed)
    return document


def _time(text: str, place: str, default: datetime) -> datetime:
    return parse_moment(text, place) if text else default


def _etag(stored: StoredCalendar) -> str:
    return f'"{calendars.tag_of(stored)}"'
