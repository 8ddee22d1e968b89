"""What a plan lists: changes first, then what is handed over, withdrawn, and the end."""

from dataclasses import replace

import pytest

from chalicelib.core.batch import QueueLimits
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.planning import HandOver, Withdrawal, outcome, plan
from chalicelib.core.run import Change, Intent, JobState, Run
from chalicelib.core.schedule import Reference, RetryPolicy, TriggerRule
from tests.unit.runs import (
    LIMITS,
    NOW,
    after,
    gate,
    header,
    planned,
    run_of,
    settle_changes,
    spec,
    state,
    with_intent,
)

J = JobStatus


def statuses(run: Run) -> dict[str, JobStatus]:
    return {name: item.status for name, item in run.states.items()}


def moved(run: Run, name: str, status: JobStatus) -> Change:
    before = run.states[name]
    return Change(name, Act.OBSERVE, before, replace(before, status=status), NOW)


def handed(run: Run) -> dict[str, tuple[str, ...]]:
    return {item.job: item.depends_on for item in planned(run).hand_over}


def test_jobs_without_upstream_are_handed_over_in_the_documents_order() -> None:
    assert planned(run_of(spec("b"), spec("a"))).hand_over == (HandOver("b"), HandOver("a"))


def test_a_job_is_handed_over_with_its_unfinished_upstream_jobs() -> None:
    run = run_of(spec("a"), spec("b"), spec("c", "a", "b"), a=J.SUCCEEDED, b=J.RUNNING)
    assert handed(run) == {"c": ("id-b",)}


def test_a_job_waits_for_an_upstream_job_that_the_queue_does_not_have() -> None:
    run = run_of(spec("a"), spec("b"), spec("c", "a", "b"), a=J.RESERVED, b=J.RUNNING)
    assert handed(run) == {}


@pytest.mark.parametrize(("most", "expected"), [(2, {"c": ("id-a", "id-b")}), (1, {})])
def test_more_unfinished_upstream_jobs_than_the_queue_takes_hold_a_job_back(
    most: int, expected: dict[str, tuple[str, ...]]
) -> None:
    run = run_of(spec("a"), spec("b"), spec("c", "a", "b"), a=J.PENDING, b=J.RUNNING)
    plan = planned(run, limits=replace(LIMITS, max_dependencies=most))
    assert {item.job: item.depends_on for item in plan.hand_over} == expected


def test_a_job_that_is_held_back_does_not_hold_back_the_next() -> None:
    run = run_of(
        spec("a"), spec("b"), spec("c", "a", "b"), spec("d", "a"), a=J.PENDING, b=J.RUNNING
    )
    plan = planned(run, limits=QueueLimits(max_dependencies=1))
    assert plan.hand_over == (HandOver("d", ("id-a",)),)


@pytest.mark.parametrize(
    "rule", [rule for rule in TriggerRule if rule is not TriggerRule.ALL_SUCCEEDED]
)
def test_a_rule_that_the_queue_does_not_know_waits_for_its_upstream(rule: TriggerRule) -> None:
    run = run_of(spec("a"), spec("b", "a", trigger_rule=rule), a=J.RUNNING)
    assert handed(run) == {}


def test_a_job_that_the_engine_may_retry_is_not_named_to_the_queue() -> None:
    retried = spec("a", retry=RetryPolicy(attempts=2))
    assert handed(run_of(retried, spec("b", "a"), a=J.RUNNING)) == {}


def test_a_job_in_its_last_attempt_is_named_to_the_queue() -> None:
    last = state("a", J.RUNNING, failures=1)
    run = run_of(spec("a", retry=RetryPolicy(attempts=2)), spec("b", "a"), a=last)
    assert handed(run) == {"b": ("id-a",)}


def test_a_job_that_an_operator_wants_back_is_not_named_to_the_queue() -> None:
    run = run_of(spec("a"), spec("b", "a"), a=with_intent("a", J.RUNNABLE, Intent.HOLD))
    assert handed(run) == {}


def test_a_new_run_says_why_a_job_is_not_waiting() -> None:
    run = run_of(spec("a", passed=True), spec("b", hold=True), spec("c"))
    assert [(item.status, item.reason) for item in run.states.values()] == [
        (J.PASS, "PASS in the document"),
        (J.HELD, "a gate: waits for its release"),
        (J.WAITING, ""),
    ]


