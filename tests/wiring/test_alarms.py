"""Every alarm watches something that is really counted, under the name that it is counted by."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from chalicelib.aws.metrics import DIMENSION, NAMESPACE, LoggedMetrics
from chalicelib.local.memory_triggers import MemoryTriggers
from chalicelib.services import ticking
from chalicelib.timing_ports import StoredTriggers
from cloudformation.rendering import PROJECT
from tests.simulation.driven_world import DrivenWorld
from tests.simulation.scenarios import BY_NAME
from tests.unit.stores import driving_world
from tests.wiring.deployed import CALLED_LATER, functions, resources, state_machine

STAGE = "${Stage}"

# What each service counts by itself, with the dimensions that it is counted by: Step Functions'
# "Monitoring metrics", Lambda's "Types of metrics", DynamoDB's "Metrics and dimensions", SQS's
# "Available CloudWatch metrics", EventBridge's "Monitoring" (a rule of the default bus).
COUNTED: dict[tuple[str, str], set[tuple[str, ...]]] = {
    ("AWS/States", "ExecutionsFailed"): {("StateMachineArn",)},
    ("AWS/States", "ExecutionsAborted"): {("StateMachineArn",)},
    ("AWS/States", "ExecutionsTimedOut"): {("StateMachineArn",)},
    ("AWS/States", "ExecutionThrottled"): {("StateMachineArn",)},
    ("AWS/Lambda", "Errors"): {("FunctionName",), ()},
    ("AWS/Lambda", "Invocations"): {("FunctionName",), ()},
    ("AWS/Lambda", "Throttles"): {("FunctionName",), ()},
    ("AWS/DynamoDB", "ReadThrottleEvents"): {("TableName",)},
    ("AWS/DynamoDB", "WriteThrottleEvents"): {("TableName",)},
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {("QueueName",)},
    ("AWS/Events", "FailedInvocations"): {("RuleName",)},
    ("AWS/Events", "TriggeredRules"): {("RuleName",)},
}


def metrics(alarm: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "MetricName" in alarm:
        yield alarm
    for each in alarm.get("Metrics", ()):
        if "MetricStat" in each:
            yield each["MetricStat"]["Metric"]


def all_metrics() -> list[Any]:
    return [
        pytest.param(metric, id=f"{name} {json.dumps(metric['MetricName'])}")
        for name, alarm in resources("AWS::CloudWatch::Alarm").items()
        for metric in metrics(alarm)
    ]


def test_tick_is_watched_for_falling_silent_and_for_failing() -> None:
    name = f"batch-scheduler-{STAGE}-tick"
    assert values("TickSilentAlarm", "AWS/Lambda") == {name}
    assert values("TickBrokenAlarm", "AWS/Lambda") == {name}
    silent = resources("AWS::CloudWatch::Alarm")["TickSilentAlarm"]
    assert (silent["Period"], silent["EvaluationPeriods"]) == (300, 1)
    assert silent["TreatMissingData"] == "breaching"


def values(alarm: str, namespace: str) -> set[str]:
    """The names of what an alarm watches in a namespace."""
    return {
        dimension["Value"]["Fn::Sub"]
        for metric in metrics(resources("AWS::CloudWatch::Alarm")[alarm])
        if metric["Namespace"] == namespace
        for dimension in metric.get("Dimensions", ())
        if "Fn::Sub" in dimension["Value"]
    }


@pytest.mark.parametrize("metric", all_metrics())
def test_what_an_alarm_watches_is_counted_by_aws_or_by_us(metric: dict[str, Any]) -> None:
    dimensions = tuple(each["Name"] for each in metric.get("Dimensions", ()))
    if metric["Namespace"].startswith("AWS/"):
        assert dimensions in COUNTED[metric["Namespace"], metric["MetricName"]]
    elif dimensions:  # counted by a function: see the test of what ticks count
        assert (metric["Namespace"], dimensions) == (NAMESPACE, (DIMENSION,))
    else:
        made = [
            (each["MetricNamespace"], each["MetricName"])
            for item in resources("AWS::Logs::MetricFilter").values()
            for each in item["MetricTransformations"]
        ]
        assert (metric["Namespace"], metric["MetricName"]) in made
        assert dimensions == ()


def test_every_filter_of_a_log_is_watched_by_an_alarm() -> None:
    watched = [
        metric["MetricName"]
        for alarm in resources("AWS::CloudWatch::Alarm").values()
        for metric in metrics(alarm)
    ]
    for item in resources("AWS::Logs::MetricFilter").values():
        (transformation,) = item["MetricTransformations"]
        assert transformation["MetricName"] in watched


def test_reconcile_writes_the_line_that_its_alarm_counts_for_each_run_it_takes_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (counted,) = resources("AWS::Logs::MetricFilter").values()
    assert counted["LogGroupName"] == {"Ref": "ReconcileLogGroup"}
    world = DrivenWorld(BY_NAME["chain"])
    world.hears = False  # no event tells of the lost execution
    world.drive(steps=4)
    world.abort()
    # Lambda's root logger has the level WARNING: what is below never reaches the log.
    with caplog.at_level(logging.WARNING):
        world.drive()
    phrase = json.loads(counted["FilterPattern"])
    taken_up = [record.getMessage() for record in caplog.records if phrase in record.getMessage()]
    [line] = taken_up
    assert line.startswith(f"{phrase} {world.header.run_id} left by its execution ")


def test_an_undisturbed_run_is_not_taken_up_by_reconcile(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (counted,) = resources("AWS::Logs::MetricFilter").values()
    with caplog.at_level(logging.WARNING):
        DrivenWorld(BY_NAME["chain"]).drive()
    assert json.loads(counted["FilterPattern"]) not in caplog.text


class BrokenTriggers(MemoryTriggers):
    """Says that something is due, and can't say what."""

    def due_triggers(self, now: datetime, limit: int) -> list[StoredTriggers]:
        broken = StoredTriggers(schedule_id="etl", revision=1, next_at=now, record="{")
        return [broken]


