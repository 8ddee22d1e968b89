"""Whole runs, driven by the definition that is deployed: started, mended and ended by hand.

All is as `runs_on_moto.py` says. The state machine's waits are real, so the schedule asks for a
look every second; what takes longer is in `test_long_runs.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.core.run import RunHeader
from chalicelib.driving_ports import MAX_TURNS
from chalicelib.errors import NotFoundError
from tests.acceptance.first_version import JOBS, old_schedule, restart_message, start_message
from tests.acceptance.runs_on_moto import (
    ABORTED,
    DRIVER_FAILED,
    FAILED,
    SUCCEEDED,
    TOPIC,
    Rehearsal,
    entered,
    failing_with,
    rehearsal,
    states_entered,
)


@pytest.fixture
def here() -> Iterator[Rehearsal]:
    with rehearsal() as opened:
        opened.upload(old_schedule())
        yield opened


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was to be seen after a run that went through."""

    header: RunHeader
    statuses: dict[str, str]
    submitted: list[str]
    notices: list[dict[str, Any]]
    archived: list[str]
    history: list[dict[str, Any]]
    largest: int  # bytes that a function was given, or gave


@pytest.fixture(scope="module")
def seen() -> Seen:
    with rehearsal() as here:
        here.upload(old_schedule())
        here.start("by-hand", start_message())
        assert here.ended("by-hand") == SUCCEEDED
        return Seen(
            header=here.header(),
            statuses=here.statuses(),
            submitted=here.submitted(),
            notices=here.notices(),
            archived=here.archived(),
            history=here.history("by-hand"),
            largest=max(call.size for call in here.functions.calls),
        )


def fail(here: Rehearsal, job: str) -> str:
    """Let a run fail at that job, then mend the job; the run's start."""
    here.failing.add(job)
    here.start("first", start_message())
    assert here.ended("first") == FAILED
    here.failing.clear()
    return here.started_at()


def test_a_message_of_the_first_version_starts_a_run_that_goes_through(seen: Seen) -> None:
    assert seen.header.status == "SUCCEEDED"
    assert seen.header.started_by == "execution by-hand"
    assert seen.statuses == dict.fromkeys(JOBS, "SUCCEEDED")
    assert seen.submitted == JOBS


def test_its_end_is_told_to_the_topic_of_the_schedule_and_it_is_archived(seen: Seen) -> None:
    [notice] = seen.notices
    assert notice["TopicArn"].endswith(f":{TOPIC}")
    assert notice["Subject"] == "daily-am-load: run SUCCEEDED"
    [address] = seen.archived
    assert "daily-am-load" in address


def test_it_goes_through_the_states_of_a_turn_and_then_to_its_end(seen: Seen) -> None:
    assert [state for state in states_entered(seen.history) if state != "WhereTo"] == [
        "GetSchedule",
        *("SubmitJobs", "WaitForChange", "PollJobs", "RecordHistory"),
        *("SubmitJobs", "Notify", "HowItEnded", "RunSucceeded"),
    ]


def test_what_travels_is_small_and_an_execution_hands_over_before_its_history_is_full(
    seen: Seen,
) -> None:
    assert seen.largest < 4096
    begin, again = [at for at, event in enumerate(seen.history) if entered(event) == "SubmitJobs"]
    turn = again - begin + 2  # an event that wakes it adds a wait
    assert MAX_TURNS * turn < 25_000 * 0.8  # what is left is for functions that are called again


@pytest.mark.rehearse
def test_a_failed_run_is_restarted_by_a_message_and_only_what_is_not_done_runs_again(
    here: Rehearsal,
) -> None:
    started_at = fail(here, "job3")
    failed = {"job3": "FAILED", "job5": "UPSTREAM_FAILED"}
    assert here.statuses() == dict.fromkeys(JOBS, "SUCCEEDED") | failed
    subjects = [notice["Subject"] for notice in here.notices()]
    assert subjects == ["daily-am-load: job3 failed", "daily-am-load: run FAILED"]
    here.start("second", restart_message(started_at))
    assert here.ended("second") == SUCCEEDED
    assert here.statuses() == dict.fromkeys(JOBS, "SUCCEEDED")
    assert here.submitted() == [*JOBS, "job3", "job5"]
    assert (here.header().generation, here.started_at()) == (2, started_at)


