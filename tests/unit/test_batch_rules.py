"""AWS Batch as a state machine: every rule by example, and what holds whatever happens."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.lifecycle import JobStatus
from chalicelib.errors import BackendError
from chalicelib.local.batch_records import (
    ENDED,
    FAILED,
    N_TO_N,
    PENDING,
    RUNNABLE,
    SEQUENTIAL,
    STATUSES,
    SUCCEEDED,
    Attempt,
    QueuedJob,
    detail_of,
    shown,
)
from chalicelib.local.batch_requests import parse_submit
from chalicelib.local.batch_rules import Batch, Stop, retries
from chalicelib.local.slots import Capacity

NOW = 1_000_000


@dataclass
class World:
    """A `Batch` with what its holder does: ids, numbers, and the memory of ended jobs."""

    batch: Batch = field(default_factory=lambda: Batch(Capacity(2, 1000)))
    jobs: list[QueuedJob] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)

    def submit(self, at: int = NOW, **members: Any) -> QueuedJob:
        request = parse_submit(
            {"jobName": "job", "containerOverrides": {"command": ["true"]}, **members}
        )
        known = {each.job_id: each.status for each in self.everybody() if each.status in ENDED}
        self.batch.check_upstream(request, known)
        number = sum(1 + len(job.children) for job in self.jobs)
        job = self.batch.accept(f"id-{number}", number, request, at, known)
        self.jobs.append(job)
        return job

    def everybody(self) -> list[QueuedJob]:
        return [each for job in self.jobs for each in (job, *job.children)]

    def start(self, at: int = NOW) -> list[QueuedJob]:
        started = self.batch.start_next()
        for job in started:
            self.batch.started(job, at)
        return started

    def run(self, codes: Mapping[str, int] | None = None) -> list[str]:
        """Run everything to its end; the ids in the order of their starts."""
        order = []
        while started := self.start():
            for job in started:
                order.append(job.job_id)
                self.batch.ended(job, (codes or {}).get(job.job_id, 0), "", NOW)
        return order


def after(*jobs: QueuedJob, kind: str = "") -> list[dict[str, str]]:
    return [{"jobId": job.job_id, "type": kind} for job in jobs]


def array(size: int) -> dict[str, int]:
    return {"size": size}


# Dependencies


def test_a_job_that_waits_for_nothing_is_runnable() -> None:
    assert World().submit().status == RUNNABLE


def test_a_job_waits_for_all_its_upstream_jobs() -> None:
    world = World()
    first, second = world.submit(), world.submit()
    third = world.submit(dependsOn=after(first, second))
    world.start()
    world.batch.ended(first, 0, "", NOW)
    assert third.status == PENDING
    world.batch.ended(second, 0, "", NOW)
    assert third.status == RUNNABLE


def test_a_failure_reaches_downstream_only_after_the_last_attempt() -> None:
    world = World()
    first = world.submit(retryStrategy={"attempts": 2})
    second = world.submit(dependsOn=after(first))
    [_] = world.start()
    world.batch.ended(first, 1, "", NOW)
    assert (first.status, second.status) == (RUNNABLE, PENDING)
    world.start()
    world.batch.ended(first, 1, "", NOW)
    assert (first.status, second.status) == (FAILED, FAILED)


def test_a_cascade_of_thousands_needs_no_recursion() -> None:
    world = World()
    first = last = world.submit()
    for _ in range(3000):
        job = QueuedJob(f"x{len(world.jobs)}", 0, last.request, NOW)
        world.jobs.append(job)
        world.batch.live[job.job_id] = job
        last.downstream.append(job)
        job.waits_for, job.status, last = 1, PENDING, job
    world.batch.cancel(first.job_id, "no", NOW)
    assert (last.status, last.status_reason) == (FAILED, "Dependent job failed")


# Attempts


@pytest.mark.parametrize(
    ("rules", "attempt", "expected"),
    [
        ([], {"exit_code": 1}, True),
        ([{"onExitCode": "1", "action": "exit"}], {"exit_code": 1}, False),
        ([{"onExitCode": "1", "action": "EXIT"}], {"exit_code": 12}, True),
        ([{"onExitCode": "1*", "action": "EXIT"}], {"exit_code": 12}, False),
        ([{"onExitCode": "*", "action": "EXIT"}], {"exit_code": None}, False),
        ([{"onReason": "Out*", "action": "EXIT"}], {"reason": "OutOfMemory"}, False),
        ([{"onReason": "Out", "action": "EXIT"}], {"reason": "OutOfMemory"}, True),
        ([{"onStatusReason": "Host*", "action": "EXIT"}], {"status_reason": "Host (p"}, False),
        (
            [{"onStatusReason": "Host*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}],
            {"status_reason": "Host (p"},
            True,
        ),
        (
            [{"onStatusReason": "Host*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}],
            {"status_reason": "else"},
            False,
        ),
        ([{"onExitCode": "1", "onReason": "x", "action": "EXIT"}], {"exit_code": 1}, True),
    ],
)
def test_the_first_rule_that_matches_decides_about_a_retry(
    rules: list[dict[str, str]], attempt: dict[str, Any], expected: bool
) -> None:
    strategy = {"attempts": 2, "evaluateOnExit": rules}
    request = parse_submit(
        {
            "jobName": "j",
            "containerOverrides": {"command": ["x"]},
            "retryStrategy": strategy,
        }
    )
    facts: dict[str, Any] = {"exit_code": 1, "reason": "", "status_reason": ""} | attempt
    assert retries(request, 1, Attempt(started_at=0, stopped_at=1, **facts)) is expected


def test_no_rule_gives_more_attempts_than_were_asked_for() -> None:
    world = World()
    job = world.submit(retryStrategy={"attempts": 3})
    assert world.run({job.job_id: 1}) == [job.job_id] * 3


def test_an_attempt_lost_with_its_host_follows_the_retry_policy() -> None:
    world = World()
    job = world.submit(retryStrategy={"attempts": 2})
    world.start()
    world.batch.lost(job, "Host (pid 1) terminated.", NOW)
    assert (job.status, job.attempts[0].exit_code) == (RUNNABLE, None)


def test_the_last_attempt_lost_with_its_host_fails_the_job() -> None:
    world = World()
    job = world.submit()
    world.start()
    world.batch.lost(job, "Host (pid 1) terminated.", NOW)
    assert (job.status, job.status_reason) == (FAILED, "Host (pid 1) terminated.")


# Deadlines


def test_a_timeout_asks_first_and_forces_30_seconds_later() -> None:
    world = World()
    job = world.submit(timeout={"attemptDurationSeconds": 60})
    world.start(at=NOW)
    world.batch.expire(NOW + 59_999)
    assert world.batch.stops == []
    world.batch.expire(NOW + 60_000)
    assert world.batch.stops == [Stop(job, forced=False)]
    world.batch.stops.clear()
    world.batch.expire(NOW + 89_999)
    assert world.batch.stops == []
    world.batch.expire(NOW + 90_000)
    assert world.batch.stops == [Stop(job, forced=True)]


def test_a_timed_out_attempt_is_not_retried() -> None:
    world = World()
    job = world.submit(timeout={"attemptDurationSeconds": 60}, retryStrategy={"attempts": 9})
    world.start(at=NOW)
    world.batch.expire(NOW + 60_000)
    world.batch.ended(job, 0, "", NOW + 60_001)
    assert (job.status, job.status_reason) == (FAILED, "Job attempt duration exceeded timeout")


def test_a_deadline_is_of_one_attempt_only() -> None:
    world = World()
    job = world.submit(timeout={"attemptDurationSeconds": 60}, retryStrategy={"attempts": 2})
    world.start(at=NOW)
    world.batch.ended(job, 1, "", NOW + 30_000)
    world.start(at=NOW + 30_000)
    world.batch.expire(NOW + 60_000)
    assert world.batch.stops == []
    assert world.batch.next_deadline() == NOW + 90_000


def test_a_forced_end_that_meets_the_timeout_is_no_conflict() -> None:
    world = World()
    job = world.submit(timeout={"attemptDurationSeconds": 60})
    world.start(at=NOW)
    world.batch.terminate(job.job_id, "enough", NOW + 30_000)
    world.batch.expire(NOW + 60_000)
    assert world.batch.stops == [Stop(job, forced=False), Stop(job, forced=True)]


def test_a_terminated_job_fails_even_if_it_exits_0() -> None:
    world = World()
    job = world.submit()
    world.start()
    world.batch.terminate(job.job_id, "enough", NOW)
    world.batch.ended(job, 0, "", NOW)
    assert (job.status, job.status_reason) == (FAILED, "enough")


# Array jobs


def test_an_array_job_fails_when_a_child_has_failed_and_all_have_ended() -> None:
    world = World()
    job = world.submit(arrayProperties=array(3))
    world.start()
    world.batch.ended(job.children[0], 1, "", NOW)
    assert job.status == PENDING
    world.batch.ended(job.children[1], 0, "", NOW)
    world.run()
    assert (job.status, job.status_reason) == (FAILED, "Array Child Job failed")
    assert job.counts == dict.fromkeys(STATUSES, 0) | {SUCCEEDED: 2, FAILED: 1}


def test_sequential_children_run_one_after_the_other() -> None:
    world = World()
    job = world.submit(arrayProperties=array(3), dependsOn=[{"type": SEQUENTIAL}])
    assert [child.job_id for child in world.start()] == [job.children[0].job_id]


def test_a_sequential_child_that_fails_takes_the_rest_with_it() -> None:
    world = World()
    job = world.submit(arrayProperties=array(3), dependsOn=[{"type": SEQUENTIAL}])
    world.run({job.children[0].job_id: 1})
    assert [child.status for child in job.children] == [FAILED] * 3
    assert job.status == FAILED


def test_n_to_n_children_wait_for_their_own_index() -> None:
    world = World()
    first = world.submit(arrayProperties=array(2))
    second = world.submit(arrayProperties=array(2), dependsOn=after(first, kind=N_TO_N))
    world.start()
    world.batch.ended(first.children[1], 0, "", NOW)
    assert [child.status for child in second.children] == [PENDING, RUNNABLE]


def test_n_to_n_on_an_array_job_that_failed_before_goes_by_index() -> None:
    world = World()
    first = world.submit(arrayProperties=array(2))
    world.run({first.children[0].job_id: 1})
    second = world.submit(arrayProperties=array(2), dependsOn=after(first, kind=N_TO_N))
    assert [child.status for child in second.children] == [FAILED, RUNNABLE]


def test_an_array_job_whose_upstream_fails_fails_with_all_its_children() -> None:
    world = World()
    first = world.submit()
    second = world.submit(arrayProperties=array(2), dependsOn=after(first))
    world.run({first.job_id: 1})
    assert [each.status for each in (second, *second.children)] == [FAILED] * 3
    assert second.status_reason == "Dependent job failed"


def test_a_job_can_wait_for_one_child() -> None:
    world = World()
    first = world.submit(arrayProperties=array(2))
    second = world.submit(dependsOn=after(first.children[0]))
    world.start()
    world.batch.ended(first.children[0], 0, "", NOW)
    assert second.status == RUNNABLE


@pytest.mark.parametrize(
    "members",
    [
        {"dependsOn": [{"type": SEQUENTIAL}]},
        {"dependsOn": [{"type": N_TO_N, "jobId": "id-0"}]},
        {"arrayProperties": array(3), "dependsOn": [{"type": N_TO_N, "jobId": "id-0"}]},
        {"arrayProperties": array(2), "dependsOn": [{"type": SEQUENTIAL, "jobId": "id-0"}]},
        {"arrayProperties": array(2), "dependsOn": [{"type": N_TO_N}]},
        {"dependsOn": [{"type": "MAYBE", "jobId": "id-0"}]},
        {"dependsOn": [{}]},
        {"arrayProperties": array(10_001)},
    ],
)
def test_array_dependencies_that_make_no_sense_are_refused(members: dict[str, Any]) -> None:
    world = World()
    world.submit(arrayProperties=array(2))
    with pytest.raises(BackendError, match="ClientException"):
        world.submit(**members)


# Slots


def test_a_fraction_of_a_processor_can_be_asked_for() -> None:
    world = World()
    needs = [{"type": "VCPU", "value": "0.25"}]
    for _ in range(9):
        world.submit(containerOverrides={"command": ["x"], "resourceRequirements": needs})
    assert len(world.start()) == 8


def test_the_first_in_line_is_not_passed_by_those_that_fit() -> None:
    world = World()
    world.submit()
    large = world.submit(containerOverrides={"command": ["x"], "vcpus": 2})
    world.submit()
    [first] = world.start()
    world.batch.ended(first, 0, "", NOW)
    assert world.start() == [large]


def test_memory_is_shared_as_processors_are() -> None:
    world = World()
    for _ in range(2):
        world.submit(containerOverrides={"command": ["x"], "memory": 600})
    assert len(world.start()) == 1


@given(st.lists(st.integers(0, 1), min_size=1, max_size=30))
def test_counts_of_an_array_job_always_add_up(codes: list[int]) -> None:
    world = World()
    job = world.submit(arrayProperties=array(max(2, len(codes))))
    by_id = {child.job_id: code for child, code in zip(job.children, codes, strict=False)}
    while started := world.start():
        for child in started:
            world.batch.ended(child, by_id.get(child.job_id, 0), "", NOW)
            assert job.counts == dict.fromkeys(STATUSES, 0) | Counter(
                each.status for each in job.children
            )
    assert detail_of(shown(job)).status is JobStatus(FAILED if any(codes) else SUCCEEDED)
