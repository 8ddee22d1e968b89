from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.batch import AttemptDetail, JobDetail
from chalicelib.core.claims import Told
from chalicelib.core.facts import describe_facts, resources, telling
from chalicelib.core.lifecycle import JobStatus
from tests.unit.runs import EARLIER, NOW, after, described, spec, state

FAILED = JobStatus.FAILED


def facts(status: JobStatus, detail: JobDetail | None = None, **members: Any) -> tuple[str, ...]:
    request = members.pop("request", {})
    return describe_facts(spec("a", request=request), state("a", status, **members), detail)


def failed(**members: Any) -> tuple[str, ...]:
    """Of a job that ran for a minute and a half and failed."""
    return facts(FAILED, started_at=NOW, stopped_at=after(90), **members)


def attempts(*codes: int | None) -> JobDetail:
    detail = described("id-a", JobStatus.RUNNING)
    ended = [
        AttemptDetail(started_at=NOW, stopped_at=NOW, exit_code=code, reason="Host terminated")
        for code in codes
    ]
    return replace(detail, attempts=tuple(ended))


def test_a_failure_tells_how_long_it_ran_and_when_it_ended() -> None:
    assert failed(exit_code=1) == ("ran 90.0 s, until 2026-11-23 12:01:30 UTC",)


def test_a_failure_without_a_start_never_started() -> None:
    assert facts(FAILED, stopped_at=NOW) == ("it never started",)
    assert facts(FAILED, stopped_at=NOW, attempt=0) == ()


def test_exit_137_is_explained_with_the_memory_that_was_asked_for() -> None:
    request = {"containerOverrides": {"resourceRequirements": [{"type": "MEMORY", "value": "512"}]}}
    told = failed(exit_code=137, request=request)
    assert told[:2] == (
        "exit 137 means: killed (SIGKILL), mostly for want of memory or after a time-out",
        "it asks for 512 MiB of memory",
    )


def test_exit_137_of_a_job_that_asks_for_nothing_says_nothing_of_it() -> None:
    assert len(failed(exit_code=137)) == 2


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (97, "claimed"),
        (126, "executable"),
        (127, "PATH"),
        (130, "SIGINT"),
        (134, "SIGABRT"),
        (139, "SIGSEGV"),
        (143, "SIGTERM"),
    ],
)
def test_a_well_known_exit_code_is_put_into_words(code: int, word: str) -> None:
    told = failed(exit_code=code)[0]
    assert told.startswith(f"exit {code} means: ")
    assert word in told


def test_an_exit_code_above_128_names_the_signal() -> None:
    assert failed(exit_code=129)[0] == "exit 129 means: ended by signal 1"
    assert failed(exit_code=159)[0] == "exit 159 means: ended by signal 31"


@pytest.mark.parametrize("code", [0, 1, 128, 160, 255, None])
def test_any_other_exit_code_speaks_for_itself(code: int | None) -> None:
    assert len(failed(exit_code=code)) == 1


def test_a_time_out_tells_the_limit() -> None:
    request = {"timeout": {"attemptDurationSeconds": 60}}
    reason = "exit 143: Job attempt duration exceeded timeout"
    assert failed(reason=reason, request=request)[-1] == "an attempt may run for 60 s"
    assert failed(reason=reason)[-1].startswith("ran ")
    assert failed(reason="exit 1", request=request)[-1].startswith("ran ")


def test_a_job_that_waits_for_a_slot_tells_what_it_needs() -> None:
    overrides = {
        "vcpus": 2,
        "memory": 64,
        "resourceRequirements": [{"type": "GPU", "value": "1"}],
    }
    told = facts(JobStatus.RUNNABLE, request={"containerOverrides": overrides})
    assert told == ("it asks for 2 vCPU, 64 MiB of memory, 1 GPU",)


def test_a_running_job_tells_how_long_it_may_run() -> None:
    told = facts(JobStatus.RUNNING, request={"timeout": {"attemptDurationSeconds": 600}})
    assert told == ("an attempt may run for 600 s",)


