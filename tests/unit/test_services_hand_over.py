"""How an execution comes to a run, and how it leaves it: to another one, or to nobody."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.messages import parse_message
from chalicelib.core.naming import execution_name, start_text
from chalicelib.errors import BackendError, ConflictError, NotFoundError
from chalicelib.services import driving, operations, schedules, steps
from chalicelib.services.operations import Selection
from chalicelib.services.steps import Leg, Next
from tests.builders import job, loaded
from tests.unit.runs import EARLIER, NOW, order, spec
from tests.unit.stage import DRIVER, RUN, Stage, driven, plenty

J = JobStatus
SUCCESSOR = execution_name(RUN, 1, 1)
RESTART = {"scheduleId": "etl", "startDateTime": start_text(EARLIER), "scheduleStatus": "RESTART"}
CONTINUE = {**RESTART, "scheduleStatus": "CONTINUE"}
Z = Selection(run_id=RUN, patterns=["z"])


@pytest.fixture
def stage() -> Stage:
    return Stage()


def begin(stage: Stage, message: dict[str, Any], execution: str = DRIVER) -> Leg:
    """The first step of an execution, which was started at NOW."""
    return steps.get_schedule(stage.ports, parse_message(message), execution, NOW)


def submit(stage: Stage, leg: Leg) -> Leg:
    return steps.submit_jobs(stage.ports, leg, plenty)


def poll(stage: Stage, leg: Leg) -> Leg:
    return steps.poll_jobs(stage.ports, leg, plenty)


def finish(stage: Stage, leg: Leg) -> Leg:
    """Let everything run, and give the leg that is to be told of."""
    submit(stage, leg)
    stage.queue.run_until_quiet()
    return submit(stage, poll(stage, leg))


def put_nightly(stage: Stage, **fields: Any) -> dict[str, Any]:
    """Store a schedule, and give the message that starts a run of it."""
    schedules.put(stage.ports, loaded(job("a", jobQueue="main"), **fields), "ada")
    return {"scheduleId": "nightly", "startDateTime": " ", "scheduleStatus": " "}


def failed_run(stage: Stage) -> None:
    stage.record(run=driven(driver="", status=RunStatus.FAILED, ended_at=NOW), a=J.FAILED)


# Coming to a run


def test_a_message_starts_a_run_that_its_execution_drives(stage: Stage) -> None:
    message = put_nightly(stage, wait_time=17, parameters={"n": {"type": "integer"}})
    leg = begin(stage, {**message, "parameters": {"n": 3}, "reason": "late data"})
    header = stage.store.get_header(leg.run_id)
    assert (leg.driver, leg.next, leg.wait) == (DRIVER, Next.SUBMIT, 17)
    assert (header.driver, header.started_by) == (DRIVER, f"execution {DRIVER}")
    assert (header.started_at, header.reason) == (NOW, "late data")
    assert dict(header.parameters) == {"n": 3}
    assert not stage.executions.started


def test_a_message_about_a_schedule_that_is_not_there_starts_nothing(stage: Stage) -> None:
    with pytest.raises(NotFoundError):
        begin(stage, {"scheduleId": "nightly"})
    assert stage.store.find_headers() == []


def test_f44_an_execution_that_begins_twice_has_one_run(stage: Stage) -> None:
    message = put_nightly(stage)
    legs = [begin(stage, message) for _ in range(2)]
    assert legs[0] == legs[1]
    assert len(stage.store.find_headers()) == 1


def test_f44_an_execution_whose_first_step_comes_again_after_the_run_has_ended_starts_no_other(
    stage: Stage,
) -> None:
    message = put_nightly(stage)
    leg = finish(stage, begin(stage, message))
    assert leg.status is RunStatus.SUCCEEDED
    again = begin(stage, message)
    assert (again.run_id, again.next, again.status) == (leg.run_id, Next.END, RunStatus.SUCCEEDED)
    assert len(stage.store.find_headers()) == 1


def test_f44_an_execution_whose_first_step_comes_again_after_a_new_version_starts_no_other(
    stage: Stage,
) -> None:
    leg = begin(stage, put_nightly(stage))
    assert begin(stage, put_nightly(stage, wait_time=17)).run_id == leg.run_id


def test_two_executions_of_one_moment_have_a_run_each(stage: Stage) -> None:
    message = put_nightly(stage)
    legs = [begin(stage, message, name) for name in ("one", "two")]
    headers = [stage.store.get_header(leg.run_id) for leg in legs]
    assert [header.driver for header in headers] == ["one", "two"]
    assert [header.started_at for header in headers] == [NOW, NOW.replace(microsecond=1)]


def test_a_restart_by_message_is_driven_by_its_execution_and_by_no_other(stage: Stage) -> None:
    failed_run(stage)
    leg = begin(stage, {**RESTART, "reason": "repaired"})
    assert (leg.generation, leg.next) == (2, Next.SUBMIT)
    assert (stage.header.driver, stage.header.status) == (DRIVER, RunStatus.RUNNING)
    assert stage.header.reason == f"restart by execution {DRIVER}: repaired"
    assert not stage.executions.started


def test_f44_an_execution_restarts_a_run_once_though_its_first_step_comes_twice(
    stage: Stage,
) -> None:
    failed_run(stage)
    legs = [begin(stage, RESTART) for _ in range(2)]
    assert legs[0] == legs[1]
    assert stage.acts == ["START", "RESTART"]


def test_f44_an_execution_whose_first_step_comes_again_after_its_run_failed_restarts_nothing(
    stage: Stage,
) -> None:
    failed_run(stage)
    stage.queue.failing.add("a")
    assert finish(stage, begin(stage, RESTART)).status is RunStatus.FAILED
    assert begin(stage, RESTART).next is Next.END
    assert (stage.header.status, stage.header.generation) == (RunStatus.FAILED, 2)
    assert stage.submitted == ["a"]


def test_another_execution_may_restart_what_failed_again(stage: Stage) -> None:
    failed_run(stage)
    stage.queue.failing.add("a")
    finish(stage, begin(stage, RESTART))
    assert begin(stage, RESTART, "another").next is Next.SUBMIT
    assert (stage.header.driver, stage.header.generation) == ("another", 3)


def test_a_restart_of_a_run_that_is_driven_is_left_to_its_driver_which_is_woken(
    stage: Stage,
) -> None:
    leg = stage.record(spec("a"), spec("z"), a=J.FAILED)
    steps.wait_for_change(stage.ports, leg, "token")
    assert begin(stage, RESTART, "another").next is Next.END
    assert (stage.header.driver, stage.header.generation) == (DRIVER, 2)
    assert stage.executions.woken == ["token"]
    assert stage.statuses == {"a": "WAITING", "z": "WAITING"}


def test_a_restart_of_what_has_not_failed_is_refused(stage: Stage) -> None:
    stage.record(run=driven(driver="", status=RunStatus.SUCCEEDED, ended_at=NOW), a=J.SUCCEEDED)
    with pytest.raises(ConflictError, match="nothing to restart"):
        begin(stage, RESTART)


def test_a_run_that_was_given_up_goes_on_where_it_stood(stage: Stage) -> None:
    leg = stage.record(spec("a"), spec("b", "a"))
    submit(stage, leg)
    driving.give_up(stage.ports, stage.header, "broken")
    leg = begin(stage, CONTINUE, SUCCESSOR)
    assert (leg.next, stage.header.driver) == (Next.SUBMIT, SUCCESSOR)
    assert finish(stage, leg).status is RunStatus.SUCCEEDED
    assert stage.submitted == ["a", "b"]


def test_an_execution_that_comes_to_a_run_of_another_leaves_and_wakes_that_one(
    stage: Stage,
) -> None:
    steps.wait_for_change(stage.ports, stage.record(), "token")
    leg = begin(stage, CONTINUE, "another")
    assert (leg.next, leg.status) == (Next.END, RunStatus.RUNNING)
    assert stage.header.driver == DRIVER
    assert stage.executions.woken == ["token"]


# Handing over


def full(stage: Stage) -> Leg:
    """The leg of an execution whose history is full after one turn more."""
    stage.record(spec("a"), spec("z"))
    return Leg(run_id=RUN, driver=DRIVER, turn=stage.executions.max_turns - 1)


def test_f21_an_execution_hands_over_before_its_history_is_full(stage: Stage) -> None:
    leg = full(stage)
    poll(stage, submit(stage, leg))
    assert steps.record_history(stage.ports, leg).next is Next.END
    assert dict(stage.executions.started[SUCCESSOR]) == CONTINUE
    leg = begin(stage, dict(stage.executions.started[SUCCESSOR]), SUCCESSOR)
    assert (leg.next, leg.turn) == (Next.SUBMIT, 0)
    assert finish(stage, leg).status is RunStatus.SUCCEEDED
    assert stage.submitted == ["a", "z"]


def test_f21_after_a_hand_over_no_step_of_the_old_execution_does_anything(stage: Stage) -> None:
    leg = full(stage)
    steps.record_history(stage.ports, leg)
    before = stage.store.load_run(RUN).versions
    for step in (submit, poll, on_ports(steps.record_history), on_ports(steps.notify)):
        assert step(stage, leg).next is Next.END
    assert stage.store.load_run(RUN).versions == before
    assert (stage.submitted, stage.subjects) == ([], [])


def on_ports(step: Callable[..., Leg]) -> Callable[[Stage, Leg], Leg]:
    return lambda stage, leg: step(stage.ports, leg)


@pytest.mark.parametrize("mood", ["is_away", "loses_replies"])
def test_f18_a_hand_over_that_was_cut_off_is_made_good_by_the_same_step(
    stage: Stage, mood: str
) -> None:
    leg = full(stage)
    setattr(stage.executions, mood, True)
    with pytest.raises(BackendError):
        steps.record_history(stage.ports, leg)
    assert stage.header.driver == SUCCESSOR
    setattr(stage.executions, mood, False)
    assert steps.record_history(stage.ports, leg).next is Next.END
    assert list(stage.executions.started) == [SUCCESSOR]
    assert stage.header.handovers == 1


def test_f18_a_hand_over_that_was_cut_off_for_good_is_made_good_by_reconciliation(
    stage: Stage,
) -> None:
    leg = full(stage)
    stage.executions.is_away = True
    with pytest.raises(BackendError):
        steps.record_history(stage.ports, leg)
    steps.notify(stage.ports, leg, {"Error": "BackendError", "Cause": "throttled"})
    stage.executions.is_away = False
    stage.reconcile()
    assert list(stage.executions.started) == [SUCCESSOR]
    assert stage.acts == ["START", "DRIVE"]
    assert stage.subjects == []


def test_f21_a_hand_over_is_decided_anew_when_an_operator_was_quicker(stage: Stage) -> None:
    leg = full(stage)
    hold = lambda: operations.act_on_jobs(stage.ports, Z, order(Act.HOLD))  # noqa: E731
    stage.store.others = [lambda: None, hold]
    assert steps.record_history(stage.ports, leg).next is Next.END
    assert (stage.header.driver, stage.header.handovers) == (SUCCESSOR, 1)
    assert stage.statuses["z"] == "HELD"
    assert list(stage.executions.started) == [SUCCESSOR]


def test_an_execution_that_was_never_handed_a_run_starts_nobody_for_it(stage: Stage) -> None:
    stage.record()
    assert submit(stage, Leg(run_id=RUN, driver="another")).next is Next.END
    assert not stage.executions.started


# An operator in between


def moving(stage: Stage) -> Callable[[], object]:
    """An operator who holds job `z`, or releases it again."""

    def move() -> None:
        act = Act.RELEASE if stage.statuses["z"] == "HELD" else Act.HOLD
        operations.act_on_jobs(stage.ports, Z, order(act))

    return move


@pytest.mark.parametrize("times", [1, 3])
def test_a_step_is_decided_anew_when_an_operator_was_quicker(stage: Stage, times: int) -> None:
    leg = stage.record(spec("a"), spec("z"))
    stage.store.others = [moving(stage)] * times
    assert submit(stage, leg).next is Next.WAIT
    assert stage.statuses == {"a": "SUBMITTED", "z": "HELD"}
    assert stage.submitted == ["a"]


def test_a_step_under_which_the_run_never_stands_still_fails_and_has_done_nothing(
    stage: Stage,
) -> None:
    leg = stage.record(spec("a"), spec("z"))
    stage.store.others = [moving(stage)] * 9
    with pytest.raises(ConflictError):
        submit(stage, leg)
    assert stage.submitted == []
    assert stage.statuses["a"] == "WAITING"


# The end


def test_the_end_of_a_run_is_told_and_the_run_is_archived(stage: Stage) -> None:
    leg = steps.notify(stage.ports, finish(stage, stage.record()))
    assert (leg.next, leg.status) == (Next.END, RunStatus.SUCCEEDED)
    assert stage.subjects == ["etl: run SUCCEEDED"]
    assert list(stage.archive.files) == [RUN]


def test_a_run_that_can_not_be_archived_has_ended_all_the_same_and_is_archived_later(
    stage: Stage,
) -> None:
    leg = finish(stage, stage.record())
    stage.archive.is_down = True
    assert steps.notify(stage.ports, leg).next is Next.END
    assert (stage.subjects, stage.header.archive) == (["etl: run SUCCEEDED"], "")
    stage.archive.is_down = False
    stage.clock.advance(1000)
    stage.reconcile()
    assert stage.header.archive


def test_a_generation_that_has_been_restarted_is_not_told_as_ended(stage: Stage) -> None:
    stage.queue.failing.add("a")
    leg = finish(stage, stage.record())
    operations.restart(stage.ports, RUN, order(Act.RESTART))
    assert steps.notify(stage.ports, leg).status is RunStatus.FAILED
    assert stage.header.status is RunStatus.RUNNING
    assert stage.subjects == []


def test_a_step_that_comes_after_the_end_of_its_generation_leads_to_the_telling(
    stage: Stage,
) -> None:
    leg = stage.record()
    finish(stage, leg)
    assert poll(stage, leg).next is Next.NOTIFY


def test_a_step_that_comes_after_the_end_of_a_later_generation_tells_nothing(
    stage: Stage,
) -> None:
    stage.queue.failing.add("a")
    leg = stage.record()
    finish(stage, leg)
    finish(stage, begin(stage, RESTART, "another"))
    late = poll(stage, leg)
    assert (late.next, late.status) == (Next.END, RunStatus.FAILED)


def test_f37_an_end_that_nobody_can_be_told_of_is_the_same_end_and_archived(stage: Stage) -> None:
    leg = finish(stage, stage.record())
    stage.notices.is_down = True
    with pytest.raises(BackendError):
        steps.notify(stage.ports, leg)
    untold = stage.header
    assert untold.status is RunStatus.SUCCEEDED
    assert list(stage.archive.files) == [RUN]
    assert not untold.archive  # else `reconcile` would not look at it
    stage.notices.is_down = False
    steps.notify(stage.ports, leg)
    assert stage.header.archive
    assert stage.subjects == ["etl: run SUCCEEDED"]


def test_a_driver_that_failed_leaves_its_run_to_another_and_people_know(stage: Stage) -> None:
    leg = stage.record()
    steps.notify(stage.ports, leg, {"Error": "MemoryError", "Cause": "x" * 5000})
    assert (stage.header.driver, stage.header.status) == ("", RunStatus.RUNNING)
    last = stage.store.events(RUN)[-1]
    assert (last.act, last.reason[:14], len(last.reason)) == (
        "DRIVER_FAILED",
        "MemoryError: x",
        1024,
    )
    assert stage.subjects == ["etl: driver failed"]


def test_f37_a_driver_that_gave_up_and_could_not_tell_tells_at_its_next_try(stage: Stage) -> None:
    leg = stage.record()
    stage.notices.is_down = True
    with pytest.raises(BackendError):
        steps.notify(stage.ports, leg, {"Error": "MemoryError"})
    stage.notices.is_down = False
    steps.notify(stage.ports, leg, {"Error": "MemoryError"})
    assert stage.subjects == ["etl: driver failed"]
    assert stage.acts == ["START", "DRIVER_FAILED"]


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        ('{"errorMessage": "no\\nway", "errorType": "KeyError", "stackTrace": ["a"]}', "no\nway"),
        ('{"errors": 1}', '{"errors": 1}'),
        ("[1]", "[1]"),
        ("The function ran into its limit", "The function ran into its limit"),
    ],
    ids=["a function's", "other JSON", "a list", "text"],
)
def test_of_a_cause_people_are_told_what_they_can_read(stage: Stage, cause: str, told: str) -> None:
    steps.notify(stage.ports, stage.record(), {"Error": "KeyError", "Cause": cause})
    assert stage.store.events(RUN)[-1].reason == f"KeyError: {told}"


def test_a_driver_that_failed_without_words_is_told_too(stage: Stage) -> None:
    steps.notify(stage.ports, stage.record(), {})
    assert stage.store.events(RUN)[-1].reason == "an error: "


def test_the_failure_of_an_execution_that_drives_no_more_changes_nothing(stage: Stage) -> None:
    leg = full(stage)
    steps.record_history(stage.ports, leg)
    before = stage.header
    steps.notify(stage.ports, leg, {"Error": "MemoryError", "Cause": ""})
    assert stage.header == before
    assert stage.subjects == []
