"""The same request again, after whatever went wrong with it: done once, answered alike."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib.core.access import Role
from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.run import Event
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.local.memory_requests import MemoryRequests
from chalicelib.local.memory_store import MemoryStore
from chalicelib.services import schedules
from chalicelib.services.repeating import RequestRecord, Requests
from tests.builders import job, loaded
from tests.functional.api.desks import HttpDesk, memory_desk
from tests.simulation.faults import Crash, Fault, Tap, TappedStore
from tests.unit.runs import NOW, header, spec, state
from tests.unit.served import MemoryEdition
from tests.unit.stores import record_run, world

START = "2026-11-23T11:00:00.000000Z"
RUN = f"/runs/etl/{START}"
KEY = {"idempotency-key": "k-1"}


class TappedRequests:
    """services.repeating.Requests, every call through the tap."""

    def __init__(self, tap: Tap, requests: Requests) -> None:
        self._tap = tap
        self._requests = requests

    def get_request(self, key: str, now: datetime) -> RequestRecord | None:
        return self._tap.call("get_request", lambda: self._requests.get_request(key, now))

    def put_request(self, record: RequestRecord, now: datetime) -> None:
        self._tap.call("put_request", lambda: self._requests.put_request(record, now))


@dataclass
class Place:
    """A desk whose calls of stores may fail, and the stores behind it."""

    desk: HttpDesk
    tap: Tap
    store: MemoryStore
    clock: VirtualClock

    def ask(self, path: str, body: Any) -> HTTPResponse | None:
        """The answer; None when the process ended before it."""
        try:
            return self.desk.request("POST", path, body, KEY)
        except Crash:
            return None

    def acts(self, act: str) -> list[Event]:
        """What stands in the history of the run on record."""
        run_id = f"etl/{START}"
        return [event for event in self.store.events(run_id) if event.act == act]


def place(status: RunStatus = RunStatus.FAILED) -> Place:
    tap, store, clock = Tap(), MemoryStore(), VirtualClock(NOW)
    ports = replace(world(store=store), clock=clock)
    schedules.put(ports, loaded(job("load"), scheduleId="etl"), "ada")
    ended = header(
        run_id=f"etl/{START}", started_at=NOW - timedelta(hours=1), status=status, reason="x"
    )
    record_run(ports, spec("load"), spec("clean", "load"), spec("late", "clean"), run=ended,
               load=state("load", JobStatus.FAILED))  # fmt: skip
    edition = MemoryEdition(replace(ports, runs=TappedStore(tap, store)))
    edition.requests = TappedRequests(tap, MemoryRequests())
    return Place(memory_desk(edition), tap, store, clock)


def runs_besides(place: Place) -> int:
    return len(place.store.find_headers(schedule_id="etl")) - 1


OLD = {"input": json.dumps({"scheduleId": "etl", "startDateTime": " ", "scheduleStatus": " "})}
AGAIN = {"scheduleId": "etl", "startDateTime": START, "scheduleStatus": "RESTART"}
Done = Callable[[Place], int]
ACTS: dict[str, tuple[str, Any, RunStatus, Done]] = {
    "start": ("/runs", {"scheduleId": "etl"}, RunStatus.FAILED, runs_besides),
    "start as of old": ("/runs", OLD, RunStatus.FAILED, runs_besides),
    "restart as of old": ("/runs", AGAIN, RunStatus.FAILED, lambda at: generation(at) - 1),
    "restart": (f"{RUN}/restart", {"reason": "r"}, RunStatus.FAILED, lambda at: generation(at) - 1),
    "cancel": (f"{RUN}/cancel", {}, RunStatus.RUNNING, lambda at: len(cancelled(at))),
    "hold": (f"{RUN}/hold", {"jobs": ["c*", "load"]}, RunStatus.RUNNING,
             lambda at: len(at.acts("HOLD"))),
    "hold of a status": (f"{RUN}/hold", {"jobs": ["clean"], "status": ["waiting"]},
                         RunStatus.RUNNING, lambda at: len(at.acts("HOLD"))),
    "rerun": (f"{RUN}/rerun", {"jobs": ["load"]}, RunStatus.FAILED,
              lambda at: len([each for each in at.acts("RERUN") if each.job == "load"])),
    "mark": (f"{RUN}/mark", {"jobs": ["load"], "as": "succeeded"}, RunStatus.RUNNING,
             lambda at: len(at.acts("MARK_SUCCEEDED"))),
}  # fmt: skip


def generation(place: Place) -> int:
    return place.store.get_header(f"etl/{START}").generation


def cancelled(place: Place) -> list[str]:
    cancelling = place.store.get_header(f"etl/{START}").cancelling
    return [cancelling] if cancelling else []


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize(
    "fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.LOST_REQUEST, Fault.LOST_REPLY]
)
def test_f16_whatever_call_it_fails_at_a_request_is_done_once_and_answered_alike(
    name: str, fault: Fault
) -> None:
    path, body, status, done = ACTS[name]
    quiet = place(status)
    whole = quiet.ask(path, body)
    assert whole is not None
    assert done(quiet) == 1
    calls = len(quiet.tap.calls)
    assert calls >= 4  # the record, what is done, the answer
    for index in range(calls):
        at = place(status)
        at.tap.faults = {index: fault}
        first = at.ask(path, body)
        assert done(at) <= 1
        if first is None:
            at.clock.advance(100)  # else it may be at work still
        second, third = at.ask(path, body), at.ask(path, body)
        assert second is not None
        assert third is not None
        assert second.status_code == whole.status_code
        assert (third.status_code, third.body) == (second.status_code, second.body)
        assert second.headers.get("Location") == third.headers.get("Location")
        assert done(at) == 1
        if first is not None and first.status_code < 500:
            assert first.body == second.body


def test_f17_whoever_lost_the_answer_asks_again_and_finds_the_one_run() -> None:
    at = place()
    lost = at.ask("/runs", {"scheduleId": "etl"})
    assert lost is not None
    at.clock.advance(29)
    again = at.ask("/runs", {"scheduleId": "etl"})
    assert again is not None
    assert again.body == lost.body
    found = at.desk.get(again.headers["Location"])
    assert found["runId"] == again.json_body["runId"]
    assert runs_besides(at) == 1


def test_a_run_is_given_again_although_its_schedule_is_gone_meanwhile() -> None:
    at = place()
    at.tap.faults = {3: Fault.CRASH_AFTER}  # the run is there, its answer is not
    assert at.ask("/runs", {"scheduleId": "etl"}) is None
    assert runs_besides(at) == 1
    at.desk.delete("/schedules/etl", 200)
    at.clock.advance(100)
    again = at.ask("/runs", {"scheduleId": "etl"})
    assert again is not None
    assert again.status_code == 202
    assert runs_besides(at) == 1


def test_while_a_request_is_worked_on_the_same_one_is_told_to_wait() -> None:
    at = place()
    at.tap.faults = {2: Fault.CRASH_AFTER}
    at.ask("/runs", {"scheduleId": "etl"})
    early = at.ask("/runs", {"scheduleId": "etl"})
    assert early is not None
    assert (early.status_code, early.headers["Retry-After"]) == (409, "1")
    assert early.json_body["type"] == "urn:batch-scheduler:problem:busy"
    told = "The same request is being worked on; ask again in a moment."
    assert early.json_body["detail"] == told


def test_who_takes_a_request_up_at_the_same_moment_is_told_to_wait() -> None:
    at = place()
    inner = at.desk

    def meanwhile() -> None:
        inner.post("/runs", {"scheduleId": "etl"}, 202, **KEY)

    at.tap.hooks = {1: meanwhile}
    at.desk.post("/runs", {"scheduleId": "etl"}, 409, **KEY)
    assert runs_besides(at) == 1


def test_a_key_belongs_to_one_body_one_path_and_one_caller() -> None:
    at = place()
    first = at.desk.post("/runs", {"scheduleId": "etl"}, 202, **KEY)
    other = at.desk.post("/runs", {"scheduleId": "etl", "reason": "other"}, 422, **KEY)
    assert other["problems"][0]["path"] == "Idempotency-Key"
    at.desk.post(f"{RUN}/restart", {}, 422, **KEY)
    at.clock.advance(1)
    mine = at.desk.as_(Role.OPERATOR).post("/runs", {"scheduleId": "etl"}, 202, **KEY)
    assert mine["runId"] != first["runId"]


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256])
def test_what_is_no_key_is_refused_and_nothing_is_done(key: str) -> None:
    at = place()
    before = runs_besides(at)
    told = at.desk.post("/runs", {"scheduleId": "etl"}, 400, Idempotency_Key=key)
    assert told["problems"][0]["path"] == "Idempotency-Key"
    assert runs_besides(at) == before


def test_what_was_refused_is_refused_again_for_a_day_and_then_looked_at_anew() -> None:
    at = place()
    unknown = at.desk.post("/runs", {"scheduleId": "late"}, 404, **KEY)
    schedules.put(at.desk.edition.ports, loaded(scheduleId="late"), "ada")
    assert at.desk.post("/runs", {"scheduleId": "late"}, 404, **KEY) == unknown
    at.clock.advance(24 * 3600)
    at.desk.post("/runs", {"scheduleId": "late"}, 202, **KEY)


@pytest.mark.parametrize("key", ["a b", "x" * 256, "ü"])
def test_a_key_is_a_word_of_visible_characters(key: str) -> None:
    at = place()
    assert at.desk.post("/runs", {"scheduleId": "etl"}, 400, idempotency_key=key)
    assert runs_besides(at) == 0
