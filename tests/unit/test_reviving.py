"""What becomes possible again downstream when an operator repairs a job."""

import pytest

from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.operating import Operation, operate, verb
from chalicelib.core.run import Change, JobState
from chalicelib.core.schedule import TriggerRule
from tests.unit.runs import NOW, gate, header, order, run_of, spec

J = JobStatus
FAILED = header(status=RunStatus.FAILED)


def became(operation: Operation) -> dict[str, tuple[Act, JobStatus]]:
    return {item.job: (item.act, item.after.status) for item in operation.changes}


@pytest.mark.parametrize("act", [Act.PASS, Act.MARK_SUCCEEDED, Act.RERUN])
def test_what_makes_a_job_possible_again_revives_what_was_doomed(act: Act) -> None:
    run = run_of(
        spec("a"), spec("b", "a"), spec("c", "b"), a=J.FAILED, b=J.UPSTREAM_FAILED,
        c=J.UPSTREAM_FAILED,
    )  # fmt: skip
    operation = operate(run, ["a"], order(act))
    assert became(operation) == {
        "a": (act, operation.changes[0].after.status),
        "b": (Act.REVIVE, J.WAITING),
        "c": (Act.REVIVE, J.WAITING),
    }
    assert operation.changes[1] == Change(
        "b",
        Act.REVIVE,
        run.states["b"],
        JobState(version=1, reason=f"possible again: {verb(act)} by ada on 'a'"),
        NOW,
        "ada",
    )
    assert operation.changes[2].after.reason == f"possible again: {verb(act)} by ada on 'b'"


def test_what_is_still_doomed_is_not_revived() -> None:
    run = run_of(
        spec("a"), spec("x"), spec("b", "a", "x"), spec("c", "a"),
        a=J.FAILED, x=J.FAILED, b=J.UPSTREAM_FAILED, c=J.UPSTREAM_FAILED,
    )  # fmt: skip
    assert set(became(operate(run, ["a"], order(Act.PASS)))) == {"a", "c"}


def test_a_doomed_job_is_looked_at_again_once_more_above_it_is_revived() -> None:
    run = run_of(
        spec("a"), spec("b", "a"), spec("c", "a", "b"),
        a=J.FAILED, b=J.UPSTREAM_FAILED, c=J.UPSTREAM_FAILED,
    )  # fmt: skip
    assert set(became(operate(run, ["a"], order(Act.PASS)))) == {"a", "b", "c"}


def test_a_job_below_that_is_not_doomed_hides_none_that_is() -> None:
    run = run_of(
        spec("a"), spec("b", "a"), spec("c", "a"), a=J.FAILED, b=J.FAILED, c=J.UPSTREAM_FAILED
    )
    assert set(became(operate(run, ["a"], order(Act.PASS)))) == {"a", "c"}


def test_a_revived_gate_holds() -> None:
    run = run_of(spec("a"), gate("g", "a"), a=J.FAILED, g=J.UPSTREAM_FAILED)
    assert became(operate(run, ["a"], order(Act.PASS)))["g"] == (Act.REVIVE, J.HELD)


def test_a_job_that_failed_by_itself_is_not_revived() -> None:
    run = run_of(spec("a"), spec("b", "a"), a=J.FAILED, b=J.FAILED)
    assert set(became(operate(run, ["a"], order(Act.PASS)))) == {"a"}


def test_a_job_that_is_named_and_revived_has_one_change() -> None:
    run = run_of(spec("a"), spec("b", "a"), a=J.FAILED, b=J.UPSTREAM_FAILED)
    operation = operate(run, ["a", "b"], order(Act.RERUN))
    assert became(operation) == {"a": (Act.RERUN, J.WAITING), "b": (Act.RERUN, J.WAITING)}


def test_an_act_that_frees_nothing_revives_nothing() -> None:
    either = spec("b", "a", "x", trigger_rule=TriggerRule.ANY_SUCCEEDED)
    run = run_of(spec("a"), spec("x"), either, x=J.SUCCEEDED, b=J.UPSTREAM_FAILED)
    assert set(became(operate(run, ["a"], order(Act.HOLD)))) == {"a"}


def test_nothing_is_revived_in_a_run_that_stays_ended() -> None:
    run = run_of(spec("a"), spec("b", "a"), run=FAILED, a=J.FAILED, b=J.UPSTREAM_FAILED)
    assert set(became(operate(run, ["a"], order(Act.PASS)))) == {"a"}


def test_a_rerun_that_wakes_an_ended_run_revives() -> None:
    run = run_of(spec("a"), spec("b", "a"), run=FAILED, a=J.FAILED, b=J.UPSTREAM_FAILED)
    assert became(operate(run, ["a"], order(Act.RERUN)))["b"] == (Act.REVIVE, J.WAITING)


def test_a_skipped_job_is_looked_at_again_when_its_upstream_runs_again() -> None:
    run = run_of(
        spec("a"), spec("alarm", "a", trigger_rule=TriggerRule.ANY_FAILED), spec("z", "alarm"),
        a=J.SUCCEEDED, alarm=J.SKIPPED, z=J.SUCCEEDED,
    )  # fmt: skip
    run.apply(operate(run, ["a"], order(Act.RERUN)).changes)
    assert {name: item.status for name, item in run.states.items()} == {
        "a": J.WAITING, "alarm": J.WAITING, "z": J.SUCCEEDED,
    }  # fmt: skip


def test_a_skipped_job_runs_when_its_upstream_is_marked_failed_while_the_run_moves() -> None:
    alarm = spec("alarm", "a", trigger_rule=TriggerRule.ANY_FAILED)
    run = run_of(spec("a"), alarm, spec("b"), a=J.SUCCEEDED, alarm=J.SKIPPED, b=J.RUNNING)
    operation = operate(run, ["a"], order(Act.MARK_FAILED))
    assert became(operation)["alarm"] == (Act.REVIVE, J.WAITING)


def test_a_skipped_job_stays_so_while_nothing_upstream_has_failed_or_runs_again() -> None:
    alarm = spec("alarm", "a", trigger_rule=TriggerRule.ANY_FAILED)
    run = run_of(spec("a"), alarm, a=J.CANCELLED, alarm=J.SKIPPED)
    assert set(became(operate(run, ["a"], order(Act.PASS)))) == {"a"}
