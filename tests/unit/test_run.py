"""The run in memory: what it keeps as it goes is what could be counted anew at any time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.lifecycle import (
    FINAL,
    LIVE,
    QUEUED,
    STARTED,
    TRANSITIONS,
    Act,
    JobStatus,
    RunStatus,
)
from chalicelib.core.readiness import Verdict
from chalicelib.core.run import Change, Intent, JobState, Run, RunHeader, initial_states
from chalicelib.core.schedule import JobSpec, RetryPolicy, TriggerRule
from chalicelib.errors import ConflictError

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HEADER = RunHeader(run_id="etl-1", schedule_id="etl", started_at=NOW)
MOST_JOBS = 8
T = TypeVar("T")


class Choices:
    """One number read as a row of choices: drawing each of them alone takes ten times as long."""

    def __init__(self, number: int) -> None:
        self._rest = number

    def among(self, options: Sequence[T]) -> T:
        self._rest, index = divmod(self._rest, len(options))
        return options[index]


def job(number: int, last_main: int, choices: Choices) -> JobSpec:
    """A job that waits for earlier ones only."""
    return JobSpec(
        name=f"job{number}",
        upstream=tuple(f"job{up}" for up in range(number) if choices.among([True, False])),
        trigger_rule=choices.among(list(TriggerRule)),
        is_finally=number > last_main,
        hold=choices.among([False, False, True]),
        passed=choices.among([False, False, True]),
        retry=choices.among([None, RetryPolicy(attempts=1), RetryPolicy(attempts=3)]),
        runnable_timeout=choices.among([None, 60]),
    )


def legal_change(run: Run, number: int, choices: Choices) -> Change:
    """A change that the status table allows, with any value of what the indices look at."""
    name = choices.among(list(run.states))
    before = run.states[name]
    act = choices.among(sorted(TRANSITIONS[before.status]))
    after = replace(
        before,
        status=choices.among(sorted(TRANSITIONS[before.status][act])),
        version=before.version + 1,
        job_id=f"id{number}" if act is Act.ACCEPT else before.job_id,
        intent=choices.among([Intent.NONE, *Intent]),
        failures=choices.among([0, 1, 2]),
        not_before=choices.among([None, NOW]),
    )
    return Change(name, act, before, after, NOW)


# Bytes, for Hypothesis prefers small integers, which would be the same choices again and again.
_numbers = st.binary(min_size=8, max_size=8).map(int.from_bytes)


@st.composite
def runs_after_changes(draw: st.DrawFn) -> tuple[Run, list[JobSpec]]:
    jobs = draw(st.lists(_numbers, min_size=1, max_size=MOST_JOBS))
    last_main = draw(st.integers(0, MOST_JOBS))
    specs = [job(number, last_main, Choices(seed)) for number, seed in enumerate(jobs)]
    begun = draw(st.lists(st.sampled_from(JobStatus), min_size=len(specs), max_size=len(specs)))
    states = {
        spec.name: JobState(status=status, job_id=f"id-{spec.name}")
        for spec, status in zip(specs, begun, strict=True)
    }
    run = Run(HEADER, specs, states)
    for number, seed in enumerate(draw(st.lists(_numbers, max_size=20))):
        run.apply([legal_change(run, number, Choices(seed))])
    return run, specs


def indices(run: Run) -> dict[str, object]:
    """All that a run keeps, without the order in which it came about."""
    return {
        "states": run.states,
        "counts": {status: number for status, number in run.counts.items() if number},
        "live": run.live,
        "started": set(run.started),
        "reserved": set(run.reserved),
        "with intent": set(run.with_intent),
        "delayed": set(run.delayed),
        "runnable": set(run.runnable),
        "movable": set(run.movable),
        "closed": set(run.closed),
        "verdicts": {name: run.verdict(name) for name in run.specs},
    }


@given(runs_after_changes())
def test_what_a_run_keeps_is_what_it_would_count_anew(changed: tuple[Run, list[JobSpec]]) -> None:
    run, specs = changed
    assert indices(run) == indices(Run(run.header, specs, run.states))


@given(runs_after_changes())
def test_the_indices_hold_the_jobs_whose_state_says_so(changed: tuple[Run, list[JobSpec]]) -> None:
    run, _ = changed
    states = run.states.items()
    live = {name: state for name, state in states if state.status in LIVE}
    assert run.live == {state.job_id: name for name, state in live.items()}
    assert run.started.keys() == {name for name in live if live[name].status in STARTED}
    assert run.with_intent.keys() == {name for name in live if live[name].intent}
    assert run.reserved.keys() == {
        name for name, state in states if state.status is JobStatus.RESERVED
    }
    assert run.delayed.keys() == {
        name for name, state in states if state.status is JobStatus.WAITING and state.not_before
    }


@given(runs_after_changes())
def test_a_blocked_job_is_neither_movable_nor_closed(changed: tuple[Run, list[JobSpec]]) -> None:
    run, _ = changed
    blocked = {name for name in run.specs if run.verdict(name) is Verdict.BLOCKED}
    assert not blocked & (run.movable.keys() | run.closed.keys())


@given(runs_after_changes())
def test_what_may_move_waits_and_what_is_closed_waits_or_is_held(
    changed: tuple[Run, list[JobSpec]],
) -> None:
    run, _ = changed
    assert {run.states[name].status for name in run.movable} <= {JobStatus.WAITING}
    assert {run.states[name].status for name in run.closed} <= {JobStatus.WAITING, JobStatus.HELD}


@given(runs_after_changes())
def test_a_run_is_settled_when_every_job_is_final(changed: tuple[Run, list[JobSpec]]) -> None:
    run, _ = changed
    assert run.is_settled == all(state.status in FINAL for state in run.states.values())


@given(runs_after_changes())
def test_the_queue_has_what_is_live_and_may_have_what_is_reserved(
    changed: tuple[Run, list[JobSpec]],
) -> None:
    run, _ = changed
    having = LIVE | {JobStatus.RESERVED}
    assert run.occupied == sum(state.status in having for state in run.states.values())


@given(runs_after_changes(), st.sampled_from(Act), st.sampled_from(JobStatus))
def test_a_forbidden_change_is_refused_and_changes_nothing(
    changed: tuple[Run, list[JobSpec]], act: Act, status: JobStatus
) -> None:
    run, _ = changed
    name, before = next(iter(run.states.items()))
    if status in TRANSITIONS[before.status].get(act, ()):
        return
    kept = indices(Run(run.header, run.specs.values(), run.states))
    with pytest.raises(ConflictError) as caught:
        run.apply([Change(name, act, before, replace(before, status=status), NOW)])
    assert (caught.value.status, caught.value.event) == (before.status, act)
    assert indices(run) == kept


# By example


def run_of(*specs: JobSpec, **statuses: JobStatus) -> Run:
    states = {
        spec.name: JobState(status=statuses.get(spec.name, JobStatus.WAITING), job_id=spec.name)
        for spec in specs
    }
    return Run(HEADER, specs, states)


A, B, C = JobSpec(name="a"), JobSpec(name="b", upstream=("a",)), JobSpec(name="c", upstream=("b",))


def test_a_new_run_may_move_what_has_no_upstream() -> None:
    assert list(run_of(A, B, C).movable) == ["a"]


@pytest.mark.parametrize("status", sorted(QUEUED), ids=str)
def test_what_waits_for_a_job_that_the_queue_has_may_follow_it_there(status: JobStatus) -> None:
    run = run_of(A, B, C, a=status)
    assert run.verdict("b") is Verdict.DEPENDENT
    assert list(run.movable) == ["b"]


def test_what_waits_for_a_job_that_is_wanted_back_may_not_follow_it() -> None:
    run = run_of(A, B, a=JobStatus.RUNNABLE)
    before = run.states["a"]
    after = replace(before, intent=Intent.HOLD)
    run.apply([Change("a", Act.HOLD, before, after, NOW)])
    assert run.verdict("b") is Verdict.BLOCKED
    assert list(run.with_intent) == ["a"]


@pytest.mark.parametrize(("failures", "verdict"), [(0, "blocked"), (1, "dependent")])
def test_only_the_last_attempt_of_the_engines_retries_can_be_depended_on(
    failures: int, verdict: str
) -> None:
    first = replace(A, retry=RetryPolicy(attempts=2))
    states = {"a": JobState(status=JobStatus.RUNNING, failures=failures), "b": JobState()}
    assert Run(HEADER, [first, B], states).verdict("b").value == verdict


def test_a_finally_job_without_upstream_waits_for_all_that_are_not_finally() -> None:
    last, other = JobSpec(name="z", is_finally=True), JobSpec(name="y", is_finally=True)
    run = run_of(A, B, other, last)
    assert run.upstream["z"] == ("a", "b")
    assert run.downstream["b"] == ["y", "z"]


def test_a_finally_job_with_upstream_waits_for_that_only() -> None:
    last = JobSpec(name="z", is_finally=True, upstream=("a",))
    assert run_of(A, B, last).upstream["z"] == ("a",)


def test_the_unfinished_upstream_is_told_in_the_documents_order() -> None:
    last = JobSpec(name="z", upstream=("a", "b", "c"))
    run = run_of(A, B, C, last, b=JobStatus.SUCCEEDED, a=JobStatus.RUNNING)
    assert run.unfinished_upstream("z") == ["a", "c"]


def test_a_job_is_runnable_for_too_long_only_if_it_has_a_limit() -> None:
    limited = replace(A, runnable_timeout=60)
    assert list(run_of(limited, a=JobStatus.RUNNABLE).runnable) == ["a"]
    assert not run_of(A, a=JobStatus.RUNNABLE).runnable


def test_changes_are_made_in_order_up_to_the_first_that_is_forbidden() -> None:
    run = run_of(A, B)
    reserve = Change(
        "a", Act.RESERVE, JobState(), JobState(status=JobStatus.RESERVED, version=1), NOW
    )
    with pytest.raises(ConflictError, match="RESERVE can't lead job 'a' from RESERVED"):
        run.apply([reserve, reserve])
    assert run.states["a"].status is JobStatus.RESERVED


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        (A, JobStatus.WAITING),
        (replace(A, hold=True), JobStatus.HELD),
        (replace(A, hold=True, passed=True), JobStatus.PASS),
    ],
    ids=["plain", "hold", "pass"],
)
def test_a_job_begins_as_the_document_says(spec: JobSpec, status: JobStatus) -> None:
    assert initial_states([spec])["a"].status is status


def test_a_run_has_ended_when_its_header_says_so_and_goes_on_until_now() -> None:
    started, end, now = (datetime(2026, 11, day, tzinfo=UTC) for day in (23, 24, 25))
    running = RunHeader(run_id="etl/1", schedule_id="etl", started_at=started)
    assert running.end_by(now) == now
    ended = replace(running, status=RunStatus.FAILED, ended_at=end)
    assert ended.end_by(now) == end
    assert replace(ended, ended_at=None).end_by(now) is None