def test_a_held_job_is_not_handed_over() -> None:
    assert handed(run_of(spec("a", hold=True))) == {}


def test_no_more_than_the_queue_takes_in_one_call_is_handed_over() -> None:
    plan = planned(run_of(spec("a"), spec("b"), spec("c")), limits=QueueLimits(max_submissions=2))
    assert plan.hand_over == (HandOver("a"), HandOver("b"))


def test_max_concurrency_counts_what_the_queue_has_and_may_have() -> None:
    run = run_of(*map(spec, "abcd"), run=header(max_concurrency=3), a=J.RUNNING, b=J.RESERVED)
    assert handed(run) == {"c": ()}


def test_a_full_run_hands_over_nothing() -> None:
    run = run_of(spec("a"), spec("b"), run=header(max_concurrency=1), a=J.SUBMITTED)
    assert handed(run) == {}


def test_the_queues_own_limit_counts_below_a_higher_max_concurrency() -> None:
    run = run_of(*map(spec, "abc"), run=header(max_concurrency=3))
    assert len(planned(run, limits=QueueLimits(max_submissions=2)).hand_over) == 2


def test_with_a_max_concurrency_no_job_takes_a_place_to_wait_for_another() -> None:
    run = run_of(spec("a"), spec("b", "a"), spec("c"), run=header(max_concurrency=9), a=J.RUNNING)
    assert handed(run) == {"c": ()}


def test_a_job_waits_for_its_retry_delay_and_the_plan_says_until_when() -> None:
    run = run_of(spec("a"), spec("b"), a=state("a", J.WAITING, not_before=after(5)))
    plan = planned(run)
    assert (plan.hand_over, plan.wake_at) == ((HandOver("b"),), after(5))


def test_a_retry_delay_ends_at_its_very_instant() -> None:
    run = run_of(spec("a"), a=state("a", J.WAITING, not_before=NOW))
    plan = planned(run)
    assert (plan.hand_over, plan.wake_at) == ((HandOver("a"),), None)


def test_the_earliest_of_several_moments_wakes_the_driver() -> None:
    run = run_of(
        spec("a"),
        spec("b"),
        spec("c", runnable_timeout=3600 + 7),
        a=state("a", J.WAITING, not_before=after(9)),
        b=state("b", J.WAITING, not_before=after(8)),
        c=J.RUNNABLE,
    )
    assert planned(run).wake_at == after(7)


def test_nothing_but_an_event_wakes_a_run_without_delays() -> None:
    assert planned(run_of(spec("a"), a=J.RUNNING)).wake_at is None


def test_a_failed_upstream_job_dooms_a_job_and_is_named() -> None:
    run = run_of(spec("a"), spec("b"), spec("c", "a", "b"), a=J.SUCCEEDED, b=J.FAILED)
    (change,) = planned(run).changes
    assert (change.job, change.act, change.at, change.actor) == ("c", Act.DOOM, NOW, "engine")
    assert change.after == JobState(
        status=J.UPSTREAM_FAILED, version=1, reason="upstream 'b' is FAILED"
    )


def test_a_cancelled_upstream_job_is_to_blame_too() -> None:
    (change,) = planned(run_of(spec("a"), spec("b", "a"), a=J.CANCELLED)).changes
    assert change.after.reason == "upstream 'a' is CANCELLED"


def test_doom_reaches_a_held_job() -> None:
    run = run_of(spec("a"), spec("b", "a", hold=True), a=J.NOTFOUND)
    settle_changes(run)
    assert run.states["b"].status is J.UPSTREAM_FAILED


def test_doom_goes_down_the_graph_and_ends_the_run() -> None:
    run = run_of(spec("a"), spec("b", "a"), spec("c", "b"), a=J.FAILED)
    settle_changes(run)
    assert statuses(run) == {"a": J.FAILED, "b": J.UPSTREAM_FAILED, "c": J.UPSTREAM_FAILED}
    assert planned(run).outcome is RunStatus.FAILED


