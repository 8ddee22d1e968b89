"""Whole runs that take longer: woken by events, through trouble, from old records, with many jobs.

All is as `runs_on_moto.py` says.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.errors import BackendError, NotFoundError
from chalicelib.services import runs
from chalicelib.services.runs import StartRequest
from tests.acceptance.first_version import (
    JOBS,
    old_record,
    old_schedule,
    restart_message,
    seed,
    start_message,
)
from tests.acceptance.runs_on_moto import (
    DEFINITION,
    FAILED,
    QUEUE,
    SUCCEEDED,
    Rehearsal,
    failing_with,
    rehearsal,
    states_entered,
)
from tests.aws.tables import TABLES
from tests.builders import document, job

pytestmark = pytest.mark.rehearse
HOUR = "3600"  # longer than any test: only a wake ends such a wait


@pytest.fixture
def here() -> Iterator[Rehearsal]:
    with rehearsal() as opened:
        yield opened


def waits(here: Rehearsal) -> int:
    """How often the machine began to wait."""
    return len(here.functions.called("wait_for_change"))


def test_an_end_that_is_told_wakes_the_run_and_a_burst_of_them_wakes_it_once(
    here: Rehearsal,
) -> None:
    here.upload(old_schedule(wait_time=HOUR))
    here.start("by-hand", start_message())
    here.until(lambda: waits(here))
    here.pass_time(10.0)
    here.tell_of_jobs()
    assert here.ended("by-hand") == SUCCEEDED
    assert len(here.functions.called("job_state_changed")) == len(JOBS)
    assert "Settle" in states_entered(here.history("by-hand"))
    assert waits(here) == 1


def test_an_end_that_is_told_before_the_wait_begins_is_not_lost(here: Rehearsal) -> None:
    def end_and_tell() -> None:
        here.pass_time(10.0)
        here.tell_of_jobs()

    here.upload(old_schedule(wait_time=HOUR))
    here.functions.before["wait_for_change"].append(end_and_tell)
    here.start("by-hand", start_message())
    assert here.ended("by-hand") == SUCCEEDED
    assert waits(here) == 1


def test_a_cancel_wakes_a_run_that_waits(here: Rehearsal) -> None:
    here.upload(old_schedule(wait_time=HOUR))
    here.endless.add("job1")
    here.start("by-hand", start_message())
    here.until(lambda: waits(here))
    here.cancel()
    here.until(lambda: waits(here) == 2)  # for the job that is being ended
    here.tell_of_jobs()
    assert here.ended("by-hand") == FAILED
    assert here.header().status == "CANCELLED"
    assert set(here.statuses().values()) == {"CANCELLED"}


def test_trouble_that_passes_is_waited_for_and_nobody_hears_of_it(here: Rehearsal) -> None:
    here.upload(old_schedule())
    trouble = BackendError("DynamoDB", "Query", "ThrottlingException: slower", retryable=True)
    steps = ("get_schedule", "submit_jobs", "wait_for_change", "poll_jobs", "record_history")
    for name in (*steps, "notify"):
        here.functions.before[name].append(failing_with(trouble))
    here.start("by-hand", start_message())
    assert here.ended("by-hand") == SUCCEEDED
    assert [call.error for call in here.functions.calls].count("BackendError") == 6
    assert here.submitted() == JOBS
    assert [notice["Subject"] for notice in here.notices()] == ["daily-am-load: run SUCCEEDED"]


def test_a_run_that_nobody_can_wake_looks_by_itself(here: Rehearsal) -> None:
    here.upload(old_schedule())
    here.functions.before["wait_for_change"].append(failing_with(NotFoundError("table", "jobs")))
    here.start("by-hand", start_message())
    assert here.ended("by-hand") == SUCCEEDED
    assert "WaitUnwoken" in states_entered(here.history("by-hand"))


def as_it_is_sent() -> dict[str, Any]:
    """The whole body of the first version's StartExecution, as the input."""
    message: dict[str, Any] = seed("api_start_message")
    return message


def its_input() -> dict[str, Any]:
    message: dict[str, Any] = json.loads(as_it_is_sent()["input"])
    return message


@pytest.mark.parametrize("message", [as_it_is_sent(), its_input()], ids=["whole", "input"])
def test_what_was_sent_over_the_api_starts_a_run(here: Rehearsal, message: dict[str, Any]) -> None:
    here.upload(old_schedule())
    name = as_it_is_sent()["name"]
    here.start(name, message)
    assert here.ended(name) == SUCCEEDED
    assert here.header().started_by == f"execution {name}"
    assert here.submitted() == JOBS


def test_an_old_record_in_the_table_is_restarted_by_an_old_message(here: Rehearsal) -> None:
    here.upload(old_schedule())
    started_at = restart_message()["startDateTime"]
    here.put_item(TABLES.history, {**old_record(), "startDateTime": started_at, "wait_time": "1"})
    here.start("executed-via-api-5", restart_message())
    assert here.ended("executed-via-api-5") == SUCCEEDED
    assert here.statuses() == dict.fromkeys(JOBS, "SUCCEEDED")
    assert here.submitted() == ["job3", "job5"]
    assert (here.header().generation, here.header().schedule_id) == (2, "daily-am-load")


def test_a_run_that_a_person_starts_is_driven_by_an_execution_named_after_it(
    here: Rehearsal,
) -> None:
    here.upload(old_schedule())
    with here.functions.lock:
        stored = here.ports.schedules.get_schedule("daily-am-load")
        runs.start(here.ports, stored, StartRequest(actor="ann"))
    [name] = here.executions()
    assert name.startswith("daily-am-load-")
    assert here.ended(name) == SUCCEEDED
    assert (here.header().started_by, here.submitted()) == ("ann", JOBS)


def test_a_job_that_needs_more_than_batch_can_wait_for_is_held_back_and_no_more_travels_for_it(
    here: Rehearsal,
) -> None:
    request = {"command": None, "jobQueue": QUEUE, "jobDefinition": DEFINITION}
    parts = [
        f"part-{number:03d}" for number in range(40)
    ]  # `join` needs more than Batch can wait for
    jobs = [job("split", **request), *(job(part, "split", **request) for part in parts)]
    here.upload(document(*jobs, job("join", *parts, **request), wait_time=1))
    here.start("by-hand", {"scheduleId": "nightly"})
    assert here.ended("by-hand") == SUCCEEDED
    assert set(here.statuses().values()) == {"SUCCEEDED"}
    assert here.submitted() == ["split", *parts, "join"]
    assert max(len(json.dumps(call.answer)) for call in here.functions.calls) < 512
