"""How a run is stopped, by a person's cancel or by its first failure."""

import pytest

from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.operating import operate
from chalicelib.core.planning import HandOver, stopping
from chalicelib.core.run import Intent, Run
from chalicelib.core.schedule import TriggerRule
from chalicelib.local.batch_requests import check_reason
from tests.unit.runs import (
    gate,
    header,
    order,
    planned,
    run_of,
    settle_changes,
    spec,
    with_intent,
)

J = JobStatus
CANCELLING = header(cancelling="cancel by ada")
STOPPED = header(stop=True, status=RunStatus.FAILED)


def statuses(run: Run) -> dict[str, JobStatus]:
    return {name: item.status for name, item in run.states.items()}


def test_cancelling_ends_what_waits_and_wants_back_what_the_queue_has() -> None:
    run = run_of(
        *map(spec, "abcde"),
        run=CANCELLING,
        b=J.HELD,
        c=J.RESERVED,
        d=J.RUNNING,
        e=J.SUCCEEDED,
    )
    changes = {change.job: change for change in planned(run).changes}
    ends = {name: (item.after.status, item.after.intent) for name, item in changes.items()}
    assert ends == {
        "a": (J.CANCELLED, Intent.NONE),
        "b": (J.CANCELLED, Intent.NONE),
        "c": (J.RESERVED, Intent.CANCEL),
        "d": (J.RUNNING, Intent.CANCEL),
    }
    assert {(item.act, item.after.reason) for item in changes.values()} == {
        (Act.CANCEL, "cancel by ada")
    }
    assert {item.after.version for item in changes.values()} == {1}


def test_cancelling_overrules_what_an_operator_wanted_before() -> None:
    run = run_of(spec("a"), run=CANCELLING, a=with_intent("a", J.RUNNABLE, Intent.HOLD))
    (change,) = planned(run).changes
    assert change.after.intent is Intent.CANCEL


def test_cancelling_asks_once() -> None:
    run = run_of(spec("a"), run=CANCELLING, a=with_intent("a", J.RUNNING, Intent.CANCEL))
    assert planned(run).changes == ()


def test_cancelling_ends_the_finally_jobs_too() -> None:
    run = run_of(spec("z", is_finally=True), run=CANCELLING)
    settle_changes(run)
    assert statuses(run) == {"z": J.CANCELLED}


def test_a_doomed_job_of_a_cancelled_run_is_cancelled_and_nothing_else() -> None:
    run = run_of(spec("a"), spec("b", "a"), run=CANCELLING, a=J.FAILED)
    (change,) = planned(run).changes
    assert change.after.status is J.CANCELLED


def test_a_gate_of_a_cancelled_run_does_not_open() -> None:
    run = run_of(gate("g"), run=CANCELLING, g=J.WAITING)
    (change,) = planned(run).changes
    assert change.after.status is J.CANCELLED


def test_a_job_past_its_runnable_timeout_changes_once_when_the_run_is_cancelled() -> None:
    run = run_of(spec("a", runnable_timeout=1), run=CANCELLING, a=J.RUNNABLE)
    (change,) = planned(run).changes
    assert change.after.intent is Intent.CANCEL


def test_a_stopped_run_still_gives_up_a_finally_job_that_is_stuck() -> None:
    run = run_of(
        spec("a"),
        spec("b", runnable_timeout=1),
        spec("z", is_finally=True, runnable_timeout=1),
        run=header(stop=True),
        a=J.FAILED,
        b=J.RUNNABLE,
        z=J.RUNNABLE,
    )
    changes = {item.job: (item.act, item.after.intent) for item in planned(run).changes}
    assert changes == {"b": (Act.CANCEL, Intent.CANCEL), "z": (Act.TERMINATE, Intent.EXPIRE)}


def test_the_first_failure_stops_a_run_that_asks_for_it() -> None:
    run = run_of(
        spec("a"),
        spec("b"),
        spec("c"),
        spec("d", "a"),
        run=header(stop=True),
        a=J.FAILED,
        b=J.RUNNING,
    )
    settle_changes(run)
    assert statuses(run) == {"a": J.FAILED, "b": J.RUNNING, "c": J.CANCELLED, "d": J.CANCELLED}
    assert run.states["b"].intent is Intent.CANCEL
    assert run.states["c"].reason == "onFailure is stop, and 'a' is FAILED"


def test_a_stopped_run_still_does_its_finally_jobs() -> None:
    cleanup = spec("z", is_finally=True, trigger_rule=TriggerRule.ALL_DONE)
    run = run_of(spec("a"), spec("b"), cleanup, run=header(stop=True), a=J.FAILED)
    settle_changes(run)
    assert planned(run).hand_over == (HandOver("z"),)


def test_a_doomed_finally_job_of_a_stopped_run_is_doomed() -> None:
    run = run_of(spec("a"), spec("z", "a", is_finally=True), run=header(stop=True), a=J.FAILED)
    settle_changes(run)
    assert statuses(run)["z"] is J.UPSTREAM_FAILED


