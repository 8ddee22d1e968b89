"""What it means that the queue failed a job which never started."""

from dataclasses import replace
from datetime import datetime

import pytest

from chalicelib.core.folding import Folded, fold
from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.run import Intent
from chalicelib.core.schedule import RetryPolicy, TriggerRule
from tests.unit.runs import (
    EARLIER,
    NOW,
    after,
    becomes,
    described,
    folded,
    run_of,
    spec,
    state,
    unstarted,
    with_intent,
)

J = JobStatus


@pytest.mark.parametrize("upstream", [J.FAILED, J.UPSTREAM_FAILED, J.NOTFOUND, J.CANCELLED])
def test_a_job_that_the_queue_gave_up_for_its_upstream_never_ran(upstream: JobStatus) -> None:
    run = run_of(spec("a"), spec("b", "a"), a=upstream, b=J.PENDING)
    change = folded(run, unstarted("id-b"))["b"]
    assert (change.act, change.at, change.after.status) == (Act.OBSERVE, NOW, J.UPSTREAM_FAILED)
    assert change.after.reason == f"upstream 'a' is {upstream}"


@pytest.mark.parametrize("status", [J.STARTING, J.RUNNING])
def test_a_job_that_was_seen_to_start_has_started_whatever_its_end_says(status: JobStatus) -> None:
    wanted = with_intent("a", status, Intent.CANCEL)
    run = run_of(spec("x"), spec("a", "x"), x=J.FAILED, a=wanted)
    assert becomes(run, unstarted("id-a")) == {"a": (Act.OBSERVE, J.CANCELLED)}


def test_a_whole_cascade_is_told_apart_in_one_reply_in_any_order() -> None:
    run = run_of(spec("a"), spec("b", "a"), spec("c", "b"), a=J.RUNNING, b=J.PENDING, c=J.PENDING)
    reply = [unstarted("id-c"), unstarted("id-b"), described("id-a", J.FAILED)]
    expected = {
        "a": (Act.OBSERVE, J.FAILED),
        "b": (Act.OBSERVE, J.UPSTREAM_FAILED),
        "c": (Act.OBSERVE, J.UPSTREAM_FAILED),
    }
    assert becomes(run, *reply) == becomes(run, *reply[::-1]) == expected


def test_a_job_in_a_cascade_is_decided_after_all_that_is_above_it() -> None:
    held = with_intent("b", J.RUNNABLE, Intent.HOLD)
    run = run_of(spec("b"), spec("x"), spec("c", "x"), spec("d", "b", "c"),
                 b=held, x=J.FAILED, c=J.PENDING, d=J.PENDING)  # fmt: skip
    reply = [unstarted("id-b"), unstarted("id-c"), unstarted("id-d")]
    blame = "upstream 'c' is UPSTREAM_FAILED"
    assert folded(run, *reply)["d"].after.reason == blame
    assert folded(run, *reply[::-1])["d"].after.reason == blame


def test_a_cascade_from_an_end_that_was_not_told_yet_is_asked_about_again() -> None:
    run = run_of(spec("a"), spec("b", "a"), spec("c", "b"), a=J.RUNNING, b=J.PENDING, c=J.PENDING)
    assert fold(run, [unstarted("id-b"), unstarted("id-c")], NOW) == Folded((), ("id-b", "id-c"))


def test_a_job_that_failed_before_it_started_by_its_own_fault_has_failed() -> None:
    run = run_of(spec("a"), spec("b", "a"), a=J.SUCCEEDED, b=J.RUNNABLE)
    change = folded(run, described("id-b", J.FAILED, started=False, status_reason="host lost"))
    assert (change["b"].after.status, change["b"].after.reason) == (J.FAILED, "host lost")


def test_such_a_failure_is_retried_like_any_other() -> None:
    run = run_of(spec("a", retry=RetryPolicy(attempts=2)), a=J.RUNNABLE)
    assert becomes(run, unstarted("id-a")) == {"a": (Act.RETRY, J.WAITING)}


@pytest.mark.parametrize(
    ("rule", "upstream"),
    [
        (TriggerRule.ALL_DONE, J.FAILED),
        (TriggerRule.ANY_FAILED, J.FAILED),
        (TriggerRule.NONE_FAILED, J.CANCELLED),
    ],
)
def test_upstream_is_not_to_blame_if_the_queue_was_never_told_of_it(
    rule: TriggerRule, upstream: JobStatus
) -> None:
    run = run_of(spec("a"), spec("b", "a", trigger_rule=rule), a=upstream, b=J.RUNNABLE)
    assert becomes(run, unstarted("id-b")) == {"b": (Act.OBSERVE, J.FAILED)}


