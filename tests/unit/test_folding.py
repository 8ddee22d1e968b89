"""What the queue's words make of a run."""

from dataclasses import replace

import pytest

from chalicelib.core.batch import AttemptDetail, JobDetail
from chalicelib.core.folding import Folded, describe_failure, fold, has_started
from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.run import Change, Intent, JobState, RunHeader
from chalicelib.core.schedule import RetryPolicy
from tests.unit.runs import (
    EARLIER,
    NOW,
    after,
    becomes,
    described,
    folded,
    header,
    run_of,
    spec,
    state,
    unstarted,
    with_intent,
)

J = JobStatus


def test_a_job_that_moved_on_is_seen() -> None:
    run = run_of(spec("a"), a=state("a", J.RUNNABLE, lookups=1))
    change = folded(run, described("id-a", J.RUNNING, status_reason="on i-1"))["a"]
    assert change == Change(
        "a",
        Act.OBSERVE,
        run.states["a"],
        replace(state("a", J.RUNNING), version=1, started_at=NOW, reason="on i-1"),
        NOW,
    )


def test_what_has_not_changed_is_no_change() -> None:
    run = run_of(spec("a"), a=state("a", J.RUNNING, reason="on i-1"))
    assert fold(run, [described("id-a", J.RUNNING, status_reason="on i-1")], NOW) == Folded()


def test_a_new_reason_alone_is_a_change() -> None:
    run = run_of(spec("a"), a=J.RUNNABLE)
    seen = folded(run, described("id-a", J.RUNNABLE, status_reason="CAPACITY: none"))
    assert seen["a"].after.reason == "CAPACITY: none"


def test_a_job_that_is_described_again_has_not_been_forgotten() -> None:
    run = run_of(spec("a"), a=state("a", J.RUNNING, lookups=1))
    assert folded(run, described("id-a", J.RUNNING))["a"].after.lookups == 0


def test_an_id_that_is_not_live_in_the_run_is_ignored() -> None:
    run = run_of(spec("a"), spec("b"), a=J.SUCCEEDED, b=J.RUNNING)
    stranger = described("id-z", J.FAILED)
    assert fold(run, [described("id-a", J.FAILED), stranger], NOW) == Folded()


def test_ignoring_one_detail_does_not_end_the_reading_of_the_rest() -> None:
    run = run_of(spec("a"), a=J.RUNNING)
    assert "a" in folded(run, described("id-z", J.FAILED), described("id-a", J.SUCCEEDED))


def test_a_job_knows_since_when_it_is_runnable() -> None:
    run = run_of(spec("a"), a=J.SUBMITTED)
    assert folded(run, described("id-a", J.RUNNABLE))["a"].after.runnable_since == NOW


def test_a_job_that_stays_runnable_keeps_that_moment() -> None:
    run = run_of(spec("a"), a=J.RUNNABLE)
    seen = folded(run, described("id-a", J.RUNNABLE, status_reason="CAPACITY: none"))
    assert seen["a"].after.runnable_since == EARLIER


def test_a_job_that_starts_is_runnable_no_more() -> None:
    run = run_of(spec("a"), a=J.RUNNABLE)
    assert folded(run, described("id-a", J.STARTING))["a"].after.runnable_since is None


def test_a_success_ends_the_job_with_what_the_queue_knows() -> None:
    running = state("a", J.RUNNING, lookups=2, not_before=NOW, runnable_since=NOW)
    run = run_of(spec("a"), a=running)
    change = folded(run, described("id-a", J.SUCCEEDED, exit_code=0, status_reason="done"))["a"]
    assert (change.act, change.at) == (Act.OBSERVE, NOW)
    assert change.after == replace(
        state("a", J.SUCCEEDED),
        version=1,
        started_at=NOW,
        stopped_at=NOW,
        exit_code=0,
        reason="done",
    )


@pytest.mark.parametrize("intent", [Intent.HOLD, Intent.PASS, Intent.CANCEL, Intent.EXPIRE])
def test_a_success_counts_though_an_operator_wanted_something_else(intent: Intent) -> None:
    run = run_of(spec("a"), a=with_intent("a", J.RUNNABLE, intent))
    end = folded(run, described("id-a", J.SUCCEEDED))["a"].after
    assert (end.status, end.intent) == (J.SUCCEEDED, Intent.NONE)
    assert end.reason == f"succeeded before {intent} could be done"


@pytest.mark.parametrize("intent", [Intent.HOLD, Intent.PASS, Intent.EXPIRE])
def test_what_was_wanted_before_the_start_is_given_up_at_the_start(intent: Intent) -> None:
    run = run_of(spec("a"), a=with_intent("a", J.RUNNABLE, intent, reason="by ada"))
    seen = folded(run, described("id-a", J.STARTING))["a"].after
    assert (seen.intent, seen.reason) == (
        Intent.NONE,
        f"started before {intent} could be done",
    )


