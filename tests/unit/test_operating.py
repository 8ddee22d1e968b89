"""The operators' verbs: what they do, what follows, and how they say no."""

from dataclasses import replace

import pytest

from chalicelib.core.lifecycle import FINAL, TRANSITIONS, Act, JobStatus, RunStatus
from chalicelib.core.operating import Operation, Refusal, operate, verb
from chalicelib.core.run import Change, Intent, JobState, Run
from tests.unit.runs import (
    NOW,
    after,
    gate,
    header,
    order,
    run_of,
    spec,
    state,
    with_intent,
)

J = JobStatus
FAILED = header(status=RunStatus.FAILED, generation=2, revision=5, ended_at=NOW)
CANCELLING = header(cancelling="by ada")
VERBS = (
    Act.HOLD,
    Act.RELEASE,
    Act.PASS,
    Act.TERMINATE,
    Act.MARK_SUCCEEDED,
    Act.MARK_FAILED,
    Act.RERUN,
)


def became(operation: Operation) -> dict[str, tuple[Act, JobStatus]]:
    return {item.job: (item.act, item.after.status) for item in operation.changes}


def rerun(run: Run, *names: str, downstream: bool = False) -> Operation:
    return operate(run, names, order(Act.RERUN, downstream=downstream))


@pytest.mark.parametrize(
    ("before", "act", "status"),
    [
        (J.WAITING, Act.HOLD, J.HELD),
        (J.HELD, Act.RELEASE, J.WAITING),
        (J.WAITING, Act.PASS, J.PASS),
        (J.FAILED, Act.PASS, J.PASS),
        (J.HELD, Act.TERMINATE, J.CANCELLED),
        (J.FAILED, Act.MARK_SUCCEEDED, J.SUCCEEDED),
        (J.SUCCEEDED, Act.MARK_FAILED, J.FAILED),
        (J.FAILED, Act.RERUN, J.WAITING),
    ],
)
def test_a_verb_leads_to(before: JobStatus, act: Act, status: JobStatus) -> None:
    assert became(operate(run_of(spec("a"), a=before), ["a"], order(act))) == {"a": (act, status)}


def test_an_act_says_who_did_it_when_and_why() -> None:
    run = run_of(spec("a"), a=state("a", J.WAITING, version=3, not_before=after(5)))
    (change,) = operate(run, ["a"], order(Act.HOLD, reason="too early")).changes
    expected = JobState(status=J.HELD, version=4, reason="hold by ada: too early")
    assert change == Change("a", Act.HOLD, run.states["a"], expected, NOW, "ada")


def test_an_act_needs_no_reason() -> None:
    (change,) = operate(run_of(spec("a")), ["a"], order(Act.HOLD)).changes
    assert change.after.reason == "hold by ada"


@pytest.mark.parametrize(
    ("act", "intent"),
    [(Act.HOLD, Intent.HOLD), (Act.PASS, Intent.PASS), (Act.TERMINATE, Intent.CANCEL)],
)
def test_a_job_that_the_queue_has_is_only_wanted_back(act: Act, intent: Intent) -> None:
    queued = state("a", J.RUNNABLE)
    (change,) = operate(run_of(spec("a"), a=queued), ["a"], order(act)).changes
    expected = replace(queued, version=1, intent=intent, reason=f"{verb(act)} by ada")
    assert change == Change("a", act, queued, expected, NOW, "ada")


def test_a_reserved_job_can_be_terminated_once_the_queue_has_answered() -> None:
    (change,) = operate(run_of(spec("a"), a=J.RESERVED), ["a"], order(Act.TERMINATE)).changes
    assert (change.after.status, change.after.intent) == (J.RESERVED, Intent.CANCEL)


@pytest.mark.parametrize("status", [J.RESERVED, J.RUNNING])
def test_what_was_asked_already_is_refused(status: JobStatus) -> None:
    run = run_of(spec("a"), a=state("a", status, intent=Intent.CANCEL))
    operation = operate(run, ["a"], order(Act.TERMINATE))
    assert (operation.changes, operation.refusals) == (
        (),
        (Refusal("a", f"'a' is {status} and terminate was asked for already."),),
    )