def test_a_finally_gate_of_a_stopped_run_opens() -> None:
    run = run_of(
        spec("a"),
        gate("z", is_finally=True, trigger_rule=TriggerRule.ALL_DONE),
        run=header(stop=True),
        a=J.FAILED,
        z=J.WAITING,
    )
    settle_changes(run)
    assert statuses(run)["z"] is J.PASS


def test_a_failed_finally_job_stops_nothing() -> None:
    run = run_of(spec("a"), spec("z", is_finally=True), run=header(stop=True), z=J.FAILED)
    assert (stopping(run), planned(run).hand_over) == ("", (HandOver("a"),))


def test_a_failure_stops_nothing_by_default() -> None:
    assert stopping(run_of(spec("a"), a=J.FAILED)) == ""


def test_a_cancelled_job_stops_nothing() -> None:
    assert stopping(run_of(spec("a"), run=header(stop=True), a=J.CANCELLED)) == ""


def test_a_rerun_that_another_failure_would_stop_at_once_is_refused() -> None:
    run = run_of(*map(spec, "abc"), run=STOPPED, a=J.FAILED, b=J.FAILED, c=J.CANCELLED)
    operation = operate(run, ["a"], order(Act.RERUN))
    assert operation.changes == ()
    (refusal,) = operation.refusals
    assert refusal.sentence == (
        "'a' would be stopped at once: onFailure is stop, and 'b' is FAILED; "
        "rerun it in the same command, pass it first, or restart the run."
    )


def test_a_refused_rerun_names_three_failures_and_counts_the_rest() -> None:
    run = run_of(*map(spec, "abcdef"), run=STOPPED, **dict.fromkeys("abcdef", J.FAILED))
    (refusal,) = operate(run, ["a"], order(Act.RERUN)).refusals
    assert refusal.sentence == (
        "'a' would be stopped at once: onFailure is stop, and 'b' is FAILED, 'c' is FAILED, "
        "'d' is FAILED, so are 2 more; "
        "rerun them in the same command, pass them first, or restart the run."
    )


def test_a_refused_rerun_names_what_failed_and_not_what_that_has_doomed() -> None:
    run = run_of(
        spec("a"), spec("b"), spec("c", "b"), run=STOPPED,
        a=J.FAILED, b=J.FAILED, c=J.UPSTREAM_FAILED,
    )  # fmt: skip
    (refusal,) = operate(run, ["a"], order(Act.RERUN)).refusals
    assert "and 'b' is FAILED; rerun it" in refusal.sentence


def test_a_refused_rerun_names_three_failures_without_counting_on() -> None:
    run = run_of(*map(spec, "abcd"), run=STOPPED, **dict.fromkeys("abcd", J.FAILED))
    (refusal,) = operate(run, ["a"], order(Act.RERUN)).refusals
    assert "'d' is FAILED; rerun them" in refusal.sentence


@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", "c"]])
def test_all_failed_jobs_can_run_again_together(names: list[str]) -> None:
    run = run_of(
        spec("a"), spec("b"), spec("c", "b"), run=STOPPED,
        a=J.FAILED, b=J.FAILED, c=J.UPSTREAM_FAILED,
    )  # fmt: skip
    operation = operate(run, names, order(Act.RERUN))
    assert operation.refusals == ()
    run.header = operation.header
    run.apply(operation.changes)
    assert stopping(run) == ""
    assert set(statuses(run).values()) == {J.WAITING}


def test_what_a_terminated_job_has_doomed_stops_a_rerun_too() -> None:
    run = run_of(
        spec("a"), spec("x"), spec("y", "x"), run=STOPPED,
        a=J.CANCELLED, x=J.CANCELLED, y=J.UPSTREAM_FAILED,
    )  # fmt: skip
    (refusal,) = operate(run, ["a"], order(Act.RERUN)).refusals
    assert "'y' is UPSTREAM_FAILED" in refusal.sentence
    assert operate(run, ["x"], order(Act.RERUN)).refusals == ()


def test_finally_jobs_neither_stop_a_rerun_nor_are_stopped() -> None:
    run = run_of(
        spec("a"), spec("b"), spec("z", is_finally=True), run=STOPPED,
        a=J.FAILED, b=J.FAILED, z=J.FAILED,
    )  # fmt: skip
    operation = operate(run, ["a", "z"], order(Act.RERUN))
    assert [refusal.job for refusal in operation.refusals] == ["a"]
    assert [change.job for change in operation.changes] == ["z"]
    assert operate(run, ["a", "b"], order(Act.RERUN)).refusals == ()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("cancel by ada: " + "x" * 3000, "cancel by ada: " + "x" * 1009),
        ("cancel by ada: \udcff", "cancel by ada: ?"),
        ("cancel by ada: \0", "cancel by ada: ?"),
    ],
)
def test_the_queue_is_given_no_reason_that_it_would_refuse(said: str, told: str) -> None:
    run = run_of(spec("a"), a=with_intent("a", J.RUNNING, Intent.CANCEL, reason=said))
    (withdrawal,) = planned(run).withdraw
    assert withdrawal.reason == told
    assert check_reason("TerminateJob", withdrawal.reason) == told
