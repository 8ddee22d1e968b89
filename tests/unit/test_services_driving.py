"""Who drives a run: one execution at a time, and always one in the end."""

import pytest

from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.messages import parse_message
from chalicelib.core.naming import execution_name
from chalicelib.errors import ConflictError
from chalicelib.services import driving, operations, runs, schedules, steps
from chalicelib.services.operations import Selection
from chalicelib.services.runs import StartRequest
from chalicelib.services.steps import Leg, Next
from tests.builders import job, loaded
from tests.unit.runs import NOW, order, spec
from tests.unit.stage import DRIVER, RUN, Stage, driven, plenty

FIRST, SECOND, THIRD = (execution_name(RUN, 1, number) for number in range(3))
A = Selection(run_id=RUN, patterns=["a"])
OTHER = "etl/2026-11-22T11:00:00.000000Z"


@pytest.fixture
def stage() -> Stage:
    return Stage()


def submit(stage: Stage, driver: str) -> Leg:
    return steps.submit_jobs(stage.ports, Leg(run_id=RUN, driver=driver), plenty)


def take(stage: Stage, execution: str) -> Leg:
    """The first step of an execution that was started to drive on."""
    message = parse_message(stage.executions.started[execution])
    return steps.get_schedule(stage.ports, message, execution, NOW)


def start_by_hand(stage: Stage) -> str:
    """A run that somebody starts from a terminal, and five minutes after."""
    schedule = schedules.put(stage.ports, loaded(job("a")), "ada")
    run_id = runs.start(stage.ports, schedule, StartRequest(actor="ada")).run_id
    stage.clock.advance(300)
    return run_id


def test_whoever_starts_a_run_starts_the_execution_that_drives_it(stage: Stage) -> None:
    run_id = start_by_hand(stage)
    assert list(stage.executions.started) == [execution_name(run_id, 1, 0)]


def test_f18_a_run_that_was_stored_without_its_execution_is_given_it_later(stage: Stage) -> None:
    stage.executions.is_away = True
    run_id = start_by_hand(stage)
    assert stage.store.get_header(run_id).status is RunStatus.RUNNING
    stage.executions.is_away = False
    stage.reconcile()
    [name] = stage.executions.started
    assert (take(stage, name).run_id, stage.store.get_header(run_id).driver) == (run_id, name)


def test_f18_an_execution_that_was_started_although_the_reply_was_lost_is_not_doubled(
    stage: Stage,
) -> None:
    stage.executions.loses_replies = True
    start_by_hand(stage)
    stage.reconcile()
    assert len(stage.executions.started) == 1


def test_f18_an_execution_that_a_run_names_and_that_nobody_started_is_started(stage: Stage) -> None:
    stage.record(run=driven(driver=SECOND, handovers=1))
    stage.reconcile()
    assert list(stage.executions.started) == [SECOND]
    assert take(stage, SECOND).next is Next.SUBMIT
    assert stage.acts == ["START"]


def test_f19_no_execution_gets_a_name_that_another_has_had(stage: Stage) -> None:
    stage.record(run=driven(driver=""))
    stage.reconcile()
    take(stage, FIRST)

    def give_up() -> None:
        driving.give_up(stage.ports, stage.header, "broken")
        stage.reconcile()
        take(stage, list(stage.executions.started)[-1])

    def restart() -> None:
        operations.cancel(stage.ports, RUN, order(Act.CANCEL))
        submit(stage, stage.header.driver)
        operations.restart(stage.ports, RUN, order(Act.RESTART))
        take(stage, list(stage.executions.started)[-1])

    acts = (
        lambda: driving.hand_over(stage.ports, stage.header),
        lambda: driving.take_up(stage.ports, stage.header, "gone"),
        give_up,
        restart,
    )
    for number, act in enumerate(acts * 3, 2):
        act()
        assert len(stage.executions.started) == number
        assert stage.header.driver == list(stage.executions.started)[-1]


def test_f19_a_run_whose_first_execution_ended_without_taking_it_gets_one_of_another_name(
    stage: Stage,
) -> None:
    stage.record(run=driven(driver=""))
    stage.reconcile()
    stage.executions.ended.add(FIRST)
    stage.reconcile()
    assert list(stage.executions.started) == [FIRST, SECOND]
    assert stage.header.driver == SECOND


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT"])
def test_f20_what_an_execution_that_was_ended_from_outside_left_is_taken_up_at_once(
    stage: Stage, status: str
) -> None:
    stage.record(run=driven(driver=FIRST))
    assert driving.execution_ended(stage.ports, FIRST, status) == 1
    assert stage.header.driver == SECOND
    assert list(stage.executions.started) == [SECOND]
    assert stage.store.events(RUN)[-1].reason == (
        f"driven by execution {SECOND}: execution {FIRST} is {status}"
    )


