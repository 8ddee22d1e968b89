"""The writes around a submission: what a reply, its loss and a look-up make of a job."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.batch import Accepted, Deferred, QueueLimits, Refused, Submission, Unanswered
from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.naming import queue_name
from chalicelib.core.planning import HandOver
from chalicelib.core.reserving import answer, forget, queue_of, recover, reserve, submission
from chalicelib.core.run import Change, Intent, JobState
from tests.unit.runs import (
    LIMITS,
    NOW,
    REQUEST,
    after,
    described,
    header,
    run_of,
    spec,
    state,
    with_intent,
)

J = JobStatus
RESERVED = state("a", J.RESERVED, reserved_at=NOW)


def test_a_reservation_is_a_new_attempt_under_a_name_of_its_own() -> None:
    waiting = JobState(version=7, attempt=2, failures=1, job_id="old", exit_code=1, reason="failed")
    change = reserve(run_of(spec("a"), a=waiting), HandOver("a"), NOW)
    assert change == Change(
        "a",
        Act.RESERVE,
        waiting,
        JobState(
            status=J.RESERVED,
            version=8,
            attempt=3,
            failures=1,
            queue_name=queue_name("etl/2026", "a", 3),
            reserved_at=NOW,
        ),
        NOW,
    )


def test_a_job_is_submitted_as_its_document_says_and_knows_who_it_is() -> None:
    run = run_of(spec("a"), run=header(working_directory="/data"), a=RESERVED)
    identity = {"RUN": "etl/2026", "JOB": "a", "ATTEMPT": "1"}
    environment = [
        {"name": f"BATCH_SCHEDULER_{key}", "value": value} for key, value in identity.items()
    ]
    assert submission(run, HandOver("a", ("id-z",))) == Submission(
        job_name="a-1",
        request={**REQUEST, "containerOverrides": {"environment": environment}},
        depends_on=("id-z",),
        tags={f"batch-scheduler:{key.lower()}": value for key, value in identity.items()},
        working_directory="/data",
    )


@pytest.mark.parametrize(
    ("request_", "queue"),
    [({"jobQueue": "night"}, "night"), ({}, "default"), ({"jobQueue": ""}, "default")],
)
def test_a_job_is_looked_for_where_it_is_handed_to(request_: dict[str, str], queue: str) -> None:
    assert queue_of(run_of(spec("a", request=request_)), "a") == queue


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("load_2.b:c=+-@d", "load_2.b:c=+-@d"),
        ("gr\u00f6\u00dfe \u4e00", "gr\u00f6\u00dfe \u4e00"),
        ("it's (a) #1;%", "it_s _a_ _1__"),
    ],
    ids=["plain", "letters", "other"],
)
def test_a_tag_holds_of_a_name_what_tags_may_hold_and_the_environment_all(
    name: str, tag: str
) -> None:
    run = run_of(spec(name))
    reserved = reserve(run, HandOver(name), NOW)
    run.states[name] = reserved.after
    sent = submission(run, HandOver(name))
    assert sent.tags["batch-scheduler:job"] == tag
    environment = sent.request["containerOverrides"]["environment"]
    assert {"name": "BATCH_SCHEDULER_JOB", "value": name} in environment


def test_a_jobs_own_overrides_stay_and_its_environment_comes_last() -> None:
    mine = {"name": "MINE", "value": "1"}
    overrides = {"command": ["sh"], "environment": [mine]}
    job = spec("a", request={"containerOverrides": overrides})
    request = submission(run_of(job, a=RESERVED), HandOver("a")).request
    assert request["containerOverrides"]["command"] == ["sh"]
    assert len(request["containerOverrides"]["environment"]) == 4
    assert request["containerOverrides"]["environment"][-1] == mine
    assert overrides["environment"] == [mine]


def test_an_accepted_job_is_submitted_under_the_queues_id() -> None:
    run = run_of(spec("a"), a=replace(RESERVED, lookups=1))
    assert answer(run, "a", Accepted("id-9"), NOW) == Change(
        "a",
        Act.ACCEPT,
        run.states["a"],
        replace(RESERVED, status=J.SUBMITTED, version=1, job_id="id-9"),
        NOW,
    )


def test_a_job_that_was_to_be_cancelled_meanwhile_is_still_to_be_cancelled() -> None:
    run = run_of(spec("a"), a=replace(RESERVED, intent=Intent.CANCEL))
    change = answer(run, "a", Accepted("id-9"), NOW)
    assert change is not None
    assert change.after.intent is Intent.CANCEL


def test_a_refused_job_has_failed_for_good() -> None:
    run = run_of(spec("a"), a=replace(RESERVED, intent=Intent.CANCEL))
    assert answer(run, "a", Refused("no such queue"), NOW) == Change(
        "a",
        Act.REFUSE,
        run.states["a"],
        replace(
            RESERVED,
            status=J.FAILED,
            version=1,
            stopped_at=NOW,
            reason="the queue refused it: no such queue",
        ),
        NOW,
    )


def test_a_deferred_job_gives_its_attempt_back_and_waits() -> None:
    run = run_of(spec("a"), a=replace(RESERVED, lookups=1))
    assert answer(run, "a", Deferred("throttled", 2.5), NOW) == Change(
        "a",
        Act.UNRESERVE,
        run.states["a"],
        replace(
            RESERVED,
            status=J.WAITING,
            version=1,
            attempt=0,
            not_before=after(2.5),
            reason="throttled",
        ),
        NOW,
    )


def test_a_deferred_job_that_was_to_be_cancelled_is_cancelled() -> None:
    run = run_of(spec("a"), a=replace(RESERVED, intent=Intent.CANCEL, reason="by ada"))
    change = answer(run, "a", Deferred("throttled"), NOW)
    assert change is not None
    assert change.after == replace(
        RESERVED, status=J.CANCELLED, version=1, attempt=0, reason="by ada"
    )


def test_a_lost_reply_decides_nothing() -> None:
    assert answer(run_of(spec("a"), a=RESERVED), "a", Unanswered("timed out"), NOW) is None


def test_a_reservation_that_is_found_again_is_adopted() -> None:
    run = run_of(spec("a"), a=replace(RESERVED, lookups=3))
    change = recover(run, "a", [described("id-9", J.RUNNING)], NOW, LIMITS)
    assert change == Change(
        "a",
        Act.ACCEPT,
        run.states["a"],
        replace(RESERVED, status=J.SUBMITTED, version=1, job_id="id-9"),
        NOW,
    )


def test_the_oldest_of_several_is_adopted() -> None:
    run = run_of(spec("a"), a=RESERVED)
    found = [
        described("id-2", J.RUNNING, created_at=after(2)),
        described("id-1", J.RUNNING, created_at=after(1)),
        described("id-0", J.RUNNING, created_at=after(3)),
    ]
    assert recover(run, "a", found, NOW, LIMITS).after.job_id == "id-1"


def test_of_two_of_the_same_moment_the_same_is_adopted_by_everybody() -> None:
    run = run_of(spec("a"), a=RESERVED)
    found = [described("id-2", J.RUNNING, created_at=None), described("id-1", J.RUNNING)]
    found[1] = replace(found[1], created_at=NOW)
    assert recover(run, "a", found, NOW, LIMITS).after.job_id == "id-1"


@pytest.mark.parametrize(("waited", "lookups"), [(0, 9), (29.9, 1), (30, 0), (29.9, 9)], ids=str)
def test_a_reservation_is_not_given_up_before_the_fence(waited: float, lookups: int) -> None:
    run = run_of(spec("a"), a=replace(RESERVED, lookups=lookups))
    assert recover(run, "a", [], after(waited), LIMITS) == Change(
        "a",
        Act.LOOK_UP,
        run.states["a"],
        replace(RESERVED, version=1, lookups=lookups + 1),
        after(waited),
    )


def test_a_reservation_is_given_up_after_the_fence_and_enough_empty_lookups() -> None:
    run = run_of(spec("a"), a=replace(RESERVED, lookups=1))
    assert recover(run, "a", [], after(30), LIMITS) == Change(
        "a",
        Act.UNRESERVE,
        run.states["a"],
        replace(
            RESERVED,
            status=J.WAITING,
            version=1,
            attempt=0,
            reason="the queue never took the submission",
        ),
        after(30),
    )


def test_a_reservation_of_unknown_age_is_never_given_up() -> None:
    run = run_of(spec("a"), a=replace(RESERVED, reserved_at=None, lookups=99))
    assert recover(run, "a", [], NOW, LIMITS).act is Act.LOOK_UP


def test_a_queue_without_a_fence_is_believed_at_once() -> None:
    run = run_of(spec("a"), a=RESERVED)
    assert recover(run, "a", [], NOW, QueueLimits()).act is Act.UNRESERVE


def test_a_job_that_is_found_by_name_is_not_forgotten() -> None:
    run = run_of(spec("a"), a=J.RUNNING)
    assert forget(run, "a", [described("id-a", J.RUNNING)], NOW, LIMITS) is None


def test_a_job_that_is_found_by_name_is_looked_for_from_the_start_next_time() -> None:
    run = run_of(spec("a"), a=state("a", J.RUNNING, lookups=1))
    change = forget(run, "a", [described("id-a", J.RUNNING)], NOW, LIMITS)
    assert change == Change(
        "a",
        Act.OBSERVE,
        run.states["a"],
        replace(state("a", J.RUNNING), version=1),
        NOW,
    )


def test_another_job_of_the_name_is_no_proof_of_this_one() -> None:
    run = run_of(spec("a"), a=J.RUNNING)
    change = forget(run, "a", [described("id-9", J.RUNNING)], NOW, LIMITS)
    assert change == Change(
        "a",
        Act.OBSERVE,
        run.states["a"],
        replace(state("a", J.RUNNING), version=1, lookups=1),
        NOW,
    )


def test_a_job_that_stays_unknown_is_not_found() -> None:
    wanted = with_intent("a", J.RUNNING, Intent.CANCEL, lookups=1)
    run = run_of(spec("a"), a=wanted)
    assert forget(run, "a", [], NOW, LIMITS) == Change(
        "a",
        Act.FORGET,
        wanted,
        replace(
            wanted,
            version=1,
            status=J.NOTFOUND,
            intent=Intent.NONE,
            lookups=2,
            reason="the queue no longer knows the job, and its end was never seen",
        ),
        NOW,
    )


@given(st.integers(0, 9), st.integers(0, 5), st.integers(0, 9), st.integers(1, 5))
def test_an_attempt_is_given_back_exactly_when_both_conditions_hold(
    waited: int, lookups: int, fence: int, empty_lookups: int
) -> None:
    run = run_of(spec("a"), a=replace(RESERVED, lookups=lookups))
    limits = QueueLimits(fence=fence, empty_lookups=empty_lookups)
    change = recover(run, "a", [], after(waited), limits)
    believed = waited >= fence and lookups + 1 >= empty_lookups
    assert (change.act is Act.UNRESERVE) == believed
    assert change.after.attempt == (0 if believed else 1)
