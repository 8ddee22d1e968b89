"""What a restart keeps, adopts and does again."""

from dataclasses import replace

import pytest

from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.restarting import RestartPlan, plan_restart
from chalicelib.core.run import Change, JobState, Run, RunHeader
from chalicelib.core.schedule import TriggerRule
from chalicelib.errors import ConflictError
from tests.unit.runs import NOW, gate, header, order, run_of, spec, state

J = JobStatus
FAILED = header(status=RunStatus.FAILED, generation=2, revision=5, ended_at=NOW)


def restart(run: Run, reason: str = "") -> RestartPlan:
    return plan_restart(run, order(Act.RESTART, reason=reason))


def refusal(run: Run) -> ConflictError:
    with pytest.raises(ConflictError) as caught:
        restart(run)
    return caught.value


def test_what_is_done_is_kept_and_the_rest_is_done_again() -> None:
    run = run_of(
        *map(spec, "abcdefg"), run=FAILED,
        a=J.SUCCEEDED, b=J.PASS, c=J.SKIPPED, d=J.FAILED, e=J.UPSTREAM_FAILED, f=J.CANCELLED,
        g=J.NOTFOUND,
    )  # fmt: skip
    plan = restart(run)
    assert (plan.keep, plan.adopt, plan.again, plan.in_doubt) == (
        ("a", "b", "c"),
        (),
        ("d", "e", "f", "g"),
        ("g",),
    )
    assert [change.job for change in plan.changes] == ["d", "e", "f", "g"]


def test_what_the_queue_has_is_adopted_as_it_is() -> None:
    run = run_of(spec("a"), spec("b"), spec("c"), a=J.RUNNING, b=J.RESERVED, c=J.FAILED)
    plan = restart(run)
    assert (plan.adopt, plan.again) == (("a", "b"), ("c",))


def test_a_job_begins_anew_but_for_its_attempts() -> None:
    failed = state("a", J.FAILED, version=4, attempt=3, failures=3, reason="exit 1")
    (change,) = restart(run_of(spec("a"), run=FAILED, a=failed)).changes
    expected = JobState(version=5, attempt=3, reason="restart by ada")
    assert change == Change("a", Act.RESTART, failed, expected, NOW, "ada")


def test_a_gate_that_was_never_opened_holds_again() -> None:
    run = run_of(gate("g"), run=FAILED, g=J.UPSTREAM_FAILED)
    assert restart(run).changes[0].after.status is J.HELD


@pytest.mark.parametrize(
    ("given", "words"), [("", "restart by ada"), ("fixed", "restart by ada: fixed")]
)
def test_a_restart_is_the_next_generation_of_the_same_run(given: str, words: str) -> None:
    run = run_of(spec("a"), run=replace(FAILED, cancelling="by bob"), a=J.FAILED)
    assert restart(run, given).header == replace(
        run.header,
        revision=6,
        generation=3,
        status=RunStatus.RUNNING,
        cancelling="",
        ended_at=None,
        reason=words,
    )


def test_finally_jobs_end_every_generation() -> None:
    run = run_of(
        spec("z", is_finally=True), spec("y", is_finally=True, passed=True), spec("a"),
        run=FAILED, a=J.FAILED, z=J.SUCCEEDED,
    )  # fmt: skip
    plan = restart(run)
    assert (plan.again, plan.keep) == (("z", "a"), ("y",))
    assert [change.job for change in plan.changes] == ["z", "a"]
    assert plan.changes[0].after.reason == "a finally job ends every generation"


def test_a_finally_job_that_failed_is_done_again_once() -> None:
    run = run_of(spec("z", is_finally=True), run=FAILED, z=J.FAILED)
    assert restart(run).again == ("z",)


def test_a_finally_job_that_still_runs_is_adopted() -> None:
    run = run_of(spec("a"), spec("z", is_finally=True), a=J.FAILED, z=J.RUNNING)
    assert (restart(run).adopt, restart(run).again) == (("z",), ("a",))


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELLED])
def test_a_run_whose_last_failure_was_passed_can_still_come_to_a_new_end(status: RunStatus) -> None:
    plan = restart(run_of(spec("a"), run=header(status=status), a=J.PASS))
    assert (plan.changes, plan.header.status) == ((), RunStatus.RUNNING)


def test_a_run_that_moves_can_be_restarted_for_what_has_failed() -> None:
    plan = restart(run_of(spec("a"), spec("b"), a=J.FAILED, b=J.RUNNING))
    assert (plan.header.generation, plan.again) == (2, ("a",))


def test_a_job_marked_failed_after_its_run_succeeded_can_be_restarted() -> None:
    run = run_of(spec("a"), run=header(status=RunStatus.SUCCEEDED), a=J.FAILED)
    assert restart(run).again == ("a",)


@pytest.mark.parametrize(
    ("run", "job", "words"),
    [
        (
            header(),
            J.RUNNING,
            "Run etl/2026 is RUNNING and nothing of it has failed: nothing to restart.",
        ),
        (
            header(status=RunStatus.SUCCEEDED),
            J.SUCCEEDED,
            (
                "Run etl/2026 is SUCCEEDED and every job is done: nothing to restart. "
                "To do a job once more: batch-scheduler rerun JOB."
            ),
        ),
        (
            header(cancelling="by ada"),
            J.FAILED,
            "Run etl/2026 is being cancelled; restart it when it has ended.",
        ),
    ],
    ids=["moving", "succeeded", "cancelling"],
)
def test_a_restart_is_refused_when(run: RunHeader, job: JobStatus, words: str) -> None:
    error = refusal(run_of(spec("a"), run=run, a=job))
    assert (str(error), error.status, error.event) == (words, run.status, "RESTART")


def test_a_run_that_was_cancelled_can_be_restarted() -> None:
    ended = header(status=RunStatus.CANCELLED, cancelling="by ada")
    assert restart(run_of(spec("a"), run=ended, a=J.CANCELLED)).header.cancelling == ""


def test_a_finally_job_that_was_passed_stays_passed() -> None:
    tidy = spec("tidy", is_finally=True, trigger_rule=TriggerRule.ALL_DONE)
    run = run_of(spec("a"), tidy, a=J.FAILED, tidy=J.PASS)
    assert restart(run).again == ("a",)


def test_only_what_the_queue_has_is_adopted() -> None:
    run = run_of(spec("a"), spec("b"), spec("c"), a=J.FAILED, b=J.RUNNING, c=J.HELD)
    assert restart(run).adopt == ("b",)


def test_what_was_skipped_is_looked_at_again_if_what_it_looks_at_runs_again() -> None:
    run = run_of(
        spec("a"), spec("alarm", "a", trigger_rule=TriggerRule.ANY_FAILED),
        spec("b"), spec("calm", "b", trigger_rule=TriggerRule.ANY_FAILED), run=FAILED,
        a=J.CANCELLED, alarm=J.SKIPPED, b=J.SUCCEEDED, calm=J.SKIPPED,
    )  # fmt: skip
    plan = restart(run)
    assert (plan.keep, plan.again) == (("b", "calm"), ("a", "alarm"))
    run.apply(plan.changes)
    assert run.states["alarm"].status is J.WAITING
