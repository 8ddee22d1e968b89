"""Keeping schedules: versions, what the caller has seen, deletion, comparison."""

from dataclasses import replace

import pytest

from chalicelib.core.timing.agenda import ScheduleAct
from chalicelib.errors import ChangedError, ConflictError, InvalidInputError, NotFoundError
from chalicelib.local.memory_store import MemoryStore
from chalicelib.ports import Deletion, StoredSchedule
from chalicelib.services import schedules
from chalicelib.services.schedules import ANY, Seen, tag_of
from tests.builders import job, loaded
from tests.unit.stores import world
from tests.unit.triggered import TappedTriggers, paused, resumed

FIRST, SECOND = loaded(job("a")), loaded(job("a"), job("b", "a"))


def test_a_document_is_placed_once_and_a_different_one_is_a_version() -> None:
    ports = world()
    first = schedules.place(ports, FIRST, "ada")
    assert (first.is_new, first.stored.version) == (True, 1)
    assert schedules.place(ports, FIRST, "bob") == schedules.Placed(first.stored, is_new=False)
    second = schedules.place(ports, SECOND, "bob")
    assert (second.is_new, second.stored.version) == (False, 2)


def test_what_was_seen_must_be_there_still() -> None:
    ports = world()
    nothing = Seen(nothing=True)
    with pytest.raises(ChangedError, match="not there any more"):
        schedules.place(ports, FIRST, "ada", Seen(tags=[ANY]))
    first = schedules.place(ports, FIRST, "ada", nothing).stored
    with pytest.raises(ChangedError, match="there already: version 1"):
        schedules.place(ports, SECOND, "ada", nothing)
    schedules.place(ports, SECOND, "ada", Seen(tags=["x", tag_of(first)]))
    with pytest.raises(ChangedError, match="at version 2 by now"):
        schedules.delete(ports, "nightly", "ada", Seen(tags=[tag_of(first)]))
    assert schedules.delete(ports, "nightly", "ada", Seen(tags=[ANY])).version == 2
    assert schedules.place(ports, SECOND, "ada", nothing).stored.version == 3


class LateStore(MemoryStore):
    """Somebody else is always a moment earlier."""

    def put_schedule(self, schedule: StoredSchedule) -> None:
        raise ConflictError(f"{schedule.schedule_id} has moved")

    def delete_schedule(self, schedule: StoredSchedule, deletion: Deletion) -> None:
        del deletion
        raise ConflictError(f"{schedule.schedule_id} has moved")


def test_who_comes_too_late_is_told_as_who_has_seen_or_as_who_has_not() -> None:
    store = LateStore()
    ports = world(store=store)
    with pytest.raises(ConflictError) as caught:
        schedules.place(ports, FIRST, "ada")
    assert not isinstance(caught.value, ChangedError)
    with pytest.raises(ChangedError):
        schedules.place(ports, FIRST, "ada", Seen(nothing=True))
    MemoryStore.put_schedule(store, schedules.first_version(ports, FIRST, "ada"))
    with pytest.raises(ChangedError):
        schedules.delete(ports, "nightly", "ada", Seen(tags=[ANY]))
    with pytest.raises(ConflictError):
        schedules.delete(ports, "nightly", "ada")


class BusyStore(MemoryStore):
    """Somebody else stores a version just before, so often."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def put_schedule(self, schedule: StoredSchedule) -> None:
        if self.times:
            self.times -= 1
            super().put_schedule(replace(schedule, digest=f"other {self.times}", stored_by="bob"))
        super().put_schedule(schedule)


def test_who_has_not_said_what_was_seen_is_stored_on_top_of_what_came_in_between() -> None:
    placed = schedules.place(world(store=BusyStore(3)), FIRST, "ada")
    assert (placed.stored.version, placed.stored.stored_by) == (4, "ada")
    store = BusyStore(1)
    ports = world(store=store)
    with pytest.raises(ChangedError):
        schedules.place(ports, FIRST, "ada", Seen(nothing=True))
    assert ports.schedules.get_schedule("nightly").stored_by == "bob"


def test_versions_are_told_page_by_page_whether_it_is_deleted_or_not() -> None:
    ports = world()
    with pytest.raises(NotFoundError):
        schedules.versions(ports, "nightly", 1, None)
    schedules.put(ports, FIRST, "ada")
    schedules.put(ports, SECOND, "ada")
    schedules.delete(ports, "nightly", "ada")
    page = schedules.versions(ports, "nightly", 1, None)
    assert ([each.version for each in page.items], page.after) == ([2], 2)
    rest = schedules.versions(ports, "nightly", 1, 2)
    assert ([each.version for each in rest.items], rest.after) == ([1], None)
    assert schedules.versions(ports, "nightly", 1, 1).items == []


def test_the_newest_is_compared_with_the_one_before_it() -> None:
    ports = world()
    schedules.put(ports, FIRST, "ada")
    alone = schedules.compare(ports, "nightly", None, None)
    assert (alone.before, alone.after, alone.difference.lines) == (1, 1, ())
    schedules.put(ports, SECOND, "ada")
    found = schedules.compare(ports, "nightly", None, None)
    assert (found.before, found.after, found.difference.added) == (1, 2, ("b",))
    assert schedules.compare(ports, "nightly", 2, 1).difference.removed == ("b",)


def test_what_is_valid_is_measured() -> None:
    size = schedules.validate(SECOND)
    assert (size.jobs, size.dependencies, size.depth) == (2, 1, 2)
    with pytest.raises(InvalidInputError):
        schedules.validate(loaded(job("a", environment={"A": "x" * 40_000})))


def test_who_paused_resumed_or_deleted_it_is_told_the_newest_first() -> None:
    ports = world()
    schedules.put(ports, FIRST, "ada")
    paused(ports, "nightly", "bob", "maintenance")
    resumed(ports, "nightly", "cyd", "done")
    schedules.delete(ports, "nightly", "ada", reason="replaced")
    told = [(each.act, each.actor, each.reason) for each in schedules.history(ports, "nightly")]
    assert told == [
        (ScheduleAct.DELETE, "ada", "replaced"),
        (ScheduleAct.RESUME, "cyd", "done"),
        (ScheduleAct.PAUSE, "bob", "maintenance"),
    ]
    schedules.put(ports, FIRST, "ada")
    assert len(schedules.history(ports, "nightly")) == 3
    assert schedules.history(ports, "never") == []


def test_f42_a_deletion_that_was_cut_off_is_told_all_the_same() -> None:
    ports = world()
    schedules.put(ports, FIRST, "ada")

    def cut() -> None:
        raise ConnectionError

    broken = replace(ports, triggers=TappedTriggers(ports.triggers, cut))
    with pytest.raises(ConnectionError):
        schedules.delete(broken, "nightly", "bob", reason="replaced")
    (event,) = schedules.history(ports, "nightly")
    assert (event.act, event.actor, event.reason) == (ScheduleAct.DELETE, "bob", "replaced")