@pytest.mark.parametrize("status", ["FAILED", "SUCCEEDED"])
def test_f20_what_ended_by_itself_is_left_to_the_next_reconciliation(
    stage: Stage, status: str
) -> None:
    stage.record(run=driven(driver=FIRST))
    stage.executions.start(FIRST, {})
    stage.executions.ended.add(FIRST)
    assert driving.execution_ended(stage.ports, FIRST, status) == 0
    assert stage.header.driver == FIRST
    stage.reconcile()
    assert stage.header.driver == SECOND
    assert "is no longer running" in stage.store.events(RUN)[-1].reason


def test_f20_only_the_runs_of_the_execution_that_ended_are_taken_up(stage: Stage) -> None:
    stage.record(run=driven(driver=FIRST))
    stage.record(run=driven(run_id=OTHER, driver=DRIVER))
    driving.execution_ended(stage.ports, FIRST, "ABORTED")
    assert stage.store.get_header(OTHER).driver == DRIVER
    assert list(stage.executions.started) == [SECOND]


def test_f20_a_run_that_was_to_be_taken_by_the_execution_that_ended_is_taken_up_too(
    stage: Stage,
) -> None:
    stage.record(run=driven(driver=""))
    assert driving.execution_ended(stage.ports, FIRST, "ABORTED") == 1
    assert stage.header.driver == SECOND


def test_f20_jobs_on_the_queue_are_adopted_and_not_submitted_again(stage: Stage) -> None:
    stage.record(spec("a"), spec("b", "a"), run=driven(driver=FIRST))
    submit(stage, FIRST)
    driving.execution_ended(stage.ports, FIRST, "ABORTED")
    stage.queue.run_until_quiet()
    steps.poll_jobs(stage.ports, take(stage, SECOND), plenty)
    assert stage.statuses == {"a": "SUCCEEDED", "b": "SUCCEEDED"}
    assert stage.submitted == ["a", "b"]


def test_f20_an_execution_of_a_run_that_has_ended_leaves_nothing(stage: Stage) -> None:
    stage.record(run=driven(driver="", status=RunStatus.FAILED, ended_at=NOW))
    assert driving.execution_ended(stage.ports, FIRST, "ABORTED") == 0
    stage.reconcile()
    assert not stage.executions.started


def test_f44_an_execution_s_end_that_is_told_twice_gives_one_driver(stage: Stage) -> None:
    stage.record(run=driven(driver=FIRST))
    told = [driving.execution_ended(stage.ports, FIRST, "ABORTED") for _ in range(2)]
    assert told == [1, 0]
    assert list(stage.executions.started) == [SECOND]


def test_f44_of_two_who_take_up_a_run_at_the_same_moment_one_does(stage: Stage) -> None:
    stage.record(run=driven(driver=FIRST))
    stage.store.others = [lambda: driving.execution_ended(stage.ports, FIRST, "ABORTED")]
    assert driving.execution_ended(stage.ports, FIRST, "ABORTED") == 0
    assert (stage.header.driver, stage.header.handovers) == (SECOND, 1)
    assert list(stage.executions.started) == [SECOND]


def test_f21_a_driver_that_was_taken_for_gone_can_write_nothing_more(stage: Stage) -> None:
    stage.record(run=driven(driver=FIRST))
    stage.store.others = [lambda: driving.take_up(stage.ports, stage.header, "gone")]
    assert submit(stage, FIRST).next is Next.END
    assert stage.submitted == []
    assert submit(stage, SECOND).next is Next.WAIT
    assert stage.submitted == ["a"]


def test_f21_a_driver_that_hands_over_while_it_is_taken_for_gone_does_not(stage: Stage) -> None:
    stage.record(run=driven(driver=FIRST))
    seen = stage.header
    driving.take_up(stage.ports, seen, "gone")
    with pytest.raises(ConflictError):
        driving.hand_over(stage.ports, seen)
    assert list(stage.executions.started) == [SECOND]
    assert stage.header.handovers == 1


def test_an_execution_takes_a_run_that_nobody_drives(stage: Stage) -> None:
    stage.record(run=driven(driver=""))
    taken = driving.claim(stage.ports, stage.header, FIRST)
    assert taken is not None
    assert (taken.driver, taken.revision) == (FIRST, 1)
    assert stage.acts == ["START", "DRIVE"]


