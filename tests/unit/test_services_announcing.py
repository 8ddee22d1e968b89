"""What people read of a run: what failed, why, and what they can type."""

import shlex
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.notice_rules import Means, NoticeRule, Occasion, Receiver
from chalicelib.core.operating import operate
from chalicelib.core.run import RunHeader
from chalicelib.core.schedule import Policy
from chalicelib.driving_ports import Notice
from chalicelib.errors import BackendError
from chalicelib.local.memory_outbox import MemoryOutbox
from chalicelib.services import schedules
from chalicelib.services.announcing import tell_driver_failed, tell_end, tell_first_failure
from tests.builders import job, loaded
from tests.unit.runs import NOW, order, spec, state
from tests.unit.stage import RUN, Stage, driven

J = JobStatus
TOPIC = "arn:aws:sns:eu-central-1:123456789012:nights"


@pytest.fixture
def stage() -> Stage:
    return Stage()


def ended(status: RunStatus = RunStatus.FAILED) -> RunHeader:
    return driven(status=status, driver="", ended_at=NOW)


def told_of_the_end(stage: Stage) -> Notice:
    tell_end(stage.ports, stage.header)
    return stage.notices.published[-1]


def told_of_a_failure(stage: Stage) -> Notice | None:
    told = tell_first_failure(stage.ports, stage.store.load_run(RUN))
    assert told == bool(stage.notices.published)
    return stage.notices.published[-1] if told else None


def test_the_end_of_a_run_is_told_with_how_many_jobs_ended_how(stage: Stage) -> None:
    stage.record(*map(spec, "abc"), run=ended(RunStatus.SUCCEEDED), a=J.SUCCEEDED, b=J.SUCCEEDED,
                 c=J.PASS)  # fmt: skip
    notice = told_of_the_end(stage)
    assert notice.subject == "etl: run SUCCEEDED"
    assert notice.message == f"Run {RUN} is SUCCEEDED.\nJobs: 2 SUCCEEDED, 1 PASS."


def test_the_end_of_a_run_without_jobs_is_told_too(stage: Stage) -> None:
    stage.store.create_run(ended(RunStatus.SUCCEEDED), [], {})
    assert told_of_the_end(stage).message.endswith("Jobs: none.")


def test_a_run_that_failed_is_told_with_why_and_with_what_repairs_it(stage: Stage) -> None:
    failed = state("a", J.FAILED, reason="exit code 3")
    stage.record(*map(spec, "abc"), run=ended(), a=failed, b=J.NOTFOUND, c=J.UPSTREAM_FAILED)
    lines = told_of_the_end(stage).message.splitlines()
    assert lines[2:4] == ["- a: exit code 3", "- b: NOTFOUND"]
    assert [line.partition("batch-scheduler ")[2] for line in lines[5:]] == [
        f"explain {RUN}",
        f"restart {RUN} --plan",
        f"restart {RUN}",
    ]


def test_a_message_names_ten_failed_jobs_and_says_that_there_may_be_more(stage: Stage) -> None:
    names = "abcdefghijkl"
    failed = dict.fromkeys(names, J.FAILED)
    stage.record(*map(spec, names), run=ended(), **failed)
    lines = told_of_the_end(stage).message.splitlines()
    assert lines[1:4] == ["Jobs: 12 FAILED.", "- a: FAILED", "- b: FAILED"]
    assert lines[11:13] == ["- j: FAILED", "- and perhaps more"]


def test_a_run_in_which_nothing_has_failed_gives_nothing_to_tell(stage: Stage) -> None:
    stage.record(spec("a"), spec("b"), a=J.SUCCEEDED)
    assert told_of_a_failure(stage) is None


def test_a_failure_is_told_while_the_run_goes_on_with_how_to_ask_why(stage: Stage) -> None:
    stage.record(spec("a"), spec("b"), a=J.FAILED)
    notice = told_of_a_failure(stage)
    assert notice is not None
    assert notice.subject == "etl: a failed"
    assert "goes on with what does not depend on it" in notice.message
    assert notice.message.splitlines()[-2:] == [
        f"Why: batch-scheduler explain a --run {RUN}",
        f"Log: batch-scheduler logs a --run {RUN}",
    ]


