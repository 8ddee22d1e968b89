from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.batch import JobDetail
from chalicelib.core.claims import Told
from chalicelib.core.explaining import Cause, Circumstances, explain_job, explain_run
from chalicelib.core.lifecycle import FINAL, JobStatus, RunStatus
from chalicelib.core.run import Intent, JobState, Run
from chalicelib.core.schedule import JobSpec, Reference, RetryPolicy, TriggerRule
from tests.unit.graphs import job_lists
from tests.unit.runs import NOW, after, described, gate, header, run_of, spec, state, with_intent

HERE = Circumstances(now=NOW)
WAITING, HELD, FAILED = JobStatus.WAITING, JobStatus.HELD, JobStatus.FAILED
DOOMED = JobStatus.UPSTREAM_FAILED


def sentence(run: Run, name: str, around: Circumstances = HERE) -> str:
    return explain_job(run, name, around).sentence


def jobs_in(cause: Cause) -> list[str]:
    below = [name for link in cause.because for name in jobs_in(link)]
    return [cause.job, *below]


def chain(length: int, last: JobStatus = WAITING) -> Run:
    """j1 waits for j2, and so on; `last` is the status of the one that all wait for."""
    names = [f"j{number}" for number in range(1, length + 1)]
    specs = [spec(name, up) for name, up in pairwise(names)]
    states = {name: JobState() for name in names}
    states[names[-1]] = state(names[-1], last)
    return Run(header(), [*specs, spec(names[-1])], states)


def test_a_waiting_job_waits_for_its_unfinished_upstream_jobs_only() -> None:
    run = run_of(spec("a"), spec("b"), spec("c", "a", "b"), a=JobStatus.SUCCEEDED)
    assert sentence(run, "c") == "waits for b"


def test_many_upstream_jobs_are_named_up_to_three_and_counted() -> None:
    run = run_of(*(spec(name) for name in "abcde"), spec("join", *"abcde"))
    assert sentence(run, "join") == "waits for a, b, c and 2 more"


def test_three_upstream_jobs_are_all_named() -> None:
    run = run_of(*(spec(name) for name in "abc"), spec("join", *"abc"))
    assert sentence(run, "join") == "waits for a, b, c"


def test_an_unusual_trigger_rule_is_told() -> None:
    run = run_of(spec("a"), spec("b", "a", trigger_rule=TriggerRule.ALL_DONE))
    assert sentence(run, "b") == "waits for a (rule: all done)"


def test_a_job_whose_rule_is_met_already_does_not_wait_for_the_rest() -> None:
    late = spec("c", "a", "b", trigger_rule=TriggerRule.ANY_SUCCEEDED)
    run = run_of(spec("a"), spec("b"), late, a=JobStatus.SUCCEEDED)
    assert sentence(run, "c") == "is ready and will be handed over at the engine's next turn"


def test_a_ready_job_that_no_engine_drives_says_how_to_start_one() -> None:
    told = sentence(run_of(spec("a")), "a", Circumstances(now=NOW, driven=False))
    assert told == "is ready, but no engine drives the run; start one: batch-scheduler resume"


def test_a_ready_job_says_who_takes_its_place_when_the_places_are_limited() -> None:
    run = run_of(
        spec("a"),
        spec("b"),
        spec("c"),
        run=header(max_concurrency=2),
        a=JobStatus.RUNNING,
        b=JobStatus.RESERVED,
    )
    assert sentence(run, "c") == "is ready; maxConcurrency is 2, taken by a, b"


def test_a_place_that_is_free_is_not_waited_for() -> None:
    run = run_of(spec("a"), spec("c"), run=header(max_concurrency=2), a=JobStatus.RUNNING)
    assert sentence(run, "c").startswith("is ready and will be handed over")


def test_a_retry_says_how_long_it_waits_and_why() -> None:
    waiting = JobState(not_before=after(30), reason="exit 1; attempt 2 of 3 in 60 s")
    run = run_of(spec("a"), a=waiting)
    assert sentence(run, "a") == (
        "waits 30 s more for its next attempt: exit 1; attempt 2 of 3 in 60 s"
    )


def test_a_retry_whose_time_has_come_is_ready() -> None:
    run = run_of(spec("a"), a=JobState(not_before=NOW))
    assert sentence(run, "a").startswith("is ready")