@pytest.mark.parametrize("other", [J.WAITING, J.RUNNING])
def test_a_job_that_waited_for_any_is_not_handed_over_for_ever(other: JobStatus) -> None:
    either = spec("c", "a", "b", trigger_rule=TriggerRule.ANY_SUCCEEDED)
    run = run_of(spec("a"), spec("b"), either, a=J.SUCCEEDED, b=other, c=J.RUNNABLE)
    assert becomes(run, unstarted("id-c")) == {"c": (Act.OBSERVE, J.FAILED)}


def test_taking_a_job_back_takes_back_what_the_queue_was_to_run_after_it() -> None:
    held = with_intent("a", J.RUNNABLE, Intent.HOLD)
    run = run_of(spec("a"), spec("b", "a"), a=held, b=J.PENDING)
    changes = folded(run, unstarted("id-a"), unstarted("id-b"))
    told = changes["b"]
    assert (told.act, told.at, told.before) == (Act.WITHDRAW, NOW, run.states["b"])
    assert (changes["b"].after.status, changes["b"].after.reason) == (
        J.WAITING,
        "taken back from the queue: something upstream was",
    )


def test_passing_a_job_in_the_queue_does_not_fail_what_the_queue_was_to_run_after_it() -> None:
    passed = with_intent("a", J.RUNNABLE, Intent.PASS)
    run = run_of(spec("a"), spec("b", "a"), a=passed, b=J.PENDING)
    assert becomes(run, unstarted("id-b"), unstarted("id-a")) == {
        "a": (Act.WITHDRAW, J.PASS),
        "b": (Act.WITHDRAW, J.WAITING),
    }


def test_nor_if_the_queue_tells_of_the_second_later() -> None:
    passed = with_intent("a", J.RUNNABLE, Intent.PASS)
    run = run_of(spec("a"), spec("b", "a"), a=passed, b=J.PENDING)
    gone = replace(unstarted("id-a"), stopped_at=None)
    run.apply(fold(run, [gone], NOW).changes)
    assert becomes(run, unstarted("id-b")) == {"b": (Act.WITHDRAW, J.WAITING)}


@pytest.mark.parametrize(
    ("upstream", "exit_code", "stopped_at", "expected"),
    [
        (J.PASS, 1, NOW, J.WAITING),
        (J.PASS, 0, EARLIER, J.WAITING),
        (J.SUCCEEDED, 1, NOW, J.WAITING),
        (J.SUCCEEDED, None, NOW, J.WAITING),
        (J.SUCCEEDED, 0, NOW, J.FAILED),
        (J.SUCCEEDED, 1, after(-4000), J.FAILED),
        (J.PASS, 1, after(-4000), J.FAILED),
        (J.SKIPPED, None, None, J.FAILED),
    ],
)
def test_a_failure_upstream_that_was_made_good_by_hand_fails_nothing(
    upstream: JobStatus, exit_code: int | None, stopped_at: datetime | None, expected: JobStatus
) -> None:
    good = state("a", upstream, exit_code=exit_code, stopped_at=stopped_at)
    run = run_of(spec("a"), spec("b", "a"), a=good, b=J.PENDING)
    assert folded(run, unstarted("id-b"))["b"].after.status is expected


def test_a_job_of_which_nobody_knows_when_it_was_handed_over_fails_by_its_own_fault() -> None:
    unknown = state("b", J.PENDING, reserved_at=None)
    run = run_of(spec("a"), spec("b", "a"), a=J.SUCCEEDED, b=unknown)
    assert becomes(run, unstarted("id-b")) == {"b": (Act.OBSERVE, J.FAILED)}


@pytest.mark.parametrize("again", [J.RUNNING, J.SUCCEEDED])
def test_a_job_given_up_for_an_earlier_attempt_upstream_goes_back(again: JobStatus) -> None:
    run = run_of(spec("a"), spec("b", "a"), a=state("a", again, reserved_at=after(-5)), b=J.PENDING)
    assert becomes(run, unstarted("id-b")) == {"b": (Act.WITHDRAW, J.WAITING)}