def test_a_job_for_failures_is_skipped_when_nothing_failed() -> None:
    run = run_of(spec("a"), spec("b", "a", trigger_rule=TriggerRule.ANY_FAILED), a=J.SUCCEEDED)
    (change,) = planned(run).changes
    assert (change.act, change.after.status) == (Act.SKIP, J.SKIPPED)
    assert change.after.reason == "its trigger rule is 'any failed', and none failed"


def test_a_changing_plan_hands_nothing_over_yet() -> None:
    plan = planned(run_of(spec("a"), spec("b", "a"), spec("c"), a=J.FAILED))
    assert len(plan.changes) == 1
    assert (plan.hand_over, plan.withdraw, plan.outcome, plan.wake_at) == ((), (), None, None)


def test_a_doomed_job_loses_its_delay() -> None:
    waiting = state("b", J.WAITING, not_before=after(5))
    (change,) = planned(run_of(spec("a"), spec("b", "a"), a=J.FAILED, b=waiting)).changes
    assert change.after.not_before is None


def test_a_released_gate_opens_when_its_upstream_is_done() -> None:
    run = run_of(spec("a"), gate("g", "a"), a=J.SUCCEEDED, g=J.WAITING)
    (change,) = planned(run).changes
    assert (change.act, change.after.status, change.after.reason) == (
        Act.OPEN,
        J.PASS,
        "gate opened",
    )


def test_a_released_gate_waits_for_upstream_jobs_that_the_queue_has() -> None:
    plan = planned(run_of(spec("a"), gate("g", "a"), a=J.RUNNING, g=J.WAITING))
    assert (plan.changes, plan.hand_over) == ((), ())


def test_a_held_job_with_a_command_is_handed_over_once_released() -> None:
    assert handed(run_of(spec("a", hold=True), a=J.WAITING)) == {"a": ()}


def test_a_job_that_sits_in_runnable_for_too_long_is_given_up_with_the_queues_reason() -> None:
    stuck = state("a", J.RUNNABLE, reason="CAPACITY: none")
    (change,) = planned(run_of(spec("a", runnable_timeout=3600), a=stuck)).changes
    assert (change.act, change.at, change.before, change.after) == (
        Act.TERMINATE,
        NOW,
        stuck,
        replace(
            stuck,
            version=1,
            intent=Intent.EXPIRE,
            reason="RUNNABLE for longer than its runnableTimeout of 3600 s: CAPACITY: none",
        ),
    )


def test_a_stuck_job_of_which_the_queue_says_nothing_is_given_up_too() -> None:
    (change,) = planned(run_of(spec("a", runnable_timeout=60), a=J.RUNNABLE)).changes
    assert change.after.reason == "RUNNABLE for longer than its runnableTimeout of 60 s"


def test_a_job_may_sit_in_runnable_up_to_its_limit() -> None:
    run = run_of(spec("a", runnable_timeout=3601), a=J.RUNNABLE)
    plan = planned(run)
    assert (plan.changes, plan.wake_at) == ((), after(1))


def test_a_job_without_a_limit_may_sit_in_runnable_for_ever() -> None:
    plan = planned(run_of(spec("a"), a=J.RUNNABLE))
    assert (plan.changes, plan.wake_at) == ((), None)


def test_a_job_that_an_operator_wants_back_does_not_expire() -> None:
    wanted = with_intent("a", J.RUNNABLE, Intent.HOLD)
    plan = planned(run_of(spec("a", runnable_timeout=60), a=wanted))
    assert (plan.changes, plan.wake_at) == ((), None)


@pytest.mark.parametrize(
    ("intent", "only_unstarted"),
    [
        (Intent.HOLD, True),
        (Intent.PASS, True),
        (Intent.CANCEL, False),
        (Intent.EXPIRE, True),
    ],
)
def test_what_is_wanted_of_a_live_job_is_asked_of_the_queue(
    intent: Intent, only_unstarted: bool
) -> None:
    run = run_of(spec("a"), a=with_intent("a", J.RUNNABLE, intent, reason="said so"))
    assert planned(run).withdraw == (Withdrawal("a", "id-a", only_unstarted, "said so"),)