def test_a_held_job_says_who_must_release_it_and_what_it_waits_for_besides() -> None:
    run = run_of(spec("a"), gate("b"), gate("c", "a"))
    assert sentence(run, "b") == (
        "is held until somebody releases it (a gate: waits for its release)"
    )
    assert sentence(run, "c").endswith("(a gate: waits for its release), and waits for a")


def test_nothing_more_starts_in_a_run_that_is_being_cancelled() -> None:
    run = run_of(spec("a"), spec("z", is_finally=True), run=header(cancelling="cancel by ada"))
    assert sentence(run, "a") == "will not run any more: cancel by ada"
    assert sentence(run, "z") == "will not run any more: cancel by ada"


def test_a_run_that_stops_at_a_failure_still_runs_its_finally_jobs() -> None:
    specs = spec("a"), spec("b"), spec("z", is_finally=True, trigger_rule=TriggerRule.ALL_DONE)
    run = run_of(*specs, run=header(stop=True), a=FAILED)
    assert sentence(run, "b") == "will not run any more: onFailure is stop, and 'a' is FAILED"
    assert sentence(run, "z") == "waits for b (rule: all done)"


def test_a_job_that_the_queue_holds_back_says_for_whom() -> None:
    run = run_of(spec("a"), spec("b", "a"), a=JobStatus.RUNNING, b=JobStatus.PENDING)
    assert sentence(run, "b") == "is in the queue and waits there for a"
    assert jobs_in(explain_job(run, "b", HERE)) == ["b", "a"]


def test_a_runnable_job_waits_for_a_slot_that_running_jobs_take() -> None:
    run = run_of(spec("a"), spec("b"), a=JobStatus.RUNNING, b=JobStatus.RUNNABLE)
    assert sentence(run, "b") == "waits for a slot; running now: a"


def test_a_runnable_job_tells_what_the_queue_says_of_it() -> None:
    stuck = state("b", JobStatus.RUNNABLE, reason="MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT")
    run = run_of(spec("b"), b=stuck)
    assert sentence(run, "b") == (
        "waits for a slot; the queue says: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
    )


def test_a_submitted_job_with_nothing_upstream_left_is_in_the_queue() -> None:
    run = run_of(spec("a"), a=JobStatus.SUBMITTED)
    assert sentence(run, "a") == "is in the queue, SUBMITTED: its upstream jobs are done"


def test_what_an_operator_asked_of_a_queued_job_is_told() -> None:
    asked = with_intent("a", JobStatus.RUNNABLE, Intent.HOLD, reason="hold by ada")
    assert sentence(run_of(spec("a"), a=asked), "a") == "waits for a slot; hold by ada"


def test_what_an_operator_asked_of_a_running_job_is_told() -> None:
    asked = with_intent("a", JobStatus.RUNNING, Intent.CANCEL, started_at=NOW, reason="by ada")
    assert sentence(run_of(spec("a"), a=asked), "a") == (
        "runs since 2026-11-23 12:00:00 UTC; by ada"
    )


def test_a_running_job_whose_start_was_not_seen_says_so() -> None:
    run = run_of(spec("a"), a=JobStatus.RUNNING)
    assert sentence(run, "a") == "runs; its start was not seen yet"


def test_a_reserved_job_is_being_handed_over() -> None:
    run = run_of(spec("a"), a=JobStatus.RESERVED)
    assert sentence(run, "a") == "is being handed to the queue; its answer was not seen yet"


def test_a_job_that_never_ran_leads_to_the_failure_that_began_it() -> None:
    run = run_of(spec("a"), spec("b", "a"), spec("c", "b"), a=FAILED, b=DOOMED, c=DOOMED)
    cause = explain_job(run, "c", HERE)
    assert cause.sentence == "never ran, because of b"
    assert jobs_in(cause) == ["c", "b", "a"]
    assert cause.because[0].because[0].status == "FAILED"


def test_upstream_jobs_that_ended_well_are_not_to_blame() -> None:
    specs = spec("a"), spec("b"), spec("c", "a", "b")
    run = run_of(*specs, a=JobStatus.SUCCEEDED, b=JobStatus.CANCELLED, c=DOOMED)
    assert sentence(run, "c") == "never ran, because of b"