@pytest.mark.rehearse
@pytest.mark.parametrize("typed", ["PASS", "SKIP"])
def test_a_job_that_was_passed_by_hand_in_the_table_is_not_submitted_by_the_restart(
    here: Rehearsal, typed: str
) -> None:
    started_at = fail(here, "job3")
    here.type_status("job3", typed)
    here.start("second", restart_message(started_at))
    assert here.ended("second") == SUCCEEDED
    assert here.statuses() == dict.fromkeys(JOBS, "SUCCEEDED") | {"job3": "PASS"}
    assert here.submitted() == [*JOBS, "job5"]


@pytest.mark.rehearse
def test_a_run_that_is_cancelled_ends_its_jobs_and_submits_no_more(here: Rehearsal) -> None:
    here.endless.add("job2")
    here.functions.before["poll_jobs"].append(here.cancel)
    here.start("by-hand", start_message())
    assert here.ended("by-hand") == FAILED
    assert here.header().status == "CANCELLED"
    cancelled = dict.fromkeys(("job2", "job4", "job5"), "CANCELLED")
    assert here.statuses() == {"job1": "SUCCEEDED", "job3": "SUCCEEDED"} | cancelled
    assert here.submitted() == JOBS
    [notice] = here.notices()
    assert notice["Subject"] == "daily-am-load: run CANCELLED"


@pytest.mark.rehearse
def test_executions_hand_a_run_on_and_one_drives_at_a_time() -> None:
    with rehearsal(turns=1) as here:
        here.job_seconds = 1.0
        here.upload(old_schedule())
        here.start("by-hand", start_message())
        here.until(lambda: here.header().status == "SUCCEEDED")
        names = here.executions()
        assert [here.ended(name) for name in names] == [SUCCEEDED] * len(names)
        numbers = [name.rpartition("-")[2] for name in names]
        assert numbers == ["hand", *map(str, range(1, len(names)))]
        drivers = [call.event["driver"] for call in here.functions.called("submit_jobs")]
        assert drivers == names
        assert len(names) > 1
        assert here.submitted() == JOBS


@pytest.mark.rehearse
def test_an_execution_that_is_aborted_is_taken_up_again_when_that_is_told(here: Rehearsal) -> None:
    here.functions.before["poll_jobs"].append(lambda: here.abort("by-hand"))
    here.start("by-hand", start_message())
    assert here.ended("by-hand") == ABORTED
    assert here.header().status == "RUNNING"
    here.tell("execution_ended", {"name": "by-hand", "status": "ABORTED"})
    _, second = here.executions()
    assert here.ended(second) == SUCCEEDED
    assert here.header().status == "SUCCEEDED"
    assert here.submitted() == JOBS


@pytest.mark.rehearse
def test_an_execution_that_is_aborted_and_nobody_tells_is_found_by_reconcile(
    here: Rehearsal,
) -> None:
    found: list[int] = []

    def abort() -> None:
        found.append(here.reconcile())
        here.abort("by-hand")

    here.functions.before["record_history"].append(abort)
    here.start("by-hand", start_message())
    assert here.ended("by-hand") == ABORTED
    assert [*found, here.reconcile()] == [0, 1]
    _, second = here.executions()
    assert here.ended(second) == SUCCEEDED
    assert here.submitted() == JOBS


@pytest.mark.rehearse
def test_a_driver_that_fails_for_good_says_so_and_reconcile_finds_another(here: Rehearsal) -> None:
    here.functions.before["poll_jobs"].append(failing_with(NotFoundError("table", "jobs")))
    here.start("by-hand", start_message())
    assert here.ended("by-hand") == DRIVER_FAILED
    assert (here.header().status, here.header().driver) == ("RUNNING", "")
    [notice] = here.notices()
    assert notice["Subject"] == "daily-am-load: driver failed"
    assert "NotFoundError" in notice["Message"]
    assert here.reconcile() == 1
    _, second = here.executions()
    assert here.ended(second) == SUCCEEDED
    assert here.submitted() == JOBS


def test_a_message_for_a_schedule_that_is_not_there_fails_at_once(here: Rehearsal) -> None:
    here.start("by-hand", {**start_message(), "scheduleId": "dayly-am-load"})
    assert here.ended("by-hand") == ("FAILED", "NotFoundError")
    assert len(here.functions.called("get_schedule")) == 1
