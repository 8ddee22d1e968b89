"""What every job queue does, in memory, on the host and on AWS: AWS Batch's own behaviour."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.batch import (
    Accepted,
    JobDetail,
    Refused,
    Submission,
)
from chalicelib.core.lifecycle import JobStatus
from chalicelib.errors import BackendError
from chalicelib.local.host_client import HostClient
from chalicelib.local.host_protocol import HostSettings
from chalicelib.local.memory_queue import FakeSettings, MemoryQueue, VirtualClock
from chalicelib.local.slots import Capacity
from tests.contract.queues import FAIL, FIRST_FAILS, LONG, AwsQueue, Bench, job, script
from tests.strict.batch import FakeBatch


@pytest.fixture(params=["memory", "host", "aws"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param != "host":
        clock, settings = VirtualClock(), FakeSettings(capacity=Capacity(2, 1024))
        if request.param == "memory":
            fake = MemoryQueue(clock, script, settings)
            yield Bench(fake, fake)
        else:
            batch = FakeBatch(clock, [], script, settings)
            yield Bench(AwsQueue(clock, batch), batch)
        return
    own = HostSettings(vcpus=2, memory_mib=1024, idle_seconds=0.05)
    client = HostClient(tmp_path, settings=own, fence=None)
    yield Bench(client, None)
    os.kill(client.host_pid, signal.SIGTERM)  # its jobs are asked to end
    os.waitpid(client.host_pid, 0)
    client.close()


def test_a_job_that_exits_0_succeeds(bench: Bench) -> None:
    [job_id] = bench.accept(job("good"))
    detail = bench.end(job_id)
    assert (detail.status, detail.exit_code) == (JobStatus.SUCCEEDED, 0)


def test_a_job_that_exits_otherwise_fails_with_that_code(bench: Bench) -> None:
    [job_id] = bench.accept(job("bad", FAIL))
    detail = bench.end(job_id)
    assert (detail.status, detail.exit_code) == (JobStatus.FAILED, 3)
    assert detail.status_reason == "Essential container in task exited"


def test_an_ended_attempt_is_told_with_its_times(bench: Bench) -> None:
    [job_id] = bench.accept(job("good"))
    [attempt] = bench.end(job_id).attempts
    assert attempt.started_at is not None
    assert attempt.stopped_at is not None
    assert attempt.started_at <= attempt.stopped_at


def test_a_job_runs_after_its_upstream_jobs(bench: Bench) -> None:
    [first] = bench.accept(job("first"))
    [second] = bench.accept(job("second", upstream=[first]))
    later, earlier = bench.end(second), bench.detail(first)
    assert later.started_at is not None
    assert earlier.stopped_at is not None
    assert earlier.stopped_at <= later.started_at


def test_an_upstream_job_that_succeeded_before_is_no_obstacle(bench: Bench) -> None:
    [first] = bench.accept(job("first"))
    bench.end(first)
    [second] = bench.accept(job("second", upstream=[first]))
    assert bench.end(second).status is JobStatus.SUCCEEDED


def test_a_failure_fails_all_that_depends_on_it(bench: Bench) -> None:
    [first] = bench.accept(job("first", FAIL))
    [second] = bench.accept(job("second", upstream=[first]))
    [third] = bench.accept(job("third", upstream=[second]))
    detail = bench.end(third)
    assert (detail.status, detail.status_reason) == (JobStatus.FAILED, "Dependent job failed")
    assert detail.attempts == ()


def test_a_job_whose_upstream_failed_before_fails_at_once(bench: Bench) -> None:
    [first] = bench.accept(job("first", FAIL))
    bench.end(first)
    [second] = bench.accept(job("second", upstream=[first]))
    assert bench.detail(second).status is JobStatus.FAILED


def test_a_job_with_unfinished_upstream_jobs_is_pending(bench: Bench) -> None:
    [first] = bench.accept(job("first", LONG))
    [second] = bench.accept(job("second", upstream=[first]))
    assert bench.detail(second).status is JobStatus.PENDING


def test_a_failed_attempt_is_followed_by_the_next_one(bench: Bench) -> None:
    [job_id] = bench.accept(job("second-time", FIRST_FAILS, retryStrategy={"attempts": 3}))
    detail = bench.end(job_id)
    assert detail.status is JobStatus.SUCCEEDED
    assert [attempt.exit_code for attempt in detail.attempts] == [1, 0]


def test_a_rule_can_forbid_the_next_attempt(bench: Bench) -> None:
    strategy = {"attempts": 3, "evaluateOnExit": [{"onExitCode": "3", "action": "EXIT"}]}
    [job_id] = bench.accept(job("once", FAIL, retryStrategy=strategy))
    assert len(bench.end(job_id).attempts) == 1


def test_an_array_job_has_a_child_for_each_index(bench: Bench) -> None:
    [job_id] = bench.accept(job("array", arrayProperties={"size": 3}))
    detail = bench.end(job_id)
    assert detail.status is JobStatus.SUCCEEDED
    assert detail.array_summary is not None
    assert detail.array_summary["SUCCEEDED"] == 3
    assert bench.detail(f"{job_id}:2").exit_code == 0


def test_an_array_job_stays_pending_while_its_children_run(bench: Bench) -> None:
    [job_id] = bench.accept(job("array", LONG, arrayProperties={"size": 3}))
    bench.until(f"{job_id}:0", JobStatus.RUNNING)
    assert bench.detail(job_id).status is JobStatus.PENDING


def test_terminating_an_array_job_ends_its_children(bench: Bench) -> None:
    [job_id] = bench.accept(job("array", LONG, arrayProperties={"size": 3}))
    bench.until(f"{job_id}:0", JobStatus.RUNNING)
    bench.queue.terminate(job_id, "enough")
    detail = bench.end(job_id)
    assert detail.array_summary is not None
    assert (detail.status_reason, detail.array_summary["FAILED"]) == ("enough", 3)


def test_a_cancelled_runnable_job_never_runs(bench: Bench) -> None:
    bench.accept(job("full-1", LONG), job("full-2", LONG))
    [job_id] = bench.accept(job("third"))
    bench.queue.cancel(job_id, "not today")
    detail = bench.end(job_id)
    assert (detail.status, detail.status_reason) == (JobStatus.FAILED, "not today")
    assert detail.attempts == ()


def test_a_cancelled_pending_job_ends_when_its_upstream_has(bench: Bench) -> None:
    [first] = bench.accept(job("first", ("sleep", "0.3")))
    [second] = bench.accept(job("second", upstream=[first]))
    bench.queue.cancel(second, "not today")
    assert bench.detail(second).status is JobStatus.PENDING
    assert bench.end(second).status_reason == "not today"
    assert bench.end(first).status is JobStatus.SUCCEEDED


def test_cancel_leaves_a_running_job_alone(bench: Bench) -> None:
    [job_id] = bench.accept(job("runs", ("sleep", "0.3")))
    bench.until(job_id, JobStatus.RUNNING)
    bench.queue.cancel(job_id, "too late")
    assert bench.end(job_id).status is JobStatus.SUCCEEDED


def test_a_terminated_job_fails_with_the_reason_and_is_not_retried(bench: Bench) -> None:
    [job_id] = bench.accept(job("runs", LONG, retryStrategy={"attempts": 5}))
    bench.until(job_id, JobStatus.RUNNING)
    bench.queue.terminate(job_id, "enough")
    detail = bench.end(job_id)
    assert (detail.status, detail.status_reason) == (JobStatus.FAILED, "enough")
    assert [attempt.exit_code for attempt in detail.attempts] == [143]


@pytest.mark.parametrize("verb", ["cancel", "terminate"])
def test_an_unknown_job_is_no_error_to_end(bench: Bench, verb: str) -> None:
    getattr(bench.queue, verb)("00000000-0000-4000-8000-00000000ffff", "who?")
    assert bench.queue.describe(["00000000-0000-4000-8000-00000000ffff"]) == []


def test_a_reason_of_more_than_1024_characters_is_refused(bench: Bench) -> None:
    [job_id] = bench.accept(job("runs", LONG))
    with pytest.raises(BackendError, match="ClientException"):
        bench.queue.terminate(job_id, "x" * 1025)


def named(bench: Bench, name: str) -> list[JobDetail]:
    filters = [{"name": "JOB_NAME", "values": [name]}]
    return bench.queue.list_jobs({"jobQueue": "default", "filters": filters})


def test_jobs_are_found_by_name_newest_first(bench: Bench) -> None:
    ids = bench.accept(job("again"), job("other"), job("again"))
    assert [detail.job_id for detail in bench.queue.find("again", "default")] == [ids[2], ids[0]]


def test_jobs_are_listed_by_name_in_any_case_newest_first(bench: Bench) -> None:
    ids = bench.accept(job("Again"), job("other"), job("again"))
    assert [detail.job_id for detail in named(bench, "AGAIN")] == [ids[2], ids[0]]


def test_a_name_is_looked_for_in_one_queue_only(bench: Bench) -> None:
    bench.accept(job("mine", jobQueue="left"))
    assert bench.queue.find("mine", "right") == []
    assert len(bench.queue.find("mine", "left")) == 1


def test_a_name_with_a_star_lists_what_begins_so(bench: Bench) -> None:
    bench.accept(job("run-a"), job("run-b"), job("walk"))
    names = [detail.job_name for detail in named(bench, "RUN-*")]
    assert names == ["run-b", "run-a"]


def test_without_a_filter_only_running_jobs_are_listed(bench: Bench) -> None:
    [good, long] = bench.accept(job("good"), job("long", LONG))
    bench.end(good)
    bench.until(long, JobStatus.RUNNING)
    listed = bench.queue.list_jobs({"jobQueue": "default"})
    assert [detail.job_id for detail in listed] == [long]


def test_jobs_are_listed_by_status(bench: Bench) -> None:
    [good, long] = bench.accept(job("good"), job("long", LONG))
    bench.end(good)
    bench.until(long, JobStatus.RUNNING)
    listed = bench.queue.list_jobs({"jobQueue": "default", "jobStatus": "SUCCEEDED"})
    assert [detail.job_id for detail in listed] == [good]


def test_children_are_listed_by_their_array_job(bench: Bench) -> None:
    [array] = bench.accept(job("array", arrayProperties={"size": 2}))
    bench.end(array)
    listed = bench.queue.list_jobs({"arrayJobId": array, "jobStatus": "SUCCEEDED"})
    assert [detail.job_id for detail in listed] == [f"{array}:1", f"{array}:0"]


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"jobQueue": "default", "arrayJobId": "x"},
        {"jobQueue": "default", "jobStatus": "DONE"},
        {"jobQueue": "default", "filters": [{"name": "COLOUR", "values": ["red"]}]},
        {"jobQueue": "default", "filters": [{"name": "JOB_NAME", "values": ["a", "b"]}]},
        {"jobQueue": "default", "maxResults": 1001},
    ],
)
def test_a_listing_that_batch_refuses_is_refused(bench: Bench, request_: dict[str, Any]) -> None:
    with pytest.raises(BackendError, match="ClientException"):
        bench.queue.list_jobs(request_)


def test_unknown_ids_are_left_out_of_the_answer(bench: Bench) -> None:
    [job_id] = bench.accept(job("known"))
    details = bench.queue.describe(["unknown", job_id])
    assert [detail.job_id for detail in details] == [job_id]


def test_more_than_100_jobs_can_be_described(bench: Bench) -> None:
    ids = bench.accept(*(job(f"job-{number}", LONG) for number in range(230)))
    assert [detail.job_id for detail in bench.queue.describe(ids)] == ids


def test_a_job_too_large_for_the_host_stays_runnable_and_says_why(bench: Bench) -> None:
    needs = [{"type": "MEMORY", "value": "2048"}]
    overrides = {"command": ["true"], "resourceRequirements": needs}
    large, small = bench.accept(job("large", containerOverrides=overrides), job("small"))
    bench.end(small)
    detail = bench.detail(large)
    assert detail.status is JobStatus.RUNNABLE
    assert detail.status_reason.startswith("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT")
    bench.queue.cancel(large, "clean up")


def test_a_higher_priority_goes_first(bench: Bench) -> None:
    blockers = bench.accept(job("full-1", LONG), job("full-2", LONG))
    for blocker in blockers:
        bench.until(blocker, JobStatus.RUNNING)
    low, high = bench.accept(
        job("low", ("sleep", "0.05")),
        job("high", ("sleep", "0.05"), schedulingPriorityOverride=9),
    )
    bench.queue.terminate(blockers[0], "make room")
    first, second = bench.end(high), bench.end(low)
    assert first.started_at is not None
    assert second.started_at is not None
    assert first.started_at < second.started_at


def test_a_wake_names_what_changed(bench: Bench) -> None:
    bench.queue.wait(0)
    [job_id] = bench.accept(job("good"))
    bench.end(job_id)
    [other] = bench.accept(job("other", LONG))
    seen: set[str] = set()
    for _ in range(100):
        seen |= bench.queue.wait(0.1)
        if other in seen:
            return
    raise AssertionError(seen)


@pytest.mark.parametrize(
    ("submission", "words"),
    [
        (job("bad name"), "Job name"),
        (job("x" * 129), "Job name"),
        (job("-x"), "Job name"),
        (job("x", upstream=["nobody"]), "isn't known"),
        (job("x", upstream=["a"] * 21), "at most 20"),
        (job("x", command=("a\0b",)), "no program can be given"),
        (job("x", command=("a\ud800b",)), "no program can be given"),
        (job("x", timeout={"attemptDurationSeconds": 59}), "attemptDurationSeconds"),
        (job("x", retryStrategy={"attempts": 11}), "attempts"),
        (job("x", arrayProperties={"size": 1}), "size"),
        (job("x", schedulingPriorityOverride=10_000), "schedulingPriorityOverride"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_batch_refuses_is_refused(bench: Bench, submission: Submission, words: str) -> None:
    reason = bench.refuse(submission)
    assert reason.startswith("ClientException: ")
    assert words in reason


def test_a_member_that_no_queue_knows_is_refused(bench: Bench) -> None:
    assert "colour" in bench.refuse(job("x", colour="red"))


@pytest.mark.parametrize("bench", ["memory", "host"], indirect=True)
def test_one_machine_needs_a_command(bench: Bench) -> None:
    reason = bench.refuse(job("x", command=()))
    assert "job definition must be given in the document" in reason


def test_names_that_batch_keeps_for_itself_are_refused(bench: Bench) -> None:
    environment = [{"name": "AWS_BATCH_JOB_ID", "value": "mine"}]
    overrides = {"command": ["true"], "environment": environment}
    assert "AWS_BATCH" in bench.refuse(job("x", containerOverrides=overrides))


def test_a_refusal_does_not_touch_the_others(bench: Bench) -> None:
    outcomes = bench.queue.submit([job("good"), job("bad name"), job("fine")])
    assert [type(outcome) for outcome in outcomes] == [Accepted, Refused, Accepted]


def test_tags_are_checked(bench: Bench) -> None:
    submission = replace(job("x"), tags={"key": "v" * 257})
    assert "tag" in bench.refuse(submission)
