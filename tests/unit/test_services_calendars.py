"""Calendars as people deal with them: stored, changed, deleted; and what goes by them."""

import json
from dataclasses import replace

import pytest

from chalicelib.core.timing.calendar_document import CalendarDocument, calendar_of, load_calendar
from chalicelib.core.timing.calendars import WEEKDAYS_ONLY
from chalicelib.errors import ChangedError, ConflictError, NotFoundError
from chalicelib.local.memory_triggers import MemoryTriggers
from chalicelib.ports import Ports
from chalicelib.services import calendars
from chalicelib.services.schedules import Seen
from chalicelib.services.ticking import Ticked, tick
from chalicelib.timing_ports import StoredCalendar
from tests.unit.stores import world
from tests.unit.triggered import (
    HOUR,
    MINUTE,
    START,
    calendar,
    move,
    put,
    upcoming,
)

NIGHTLY = {"name": "nightly", "cron": "0 2 * * *"}
WORKDAYS = {"name": "workdays", "cron": "0 6 * * *", "calendar": "ours"}


@pytest.fixture
def ports() -> Ports:
    made = world()
    move(made, START)
    return made


def test_a_calendar_that_is_put_later_lets_a_trigger_fire(ports: Ports) -> None:
    put(ports, "etl", WORKDAYS)
    move(ports, START + 7 * HOUR)
    assert tick(ports) == Ticked()
    calendar(ports)
    assert tick(ports) == Ticked(started=1)  # of this morning, made up for


def test_a_calendar_that_changes_moves_the_fire_times(ports: Ports) -> None:
    calendar(ports)
    put(ports, "etl", WORKDAYS)
    assert upcoming(ports, 1) == ["workdays Mon 23 06:00"]
    calendar(ports, holidays=["2026-11-23"])
    assert upcoming(ports, 1) == ["workdays Tue 24 06:00"]
    assert ports.triggers.due_triggers(START + 6 * HOUR, 9) == []


def test_a_day_that_becomes_a_business_day_fires_for_none_of_its_past(ports: Ports) -> None:
    calendar(ports, holidays=["2026-11-23"])
    put(ports, "etl", {"name": "hourly", "cron": "0 * * * *", "calendar": "ours"}, NIGHTLY)
    put(ports, "waits", {"name": "fresh", "onRun": {"schedule": "etl"}, "calendar": "ours"})
    move(ports, START + HOUR + MINUTE)
    tick(ports)
    calendar(ports)
    assert tick(ports) == Ticked()
    assert upcoming(ports, 1) == ["hourly Mon 23 02:00"]
    move(ports, START + 2 * HOUR)
    assert tick(ports).started == 1


def test_a_fire_time_that_nobody_looked_at_is_not_lost_when_its_calendar_changes(
    ports: Ports,
) -> None:
    calendar(ports)
    put(ports, "etl", {"name": "hourly", "cron": "0 * * * *", "calendar": "ours"})
    move(ports, START + HOUR + MINUTE)
    calendar(ports, holidays=["2026-11-24"])
    assert tick(ports) == Ticked(started=1)


def test_the_same_calendar_is_not_stored_again(ports: Ports) -> None:
    first = calendar(ports, country="DE")
    move(ports, START + MINUTE)
    assert calendar(ports, country="DE") == first
    assert calendar(ports, country="FR").revision == 2


def test_a_calendar_that_schedules_go_by_is_not_deleted(ports: Ports) -> None:
    calendar(ports)
    for number in range(7):
        put(ports, f"etl-{number}", WORKDAYS)
    with pytest.raises(ConflictError, match=r"used by etl-0, .*etl-4 and 2 more"):
        calendars.delete(ports, "ours")
    with pytest.raises(ConflictError, match=r"used by schedules that are not yours to see: change"):
        calendars.delete(ports, "ours", sees=lambda _: False)
    for number in range(7):
        put(ports, f"etl-{number}", NIGHTLY)
    calendars.delete(ports, "ours")
    with pytest.raises(NotFoundError):
        calendars.delete(ports, "ours")


def test_a_few_users_of_a_calendar_are_all_named(ports: Ports) -> None:
    calendar(ports)
    put(ports, "etl", WORKDAYS)
    with pytest.raises(ConflictError, match="used by etl: change"):
        calendars.delete(ports, "ours")


def test_a_calendar_is_changed_by_whoever_has_seen_the_newest(ports: Ports) -> None:
    one, two = (load_calendar({"name": "ours", "country": each}) for each in ("DE", "FR"))
    nothing, first = Seen(nothing=True), Seen(tags=["1"])
    with pytest.raises(ChangedError, match="not there any more"):
        calendars.put(ports, one, "ann", first)
    stored = calendars.put(ports, one, "ann", nothing)
    with pytest.raises(ChangedError, match="there already"):
        calendars.put(ports, two, "ann", nothing)
    assert calendars.tag_of(stored) == "1"
    calendars.put(ports, two, "ann", first)
    with pytest.raises(ChangedError, match="at revision 2 by now"):
        calendars.put(ports, one, "ann", first)
    with pytest.raises(ChangedError, match="at revision 2 by now"):
        calendars.delete(ports, "ours", first)
    assert calendars.delete(ports, "ours", Seen(tags=["*"])).revision == 2


class BusyCalendars(MemoryTriggers):
    """Somebody else changes a calendar just before, so often."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def put_calendar(self, calendar: StoredCalendar) -> None:
        if self.times:
            self.times -= 1
            super().put_calendar(
                replace(calendar, document=f'{{"name": "ours", "description": "{self.times}"}}')
            )
        super().put_calendar(calendar)

    def delete_calendar(self, name: str, revision: int) -> None:
        if self.times:
            super().put_calendar(replace(self.get_calendar(name), revision=revision + 1))
        super().delete_calendar(name, revision)


def test_what_comes_in_between_is_a_change_to_whoever_has_said_what_was_seen(
    ports: Ports,
) -> None:
    busy = BusyCalendars(3)
    ports = replace(ports, calendars=busy)
    assert calendar(ports).revision == 4
    busy.times = 100
    with pytest.raises(ConflictError) as caught:
        calendar(ports, country="DE")
    assert not isinstance(caught.value, ChangedError)
    newest = calendars.tag_of(busy.get_calendar("ours"))
    with pytest.raises(ChangedError):
        calendars.put(ports, load_calendar({"name": "ours"}), "ann", Seen(tags=[newest]))
    with pytest.raises(ChangedError):
        calendars.delete(ports, "ours", Seen(tags=["*"]))
    with pytest.raises(ConflictError):
        calendars.delete(ports, "ours")


def test_the_calendar_that_is_built_in_is_told_among_the_stored_ones_as_what_it_is(
    ports: Ports,
) -> None:
    for name in ("de", "xx"):
        calendar(ports, name)
    assert [each.name for each in calendars.list_calendars(ports)] == ["de", "weekdays", "xx"]
    document = json.loads(calendars.get_calendar(ports, "weekdays").document)
    assert calendar_of(CalendarDocument.model_validate(document)) == WEEKDAYS_ONLY
    assert calendars.get_calendar(ports, "xx").stored_by == "ann"