def test_another_wish_takes_the_place_of_the_first() -> None:
    run = run_of(spec("a"), a=with_intent("a", J.RUNNABLE, Intent.HOLD))
    (change,) = operate(run, ["a"], order(Act.PASS)).changes
    assert change.after.intent is Intent.PASS


@pytest.mark.parametrize(
    ("status", "act", "sentence"),
    [
        (
            J.RUNNING,
            Act.HOLD,
            "'a' is RUNNING, so hold is not possible; possible: terminate.",
        ),
        (
            J.SUCCEEDED,
            Act.RELEASE,
            "'a' is SUCCEEDED, so release is not possible; possible: mark failed, rerun.",
        ),
        (
            J.WAITING,
            Act.MARK_FAILED,
            "'a' is WAITING, so mark failed is not possible; possible: hold, pass, terminate.",
        ),
    ],
)
def test_a_refusal_says_what_is_possible_instead(
    status: JobStatus, act: Act, sentence: str
) -> None:
    operation = operate(run_of(spec("a"), a=status), ["a"], order(act))
    assert (operation.changes, operation.refusals) == ((), (Refusal("a", sentence),))


@pytest.mark.parametrize("act", VERBS)
@pytest.mark.parametrize("status", list(JobStatus))
def test_every_refusal_for_a_status_names_a_verb_that_is_not_refused(
    status: JobStatus, act: Act
) -> None:
    run = run_of(spec("a"), a=status)
    operation = operate(run, ["a"], order(act))
    if act in TRANSITIONS[status]:
        assert (len(operation.changes), operation.refusals) == (1, ())
        return
    (refusal,) = operation.refusals
    offered = [other for other in VERBS if verb(other) in refusal.sentence.partition(": ")[2]]
    assert offered
    assert all(operate(run, ["a"], order(other)).changes for other in offered)


def test_one_refusal_stops_nothing_else() -> None:
    run = run_of(spec("a"), spec("b"), a=J.RUNNING)
    operation = operate(run, ["a", "b"], order(Act.HOLD))
    assert (set(became(operation)), [item.job for item in operation.refusals]) == ({"b"}, ["a"])


def test_a_job_named_twice_is_acted_on_once() -> None:
    assert len(operate(run_of(spec("a")), ["a", "a"], order(Act.HOLD)).changes) == 1


def test_jobs_are_acted_on_in_the_order_given() -> None:
    operation = operate(run_of(spec("a"), spec("b")), ["b", "a"], order(Act.HOLD))
    assert list(became(operation)) == ["b", "a"]


def test_a_name_that_is_not_of_the_run_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        operate(run_of(spec("a")), ["z"], order(Act.HOLD))


def test_every_act_moves_the_revision_that_reservations_are_written_on() -> None:
    run = run_of(spec("a"), run=header(revision=5))
    assert operate(run, ["a"], order(Act.HOLD)).header == replace(run.header, revision=6)


@pytest.mark.parametrize(("act", "status"), [(Act.HOLD, J.WAITING), (Act.RELEASE, J.HELD)])
def test_a_run_that_is_being_cancelled_lets_nobody_change_what_is_left(
    act: Act, status: JobStatus
) -> None:
    operation = operate(run_of(spec("a"), run=CANCELLING, a=status), ["a"], order(act))
    assert operation.refusals == (
        Refusal("a", "The run is being cancelled, so 'a' can't be changed; wait for its end."),
    )


def test_a_job_of_a_run_that_is_being_cancelled_can_be_terminated() -> None:
    run = run_of(spec("a"), run=CANCELLING, a=J.RUNNING)
    assert became(operate(run, ["a"], order(Act.TERMINATE))) == {"a": (Act.TERMINATE, J.RUNNING)}


