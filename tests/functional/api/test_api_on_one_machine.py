"""The HTTP API on a state directory: real stores, real jobs, real logs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.bootstrap import StoredEdition, open_stored_edition
from chalicelib.config import read_settings
from tests.builders import document, job
from tests.functional.api.desks import HttpDesk, memory_desk

NIGHTLY = document(
    job("load", command=["echo", "${day}"]),
    job("clean", "load", command=["false"]),
    job("tell", "clean"),
    parameters={"day": {"default": "today"}},
)
KEY = {"Idempotency-Key": "monday"}


@pytest.fixture
def edition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoredEdition]:
    monkeypatch.setenv("BATCH_SCHEDULER_HOST_IDLE", "0.1")
    with open_stored_edition(read_settings(state=tmp_path / "state")) as opened:
        yield opened


def drive(edition: StoredEdition) -> None:
    """Until nothing is unfinished."""
    with edition.driver("a test") as driver:
        while not driver.is_idle:
            driver.step(0.2)


def test_a_run_is_started_once_fails_is_repaired_and_succeeds(edition: StoredEdition) -> None:
    desk: HttpDesk = memory_desk(edition)
    assert desk.put("/schedules/nightly", NIGHTLY, 201)["version"] == 1
    asked = {"scheduleId": "nightly", "parameters": {"day": "monday"}}
    started = desk.post("/runs", asked, 202, **KEY)
    assert desk.post("/runs", asked, 202, **KEY) == started
    assert [each["runId"] for each in desk.get("/runs")["runs"]] == [started["runId"]]
    run = f"/runs/{started['runId']}"
    drive(edition)
    assert desk.get(run)["scheduleStatus"] == "FAILED"
    assert desk.get(f"{run}/logs?job=load")["lines"] == ["monday"]
    assert desk.get(f"{run}/explain")["cause"]["because"][0]["jobName"] == "clean"
    [load, clean, _] = desk.get(f"{run}/timeline")["jobs"]
    assert [each["status"] for each in load["attempts"]] == ["SUCCEEDED"]
    assert [each["exitCode"] for each in clean["attempts"]] == [1]
    desk.post(f"{run}/pass", {"jobs": ["clean"], "reason": "by hand"})
    desk.post(f"{run}/restart", {}, 202)
    drive(edition)
    assert desk.get(run)["scheduleStatus"] == "SUCCEEDED"
    assert {each["jobStatus"] for each in desk.get(f"{run}/jobs")["jobs"]} == {"SUCCEEDED", "PASS"}


def test_a_deleted_schedule_is_gone_for_the_terminal_too(edition: StoredEdition) -> None:
    desk = memory_desk(edition)
    desk.put("/schedules/nightly", NIGHTLY, 201)
    desk.delete("/schedules/nightly", 200)
    assert edition.ports.schedules.list_schedules() == []
    assert desk.put("/schedules/nightly", NIGHTLY, 201)["version"] == 2
