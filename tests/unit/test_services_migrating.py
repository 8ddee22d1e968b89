"""Taking over what the first version kept, into a store in memory."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.operating import Order
from chalicelib.core.run import Run
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.local.memory_store import MemoryStore
from chalicelib.ports import Ports, StoredSchedule
from chalicelib.services import archiving
from chalicelib.services.migrating import Fate, Judged, Kind, Migration, OldItem, migrate
from chalicelib.services.operations import restart
from chalicelib.services.turn import Driven, take_turn
from tests.unit.runs import NOW
from tests.unit.stores import driving_world, world

SEED = Path(__file__).parents[1] / "seed"
FAILED = "daily-am-load/2018-09-22T19:55:26.747498Z"
RUNNING = "daily-am-load/2018-09-07T04:20:00.884784Z"


def old(name: str, kind: Kind = Kind.RUN) -> OldItem:
    return OldItem(kind, name, json.loads((SEED / f"{name}.json").read_text(encoding="utf-8")))


SCHEDULE = old("sample_schedule", Kind.SCHEDULE)
OLD = [
    SCHEDULE,
    old("sample_edw_schedule", Kind.SCHEDULE),
    old("failed_example_schedule"),
    old("successful_final_document"),
    old("running_history_record"),
]


def told(ports: Ports, items: Iterable[OldItem], **how: bool) -> list[Judged]:
    return list(migrate(ports, items, Migration(actor="ada", **how)))


def fates(judged: Iterable[Judged]) -> list[Fate]:
    return [each.fate for each in judged]


def changed(item: OldItem, **members: Any) -> OldItem:
    return OldItem(item.kind, item.place, {**item.value, **members})


def test_a_dry_run_says_what_would_be_taken_and_writes_nothing() -> None:
    ports = world()
    judged = told(ports, OLD)
    assert [(each.fate, each.id) for each in judged] == [
        (Fate.TAKE, "daily-pm-load"),
        (Fate.TAKE, "daily-edw-load"),
        (Fate.TAKE, FAILED),
        (Fate.TAKE, "daily-edw-load/2018-09-24T16:22:57.674577Z"),
        (Fate.RUNNING, RUNNING),
    ]
    assert ports.schedules.list_schedules() == []
    assert ports.runs.find_headers() == []


def test_applied_it_says_the_same_and_does_it() -> None:
    ports = world()
    assert told(ports, OLD, apply=True) == told(world(), OLD)
    stored = ports.schedules.get_schedule("daily-pm-load")
    assert (stored.version, stored.jobs, stored.stored_by) == (1, 5, "ada")
    header = ports.runs.get_header(FAILED)
    assert (header.status, header.counts) == (RunStatus.FAILED, {"SUCCEEDED": 3, "FAILED": 2})
    assert header.reason == "taken over from the first version"
    assert len(ports.runs.find_headers()) == 2


def test_done_again_it_finds_everything_there_and_changes_nothing() -> None:
    ports = world()
    told(ports, OLD, apply=True)
    before = ports.runs.load_run(FAILED).header
    assert fates(told(ports, OLD, apply=True)) == [Fate.THERE] * 4 + [Fate.RUNNING]
    assert ports.runs.load_run(FAILED).header == before
    assert ports.schedules.get_schedule("daily-pm-load").version == 1


@pytest.mark.parametrize("days", [0, 100], ids=["sealed", "expired"])
def test_a_run_that_was_archived_since_is_still_the_one_that_was_taken_over(days: int) -> None:
    ports = driving_world()
    item = old("failed_example_schedule")
    told(ports, [item], apply=True)
    archiving.put_away(ports, ports.runs.get_header(FAILED))
    assert isinstance(ports.clock, VirtualClock)
    ports.clock.advance(days * 86_400)
    assert fates(told(ports, [item], apply=True)) == [Fate.THERE]
    assert fates(told(ports, [changed(item, wait_time=61)])) == [Fate.DIFFERENT]


def test_a_schedule_with_newer_versions_is_still_the_one_that_was_taken_over() -> None:
    ports = world()
    told(ports, [SCHEDULE], apply=True)
    first = ports.schedules.get_schedule("daily-pm-load")
    ports.schedules.put_schedule(replace(first, version=2, digest="0" * 64))
    assert fates(told(ports, [SCHEDULE], apply=True)) == [Fate.THERE]


def test_another_schedule_of_the_same_id_is_reported_and_left() -> None:
    ports = world()
    told(ports, [SCHEDULE], apply=True)
    [judged] = told(ports, [changed(SCHEDULE, scheduleName="Other")], apply=True)
    assert (judged.fate, judged.id) == (Fate.DIFFERENT, "daily-pm-load")
    assert "version 1 is another document" in judged.reasons[0]
    stored = ports.schedules.get_schedule("daily-pm-load")
    assert (stored.version, stored.name) == (1, "Morning load and ETL for big data")


def test_a_run_that_has_moved_on_is_reported_and_left() -> None:
    ports = world()
    told(ports, OLD, apply=True)
    restart(ports, FAILED, Order(act=Act.RESTART, actor="ada", reason="", at=NOW))
    [judged] = told(ports, [old("failed_example_schedule")], apply=True)
    assert (judged.fate, judged.id) == (Fate.DIFFERENT, FAILED)
    assert judged.reasons
    assert ports.runs.get_header(FAILED).generation == 2


@pytest.mark.parametrize("part", ["status", "spec"])
def test_a_run_that_differs_in_one_job_is_another_run(part: str) -> None:
    ports = world()
    item = old("failed_example_schedule")
    told(ports, [item], apply=True)
    jobs = json.loads(json.dumps(item.value["jobList"]))
    jobs[4] |= {"jobStatus": "PASS"} if part == "status" else {"jobQueue": "other"}
    assert fates(told(ports, [changed(item, jobList=jobs)])) == [Fate.DIFFERENT]


def test_a_run_that_differs_in_its_header_is_another_run() -> None:
    ports = world()
    item = old("failed_example_schedule")
    told(ports, [item], apply=True)
    assert fates(told(ports, [changed(item, wait_time=61)])) == [Fate.DIFFERENT]


def test_a_running_run_is_taken_over_live_only_when_asked_for() -> None:
    ports = world()
    running = old("running_history_record")
    assert fates(told(ports, [running], apply=True)) == [Fate.RUNNING]
    assert ports.runs.find_headers() == []
    assert fates(told(ports, [running], apply=True, include_running=True)) == [Fate.TAKE]
    run = ports.runs.load_run(RUNNING)
    assert run.header.status is RunStatus.RUNNING
    assert run.states["job1"].status is JobStatus.RUNNABLE
    assert len(run.live) == 5
    assert fates(told(ports, [running])) == [Fate.THERE]


def test_what_the_queue_has_forgotten_of_a_running_run_becomes_notfound() -> None:
    ports = world()
    told(ports, [old("running_history_record")], apply=True, include_running=True)
    driven = Driven(ports.runs.load_run(RUNNING))
    for _ in range(ports.queue.limits.empty_lookups):
        take_turn(ports, driven)
    statuses = {state.status for state in ports.runs.load_run(RUNNING).states.values()}
    assert statuses == {JobStatus.NOTFOUND}
    assert ports.runs.get_header(RUNNING).status is RunStatus.FAILED


def test_what_can_not_be_taken_over_says_why_and_stops_nothing_else() -> None:
    ports = world()
    broken = changed(SCHEDULE, jobList=[], scheduleId="x y")
    judged = told(ports, [broken, old("restart_input"), SCHEDULE], apply=True)
    assert fates(judged) == [Fate.REFUSED, Fate.REFUSED, Fate.TAKE]
    assert (judged[0].id, judged[0].place) == ("", "sample_schedule")
    assert [reason.partition(":")[0] for reason in judged[0].reasons] == [
        "$.scheduleId",
        "$.jobList",
    ]


class Racing(MemoryStore):
    """A store where somebody else takes over the same a moment earlier."""

    def __init__(self, items: list[OldItem]) -> None:
        super().__init__()
        self._items = items

    def get_schedule(self, schedule_id: str, version: int | None = None) -> StoredSchedule:
        try:
            return super().get_schedule(schedule_id, version)
        finally:
            self._be_quicker()

    def load_run(self, run_id: str) -> Run:
        try:
            return super().load_run(run_id)
        finally:
            self._be_quicker()

    def _be_quicker(self) -> None:
        items, self._items = self._items, []
        told(world(store=self), items, apply=True)


@pytest.mark.parametrize("item", [SCHEDULE, old("failed_example_schedule")])
def test_whoever_was_quicker_is_not_overwritten(item: OldItem) -> None:
    [judged] = told(world(store=Racing([item])), [item], apply=True)
    assert judged.fate is Fate.DIFFERENT
    assert "already" in judged.reasons[0]
