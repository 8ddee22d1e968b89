"""The states of the state machine: each starts from what is stored, and leaves it so."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.core.batch import QueueLimits
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.naming import execution_name
from chalicelib.core.notice_rules import Means, NoticeRule, Occasion, Receiver
from chalicelib.core.notices import Letter
from chalicelib.core.run import JobState
from chalicelib.core.schedule import Policy, RetryPolicy
from chalicelib.errors import BackendError, InvalidInputError
from chalicelib.local.memory_outbox import MemoryOutbox
from chalicelib.local.memory_triggers import MemoryTriggers
from chalicelib.services import driving, operations, steps
from chalicelib.services.operations import Selection
from chalicelib.services.steps import Leg, Next
from chalicelib.services.ticking import tick
from chalicelib.services.turn import AT_ONCE
from tests.unit.runs import NOW, gate, order, spec, state
from tests.unit.stage import DRIVER, RUN, Stage, driven, plenty
from tests.unit.triggered import put, runs

J = JobStatus
SUCCESSOR = execution_name(RUN, 1, 1)
PLENTY = plenty()
A = Selection(run_id=RUN, patterns=["a"])


@pytest.fixture
def stage() -> Stage:
    return Stage()


def submit(stage: Stage, leg: Leg, remaining: Callable[[], int] = plenty) -> Leg:
    return steps.submit_jobs(stage.ports, leg, remaining)


def turn(stage: Stage, leg: Leg) -> Leg:
    """Submit, let everything on the queue end, and look at it."""
    leg = submit(stage, leg)
    stage.queue.run_until_quiet()
    return steps.record_history(stage.ports, steps.poll_jobs(stage.ports, leg, plenty))


def moves(stage: Stage) -> Callable[[], object]:
    """An operator holds or releases job `z`."""

    def move() -> None:
        act = Act.RELEASE if stage.statuses["z"] == "HELD" else Act.HOLD
        operations.act_on_jobs(stage.ports, Selection(run_id=RUN, patterns=["z"]), order(act))

    return move


def counting(values: list[int]) -> Callable[[], int]:
    """The time that a function has left, each time it looks."""
    left: Iterator[int] = iter(values)
    return lambda: next(left)


# What travels


def test_a_leg_comes_back_as_it_went() -> None:
    leg = Leg(
        run_id=RUN,
        driver=DRIVER,
        generation=2,
        turn=7,
        wait=10,
        settle=9,
        told=True,
        next=Next.WAIT,
    )
    assert Leg.of_json(json.loads(json.dumps(leg.to_json()))) == leg


def test_a_leg_of_a_newer_version_is_read_without_what_it_has_besides() -> None:
    leg = Leg(run_id=RUN, driver=DRIVER)
    assert Leg.of_json({**leg.to_json(), "mood": "good"}) == leg


@pytest.mark.parametrize(
    "change", [{"status": "ASLEEP"}, {"next": "up"}, {"status": None}, {"run_id": ...}],
    ids=["no status", "nowhere", "null", "no run"],
)  # fmt: skip
def test_what_is_no_leg_is_refused_in_words(change: dict[str, object]) -> None:
    members = {**Leg(run_id=RUN, driver=DRIVER).to_json(), **change}
    with pytest.raises(InvalidInputError, match="no leg of a run"):
        Leg.of_json({key: value for key, value in members.items() if value is not ...})


# Submitting


def test_jobs_are_handed_over_and_then_it_is_waited_as_long_as_the_schedule_says(
    stage: Stage,
) -> None:
    leg = stage.record(spec("a"), spec("b", "a"), run=driven(policy=Policy(wait_time=17)))
    leg = submit(stage, leg)
    assert (leg.next, leg.wait) == (Next.WAIT, 17)
    assert stage.submitted == ["a", "b"]
    assert stage.statuses == {"a": "SUBMITTED", "b": "SUBMITTED"}


@pytest.mark.parametrize("passes", range(4))
def test_f45_what_a_function_had_no_time_for_is_handed_over_by_the_next_and_once(
    passes: int,
) -> None:
    stage = Stage(limits=QueueLimits(max_submissions=2))
    leg = stage.record(*map(spec, "abcdef"))
    leg = submit(stage, leg, counting([PLENTY] * passes + [59_999]))
    assert leg.next is Next.SUBMIT
    assert stage.submitted == list("abcdef")[: 2 * passes]
    assert list(stage.statuses.values()).count("SUBMITTED") == 2 * passes
    assert submit(stage, leg).next is Next.WAIT
    assert stage.submitted == list("abcdef")


def test_f45_reservations_that_there_was_no_time_to_look_for_are_looked_for_first(
    stage: Stage,
) -> None:
    leg = stage.record(spec("a"), spec("b"))
    stage.queue.loses_replies = True
    leg = submit(stage, leg)
    assert stage.statuses == {"a": "RESERVED", "b": "RESERVED"}
    leg = submit(stage, leg, counting([PLENTY, 59_999, 59_999]))
    assert (leg.next, stage.statuses) == (Next.SUBMIT, {"a": "SUBMITTED", "b": "RESERVED"})
    leg = submit(stage, leg, counting([PLENTY, 59_999]))
    assert (leg.next, stage.statuses) == (Next.SUBMIT, {"a": "SUBMITTED", "b": "SUBMITTED"})


def test_a_run_in_which_nothing_is_left_to_do_ends_and_is_told(stage: Stage) -> None:
    leg = submit(stage, stage.record(a=J.SUCCEEDED))
    assert (leg.next, leg.status) == (Next.NOTIFY, RunStatus.SUCCEEDED)
    assert (stage.header.status, stage.header.driver) == (RunStatus.SUCCEEDED, "")


def test_a_run_that_only_a_person_can_move_is_not_polled(stage: Stage) -> None:
    leg = submit(stage, stage.record(gate("a"), a=J.HELD))
    assert (leg.next, leg.wait) == (Next.WAIT, 3600)


def test_a_retry_is_waited_for_and_no_longer(stage: Stage) -> None:
    leg = stage.record(spec("a", retry=RetryPolicy(attempts=2, delay_seconds=20)))
    stage.queue.failing.add("a")
    leg = submit(stage, turn(stage, leg))
    assert (leg.next, leg.wait) == (Next.WAIT, 20)
    stage.clock.advance(20)
    assert submit(stage, leg).wait == 60
    assert stage.submitted == ["a", "a"]


@pytest.mark.parametrize(
    ("live", "wait_time", "seconds"),
    [(1, 60, 5), (119, 60, 5), (120, 60, 6), (1199, 60, 59), (1300, 60, 60), (1300, 3600, 60),
     (1300, 20, 20), (1300, 3, 5)],
)  # fmt: skip
def test_the_more_jobs_are_live_the_more_events_are_answered_by_one_turn(
    stage: Stage, live: int, wait_time: int, seconds: int
) -> None:
    names = [f"job{number}" for number in range(live)]
    leg = stage.record(
        *map(spec, names),
        run=driven(policy=Policy(wait_time=wait_time)),
        **dict.fromkeys(names, J.RUNNING),
    )
    assert submit(stage, leg).settle == seconds


def test_a_submission_whose_reply_was_lost_is_looked_for_soon(stage: Stage) -> None:
    leg = stage.record()
    stage.queue.loses_replies = True
    assert submit(stage, leg).wait == 30
    assert stage.statuses == {"a": "RESERVED"}
    assert submit(stage, leg).wait == 60
    assert (stage.statuses, stage.submitted) == ({"a": "SUBMITTED"}, ["a"])


def test_f40_a_lost_submission_is_not_doubled_by_functions_whose_clocks_are_ahead() -> None:
    # As on AWS Batch; the reservation is written five minutes early, and looked at as much late.
    stage = Stage(lag=300, limits=QueueLimits(fence=1500, empty_lookups=3), skew=-300)
    leg = stage.record()
    stage.queue.loses_replies = True
    submit(stage, leg)
    stage.queue.loses_replies = False
    for second in range(0, 300, 30):
        stage.skew = 300 - second % 60 * 20  # five minutes ahead or behind, in turn
        assert submit(stage, leg).wait == 30
        stage.clock.advance(30)
    submit(stage, leg)
    assert stage.submitted == ["a"]
    assert stage.statuses == {"a": "SUBMITTED"}


@pytest.mark.parametrize("skew", [-300, 300])
def test_f40_a_wrong_clock_makes_nobody_wait_longer_than_for_the_poll_of_last_resort(
    stage: Stage, skew: float
) -> None:
    leg = stage.record(spec("a", retry=RetryPolicy(attempts=2, delay_seconds=200)))
    stage.queue.failing.add("a")
    stage.skew = -skew
    leg = turn(stage, leg)
    stage.skew = skew
    assert 1 <= submit(stage, leg).wait <= 60


# Waiting


def test_a_run_that_moved_before_the_wait_began_is_not_waited_for(stage: Stage) -> None:
    leg = stage.record()
    driving.wake(stage.marks, stage.executions, RUN)
    steps.wait_for_change(stage.ports, leg, "token")
    assert stage.executions.woken == ["token"]


def test_a_wait_is_kept_until_something_moves(stage: Stage) -> None:
    steps.wait_for_change(stage.ports, stage.record(), "token")
    assert stage.executions.woken == []
    driving.wake(stage.marks, stage.executions, RUN)
    assert stage.executions.woken == ["token"]


# Polling and recording


def test_what_the_queue_says_is_on_record_after_the_poll(stage: Stage) -> None:
    leg = submit(stage, stage.record(spec("a"), spec("b", "a")))
    stage.queue.failing.add("a")
    stage.queue.run_until_quiet()
    assert steps.poll_jobs(stage.ports, leg, plenty).next is Next.RECORD
    assert stage.statuses == {"a": "FAILED", "b": "UPSTREAM_FAILED"}


def test_f45_a_poll_without_time_for_all_jobs_begins_with_others_the_next_time() -> None:
    stage = Stage(limits=QueueLimits(max_submissions=2000))
    *names, last = [f"job{number}" for number in range(AT_ONCE + 1)]
    leg = submit(stage, stage.record(*map(spec, [*names, last])))
    steps.poll_jobs(stage.ports, leg, lambda: 59_999)
    assert stage.statuses == dict.fromkeys(names, "RUNNABLE") | {last: "SUBMITTED"}
    steps.poll_jobs(stage.ports, replace(leg, turn=1), lambda: 59_999)
    assert stage.statuses[last] == "RUNNABLE"


def test_f45_what_the_queue_does_not_describe_is_not_looked_for_without_time(stage: Stage) -> None:
    leg = stage.record(a=JobState(status=J.RUNNING, job_id="gone", reserved_at=NOW))
    steps.poll_jobs(stage.ports, leg, lambda: 59_999)
    assert stage.states["a"].lookups == 0
    steps.poll_jobs(stage.ports, leg, plenty)
    assert stage.states["a"].lookups == 1


def test_a_turn_that_is_over_is_counted(stage: Stage) -> None:
    leg = steps.record_history(stage.ports, stage.record())
    assert (leg.turn, leg.next, leg.told) == (1, Next.SUBMIT, False)


def test_the_first_failure_is_told_at_once_and_only_the_first(stage: Stage) -> None:
    leg = stage.record(gate("z"), spec("a"), spec("b"), a=J.FAILED, z=J.HELD)
    leg = steps.record_history(stage.ports, leg)
    assert stage.subjects == ["etl: a failed"]
    stage.queue.failing.add("b")
    turn(stage, leg)
    assert stage.statuses["b"] == "FAILED"
    assert stage.subjects == ["etl: a failed"]


def test_a_job_that_fails_again_after_a_restart_is_told_again(stage: Stage) -> None:
    stage.queue.failing.add("a")
    leg = turn(stage, stage.record(gate("z"), spec("a"), z=J.HELD))
    assert (leg.told, leg.generation) == (True, 1)
    operations.restart(stage.ports, RUN, order(Act.RESTART))
    leg = turn(stage, leg)
    assert (leg.told, leg.generation) == (True, 2)
    assert stage.subjects == ["etl: a failed"] * 2
    assert len({notice.id for notice in stage.notices.published}) == 2


def test_f38_a_failure_that_a_second_driver_tells_again_has_the_same_id(stage: Stage) -> None:
    leg = stage.record(gate("z"), spec("a"), a=J.FAILED, z=J.HELD)
    for _ in range(2):
        steps.record_history(stage.ports, leg)
    assert stage.subjects == ["etl: a failed"] * 2
    assert len({notice.id for notice in stage.notices.published}) == 1


def test_f37_a_failure_that_nobody_can_be_told_of_stops_no_run_and_is_told_later(
    stage: Stage,
) -> None:
    stage.notices.is_down = True
    stage.queue.failing.add("a")
    leg = turn(stage, stage.record(gate("z"), spec("a"), z=J.HELD))
    assert (leg.next, leg.told) == (Next.SUBMIT, False)
    assert (stage.header.status, stage.header.driver) == (RunStatus.RUNNING, DRIVER)
    stage.notices.is_down = False
    assert steps.record_history(stage.ports, leg).told
    assert stage.subjects == ["etl: a failed"]


# Stuck jobs

RULES = Policy(
    notify=(NoticeRule(on=tuple(Occasion), receiver=Receiver(means=Means.LOG)),), wait_time=60
)


def stuck(stage: Stage) -> Leg:
    """A job has been in RUNNABLE for two hours, and another has failed."""
    old = state("z", J.RUNNABLE, runnable_since=NOW - timedelta(hours=2))
    return stage.record(spec("z"), spec("a"), run=driven(policy=RULES), z=old, a=J.FAILED)


def test_stuck_jobs_are_posted_once_a_generation_for_reconcile_to_deliver(stage: Stage) -> None:
    leg = submit(stage, stuck(stage))
    assert leg.stuck
    assert [each.letter.kind for each in stage.outbox.pending(NOW, 9)] == ["stuck"]
    assert submit(stage, leg).stuck
    assert not steps.Leg.of_json({**leg.to_json(), "stuck": False}).stuck
    run = stage.header
    stage.store.record(run, [], after=replace(run, generation=2, revision=run.revision + 1))
    assert submit(stage, leg).stuck
    assert stage.outbox.left() == 2


# What waits for the end


class DeafTriggers(MemoryTriggers):
    """Says to nobody who listens."""

    def listeners(self, event: str) -> list[str]:
        raise BackendError("store", "listeners", "throttled", retryable=True)


def over(stage: Stage) -> Leg:
    """The run has ended, and another schedule waits for that."""
    put(stage.ports, "next", {"name": "after", "onRun": {"schedule": "etl"}})
    leg = turn(stage, stage.record(spec("a")))
    leg = submit(stage, leg)
    assert leg.next is Next.NOTIFY
    return leg


def test_the_end_of_a_run_decides_on_what_waits_for_it_and_a_tick_starts_that(stage: Stage) -> None:
    leg = over(stage)
    steps.notify(stage.ports, leg)
    assert runs(stage.ports, "next") == []
    steps.notify(stage.ports, leg)
    for _ in range(2):
        tick(stage.ports)
    [run] = runs(stage.ports, "next")
    assert run.reason == f"{RUN} SUCCEEDED"


def test_an_end_that_is_not_heard_of_is_told_and_archived_and_heard_of_by_reconcile(
    stage: Stage,
) -> None:
    leg = over(stage)
    steps.notify(replace(stage.ports, triggers=DeafTriggers()), leg)
    assert stage.subjects == ["etl: run SUCCEEDED"]
    assert (list(stage.archive.files), stage.header.archive) == ([RUN], "")
    stage.clock.advance(1000)
    stage.reconcile()
    assert stage.header.archive
    tick(stage.ports)
    assert len(runs(stage.ports, "next")) == 1


def test_an_end_that_nobody_can_be_told_of_is_heard_of_all_the_same(stage: Stage) -> None:
    leg = over(stage)
    stage.notices.is_down = True
    with pytest.raises(BackendError):
        steps.notify(stage.ports, leg)
    tick(stage.ports)
    assert len(runs(stage.ports, "next")) == 1


class BrokenOutbox(MemoryOutbox):
    """Takes nothing."""

    def add(self, letter: Letter, next_at: datetime) -> bool:
        raise BackendError("DynamoDB", "PutItem", "throttled", retryable=True)


def test_f37_an_outbox_that_is_broken_stops_no_run_and_all_is_told_later(stage: Stage) -> None:
    leg = stuck(stage)
    broken = replace(stage.ports, outbox=BrokenOutbox())
    leg = steps.submit_jobs(broken, leg, plenty)
    assert (leg.stuck, leg.next) == (False, Next.WAIT)
    leg = steps.record_history(broken, leg)
    assert (leg.told, leg.next) == (False, Next.SUBMIT)
    assert stage.header.status is RunStatus.RUNNING
    assert steps.record_history(stage.ports, submit(stage, leg)).told
    assert stage.outbox.left() == 1  # stuck; the failure was told at once
