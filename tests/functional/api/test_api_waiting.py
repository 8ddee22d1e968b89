"""Starts that wait, and what people did to schedules, over HTTP."""

from datetime import datetime
from typing import Any

import pytest

from chalicelib.core.access import Role
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.services.ticking import tick
from tests.functional.api.desks import HttpDesk, memory_desk
from tests.unit.triggered import end

API = {
    "scheduleId": "api",
    "jobList": [{"jobName": "a", "command": ["true"]}],
    "triggers": [{"name": "http", "http": {}, "overlap": "queue"}],
}


@pytest.fixture
def desk() -> HttpDesk:
    """One run of `api` goes on."""
    made = memory_desk()
    clock(made).at = datetime.fromisoformat("2026-11-23T12:00:00Z")
    made.put("/schedules/api", API, 201)
    start(made)
    clock(made).advance(1.0)
    return made


def clock(desk: HttpDesk) -> VirtualClock:
    found = desk.edition.ports.clock
    assert isinstance(found, VirtualClock)
    return found


def start(desk: HttpDesk, **headers: str) -> Any:
    return desk.post("/runs", {"scheduleId": "api", "reason": "now"}, 202, **headers)


def end_first(desk: HttpDesk) -> None:
    ports = desk.edition.ports
    end(ports, ports.runs.find_headers(schedule_id="api")[-1])
    tick(ports)


def test_the_address_of_a_start_that_waits_answers_until_it_is_a_run_and_then(
    desk: HttpDesk,
) -> None:
    told = desk.request("POST", "/runs", {"scheduleId": "api", "reason": "now"})
    waits, address = told.json_body, told.headers["Location"]
    assert address == "/runs/api/2026-11-23T12:00:01.000000Z"
    assert desk.get(address) == waits
    assert waits == {
        "runId": "api/2026-11-23T12:00:01.000000Z",
        "scheduleId": "api",
        "waits": True,
        "notBefore": "2026-11-23T12:00:01.000000Z",
        "notAfter": None,
        "trigger": "http",
        "startedBy": "ada",
        "reason": "now",
    }
    assert desk.get("/schedules/api/next")["waiting"] == [waits]
    assert desk.get(f"{address}/jobs", 404)["status"] == 404
    end_first(desk)
    assert desk.get(address)["scheduleStatus"] == "RUNNING"
    assert desk.get("/schedules/api/next")["waiting"] == []


def test_a_start_that_waits_is_told_again_to_who_asks_again_under_its_key(desk: HttpDesk) -> None:
    waits = start(desk, Idempotency_Key="two")
    assert start(desk, Idempotency_Key="two") == waits
    assert len(desk.get("/schedules/api/next")["waiting"]) == 1


def test_a_start_that_waits_is_cancelled_at_its_address_and_who_did_it_stays_known(
    desk: HttpDesk,
) -> None:
    address = f"/runs/{start(desk)['runId']}"
    operator = desk.as_(Role.OPERATOR)
    body = {"reason": "a mistake"}
    dropped = operator.post(f"{address}/cancel", body, 202, Idempotency_Key="one")
    assert dropped["waits"] is False
    assert dropped["dropped"] == {
        "at": "2026-11-23T12:00:01.000000Z",
        "act": "CANCEL",
        "actor": "operator",
        "reason": "a mistake",
        "runId": address.removeprefix("/runs/"),
    }
    assert operator.post(f"{address}/cancel", body, 202, Idempotency_Key="one") == dropped
    assert desk.get(address) == dropped
    assert "taken away already, by operator" in desk.post(f"{address}/cancel", {}, 409)["detail"]
    end_first(desk)
    assert len(desk.get("/runs")["runs"]) == 1
    assert desk.get("/schedules/api/versions")["events"] == [dropped["dropped"]]


def test_a_start_that_waits_is_for_nobody_else_s_eyes(desk: HttpDesk) -> None:
    address = f"/runs/{start(desk)['runId']}"
    other = desk.as_(Role.OPERATOR, "other-")
    assert other.get(address, 404)["detail"] == desk.get("/runs/api/none", 404)["detail"].replace(
        "api/none", address.removeprefix("/runs/")
    )
    other.post(f"{address}/cancel", {}, 404)
    assert desk.as_(Role.VIEWER).post(f"{address}/cancel", {}, 403)["status"] == 403
    assert desk.get(address)["waits"] is True


def test_who_paused_resumed_and_deleted_a_schedule_is_told_with_its_versions(
    desk: HttpDesk,
) -> None:
    desk.post("/schedules/api/pause", {"reason": "maintenance"})
    desk.as_(Role.OPERATOR).post("/schedules/api/resume", {"reason": "done"})
    desk.as_(Role.AUTHOR).delete("/schedules/api?reason=replaced", 200)
    told = desk.get("/schedules/api/versions")
    assert [each["version"] for each in told["versions"]] == [1]
    assert [(each["act"], each["actor"], each["reason"]) for each in told["events"]] == [
        ("DELETE", "author", "replaced"),
        ("RESUME", "operator", "done"),
        ("PAUSE", "ada", "maintenance"),
    ]


def test_a_schedule_that_is_put_again_is_paused_as_it_was(desk: HttpDesk) -> None:
    paused = desk.post("/schedules/api/pause", {"reason": "maintenance"})["paused"]
    desk.delete("/schedules/api", 200)
    (warning,) = desk.put("/schedules/api", API, 201)["warnings"]
    assert "paused since" in warning["reason"]
    assert desk.get("/schedules/api/next")["paused"] == paused