def test_a_job_whose_upstream_was_repaired_meanwhile_tells_the_reason_on_record() -> None:
    doomed = JobState(status=DOOMED, reason="upstream 'a' is FAILED")
    run = run_of(spec("a"), spec("b", "a"), a=JobStatus.PASS, b=doomed)
    assert sentence(run, "b") == "never ran: upstream 'a' is FAILED"


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (JobStatus.SUCCEEDED, "succeeded: why"),
        (JobStatus.PASS, "counts as done without having run: why"),
        (JobStatus.SKIPPED, "was skipped: why"),
        (JobStatus.CANCELLED, "was ended by an operator or a policy: why"),
        (FAILED, "failed: why, attempt 2"),
        (
            JobStatus.NOTFOUND,
            "may or may not have run: why; find out, then mark it succeeded or failed, or rerun it",
        ),
    ],
)
def test_a_final_job_tells_its_end_and_the_reason(status: JobStatus, told: str) -> None:
    run = run_of(spec("a"), a=state("a", status, attempt=2, reason="why"))
    assert sentence(run, "a") == told


def test_a_success_without_a_telling_reason_is_just_that() -> None:
    ended = state("a", JobStatus.SUCCEEDED, reason="Essential container in task exited")
    assert sentence(run_of(spec("a"), a=ended), "a") == "succeeded"


def test_a_failure_counts_the_attempts_of_the_retry_policy() -> None:
    failed = state("a", FAILED, attempt=7, failures=3, reason="exit 1")
    run = run_of(spec("a", retry=RetryPolicy(attempts=3)), a=failed)
    assert sentence(run, "a") == "failed: exit 1, attempt 3 of 3"


def test_a_failure_that_was_no_attempt_of_the_policy_tells_the_attempt_alone() -> None:
    failed = state("a", FAILED, attempt=2, reason="refused")
    run = run_of(spec("a", retry=RetryPolicy(attempts=3)), a=failed)
    assert sentence(run, "a") == "failed: refused, attempt 2"


def test_a_failure_without_reason_or_attempt_says_so() -> None:
    run = run_of(spec("a"), a=JobState(status=FAILED))
    assert sentence(run, "a") == "failed: no reason was given"


def test_a_failure_tells_how_many_jobs_it_has_stopped() -> None:
    specs = spec("a"), spec("b", "a"), spec("c", "b"), spec("d")
    run = run_of(*specs, a=FAILED, b=DOOMED, c=DOOMED)
    assert explain_job(run, "a", HERE).facts[-1] == "because of it 2 jobs downstream never ran"


def test_one_stopped_job_is_one_job() -> None:
    run = run_of(spec("a"), spec("b", "a"), a=FAILED, b=DOOMED)
    assert "because of it 1 job downstream never ran" in explain_job(run, "a", HERE).facts


def test_a_failure_that_stopped_nothing_has_no_such_fact() -> None:
    run = run_of(spec("a"), spec("b"), a=JobState(status=FAILED), b=DOOMED)
    assert explain_job(run, "a", HERE).facts == ()


def test_what_the_queue_says_of_a_job_is_among_its_facts() -> None:
    run = run_of(spec("a"), a=JobStatus.PENDING)
    detail = replace(described("id-a", JobStatus.PENDING), array_summary={"RUNNING": 2})
    around = Circumstances(now=NOW, details={"id-a": detail})
    assert explain_job(run, "a", around).facts == ("array of 2: 2 RUNNING",)


def test_a_chain_of_seven_is_told_in_full() -> None:
    assert jobs_in(explain_job(chain(7), "j1", HERE)) == [f"j{n}" for n in range(1, 8)]


def test_a_longer_chain_is_told_from_both_ends() -> None:
    cause = explain_job(chain(8), "j1", HERE)
    assert jobs_in(cause) == ["j1", "j2", "j3", "", "j7", "j8"]
    gap = cause.because[0].because[0].because[0]
    assert gap.sentence == "3 more jobs are in between, each because of the next"
    assert gap.status == ""


def test_a_chain_of_ten_thousand_is_told_to_its_end() -> None:
    cause = explain_job(chain(10_000, JobStatus.RUNNING), "j1", HERE)
    assert jobs_in(cause)[-2:] == ["j9999", "j10000"]


