"""Lambda, SQS, CloudWatch and others, as far as the smoke test asks them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from chalicelib.local.memory_queue import VirtualClock
from cloudformation import linting, rendering
from cloudformation.rendering import Stage
from tests.simulation.machine import Machine
from tests.strict.answers import ACCOUNT, REGION, AwsError, Params, Service
from tests.strict.others import FakeLogs, Line

NAME = "batch-scheduler-dev"
_RETRIES = (60.0, 120.0)  # s before Lambda calls an asynchronous function again

Fields = dict[str, Any]


@dataclass(slots=True)
class _Call:
    function: str
    payload: Any
    due: datetime
    count: int = 0


class Functions:
    """Lambda: asynchronous calls, three times, then a letter to the dead."""

    def __init__(self, clock: VirtualClock, invoke: Callable[[str, Any], Any]) -> None:
        self.letters: dict[str, list[Fields]] = {}  # by queue
        self.loses = False  # whether nothing becomes of what failed
        self.conditions = True  # whether policies name the rule that may call
        self._clock = clock
        self._invoke = invoke
        self._calls: list[_Call] = []

    def service(self) -> Service:
        return Service(
            operations={
                "Invoke": self.invoke,
                "GetFunctionConfiguration": lambda _: {"State": "Active", "Runtime": "python3.12"},
                "GetPolicy": self.get_policy,
            }
        )

    def call_later(self, function: str, payload: Any) -> None:
        self._calls.append(_Call(function, payload, self._clock()))

    def invoke(self, params: Params) -> Fields:
        assert params["InvocationType"] == "Event"
        function = params["FunctionName"].removeprefix(f"{NAME}-")
        self.call_later(function, json.loads(params["Payload"]))
        return {"StatusCode": 202}

    def get_policy(self, params: Params) -> Fields:
        name = params["FunctionName"]
        arn = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}-event"
        condition = {"Condition": {"ArnLike": {"AWS:SourceArn": arn}}} if self.conditions else {}
        statement = {"Principal": {"Service": "events.amazonaws.com"}, **condition}
        return {"Policy": json.dumps({"Statement": [statement]})}

    def work(self) -> None:
        """Make the calls that are due."""
        for call in [each for each in self._calls if each.due <= self._clock()]:
            self._calls.remove(call)
            try:
                self._invoke(call.function, call.payload)
            except Exception:  # whatever a function dies of
                self._again(call)

    def _again(self, call: _Call) -> None:
        if call.count < len(_RETRIES):
            due = self._clock() + timedelta(seconds=_RETRIES[call.count])
            self._calls.append(replace(call, due=due, count=call.count + 1))
        elif not self.loses:
            letter = {
                "requestContext": {
                    "condition": "RetriesExhausted",
                    "approximateInvokeCount": call.count + 1,
                },
                "requestPayload": call.payload,
            }
            self.letters.setdefault(f"{NAME}-{call.function}-dead", []).append(letter)


class Letters:
    """SQS: the queues of dead letters."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def service(self) -> Service:
        return Service(
            operations={
                "GetQueueUrl": lambda params: {"QueueUrl": f"https://sqs/{params['QueueName']}"},
                "ReceiveMessage": self.receive_message,
                "DeleteMessage": self.delete_message,
            }
        )

    def receive_message(self, params: Params) -> Fields:
        letters = self._functions.letters.get(params["QueueUrl"].rpartition("/")[2], [])
        return {
            "Messages": [
                {"Body": json.dumps(letter), "ReceiptHandle": str(index)}
                for index, letter in enumerate(letters)
            ]
        }

    def delete_message(self, params: Params) -> Fields:
        del self._functions.letters[params["QueueUrl"].rpartition("/")[2]][
            int(params["ReceiptHandle"])
        ]
        return {}


@dataclass
class Logs:
    """CloudWatch Logs: streams of jobs, and what functions wrote."""

    streams: dict[str, list[Line]]
    functions: dict[str, list[Line]] = field(default_factory=dict)

    def of(self, function: str) -> list[Line]:
        return self.functions.setdefault(f"/aws/lambda/{NAME}-{function}", [])

    def service(self) -> Service:
        service = FakeLogs(self.streams).service()
        more = {"FilterLogEvents": self.filtered, "TestMetricFilter": self.tested}
        return replace(service, operations={**service.operations, **more})

    def filtered(self, params: Params) -> Fields:
        phrase = json.loads(params["filterPattern"]) if "filterPattern" in params else ""
        lines = self.functions.get(params["logGroupName"], [])
        found = [(at, text) for at, text in lines if at >= params["startTime"] and phrase in text]
        return {"events": [{"timestamp": at, "message": text} for at, text in found]}

    def tested(self, params: Params) -> Fields:
        phrase, lines = json.loads(params["filterPattern"]), params["logEventMessages"]
        found = [index for index, line in enumerate(lines, 1) if phrase in line]
        return {"matches": [{"eventNumber": index} for index in found]}


def alarms(machine: Machine, clock: VirtualClock) -> Service:
    """CloudWatch: the alarm of failed runs, which rings three minutes after one."""

    def history(params: Params) -> Fields:
        late = clock() - timedelta(minutes=3)
        failed = [
            each
            for each in machine.executions.values()
            if each.status == "FAILED" and each.ended_at is not None and each.ended_at <= late
        ]
        topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:{NAME}"
        item = {"HistorySummary": f"Successfully executed action {topic}"}
        return {"AlarmHistoryItems": [item] if failed and params["AlarmName"] else []}

    return Service(operations={"DescribeAlarmHistory": history})


def roles() -> Service:
    """IAM: decides by the policy that the template gives to the role of jobs."""
    policies = dict(linting.role_policies(rendering.companion(), Stage("dev")))
    (statement,) = policies["JobRole-claim"]["Statement"]
    (pattern,) = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]

    def simulate(params: Params) -> Fields:
        (action,) = params["ActionNames"]
        keys = [key for each in params["ContextEntries"] for key in each["ContextKeyValues"]]
        allowed = (
            action in statement["Action"]
            and bool(keys)
            and all(fnmatchcase(key, pattern) for key in keys)
        )
        decision = "allowed" if allowed else "implicitDeny"
        return {"EvaluationResults": [{"EvalActionName": action, "EvalDecision": decision}]}

    return Service(operations={"SimulatePrincipalPolicy": simulate})


def stacks() -> Service:
    """CloudFormation: both stacks are there."""

    def describe(params: Params) -> Fields:
        name = params["StackName"]
        if not name.startswith(NAME):
            raise AwsError("ValidationError", f"Stack with id {name} does not exist")
        return {
            "Stacks": [
                {
                    "StackName": name,
                    "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
                    "StackStatus": "CREATE_COMPLETE",
                    "Outputs": [{"OutputKey": "JobQueues", "OutputValue": f"{NAME},{NAME}-spot"}],
                }
            ]
        }

    return Service(operations={"DescribeStacks": describe})