def test_a_cancel_is_still_wanted_after_the_start() -> None:
    run = run_of(spec("a"), a=with_intent("a", J.RUNNABLE, Intent.CANCEL, reason="by ada"))
    seen = folded(run, described("id-a", J.RUNNING, status_reason="on i-1"))["a"].after
    assert (seen.intent, seen.reason) == (Intent.CANCEL, "by ada")


def test_why_a_job_stands_as_it_does_is_kept_until_the_queue_says_more() -> None:
    started = state("a", J.RUNNING, reason="started before HOLD could be done")
    assert not folded(run_of(spec("a"), a=started), described("id-a", J.RUNNING))


def test_a_job_wanted_back_that_has_not_moved_is_no_change() -> None:
    held = with_intent("a", J.RUNNABLE, Intent.HOLD, reason="by ada")
    assert not folded(run_of(spec("a"), a=held), described("id-a", J.RUNNABLE))


def test_a_failure_without_a_retry_policy_is_final() -> None:
    run = run_of(spec("a"), a=J.RUNNING)
    change = folded(run, described("id-a", J.FAILED, exit_code=3, status_reason="exited"))["a"]
    assert (change.act, change.at) == (Act.OBSERVE, NOW)
    assert change.after == replace(
        state("a", J.FAILED),
        version=1,
        failures=1,
        started_at=NOW,
        stopped_at=NOW,
        exit_code=3,
        reason="exit 3: exited",
    )


def test_a_failure_within_the_retry_policy_waits_for_its_delay() -> None:
    policy = RetryPolicy(attempts=3, delay_seconds=2.5, backoff=2)
    run = run_of(spec("a", retry=policy), a=state("a", J.RUNNING, failures=1))
    change = folded(run, described("id-a", J.FAILED, exit_code=3))["a"]
    assert (change.act, change.at, change.after.status) == (Act.RETRY, NOW, J.WAITING)
    assert (change.after.failures, change.after.not_before) == (2, after(5))
    assert change.after.reason == "exit 3; attempt 3 of 3 in 5 s"


def test_the_last_failure_that_the_policy_allows_is_final() -> None:
    run = run_of(spec("a", retry=RetryPolicy(attempts=2)), a=state("a", J.RUNNING, failures=1))
    change = folded(run, described("id-a", J.FAILED))["a"]
    assert (change.act, change.after.status, change.after.failures) == (Act.OBSERVE, J.FAILED, 2)


@pytest.mark.parametrize(
    "stopped", [header(cancelling="by ada"), header(stop=True)], ids=["cancelled", "stopped"]
)
def test_a_run_that_ends_retries_nothing(stopped: RunHeader) -> None:
    jobs = spec("a", retry=RetryPolicy(attempts=9)), spec("b")
    run = run_of(*jobs, run=stopped, a=J.RUNNING, b=J.FAILED)
    assert becomes(run, described("id-a", J.FAILED)) == {"a": (Act.OBSERVE, J.FAILED)}


def test_a_finally_job_of_a_stopped_run_is_retried() -> None:
    cleanup = spec("z", is_finally=True, retry=RetryPolicy(attempts=2))
    run = run_of(spec("a"), cleanup, run=header(stop=True), a=J.FAILED, z=J.RUNNING)
    assert becomes(run, described("id-z", J.FAILED)) == {"z": (Act.RETRY, J.WAITING)}


def test_a_finally_job_of_a_cancelled_run_is_not_retried() -> None:
    cleanup = spec("z", is_finally=True, retry=RetryPolicy(attempts=2))
    run = run_of(cleanup, run=header(cancelling="by ada"), z=J.RUNNING)
    assert becomes(run, described("id-z", J.FAILED)) == {"z": (Act.OBSERVE, J.FAILED)}


def test_a_job_that_started_after_all_fails_for_its_own_reason() -> None:
    late = with_intent("a", J.RUNNABLE, Intent.EXPIRE, reason="RUNNABLE for too long")
    end = folded(run_of(spec("a"), a=late), described("id-a", J.FAILED, exit_code=3))["a"].after
    assert (end.status, end.reason) == (J.FAILED, "exit 3")


def test_a_job_cancelled_while_it_ran_ends_so_and_is_not_retried() -> None:
    wanted = with_intent("a", J.RUNNING, Intent.CANCEL, reason="by ada")
    run = run_of(spec("a", retry=RetryPolicy(attempts=9)), a=wanted)
    change = folded(run, described("id-a", J.FAILED, exit_code=143))["a"]
    assert (change.act, change.at, change.before) == (Act.OBSERVE, NOW, wanted)
    end = change.after
    assert (end.status, end.reason, end.exit_code) == (J.CANCELLED, "by ada", 143)