def test_of_many_ends_what_failed_is_told_before_what_is_held_and_what_runs() -> None:
    names = ["plain", "runs", "held", "cancelled", "failed"]
    specs = [spec(name) for name in names]
    rule = TriggerRule.ALL_DONE
    # Each branch ends behind a job that was stopped, so that final jobs can be told of as well.
    run = run_of(
        *specs,
        spec("w1", "failed"),
        spec("w2", "cancelled"),
        spec("w3", "held", trigger_rule=rule),
        spec("w4", "runs", trigger_rule=rule),
        spec("w5", "plain", trigger_rule=rule),
        spec("all", "w5", "w4", "w3", trigger_rule=rule),
        spec("doomed", "w1", "w2"),
        runs=JobStatus.RUNNING,
        held=HELD,
        cancelled=JobStatus.CANCELLED,
        failed=FAILED,
        w1=DOOMED,
        w2=DOOMED,
        doomed=DOOMED,
    )
    waits = explain_job(run, "all", HERE)
    assert jobs_in(waits) == ["all", "w3", "held", "w4", "runs", "w5", "plain"]
    assert jobs_in(explain_job(run, "doomed", HERE)) == [
        "doomed",
        "w1",
        "failed",
        "w2",
        "cancelled",
    ]


def test_ends_beyond_the_third_are_counted() -> None:
    run = run_of(*(spec(name) for name in "abcde"), spec("join", *"abcde"))
    cause = explain_job(run, "join", HERE)
    assert [link.job for link in cause.because] == ["a", "b", "c"]
    assert cause.more == 2


def test_a_job_behind_two_others_is_told_once() -> None:
    run = run_of(spec("a"), spec("b", "a"), spec("c", "a"), spec("d", "b", "c"))
    assert jobs_in(explain_job(run, "d", HERE)) == ["d", "b", "a"]


def test_a_run_that_goes_on_tells_failures_then_holds_then_what_runs_then_the_rest() -> None:
    specs = spec("ready"), spec("runs"), gate("held"), gate("later", "runs"), spec("failed")
    done = spec("done"), spec("lost"), spec("below", "failed")
    run = run_of(
        *specs,
        *done,
        runs=JobStatus.RUNNING,
        failed=FAILED,
        done=JobStatus.SUCCEEDED,
        lost=JobStatus.NOTFOUND,
        below=DOOMED,
    )
    cause = explain_run(run, HERE)
    assert [link.job for link in cause.because] == ["failed", "lost", "held", "runs", "ready"]
    assert cause.sentence.startswith("is RUNNING, generation 1: 1 WAITING, 2 HELD, 1 RUNNING, ")


def test_a_running_run_without_an_engine_says_how_to_start_one() -> None:
    cause = explain_run(run_of(spec("a")), Circumstances(now=NOW, driven=False))
    assert cause.sentence.endswith("; no engine drives it: batch-scheduler resume")


def test_an_ended_run_needs_no_engine() -> None:
    run = run_of(spec("a"), run=header(status=RunStatus.SUCCEEDED), a=JobStatus.SUCCEEDED)
    cause = explain_run(run, Circumstances(now=NOW, driven=False))
    assert cause == Cause("", "SUCCEEDED", "is SUCCEEDED, generation 1: 1 SUCCEEDED")


def test_a_cancelled_run_tells_why() -> None:
    ended = header(status=RunStatus.CANCELLED, cancelling="cancel by ada: wrong date")
    run = run_of(spec("a"), run=ended, a=JobStatus.CANCELLED)
    cause = explain_run(run, HERE)
    assert cause.sentence == ("is CANCELLED, generation 1: 1 CANCELLED; cancel by ada: wrong date")
    assert [link.job for link in cause.because] == ["a"]


def test_a_failed_run_begins_with_what_failed_by_itself() -> None:
    specs = spec("a"), spec("b"), spec("c", "a")
    ended = header(status=RunStatus.FAILED)
    run = run_of(*specs, run=ended, a=FAILED, b=JobStatus.CANCELLED, c=DOOMED)
    assert [link.job for link in explain_run(run, HERE).because] == ["a"]


def test_a_failed_run_whose_failure_was_repaired_tells_what_never_ran() -> None:
    ended = header(status=RunStatus.FAILED)
    run = run_of(spec("a"), spec("b", "a"), run=ended, a=JobStatus.PASS, b=DOOMED)
    assert [link.job for link in explain_run(run, HERE).because] == ["b"]


def test_a_run_lists_ten_jobs_and_counts_the_rest() -> None:
    names = [f"j{number}" for number in range(12)]
    run = run_of(*(spec(name) for name in names))
    cause = explain_run(run, HERE)
    assert [link.job for link in cause.because] == names[:10]
    assert cause.more == 2