def test_the_execution_that_drives_a_run_has_it_and_writes_nothing(stage: Stage) -> None:
    stage.record()
    assert driving.claim(stage.ports, stage.header, DRIVER) == stage.header
    assert stage.acts == ["START"]


def test_no_execution_takes_a_run_from_another_or_one_that_has_ended(stage: Stage) -> None:
    stage.record()
    assert driving.claim(stage.ports, stage.header, SECOND) is None
    stage.record(run=driven(run_id=OTHER, driver="", status=RunStatus.FAILED, ended_at=NOW))
    assert driving.claim(stage.ports, stage.store.get_header(OTHER), SECOND) is None
    assert stage.header.driver == DRIVER


def test_a_driver_that_waits_is_woken_by_an_operator_s_act(stage: Stage) -> None:
    steps.wait_for_change(stage.ports, stage.record(), "token")
    operations.act_on_jobs(stage.ports, A, order(Act.HOLD))
    assert stage.executions.woken == ["token"]
    assert not stage.executions.started


def test_an_operator_s_act_stands_although_nobody_could_be_told_of_it(stage: Stage) -> None:
    steps.wait_for_change(stage.ports, stage.record(), "token")
    stage.executions.is_away = True
    operations.act_on_jobs(stage.ports, A, order(Act.HOLD))
    assert stage.statuses == {"a": "HELD"}
    assert stage.executions.woken == []


def test_a_run_without_a_driver_gets_one_when_an_operator_acts(stage: Stage) -> None:
    stage.record(run=driven(driver="", handovers=1))
    operations.act_on_jobs(stage.ports, A, order(Act.HOLD))
    assert list(stage.executions.started) == [SECOND]


def test_what_changes_a_run_that_has_ended_wakes_and_starts_nobody(stage: Stage) -> None:
    stage.record(run=driven(driver="", status=RunStatus.FAILED, ended_at=NOW), a=JobStatus.FAILED)
    operations.act_on_jobs(stage.ports, A, order(Act.PASS))
    assert stage.statuses == {"a": "PASS"}
    assert not stage.executions.started
    assert stage.marks.arm(RUN, "token"), "nobody has marked the run"


def test_f44_a_burst_of_news_wakes_a_driver_once_and_keeps_it_from_waiting_again(
    stage: Stage,
) -> None:
    leg = stage.record()
    steps.wait_for_change(stage.ports, leg, "first")
    for _ in range(5):
        driving.wake(stage.marks, stage.executions, RUN)
    assert stage.executions.woken == ["first"]
    steps.wait_for_change(stage.ports, leg, "second")
    assert stage.executions.woken == ["first", "second"]
    steps.wait_for_change(stage.ports, leg, "third")
    assert stage.executions.woken == ["first", "second"]


def test_a_run_that_was_given_up_says_why_and_is_left_alone_until_it_is_looked_for(
    stage: Stage,
) -> None:
    stage.record(run=driven(driver=FIRST))
    driving.give_up(stage.ports, stage.header, "MemoryError: out of memory")
    last = stage.store.events(RUN)[-1]
    assert (last.act, last.actor, last.reason) == (
        "DRIVER_FAILED", "engine", "MemoryError: out of memory"
    )  # fmt: skip
    assert not stage.executions.started
    assert submit(stage, FIRST).next is Next.END
    assert stage.submitted == []
    stage.reconcile()
    assert take(stage, SECOND).next is Next.SUBMIT


def test_a_run_that_is_driven_is_left_alone(stage: Stage) -> None:
    stage.record(run=driven(driver=FIRST))
    stage.executions.start(FIRST, {})
    stage.reconcile()
    assert stage.header.driver == FIRST
    assert list(stage.executions.started) == [FIRST]


def test_a_run_that_can_not_be_helped_keeps_no_other_from_help(stage: Stage) -> None:
    stage.record(run=driven(run_id=OTHER, driver=THIRD))
    stage.record(run=driven(driver=FIRST))
    stage.executions.unknowable.add(FIRST)
    stage.reconcile()
    assert list(stage.executions.started) == [THIRD]


def test_a_run_that_moves_while_it_is_looked_after_is_left_to_whoever_moved_it(
    stage: Stage,
) -> None:
    stage.record(run=driven(driver=FIRST))
    stage.executions.start(FIRST, {})
    stage.executions.ended.add(FIRST)
    stage.store.others = [lambda: driving.take_up(stage.ports, stage.header, "gone")]
    stage.reconcile()
    assert list(stage.executions.started) == [FIRST, SECOND]
    assert stage.header.handovers == 1