def test_a_final_job_of_a_run_that_is_being_cancelled_can_be_marked() -> None:
    run = run_of(spec("a"), run=CANCELLING, a=J.FAILED)
    assert became(operate(run, ["a"], order(Act.MARK_SUCCEEDED)))["a"][1] is J.SUCCEEDED


def test_nothing_runs_again_while_its_run_is_being_cancelled() -> None:
    operation = rerun(run_of(spec("a"), run=CANCELLING, a=J.FAILED), "a")
    assert (operation.changes, operation.refusals) == (
        (),
        (Refusal("a", "The run is being cancelled, so 'a' can't run again; wait for its end."),),
    )


def test_a_job_runs_again_as_new_but_for_its_attempts() -> None:
    failed = state("a", J.FAILED, version=4, attempt=3, failures=3, exit_code=1, stopped_at=NOW)
    (change,) = rerun(run_of(spec("a"), a=failed), "a").changes
    assert change == Change(
        "a",
        Act.RERUN,
        failed,
        JobState(version=5, attempt=3, reason="rerun by ada"),
        NOW,
        "ada",
    )


def test_a_rerun_in_a_run_that_moves_is_no_new_generation() -> None:
    operation = rerun(run_of(spec("a"), a=J.FAILED), "a")
    assert (operation.header.generation, operation.header.revision) == (1, 1)


def test_a_rerun_in_a_run_that_has_ended_begins_a_generation() -> None:
    run = run_of(spec("a"), run=replace(FAILED, cancelling="by bob"), a=J.FAILED)
    operation = operate(run, ["a"], order(Act.RERUN, reason="fixed"))
    assert operation.header == replace(
        run.header,
        status=RunStatus.RUNNING,
        generation=3,
        revision=6,
        cancelling="",
        ended_at=None,
        reason="rerun by ada: fixed",
    )


def test_a_refused_rerun_leaves_an_ended_run_ended() -> None:
    run = run_of(spec("a"), run=FAILED, a=J.RUNNING)
    assert rerun(run, "a").header.status is RunStatus.FAILED


def test_a_mark_leaves_an_ended_run_ended() -> None:
    run = run_of(spec("a"), run=FAILED, a=J.FAILED)
    header_after = operate(run, ["a"], order(Act.MARK_SUCCEEDED)).header
    assert (header_after.status, header_after.generation) == (RunStatus.FAILED, 2)


def test_a_rerun_of_one_job_leaves_what_is_done_downstream() -> None:
    run = run_of(spec("a"), spec("b", "a"), a=J.SUCCEEDED, b=J.SUCCEEDED)
    assert became(rerun(run, "a")) == {"a": (Act.RERUN, J.WAITING)}


def test_a_rerun_with_downstream_takes_along_every_final_job_below() -> None:
    run = run_of(
        spec("a"), spec("b", "a"), spec("c", "b"), spec("d", "c"), spec("e"),
        run=FAILED, a=J.SUCCEEDED, b=J.FAILED, c=J.SKIPPED, e=J.SUCCEEDED,
    )  # fmt: skip
    operation = rerun(run, "a", downstream=True)
    assert became(operation) == dict.fromkeys("abc", (Act.RERUN, J.WAITING))
    assert operation.changes[1].before == run.states["b"]
    assert operation.changes[1].after.reason == "rerun by ada"
    assert {(item.at, item.actor) for item in operation.changes} == {(NOW, "ada")}


def test_a_diamond_below_is_taken_along_once() -> None:
    diamond = spec("a"), spec("b", "a"), spec("c", "a", "b"), spec("d", "b", "c")
    done = J.SUCCEEDED
    run = run_of(*diamond, a=done, b=done, c=done, d=done)
    operation = rerun(run, "a", "c", downstream=True)
    assert sorted(item.job for item in operation.changes) == ["a", "b", "c", "d"]


def test_what_the_document_passes_is_not_taken_along() -> None:
    run = run_of(spec("a"), spec("b", "a", passed=True), spec("c", "b"), a=J.FAILED, c=J.SUCCEEDED)
    assert set(became(rerun(run, "a", downstream=True))) == {"a", "c"}