def test_what_waits_for_others_is_withdrawn_after_them() -> None:
    wanted = {name: with_intent(name, J.PENDING, Intent.CANCEL) for name in "ab"}
    wanted["c"] = with_intent("c", J.RUNNING, Intent.CANCEL)
    run = run_of(*map(spec, "abc"), run=None, **wanted)
    assert [each.job for each in planned(run).withdraw] == ["c", "a", "b"]


def test_the_queue_is_always_told_a_reason() -> None:
    run = run_of(spec("a"), a=with_intent("a", J.RUNNABLE, Intent.CANCEL))
    assert planned(run).withdraw[0].reason == "CANCEL"


@pytest.mark.parametrize(
    ("ends", "cancelling", "expected"),
    [
        ([J.SUCCEEDED, J.PASS, J.SKIPPED], "", RunStatus.SUCCEEDED),
        ([J.SUCCEEDED, J.FAILED], "", RunStatus.FAILED),
        ([J.SUCCEEDED, J.UPSTREAM_FAILED], "", RunStatus.FAILED),
        ([J.SUCCEEDED, J.NOTFOUND], "", RunStatus.FAILED),
        ([J.SUCCEEDED, J.CANCELLED], "", RunStatus.FAILED),
        ([J.FAILED, J.CANCELLED], "by ada", RunStatus.CANCELLED),
        ([J.SUCCEEDED, J.SUCCEEDED], "by ada", RunStatus.SUCCEEDED),
        ([J.SUCCEEDED, J.FAILED], "by ada", RunStatus.FAILED),
        ([], "", RunStatus.SUCCEEDED),
    ],
)
def test_a_settled_run_ends(ends: list[JobStatus], cancelling: str, expected: RunStatus) -> None:
    states = {f"j{number}": status for number, status in enumerate(ends)}
    run = run_of(*map(spec, states), run=header(cancelling=cancelling), **states)
    assert (outcome(run), planned(run).outcome) == (expected, expected)


def test_a_run_with_a_held_job_does_not_end() -> None:
    assert planned(run_of(spec("a"), spec("b", hold=True), a=J.SUCCEEDED)).outcome is None


def test_planning_changes_nothing_of_the_run() -> None:
    run = run_of(spec("a"), spec("b", "a"), spec("c"), a=J.FAILED)
    before = (run.header, dict(run.states))
    assert planned(run) == planned(run)
    assert (run.header, run.states) == before


def test_a_finally_job_without_upstream_waits_for_all_main_jobs() -> None:
    cleanup = spec("z", is_finally=True, trigger_rule=TriggerRule.ALL_DONE)
    run = run_of(spec("a"), spec("b"), cleanup, a=J.FAILED, b=J.RUNNING)
    assert handed(run) == {}
    run.apply([moved(run, "b", J.SUCCEEDED)])
    assert handed(run) == {"z": ()}


def reading(*sources: str) -> tuple[Reference, ...]:
    return tuple(Reference(source, "rows") for source in sources)


def test_a_job_is_not_handed_over_ahead_of_those_whose_outputs_it_reads() -> None:
    late = spec("b", "a", reads=reading("a"))
    assert planned(run_of(spec("a"), late, a=J.RUNNING)).hand_over == ()
    assert planned(run_of(spec("a"), late, a=J.SUCCEEDED)).hand_over == (HandOver("b"),)


def test_a_job_that_reads_from_further_up_may_wait_in_the_queue_for_the_rest() -> None:
    run = run_of(spec("a"), spec("b", "a"), spec("c", "b", reads=reading("a", "a")),
                 a=J.SUCCEEDED, b=J.RUNNING)  # fmt: skip
    assert planned(run).hand_over == (HandOver("c", ("id-b",)),)


def test_a_job_whose_rule_is_met_is_held_back_by_what_it_reads() -> None:
    late = spec("c", "a", "b", reads=reading("b"), trigger_rule=TriggerRule.ANY_SUCCEEDED)
    run = run_of(spec("a"), spec("b"), late, a=J.SUCCEEDED, b=J.RUNNING)
    assert planned(run).hand_over == ()
    assert run.unfinished_sources("c") == ["b"]


def test_jobs_that_are_put_off_make_room_for_others() -> None:
    run = run_of(spec("a"), spec("b"), run=header(max_concurrency=1))
    assert plan(run, NOW, LIMITS, {"a"}).hand_over == (HandOver("b"),)