def test_what_is_to_be_typed_means_the_stage_and_is_quoted_for_the_shell(stage: Stage) -> None:
    where = ("--edition", "aws", "--stage", "prod")
    ports = replace(stage.ports, where=where)
    failed: dict[str, Any] = {"-it's a": J.FAILED}
    stage.record(spec("-it's a"), **failed)
    header = stage.store.get_header(RUN)
    tell_first_failure(ports, stage.store.load_run(RUN))
    tell_end(ports, replace(header, status=RunStatus.FAILED))
    tell_driver_failed(ports, header, "broken")
    told = "\n".join(notice.message for notice in stage.notices.published)
    typed = [shlex.split(line.partition(": ")[2]) for line in told.splitlines()
             if "batch-scheduler " in line]  # fmt: skip
    on_stage = [*where]
    assert typed == [
        ["batch-scheduler", "explain", "--run", RUN, *on_stage, "--", "-it's a"],
        ["batch-scheduler", "logs", "--run", RUN, *on_stage, "--", "-it's a"],
        ["batch-scheduler", "explain", RUN, *on_stage],
        ["batch-scheduler", "restart", RUN, "--plan", *on_stage],
        ["batch-scheduler", "restart", RUN, *on_stage],
        ["batch-scheduler", "history", RUN, *on_stage],
        ["batch-scheduler", "resume", "--detach", *on_stage],
    ]


def test_a_run_that_failed_because_jobs_were_ended_is_told_with_those(stage: Stage) -> None:
    gone = state("a", J.CANCELLED, reason="terminate by ann: enough")
    stage.record(*map(spec, "ab"), run=ended(), a=gone, b=J.UPSTREAM_FAILED)
    assert "- a: terminate by ann: enough" in told_of_the_end(stage).message


def test_of_a_run_that_was_cancelled_it_is_told_by_whom_and_why(stage: Stage) -> None:
    stage.record(run=replace(ended(RunStatus.CANCELLED), reason="cancel by ann: wrong day"))
    assert told_of_the_end(stage).message.startswith(
        f"Run {RUN} is CANCELLED: cancel by ann: wrong day\n"
    )


def test_of_a_run_that_stops_at_a_failure_it_is_not_said_that_it_goes_on(stage: Stage) -> None:
    stage.record(spec("a"), spec("b"), run=driven(stop=True), a=J.FAILED)
    notice = told_of_a_failure(stage)
    assert notice is not None
    assert "The run stops" in notice.message
    assert "goes on" not in notice.message


def test_a_failure_that_an_operator_has_just_made_good_is_not_told(stage: Stage) -> None:
    stage.record(spec("a"), spec("b"), a=J.FAILED)
    seen = stage.store.load_run(RUN)
    operation = operate(seen, ["a"], order(Act.PASS))
    stage.store.record(seen.header, operation.changes, after=operation.header)
    assert not tell_first_failure(stage.ports, seen)
    assert stage.notices.published == []


def test_a_run_without_a_driver_is_told_with_what_goes_on_all_the_same(stage: Stage) -> None:
    stage.record()
    tell_driver_failed(stage.ports, stage.header, "MemoryError: out of memory")
    [notice] = stage.notices.published
    assert notice.subject == "etl: driver failed"
    assert "out of memory" in notice.message
    assert "What is on AWS Batch goes on." in notice.message


def test_f38_what_is_told_twice_has_the_same_id_and_what_is_another_thing_has_not(
    stage: Stage,
) -> None:
    stage.record(spec("a"), spec("b"), a=J.FAILED)
    run = stage.store.load_run(RUN)
    again = replace(run.header, generation=2)
    for _ in range(2):
        tell_first_failure(stage.ports, run)
        tell_end(stage.ports, run.header)
        tell_end(stage.ports, again)
        tell_driver_failed(stage.ports, run.header, "broken")
        tell_driver_failed(stage.ports, replace(run.header, handovers=1), "broken")
    ids = [notice.id for notice in stage.notices.published]
    assert ids[:5] == ids[5:]
    assert len(set(ids)) == 5


def nightly_run(stage: Stage, topic: str | None) -> None:
    """An ended run of the first version of a schedule that names a topic, or none."""
    stage.record(run=driven(schedule_id="nightly", schedule_version=1, status=RunStatus.SUCCEEDED))
    schedules.put(stage.ports, loaded(job("a"), scheduleSnsTopic=topic), "ada")


def test_people_are_told_where_the_run_s_version_of_its_schedule_says(stage: Stage) -> None:
    nightly_run(stage, TOPIC)
    schedules.put(stage.ports, loaded(job("a"), scheduleSnsTopic=f"{TOPIC}-of-today"), "ada")
    assert told_of_the_end(stage).topic == TOPIC


def test_without_a_topic_of_its_own_a_schedule_is_told_where_all_are(stage: Stage) -> None:
    nightly_run(stage, None)
    assert told_of_the_end(stage).topic == ""


def test_a_run_whose_schedule_is_gone_is_told_where_all_are(stage: Stage) -> None:
    stage.record()
    assert told_of_the_end(stage).topic == ""