@pytest.mark.parametrize(
    ("passed", "status"), [(False, J.PASS), (True, J.FAILED)], ids=["by hand", "no longer"]
)
def test_what_only_a_person_passed_is_taken_along(passed: bool, status: JobStatus) -> None:
    run = run_of(spec("a"), spec("b", "a", passed=passed), a=J.FAILED, b=status)
    assert set(became(rerun(run, "a", downstream=True))) == {"a", "b"}


@pytest.mark.parametrize("busy", [J.RUNNING, J.RESERVED])
def test_a_rerun_with_downstream_is_refused_while_something_below_is_live(busy: JobStatus) -> None:
    run = run_of(spec("a"), spec("b", "a"), spec("c", "b"), a=J.FAILED, b=J.SUCCEEDED, c=busy)
    operation = rerun(run, "a", downstream=True)
    assert (operation.changes, operation.refusals) == (
        (),
        (
            Refusal(
                "a",
                "'a' can't run again with everything downstream while 'c' is "
                f"{busy}; terminate that first, or rerun without downstream.",
            ),
        ),
    )


def test_a_rerun_without_downstream_does_not_mind() -> None:
    run = run_of(spec("a"), spec("b", "a"), a=J.FAILED, b=J.RUNNING)
    assert set(became(rerun(run, "a"))) == {"a"}


def test_a_gate_that_was_never_opened_holds_again() -> None:
    run = run_of(gate("g"), g=J.PASS)
    assert became(rerun(run, "g")) == {"g": (Act.RERUN, J.HELD)}


def test_a_job_that_was_released_and_ran_does_not_hold_again() -> None:
    run = run_of(spec("a", hold=True), a=J.FAILED)
    assert became(rerun(run, "a")) == {"a": (Act.RERUN, J.WAITING)}


def test_a_new_generation_ends_with_the_finally_jobs() -> None:
    run = run_of(
        spec("a"),
        spec("y", is_finally=True),
        spec("z", is_finally=True, passed=True),
        run=FAILED,
        a=J.FAILED,
        y=J.SUCCEEDED,
    )
    operation = rerun(run, "a")
    assert became(operation) == dict.fromkeys("ay", (Act.RERUN, J.WAITING))
    assert operation.changes[1].before == run.states["y"]
    assert operation.changes[1].after.reason == "a finally job ends every generation"
    assert (operation.changes[1].at, operation.changes[1].actor) == (NOW, "ada")


def test_a_finally_job_that_is_named_runs_again_once() -> None:
    run = run_of(spec("z", is_finally=True), run=FAILED, z=J.FAILED)
    (change,) = rerun(run, "z").changes
    assert change.after.reason == "rerun by ada"


def test_a_finally_job_that_is_named_with_its_downstream_says_who_named_it() -> None:
    run = run_of(spec("a"), spec("z", is_finally=True), run=FAILED, a=J.FAILED, z=J.FAILED)
    reasons = [item.after.reason for item in rerun(run, "z", downstream=True).changes]
    assert reasons == ["rerun by ada"]


def test_the_same_generation_needs_no_finally_jobs_again() -> None:
    run = run_of(spec("a"), spec("z", is_finally=True), a=J.FAILED, z=J.SUCCEEDED)
    assert set(became(rerun(run, "a"))) == {"a"}


@pytest.mark.parametrize("act", VERBS)
@pytest.mark.parametrize("status", list(JobStatus))
def test_whatever_is_decided_the_table_allows(status: JobStatus, act: Act) -> None:
    run = run_of(spec("a"), spec("b", "a"), a=status, b=J.UPSTREAM_FAILED)
    run.apply(operate(run, ["a"], order(act)).changes)
    assert status in FINAL or act is not Act.RERUN or run.states["a"].status is status


def test_a_verb_is_spoken_as_people_type_it() -> None:
    assert verb(Act.MARK_FAILED) == "mark failed"
