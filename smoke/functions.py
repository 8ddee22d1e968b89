"""What calls the functions of the stage, what they leave in logs and queues, what is counted."""

import json
from collections.abc import Generator
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.translation import code_of
from cloudformation import rendering
from cloudformation.rendering import API_HANDLER
from smoke import runs
from smoke.checks import Finding, check, judged
from smoke.trial import Trial

Steps = Generator[None, None, Finding]

_WHOLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")


@check("stage-is-whole")
def is_whole(trial: Trial) -> Steps:
    yield
    stacks = trial.clients["cloudformation"]
    names = [f"{trial.place.name}{each}" for each in ("", "-state", "-functions")]
    statuses = [
        stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] for name in names
    ]
    functions = rendering.functions()
    states = [_state(trial, name) for name in functions]
    active = states.count("Active")
    seen = f"stacks {', '.join(statuses)}; {active} of {len(functions)} functions Active"
    return judged(seen, holds=set(statuses) <= set(_WHOLE) and active == len(functions))


def _state(trial: Trial, function: str) -> str:
    name = trial.place.name if function == API_HANDLER else f"{trial.place.name}-{function}"
    reply = trial.clients["lambda"].get_function_configuration(FunctionName=name)
    return str(reply.get("State"))


def _lines(trial: Trial, function: str, pattern: str = "") -> list[str]:
    """What the function has logged since the trial began."""
    pages = (
        trial.clients["logs"]
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=f"/aws/lambda/{trial.place.name}-{function}",
            startTime=int(trial.began_at.timestamp() * 1000),
            **({"filterPattern": pattern} if pattern else {}),
        )
    )
    return [event["message"] for page in pages for event in page["events"]]


@check("events-call-tick")
def tick(trial: Trial) -> Steps:
    lines = yield from trial.until("a line of tick's log", lambda: _lines(trial, "tick") or None)
    return judged(f"called within {trial.seconds():.0f} s", holds=bool(lines))


@check("events-call-reconcile")
def reconcile(trial: Trial) -> Steps:
    lines = yield from trial.until(
        "a line of reconcile's log", lambda: _lines(trial, "reconcile") or None
    )
    return judged(f"called within {trial.seconds():.0f} s", holds=bool(lines))


@check("lambda-logs-warnings")
def logs_warnings(trial: Trial) -> Steps:
    key = f"{trial.mark}-bad.json"
    trial.clients["s3"].put_object(Bucket=trial.place.bucket, Key=key, Body=b"{")
    lines = yield from trial.until(
        "a warning about the bad upload",
        lambda: _lines(trial, "schedule_uploaded", f'"{key}"') or None,
    )
    return judged(lines[0].strip()[:200], holds="[WARNING]" in lines[0])


@check("logs-count-lines")
def count_lines(trial: Trial) -> Steps:
    yield
    resources = rendering.load(rendering.TEMPLATE)["Resources"]
    pattern = resources["ReconcileFoundMetric"]["Properties"]["FilterPattern"]
    stamp = "[WARNING]\t2026-11-24T00:00:00.000Z\t8f2b1c1e\t"
    phrase = json.loads(pattern)
    reply = trial.clients["logs"].test_metric_filter(
        filterPattern=pattern, logEventMessages=[f"{stamp}{phrase} daily/x", f"{stamp}nothing"]
    )
    found = [match["eventNumber"] for match in reply["matches"]]
    return judged(f"lines {found} of 2 are counted", holds=found == [1])


@check("lambda-dead-letters")
def dead_letters(trial: Trial) -> Steps:
    function = f"{trial.place.name}-schedule_uploaded"
    event = json.dumps({"smoke": trial.mark}).encode()  # no event of EventBridge: it fails on it
    trial.clients["lambda"].invoke(FunctionName=function, InvocationType="Event", Payload=event)
    sqs = trial.clients["sqs"]
    url = sqs.get_queue_url(QueueName=f"{function}-dead")["QueueUrl"]

    def look() -> dict[str, Any] | None:
        reply = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=2)
        for message in reply.get("Messages", ()):
            if trial.mark in message["Body"]:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found: dict[str, Any] = json.loads(message["Body"])
                return found
        return None

    letter = yield from trial.until("the dead letter", look)
    about = letter.get("requestContext", {})
    tries = about.get("approximateInvokeCount")
    return judged(f"{about.get('condition')} after {tries} calls", holds=tries == 3)


@check("alarm-reaches-topic")
def reaches_topic(trial: Trial) -> Steps:
    yield from trial.execution_ended(runs.nobody(trial))
    name = f"{trial.place.name}-run-failed"

    def look() -> str | None:
        reply = trial.clients["cloudwatch"].describe_alarm_history(
            AlarmName=name, HistoryItemType="Action", StartDate=trial.began_at, MaxRecords=1
        )
        items = reply["AlarmHistoryItems"]
        return str(items[0]["HistorySummary"]) if items else None

    said = yield from trial.until(f"an action of the alarm {name}", look)
    return judged(said, holds="Successfully" in said)


@check("iam-claims-only")
def claims_only(trial: Trial) -> Steps:
    yield
    keys = {"a claim": "#claim#smoke", "a job": "daily/2026-11-24T00:00:00.000000Z", "no key": ""}
    allowed = [
        f"{action} of {what}"
        for what, key in keys.items()
        for action in ("PutItem", "UpdateItem", "GetItem", "DeleteItem")
        if _may(trial, action, key) == "allowed"
    ]
    expected = [f"{action} of a claim" for action in ("UpdateItem", "GetItem")]
    return judged(f"allowed: {', '.join(allowed) or 'nothing'}", holds=allowed == expected)


def _may(trial: Trial, action: str, key: str) -> str:
    """What IAM decides on a call that the role of a job might make."""
    context = {
        "ContextKeyName": "dynamodb:LeadingKeys",
        "ContextKeyValues": [key],
        "ContextKeyType": "stringList",
    }
    account, partition = trial.place.where.account, trial.place.where.partition
    reply = trial.clients["iam"].simulate_principal_policy(
        PolicySourceArn=f"arn:{partition}:iam::{account}:role/{trial.place.name}-job",
        ActionNames=[f"dynamodb:{action}"],
        ResourceArns=[trial.place.arn("dynamodb", f"table/{trial.place.tables.jobs}")],
        ContextEntries=[context] if key else [],
    )
    return str(reply["EvaluationResults"][0]["EvalDecision"])


@check("lambda-refuses-strangers")
def refuses_strangers(trial: Trial) -> Steps:
    yield
    seen = {}
    for function in rendering.RULES:
        name = f"{trial.place.name}-{function}"
        try:
            text = trial.clients["lambda"].get_policy(FunctionName=name)["Policy"]
        except ClientError as error:
            return judged(f"{function}: {code_of(error)}", holds=False)
        rules = [json.dumps(each.get("Condition", "")) for each in json.loads(text)["Statement"]]
        seen[function] = all(f":rule/{name}-event" in rule for rule in rules)
    return judged(f"only its own rule calls: {seen}", holds=all(seen.values()))