def test_a_waiting_job_tells_nothing_of_its_needs() -> None:
    request = {"containerOverrides": {"vcpus": 2}, "timeout": {"attemptDurationSeconds": 60}}
    assert facts(JobStatus.WAITING, request=request) == ()


def test_a_resource_requirement_stands_above_the_short_form() -> None:
    overrides = {"vcpus": 1, "resourceRequirements": [{"type": "VCPU", "value": "0.25"}]}
    assert resources({"containerOverrides": overrides}) == {"VCPU": "0.25"}


def test_the_attempts_of_the_queue_are_told_from_the_second_on() -> None:
    assert facts(JobStatus.RUNNING, attempts(1)) == ()
    assert facts(JobStatus.RUNNING, attempts(1, None)) == (
        "the queue itself made 2 attempts: exit 1, Host terminated",
    )


def test_only_the_last_five_attempts_of_the_queue_are_told_each() -> None:
    assert facts(JobStatus.RUNNING, attempts(1, 2, 3, 4, 5, 6)) == (
        "the queue itself made 6 attempts: … exit 2, exit 3, exit 4, exit 5, exit 6",
    )
    assert "…" not in facts(JobStatus.RUNNING, attempts(1, 2, 3, 4, 5))[0]


def test_an_attempt_that_left_nothing_behind_was_lost() -> None:
    nothing = AttemptDetail(started_at=NOW, stopped_at=NOW, exit_code=None)
    detail = replace(described("id-a", JobStatus.RUNNING), attempts=(nothing, nothing))
    assert facts(JobStatus.RUNNING, detail) == ("the queue itself made 2 attempts: lost, lost",)


def test_an_array_tells_how_its_children_stand() -> None:
    summary = {"SUCCEEDED": 7, "RUNNING": 2, "FAILED": 0}
    detail = replace(described("id-a", JobStatus.PENDING), array_summary=summary)
    assert facts(JobStatus.PENDING, detail) == ("array of 9: 7 SUCCEEDED, 2 RUNNING",)


def test_an_array_job_itself_never_starts_and_names_its_failed_children() -> None:
    array = spec("a", request={"arrayProperties": {"size": 20}})
    failed_array = state("a", FAILED)
    told = describe_facts(array, failed_array, failed_children=list(range(12)))
    assert told == ("failed children: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more",)
    told = describe_facts(array, failed_array, failed_children=[3, 7])
    assert told == ("failed children: 3, 7",)
    ten = describe_facts(array, failed_array, failed_children=list(range(10)))
    assert "more" not in ten[0]


def test_what_the_queue_saw_and_the_engine_did_not_is_told() -> None:
    detail = described("id-a", JobStatus.SUCCEEDED)
    assert facts(JobStatus.RUNNING, detail) == (
        "the queue says SUCCEEDED meanwhile; the engine has not seen that yet",
    )
    assert facts(JobStatus.SUCCEEDED, described("id-a", JobStatus.FAILED)) == ()


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("Essential container in task exited", ""),
        ("exit 1: Essential container in task exited", "exit 1"),
        ("exit 1: OutOfMemoryError: killed", "exit 1: OutOfMemoryError: killed"),
        ("", ""),
    ],
)
def test_a_reason_is_told_without_what_every_reason_says(reason: str, told: str) -> None:
    assert telling(reason) == told


def test_a_start_alone_does_not_make_a_duration() -> None:
    assert facts(FAILED, started_at=EARLIER) == ("it never started",)


def test_the_links_that_a_job_told_are_facts() -> None:
    told = Told(outputs={"rows": "5"}, links={"console": "https://example.org/run"})
    assert facts(JobStatus.SUCCEEDED, told=told) == ("its link console: https://example.org/run",)
    assert facts(JobStatus.SUCCEEDED, told=Told(outputs={"rows": "5"})) == ()