def test_a_run_whose_schedule_would_be_refused_today_is_told_where_all_are(stage: Stage) -> None:
    stage.record(run=driven(schedule_id="nightly", schedule_version=1))
    accepted = schedules.first_version(stage.ports, loaded(job("a")), "ada")
    stage.store.put_schedule(replace(accepted, document='{"scheduleId": "nightly"}'))
    assert told_of_the_end(stage).topic == ""


def test_f37_a_topic_that_is_gone_for_good_is_told_of_to_the_default_one(stage: Stage) -> None:
    nightly_run(stage, TOPIC)
    stage.notices.closed.add(TOPIC)
    notice = told_of_the_end(stage)
    assert notice.topic == ""
    assert notice.message.startswith(f"Run {RUN} is SUCCEEDED.")
    assert notice.message.endswith(
        f"own topic {TOPIC} could not be told: AuthorizationError: not allowed"
    )


def test_f37_a_topic_that_is_only_busy_is_told_later_and_nobody_else_instead(stage: Stage) -> None:
    nightly_run(stage, TOPIC)
    stage.notices.is_down = True
    with pytest.raises(BackendError):
        tell_end(stage.ports, stage.header)
    stage.notices.is_down = False
    assert told_of_the_end(stage).topic == TOPIC
    assert len(stage.notices.published) == 1


@pytest.mark.parametrize("topic", [TOPIC, None])
def test_when_nobody_at_all_can_be_told_that_is_an_error(stage: Stage, topic: str | None) -> None:
    nightly_run(stage, topic)
    stage.notices.closed |= {TOPIC, ""}
    with pytest.raises(BackendError, match="AuthorizationError"):
        tell_end(stage.ports, stage.header)


# By rules besides

HOOK = Receiver(means=Means.WEBHOOK, address="https://hooks.example.com/x")
RULES = Policy(notify=(NoticeRule(on=tuple(Occasion), receiver=HOOK),))


def hooked(stage: Stage) -> list[str]:
    return [letter.kind for letter in stage.webhooks.posted]


def test_whom_rules_name_is_told_besides_and_at_once(stage: Stage) -> None:
    stage.record(spec("a"), spec("b"), run=driven(policy=RULES), a=J.FAILED)
    assert told_of_a_failure(stage) is not None
    tell_driver_failed(stage.ports, stage.header, "broken")
    tell_end(stage.ports, replace(stage.header, status=RunStatus.FAILED, ended_at=NOW))
    assert len(stage.notices.published) == 3
    assert hooked(stage) == ["jobFailed", "driverFailed", "failed"]
    assert stage.outbox.left() == 0


def test_what_is_told_again_is_not_told_again_by_rules(stage: Stage) -> None:
    stage.record(run=replace(ended(), policy=RULES), a=J.FAILED)
    for _ in range(2):
        tell_end(stage.ports, stage.header)
    assert len(stage.notices.published) == 2
    assert hooked(stage) == ["jobFailed", "failed"]


def test_f37_a_topic_that_is_busy_keeps_nobody_else_from_being_told(stage: Stage) -> None:
    stage.record(run=replace(ended(), policy=RULES), a=J.FAILED)
    stage.notices.is_down = True
    with pytest.raises(BackendError):
        tell_end(stage.ports, stage.header)
    assert hooked(stage) == ["jobFailed", "failed"]


def test_f37_a_webhook_that_is_down_keeps_nobody_else_from_being_told(stage: Stage) -> None:
    stage.record(run=replace(ended(), policy=RULES), a=J.FAILED)
    stage.webhooks.is_down = True
    tell_end(stage.ports, stage.header)
    assert len(stage.notices.published) == 1
    assert stage.outbox.left() == 2
    stage.webhooks.is_down = False
    stage.clock.advance(120.0)
    stage.reconcile()
    assert sorted(hooked(stage)) == ["failed", "jobFailed"]


class ForgetfulOutbox(MemoryOutbox):
    """Nothing can be written down of what was delivered."""

    def done(self, key: str, at: object) -> None:
        raise BackendError("DynamoDB", "UpdateItem", "throttled", retryable=True)


def test_f38_what_can_not_be_written_down_is_no_error_of_the_run(stage: Stage) -> None:
    stage.record(run=replace(ended(), policy=RULES), a=J.FAILED)
    ports = replace(stage.ports, outbox=ForgetfulOutbox())
    tell_end(ports, stage.header)
    assert hooked(stage) == ["jobFailed"]  # the rest is left to reconcile
    assert ports.outbox.left() == 2


def test_who_has_no_time_leaves_it_to_others(stage: Stage) -> None:
    stage.record(run=replace(ended(), policy=RULES), a=J.FAILED)
    tell_end(stage.ports, stage.header, lambda: True)
    assert hooked(stage) == []
    assert stage.outbox.left() == 2