@given(job_lists(), st.data())
def test_every_job_of_every_run_can_be_explained_shortly(
    specs: list[JobSpec], data: st.DataObject
) -> None:
    statuses = {item.name: data.draw(st.sampled_from(JobStatus)) for item in specs}
    run = run_of(*specs, **statuses)
    for name in run.specs:
        told = jobs_in(explain_job(run, name, HERE))
        assert len(told) == len(set(told)) <= 3 * 7
        assert told[0] == name
    assert explain_run(run, HERE).status == "RUNNING"


@given(job_lists(), st.data())
def test_a_chain_of_causes_leads_upstream_only(specs: list[JobSpec], data: st.DataObject) -> None:
    statuses = {item.name: data.draw(st.sampled_from(JobStatus)) for item in specs}
    run = run_of(*specs, **statuses)

    def follow(cause: Cause) -> None:
        for link in cause.because:
            assert link.job in run.upstream[cause.job]
            is_open = run.states[link.job].status not in FINAL
            assert is_open is (run.states[cause.job].status not in FINAL)
            follow(link)

    for name in run.specs:
        follow(explain_job(run, name, HERE))


def test_failed_children_are_told_of_their_own_array_job() -> None:
    run = run_of(spec("a"), spec("b"), a=FAILED, b=FAILED)
    around = Circumstances(now=NOW, failed_children={"id-a": [4]})
    assert "failed children: 4" in explain_job(run, "a", around).facts
    assert "failed children: 4" not in explain_job(run, "b", around).facts


def test_details_of_other_jobs_are_not_taken_for_a_job_s_own() -> None:
    detail: JobDetail = described("id-b", JobStatus.RUNNING)
    run = run_of(spec("a"), a=JobStatus.RUNNABLE)
    assert explain_job(run, "a", Circumstances(now=NOW, details={"id-b": detail})).facts == ()


ROWS = (Reference("a", "rows"),)


def test_a_job_that_is_ready_but_for_an_output_waits_for_who_tells_it() -> None:
    late = spec("c", "b", reads=ROWS, trigger_rule=TriggerRule.ANY_SUCCEEDED)
    run = run_of(spec("a"), spec("b"), late, a=JobStatus.RUNNING, b=JobStatus.SUCCEEDED)
    cause = explain_job(run, "c", HERE)
    assert (cause.sentence, jobs_in(cause)) == ("is ready but for what a will tell", ["c", "a"])


def test_a_job_that_lacks_an_output_is_explained_by_who_did_not_tell_it() -> None:
    why = JobState(status=FAILED, reason='output "rows" of "a" is missing')
    run = run_of(spec("a"), spec("b", "a", reads=ROWS), a=JobStatus.SUCCEEDED, b=why)
    cause = explain_job(run, "b", HERE)
    assert cause.sentence == 'failed: output "rows" of "a" is missing'
    assert jobs_in(cause) == ["b", "a"]


@pytest.mark.parametrize("members", [{"job_id": "id-b"}, {}], ids=["ran", "was told"])
def test_another_failure_of_such_a_job_is_its_own(members: dict[str, str]) -> None:
    told = None if members else Told(outputs={"rows": "5"})
    failed = JobState(status=FAILED, reason="exit 1", **members)  # type: ignore[arg-type]
    above = state("a", JobStatus.SUCCEEDED, told=told)
    run = run_of(spec("a"), spec("b", "a", reads=ROWS), a=above, b=failed)
    assert jobs_in(explain_job(run, "b", HERE)) == ["b"]


def test_an_output_that_could_not_be_read_yet_is_read_again() -> None:
    above = state("a", JobStatus.SUCCEEDED, reason="what it told could not be read: throttled")
    run = run_of(spec("a"), spec("b", "a", reads=ROWS), a=above)
    assert sentence(run, "b") == ("is ready; what a told could not be read yet, and is read again")


def test_a_job_whose_outputs_are_there_is_simply_ready() -> None:
    above = state("a", JobStatus.SUCCEEDED, told=Told(outputs={"rows": "5"}))
    run = run_of(spec("a"), spec("b", "a", reads=ROWS), a=above)
    assert sentence(run, "b") == "is ready and will be handed over at the engine's next turn"