def test_a_tick_counts_what_its_alarm_watches(capsys: pytest.CaptureFixture[str]) -> None:
    [watched] = [
        metric
        for metric in metrics(resources("AWS::CloudWatch::Alarm")["TickBrokenAlarm"])
        if metric["Namespace"] == NAMESPACE
    ]
    ports = driving_world()
    broken = replace(ports, triggers=BrokenTriggers(), metrics=LoggedMetrics("dev", ports.clock))
    ticking.tick_in_time(broken, lambda: 240_000)
    told = json.loads(capsys.readouterr().out)
    assert told[watched["MetricName"]] == 1
    [dimension] = watched["Dimensions"]
    assert (dimension["Value"], told[dimension["Name"]]) == ({"Ref": "Stage"}, "dev")
    assert told["_aws"]["CloudWatchMetrics"][0]["Namespace"] == watched["Namespace"]


def test_a_run_that_did_not_succeed_is_a_failed_execution() -> None:
    states = json.loads(state_machine()["DefinitionString"]["Fn::Sub"])["States"]
    ended = states["HowItEnded"]
    assert [choice["StringEquals"] for choice in ended["Choices"]] == ["SUCCEEDED"]
    assert states[ended["Choices"][0]["Next"]]["Type"] == "Succeed"
    assert states[ended["Default"]]["Type"] == "Fail"
    assert states[states["GiveUp"]["Next"]]["Type"] == "Fail"


def test_the_drivers_alarm_watches_every_function_that_the_state_machine_calls() -> None:
    text = state_machine()["DefinitionString"]["Fn::Sub"]
    called = {f"batch-scheduler-{STAGE}-{name}" for name in functions() if f"-{name}" in text}
    assert values("DriverAlarm", "AWS/Lambda") == called


def test_the_alarm_of_undelivered_events_knows_every_rule_of_a_function() -> None:
    assert values("UndeliveredAlarm", "AWS/Events") == {
        f"batch-scheduler-{STAGE}-{name}-event" for name in CALLED_LATER
    }


def test_the_alarm_of_dead_letters_watches_every_queue_of_them() -> None:
    queues = resources("AWS::SQS::Queue").values()
    assert values("DeadLettersAlarm", "AWS/SQS") == {
        queue["QueueName"]["Fn::Sub"] for queue in queues
    }


def test_the_alarm_of_throttles_watches_every_table() -> None:
    tables = resources("AWS::DynamoDB::Table").values()
    assert values("ThrottlesAlarm", "AWS/DynamoDB") == {
        table["TableName"]["Fn::Sub"] for table in tables
    }


def test_the_dashboard_shows_every_alarm() -> None:
    (dashboard,) = resources("AWS::CloudWatch::Dashboard").values()
    body, _ = dashboard["DashboardBody"]["Fn::Sub"]
    for alarm in resources("AWS::CloudWatch::Alarm").values():
        name = alarm["AlarmName"]["Fn::Sub"].removeprefix(f"batch-scheduler-{STAGE}-")
        assert f'"${{Alarms}}-{name}"' in body


def test_the_how_to_says_what_rings_and_how_many_metrics_are_paid_for() -> None:
    page = (PROJECT / "docs" / "how-to" / "deploy-on-aws.md").read_text("utf-8")
    alarms = resources("AWS::CloudWatch::Alarm").values()
    for alarm in alarms:
        name = alarm["AlarmName"]["Fn::Sub"].removeprefix(f"batch-scheduler-{STAGE}-")
        assert f"| {name} | " in page
    count = sum(len(list(metrics(alarm))) for alarm in alarms)
    assert f"by the metrics they read ({count};" in page