@pytest.mark.parametrize("intent", [Intent.HOLD, Intent.PASS])
def test_a_job_that_started_and_failed_before_it_was_taken_back_has_failed(intent: Intent) -> None:
    run = run_of(spec("a"), a=with_intent("a", J.RUNNABLE, intent))
    assert becomes(run, described("id-a", J.FAILED)) == {"a": (Act.OBSERVE, J.FAILED)}


@pytest.mark.parametrize(
    ("intent", "act", "status"),
    [
        (Intent.HOLD, Act.WITHDRAW, J.HELD),
        (Intent.PASS, Act.WITHDRAW, J.PASS),
        (Intent.CANCEL, Act.WITHDRAW, J.CANCELLED),
        (Intent.EXPIRE, Act.OBSERVE, J.FAILED),
    ],
)
def test_a_job_taken_back_before_it_started_becomes_what_was_wanted(
    intent: Intent, act: Act, status: JobStatus
) -> None:
    wanted = with_intent("a", J.RUNNABLE, intent, reason="by ada")
    change = folded(run_of(spec("a"), a=wanted), unstarted("id-a"))["a"]
    assert (change.act, change.at, change.before) == (act, NOW, wanted)
    assert (change.after.status, change.after.intent, change.after.reason) == (
        status,
        Intent.NONE,
        "by ada",
    )


NEVER_STARTED = JobDetail(job_id="i", job_name="n", status=J.FAILED)
NO_IMAGE = AttemptDetail(started_at=None, stopped_at=None, exit_code=None, reason="pull failed")


@pytest.mark.parametrize(
    ("detail", "started"),
    [
        (NEVER_STARTED, False),
        (replace(NEVER_STARTED, started_at=NOW), True),
        (replace(NEVER_STARTED, attempts=(NO_IMAGE,)), True),
    ],
)
def test_a_job_has_started_if_the_queue_began_an_attempt(detail: JobDetail, started: bool) -> None:
    assert has_started(detail) is started


def ended(code: int | None, *reasons: str, container: str = "", status: str = "") -> JobDetail:
    attempts = tuple(
        AttemptDetail(started_at=NOW, stopped_at=NOW, exit_code=code, reason=reason)
        for reason in reasons
    )
    return JobDetail(
        job_id="i",
        job_name="n",
        status=J.FAILED,
        exit_code=code,
        attempts=attempts,
        container_reason=container,
        status_reason=status,
    )


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        (ended(None), "failed, and the queue gave no reason"),
        (ended(0), "exit 0"),
        (ended(137, container="OOM", status="Essential container exited"),
         "exit 137: OOM: Essential container exited"),
        (ended(1, "first", "second"), "exit 1: second"),
        (ended(1, "attempt's", container="container's"), "exit 1: container's"),
        (ended(None, container="same", status="same"), "same"),
        (ended(3, status="Essential container in task exited"), "exit 3"),
    ],
)  # fmt: skip
def test_a_failure_is_told_in_the_queues_words(detail: JobDetail, words: str) -> None:
    assert describe_failure(detail) == words


def test_a_success_of_which_the_queue_says_what_it_always_says_has_no_reason() -> None:
    words = "Essential container in task exited"
    seen = folded(
        run_of(spec("a"), a=J.RUNNING), described("id-a", J.SUCCEEDED, status_reason=words)
    )
    assert seen["a"].after.reason == ""


def test_jobs_end_in_the_order_in_which_the_queue_ended_them() -> None:
    run = run_of(*map(spec, "abc"), a=J.RUNNABLE, b=J.RUNNING, c=J.RUNNING)
    reply = [
        described("id-a", J.RUNNING),
        described("id-b", J.SUCCEEDED, stopped_at=after(-1)),
        described("id-c", J.SUCCEEDED, stopped_at=after(-2)),
    ]
    assert [item.job for item in fold(run, reply, NOW).changes] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 2.0), (2, 6.0), (3, 18.0), (4, 50.0), (99, 50.0)]
)
def test_a_delay_grows_up_to_its_limit(failures: int, seconds: float) -> None:
    policy = RetryPolicy(attempts=100, delay_seconds=2, backoff=3, max_delay_seconds=50)
    assert policy.delay(failures) == seconds


def test_a_job_state_is_never_changed_in_place() -> None:
    run = run_of(spec("a"), a=J.RUNNING)
    before: JobState = run.states["a"]
    fold(run, [described("id-a", J.SUCCEEDED)], NOW)
    assert run.states["a"] is before
