"""The fake of a job queue: its clock, its faults, and what holds whatever happens to it."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.batch import Accepted, JobDetail, Submission
from chalicelib.core.lifecycle import FINAL, JobStatus
from chalicelib.local.batch_records import SEQUENTIAL
from chalicelib.local.batch_rules import RETENTION
from chalicelib.local.host_client import HostClient
from chalicelib.local.host_protocol import HostSettings
from chalicelib.local.memory_queue import FakeSettings, MemoryQueue, VirtualClock
from chalicelib.local.slots import Capacity


def test_a_finished_job_is_forgotten_after_seven_days() -> None:
    clock = VirtualClock()
    queue = MemoryQueue(clock)
    [outcome] = queue.submit([command("short")])
    assert isinstance(outcome, Accepted)
    queue.run_until_quiet()
    assert len(queue.describe([outcome.job_id])) == 1
    queue.advance(RETENTION / 1000)
    assert queue.describe([outcome.job_id]) == []


@pytest.mark.parametrize("kind", ["memory", "host"])
def test_on_one_machine_a_kind_is_the_command_that_does_it(kind: str, tmp_path: Path) -> None:
    settings = HostSettings(vcpus=1, memory_mib=1, idle_seconds=1)
    host = HostClient(tmp_path, settings=settings, fence=None)
    queue = MemoryQueue(VirtualClock()) if kind == "memory" else host
    plain = {"containerOverrides": {"command": ["batch-job", "glue", "--job=load"]}}
    used = {"uses": "glue", **plain}
    assert queue.lacks(used) == ""
    same, pinned = queue.pin([plain, used])
    assert same is plain
    assert pinned == plain


def test_a_new_job_is_invisible_while_the_listing_lags() -> None:
    queue = MemoryQueue(VirtualClock(), settings=FakeSettings(listing_lag=5))
    queue.submit([command("slow-to-show")])
    assert queue.find("slow-to-show", "default") == []
    queue.advance(5)
    assert len(queue.find("slow-to-show", "default")) == 1


def test_a_job_that_ignores_sigterm_is_forced_30_seconds_later() -> None:
    clock = VirtualClock()
    settings = FakeSettings(deaf=frozenset({"deaf"}))
    queue = MemoryQueue(clock, lambda _job, _attempt: (1e6, 0), settings)
    [outcome] = queue.submit([command("deaf")])
    assert isinstance(outcome, Accepted)
    queue.advance(1)
    queue.terminate(outcome.job_id, "enough")
    queue.advance(29)
    assert queue.describe([outcome.job_id])[0].status is JobStatus.RUNNING
    queue.advance(1)
    [detail] = queue.describe([outcome.job_id])
    assert (detail.status, detail.exit_code) == (JobStatus.FAILED, 137)


def test_a_forgotten_job_is_not_described() -> None:
    queue = MemoryQueue(VirtualClock())
    [outcome] = queue.submit([command("gone")])
    assert isinstance(outcome, Accepted)
    queue.forget([outcome.job_id])
    assert queue.describe([outcome.job_id]) == []


def test_a_lost_host_takes_what_runs_with_it() -> None:
    queue = MemoryQueue(VirtualClock())
    [outcome] = queue.submit([command("lost")])
    assert isinstance(outcome, Accepted)
    queue.advance(0.5)
    queue.lose_host()
    queue.run_until_quiet()
    [detail] = queue.describe([outcome.job_id])
    assert (detail.status, detail.exit_code) == (JobStatus.FAILED, None)


def test_a_scripted_job_leaves_a_log_of_each_attempt() -> None:
    queue = MemoryQueue(VirtualClock(), lambda _job, attempt: (1, attempt % 2))
    [outcome] = queue.submit([command("twice", retryStrategy={"attempts": 2})])
    assert isinstance(outcome, Accepted)
    queue.run_until_quiet()
    assert queue.read(outcome.job_id, 2).lines == ("twice: attempt 2",)
    assert not queue.read(outcome.job_id, 3).exists


def command(name: str, **request: Any) -> Submission:
    return Submission(
        job_name=name, request={"containerOverrides": {"command": ["true"]}, **request}
    )


# Whatever happens

strategies = st.fixed_dictionaries(
    {
        "upstream": st.lists(st.integers(0, 30), max_size=4),
        "attempts": st.integers(1, 3),
        "size": st.sampled_from([0, 0, 0, 2, 3]),
        "kind": st.sampled_from(["", "", SEQUENTIAL]),
        "vcpus": st.sampled_from([1, 1, 2, 3]),
        "priority": st.integers(0, 2),
        "seconds": st.integers(1, 90),
        "codes": st.lists(st.integers(0, 1), min_size=3, max_size=3),
        "timeout": st.sampled_from([None, None, 60]),
    }
)
acts = st.one_of(
    st.tuples(st.just("submit"), strategies),
    st.tuples(st.sampled_from(["cancel", "terminate"]), st.integers(0, 30)),
    st.tuples(st.just("advance"), st.integers(1, 60)),
    st.tuples(st.just("lose"), st.just(0)),
)


class Story:
    """Random acts upon the fake, with what was submitted and seen."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.plans: dict[str, dict[str, Any]] = {}
        self.queue = MemoryQueue(self.clock, self.script, FakeSettings(capacity=Capacity(2, 1000)))
        self.ids: list[str] = []
        self.finals: dict[str, JobDetail] = {}

    def script(self, submission: Submission, attempt: int) -> tuple[float, int]:
        plan = self.plans[submission.job_name]
        return plan["seconds"], plan["codes"][attempt - 1]

    def act(self, act: str, what: Any) -> None:
        match act:
            case "submit":
                self.submit(what)
            case "advance":
                self.queue.advance(what)
            case "lose":
                self.queue.lose_host()
            case _ if self.ids:
                getattr(self.queue, act)(self.ids[what % len(self.ids)], "an operator")
        self.check()

    def submit(self, plan: dict[str, Any]) -> None:
        name = f"job-{len(self.plans)}"
        self.plans[name] = plan
        upstream = {self.ids[each % len(self.ids)] for each in plan["upstream"] if self.ids}
        request: dict[str, Any] = {
            "containerOverrides": {"command": ["x"], "vcpus": plan["vcpus"]},
            "retryStrategy": {"attempts": plan["attempts"]},
            "schedulingPriorityOverride": plan["priority"],
        }
        if plan["timeout"]:
            request["timeout"] = {"attemptDurationSeconds": plan["timeout"]}
        if plan["size"]:
            request["arrayProperties"] = {"size": plan["size"]}
            if plan["kind"]:
                request["dependsOn"] = [{"type": plan["kind"]}]
        [outcome] = self.queue.submit(
            [Submission(job_name=name, request=request, depends_on=tuple(sorted(upstream)))]
        )
        assert isinstance(outcome, Accepted)
        plan["after"] = upstream
        self.ids.append(outcome.job_id)

    def check(self) -> None:
        details = self.queue.describe(list(self.queue.submissions))
        running = [each for each in details if each.status is JobStatus.RUNNING]
        vcpus = sum(self.plans[each.job_name]["vcpus"] for each in running)
        assert vcpus <= 2
        for detail in details:
            self.check_one(detail)

    def check_one(self, detail: JobDetail) -> None:
        if detail.job_id in self.finals:
            assert detail == self.finals[detail.job_id]
        if detail.status in FINAL:
            self.finals[detail.job_id] = detail
        assert len(detail.attempts) <= self.plans[detail.job_name]["attempts"]
        if detail.array_summary is not None:
            assert sum(detail.array_summary.values()) == self.plans[detail.job_name]["size"]


@given(st.lists(acts, max_size=40))
def test_whatever_happens_batch_keeps_its_word(story_acts: list[tuple[str, Any]]) -> None:
    story = Story()
    for act, what in story_acts:
        story.act(act, what)
    story.queue.run_until_quiet()
    story.check()
    misfits = {name for name, plan in story.plans.items() if plan["vcpus"] > 2}
    check_ends(story, misfits)
    check_order(story)
    started = Counter((start.job_id, start.attempt) for start in story.queue.starts)
    assert all(count == 1 for count in started.values())


def check_ends(story: Story, misfits: set[str]) -> None:
    for detail in story.queue.describe(list(story.queue.submissions)):
        if misfits:
            continue
        assert detail.status in FINAL, detail


def check_order(story: Story) -> None:
    """No code starts before all upstream jobs have succeeded."""
    for start in story.queue.starts:
        for upstream in story.plans[start.job_name]["after"]:
            detail = story.finals[upstream]
            assert detail.status is JobStatus.SUCCEEDED
            assert detail.stopped_at is not None
            assert detail.stopped_at <= start.at
