"""Notices by the rules of a schedule, on a whole stage: signed, once, later if need be."""

import json
import logging
from collections.abc import Sequence
from datetime import timedelta

import pytest

from chalicelib.core.notices import FLOOD
from chalicelib.local.webhooks import Request, signature
from tests.strict import lives
from tests.strict.acting import TWO, befall, begun, document, ends
from tests.strict.answers import Fault
from tests.strict.lives import HOOK, RULES
from tests.strict.stage import Setup, StrictStage

TOKEN = "T0CANARY9"  # noqa: S105 - what must never be seen


def kinds(stage: StrictStage) -> list[str]:
    return [json.loads(each.body)["kind"] for each in stage.hooked]


def subjects(stage: StrictStage) -> list[str]:
    return [each["Subject"] for each in stage.topics.published]


def left(stage: StrictStage) -> int:
    return stage.ports.outbox.left()


def test_a_webhook_and_a_topic_are_told_of_a_failure_besides_the_stage_s_own_topic() -> None:
    stage = lives.tells_by_rules()
    assert kinds(stage) == ["jobFailed", "failed"]
    assert subjects(stage) == ["etl: a failed", "etl: run FAILED", "etl: run FAILED"]
    ids = [each["MessageAttributes"]["id"]["StringValue"] for each in stage.topics.published]
    assert ids[1].endswith("/1/end")
    assert ids[2].endswith("/1/failed")
    assert left(stage) == 0


def test_what_a_webhook_is_sent_is_signed_by_the_parameter_of_the_stage() -> None:
    for request in lives.tells_by_rules().hooked:
        assert request.url == HOOK
        moment = request.headers["X-Batch-Scheduler-Timestamp"]
        signed = f"t={moment},v1={signature('s3cret', moment, request.body)}"
        assert request.headers["X-Batch-Scheduler-Signature"] == signed
        assert b"--edition aws --stage dev" in request.body


def test_a_run_that_recovers_is_told_so_by_default() -> None:
    for late in (False, True):
        assert kinds(lives.recovers(is_told_late=late)) == ["failed", "recovered", "recovered"]


def test_stuck_jobs_are_told_by_the_next_reconciliation() -> None:
    stage = lives.tells_of_stuck_jobs()
    [stuck] = [json.loads(each.body) for each in stage.hooked if b'"stuck"' in each.body]
    assert stuck["subject"] == "etl: b is stuck"
    assert "runnableTimeout of 300 s" in stuck["message"]


def test_f37_what_nobody_answered_is_delivered_by_reconciliations_once() -> None:
    stage = lives.tells_later()
    assert kinds(stage)[:2] == ["jobFailed", "failed"]
    told = kinds(stage)[3:]
    assert sorted(told) == ["failed", "jobFailed"]
    assert left(stage) == 0


def test_f37_an_end_whose_driver_was_stopped_before_it_told_is_told() -> None:
    stage = lives.is_aborted_before_it_tells_by_rules()
    assert kinds(stage).count("failed") == 1
    assert left(stage) == 0


@pytest.mark.parametrize(
    "fault", [Fault.CRASH_AFTER, Fault.LOST_REPLY, Fault.SERVER_ERROR, Fault.THROTTLE]
)
@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem"])
def test_f38_whatever_fails_while_the_end_is_told_it_is_told_with_one_id(
    operation: str, fault: Fault
) -> None:
    stage, header = begun(TWO, Setup(script=ends("a")), notify=RULES[:1])
    befall(stage, fault, "notify", operation)
    stage.drive()
    stage.advance(1800.0)
    told = [json.loads(each.body) for each in stage.hooked]
    ended = [each["id"] for each in told if each["kind"] == "failed"]
    assert set(ended) == {f"{header.run_id}/1/failed"}
    assert len(ended) <= 2
    assert stage.look(header.run_id).header.status == "FAILED"
    assert left(stage) == 0


def test_f37_without_its_secret_nothing_is_sent_unsigned_until_it_is_there() -> None:
    stage, _ = begun(TWO, Setup(script=ends("a")), notify=RULES[:1])
    values, stage.parameters.values = stage.parameters.values, {}
    stage.drive()
    stage.advance(600.0)
    assert stage.hooked == []
    stage.parameters.values = values
    stage.advance(3600.0)
    assert sorted(kinds(stage)) == ["failed", "jobFailed"]


def flooded(count: int) -> StrictStage:
    stage = StrictStage(Setup(script=ends("a", attempts=99)))
    stage.put(document({"a": ()}, notify=[{"on": ["failed"], "webhook": {"url": HOOK}}]))
    for _ in range(count):
        stage.start("etl")
        stage.advance(1.0)
    stage.drive()
    stage.advance(1800.0)
    return stage


def counts(requests: Sequence[Request]) -> list[int]:
    return [json.loads(each.body)["count"] for each in requests]


def test_a_flood_of_failures_is_told_in_few_notices_that_count_all_of_it() -> None:
    stage = flooded(4 * FLOOD)
    assert sum(counts(stage.hooked)) == 4 * FLOOD
    assert len(stage.hooked) <= FLOOD + 2
    assert left(stage) == 0


def test_a_notice_costs_two_writes_and_a_run_without_rules_none() -> None:
    def written(stage: StrictStage) -> int:
        return sum(
            table.startswith("BatchScheduleState")
            for call in stage.aws.calls
            for table, _ in call.written
        )

    assert written(lives.tells_by_rules()) == 2 * 3
    assert written(lives.fails_and_is_restarted()) == 0


def test_delivered_letters_leave_the_table_after_days() -> None:
    stage = lives.tells_by_rules()
    items = stage.dynamodb.items("BatchScheduleState-dev")
    assert len(items) == 3
    for item in items:
        seconds = int(item["expiresAt"]["N"]) - stage.clock().timestamp()
        assert timedelta(days=1) < timedelta(seconds=seconds) <= timedelta(days=2)
        assert TOKEN not in json.dumps(item)


def test_t11_a_token_in_a_url_is_nowhere_but_in_the_document_and_what_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG, logger="chalicelib"):
        stage = lives.tells_later()
        stage.hook = lambda _request: 404
        stage.start("etl")
        stage.drive()
        stage.advance(900.0)
    assert "hooks.example.com" in caplog.text
    assert TOKEN not in caplog.text
    for request in stage.hooked:
        assert TOKEN.encode() not in request.body
        assert "s3cret" not in request.body.decode() + str(request.headers)
    for table in ("BatchScheduleState-dev", "BatchScheduleJobs-dev"):
        assert TOKEN not in json.dumps(stage.dynamodb.items(table), default=repr)
    assert TOKEN not in json.dumps([each["Message"] for each in stage.topics.published])
