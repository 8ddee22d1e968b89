"""What every store promises of triggers and calendars, each sentence of the ports a test."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.errors import ConflictError, NotFoundError
from chalicelib.timing_ports import StoredCalendar, StoredTriggers
from tests.contract.store_contents import START, Triggers


def _triggers(schedule_id: str = "etl", revision: int = 1, **members: Any) -> StoredTriggers:
    given: dict[str, Any] = {"next_at": START, "record": "{}"}
    return StoredTriggers(schedule_id=schedule_id, revision=revision, **(given | members))


def _calendar(name: str = "de", revision: int = 1, **members: Any) -> StoredCalendar:
    given: dict[str, Any] = {"document": "{}", "stored_at": START, "stored_by": "ann"}
    return StoredCalendar(name=name, revision=revision, **(given | members))


def _due(store: Triggers, now: datetime, limit: int = 10) -> list[str]:
    return [each.schedule_id for each in store.due_triggers(now, limit)]


# Triggers


def test_stored_triggers_are_read_back_as_they_were(triggers: Triggers) -> None:
    stored = _triggers(listens=("run/load", "run/größe"), record='{"name": "Grüße"}')
    triggers.put_triggers(None, stored)
    assert triggers.get_triggers("etl") == stored


def test_a_schedule_that_never_had_triggers_has_none(triggers: Triggers) -> None:
    assert triggers.get_triggers("etl") is None
    assert triggers.listeners("run/load") == []
    assert triggers.due_triggers(START, 10) == []


def test_triggers_are_replaced_by_whoever_has_seen_the_newest(triggers: Triggers) -> None:
    first, second = _triggers(), _triggers(revision=2, next_at=None)
    triggers.put_triggers(None, first)
    triggers.put_triggers(first, second)
    assert triggers.get_triggers("etl") == second


@pytest.mark.parametrize("seen", [None, 1, 3], ids=["none", "an older one", "one of the future"])
def test_triggers_that_moved_meanwhile_conflict_and_stay_as_they_are(
    triggers: Triggers, seen: int | None
) -> None:
    first, second = _triggers(), _triggers(revision=2, listens=("run/load",))
    triggers.put_triggers(None, first)
    triggers.put_triggers(first, second)
    before = None if seen is None else _triggers(revision=seen)
    with pytest.raises(ConflictError, match="etl"):
        triggers.put_triggers(before, _triggers(revision=9, listens=("run/other",)))
    assert triggers.get_triggers("etl") == second
    assert triggers.listeners("run/other") == []


def test_triggers_that_are_not_stored_can_t_be_replaced(triggers: Triggers) -> None:
    with pytest.raises(ConflictError):
        triggers.put_triggers(_triggers(), _triggers(revision=2))
    assert triggers.get_triggers("etl") is None


def test_what_is_due_is_found_the_earliest_first_and_nothing_else(triggers: Triggers) -> None:
    for number, schedule_id in enumerate(("c", "b", "a", "later")):
        triggers.put_triggers(
            None, _triggers(schedule_id, next_at=START + timedelta(seconds=number))
        )
    triggers.put_triggers(None, _triggers("never", next_at=None))
    assert _due(triggers, START + timedelta(seconds=2)) == ["c", "b", "a"]
    assert _due(triggers, START + timedelta(seconds=2), limit=2) == ["c", "b"]
    assert _due(triggers, START - timedelta(microseconds=1)) == []


def test_many_are_due_at_the_same_moment(triggers: Triggers) -> None:
    names = [f"schedule-{number:03}" for number in range(120)]
    for name in names:
        triggers.put_triggers(None, _triggers(name))
    assert _due(triggers, START, limit=1000) == names


def test_what_was_moved_on_is_due_at_its_new_time_only(triggers: Triggers) -> None:
    first = _triggers()
    triggers.put_triggers(None, first)
    triggers.put_triggers(first, _triggers(revision=2, next_at=START + timedelta(hours=1)))
    assert _due(triggers, START) == []
    assert _due(triggers, START + timedelta(hours=1)) == ["etl"]


def test_an_event_has_the_schedules_that_listen_to_it_now(triggers: Triggers) -> None:
    first = _triggers("b", listens=("run/load", "run/clean"))
    triggers.put_triggers(None, first)
    triggers.put_triggers(None, _triggers("a", listens=("run/load",)))
    assert triggers.listeners("run/load") == ["a", "b"]
    triggers.put_triggers(first, _triggers("b", 2, listens=("run/clean", "run/other")))
    assert triggers.listeners("run/load") == ["a"]
    assert triggers.listeners("run/clean") == ["b"]
    assert triggers.listeners("run/other") == ["b"]


# Calendars


def test_a_stored_calendar_is_read_back_as_it_was(triggers: Triggers) -> None:
    stored = _calendar(document='{"name": "Grüße"}')
    triggers.put_calendar(stored)
    assert triggers.get_calendar("de") == stored


def test_calendars_are_listed_by_name(triggers: Triggers) -> None:
    for name in ("us", "de", "fr"):
        triggers.put_calendar(_calendar(name))
    assert [each.name for each in triggers.list_calendars()] == ["de", "fr", "us"]


@pytest.mark.parametrize("name", ["de", ""])
def test_a_calendar_that_there_is_not_is_not_found(triggers: Triggers, name: str) -> None:
    with pytest.raises(NotFoundError):
        triggers.get_calendar(name)
    with pytest.raises(NotFoundError):
        triggers.delete_calendar(name, 1)


def test_a_calendar_is_replaced_by_its_next_revision_only(triggers: Triggers) -> None:
    triggers.put_calendar(_calendar())
    newer = _calendar(revision=2, document="[]")
    triggers.put_calendar(newer)
    for revision in (1, 2, 4):
        with pytest.raises(ConflictError, match="de"):
            triggers.put_calendar(_calendar(revision=revision))
    assert triggers.get_calendar("de") == newer


def test_a_calendar_is_deleted_by_whoever_has_seen_the_newest(triggers: Triggers) -> None:
    triggers.put_calendar(_calendar())
    triggers.put_calendar(_calendar(revision=2))
    with pytest.raises(ConflictError, match="de"):
        triggers.delete_calendar("de", 1)
    triggers.delete_calendar("de", 2)
    assert triggers.list_calendars() == []
    triggers.put_calendar(_calendar())
    assert triggers.get_calendar("de").revision == 1
