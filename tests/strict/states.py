"""AWS Step Functions, strict: the API before the state machine that runs on a virtual clock."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from chalicelib.local.memory_queue import VirtualClock
from tests.simulation.machine import Execution, Machine
from tests.strict.answers import ACCOUNT, REGION, AwsError, Params, Permission, Service

_KEPT = timedelta(days=90)  # names and histories of ended executions (API_StartExecution)
_PAGE = 100  # API_ListExecutions, when the request says 0 or nothing
_FORBIDDEN = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")  # API_StartExecution
_ARN = f"arn:aws:states:{REGION}:{ACCOUNT}"
_STATUS_CHANGE = "Step Functions Execution Status Change"

Fields = dict[str, Any]


class FakeStates:
    """The executions of one state machine.

    `lag` is how long a new execution can't be described or listed: both are eventually consistent.
    """

    def __init__(
        self,
        clock: VirtualClock,
        events: list[Fields],
        machine: Machine,
        name: str,
        lag: float = 0.0,
    ) -> None:
        self.machine = machine
        self._clock = clock
        self._events = events
        self._name = name
        self._lag = timedelta(seconds=lag)
        self._inputs: dict[str, str] = {}
        self._told = 0

    @property
    def arn(self) -> str:
        return f"{_ARN}:stateMachine:{self._name}"

    def service(self) -> Service:
        """What StrictAws serves."""
        return Service(
            operations={
                "StartExecution": self.start_execution,
                "DescribeExecution": self.describe_execution,
                "ListExecutions": self.list_executions,
                "StopExecution": self.stop_execution,
                "SendTaskSuccess": self.send_task_success,
                "SendTaskFailure": self.send_task_failure,
                "SendTaskHeartbeat": self.send_task_heartbeat,
            },
            permissions=self._permissions,
        )

    # The API

    def start_execution(self, params: Params) -> Fields:
        self._check_machine(params["stateMachineArn"])
        name = params.get("name") or f"execution-{len(self._inputs) + 1}"
        if _FORBIDDEN.search(name):
            raise AwsError("InvalidName", f"Invalid Name: {name!r}")
        given = params.get("input", "{}")
        _check_json(given, "InvalidExecutionInput")
        self._forget()
        known = self.machine.executions.get(name)
        if known is None:
            self._inputs[name] = given
            self.machine.start(name, json.loads(given))
        elif known.status != "RUNNING" or self._inputs[name] != given:
            raise AwsError("ExecutionAlreadyExists", f"Execution Already Exists: '{name}'")
        started = self.machine.executions[name].started_at
        return {"executionArn": self._execution_arn(name), "startDate": started}

    def describe_execution(self, params: Params) -> Fields:
        execution = self._found(params["executionArn"])
        shown = self._shown(execution) | {"input": self._inputs[execution.name]}
        if execution.status == "SUCCEEDED":
            shown["output"] = json.dumps(execution.data)
        for member in ("error", "cause"):
            if getattr(execution, member):
                shown[member] = getattr(execution, member)
        return shown

    def list_executions(self, params: Params) -> Fields:
        self._check_machine(params.get("stateMachineArn", ""))
        wanted, token = params.get("statusFilter"), params.get("nextToken", "0")
        if not token.isdecimal():
            raise AwsError("InvalidToken", f"Invalid token: {token!r}")
        found = [each for each in self._seen() if wanted in (None, each.status)]
        found.sort(key=lambda each: each.started_at, reverse=True)
        start, size = int(token), params.get("maxResults") or _PAGE
        answer: Fields = {"executions": [self._shown(e) for e in found[start : start + size]]}
        if start + size < len(found):
            answer["nextToken"] = str(start + size)
        return answer

    def stop_execution(self, params: Params) -> Fields:
        execution = self._found(params["executionArn"])
        if execution.status == "RUNNING":
            execution.error = params.get("error", "")
            execution.cause = params.get("cause", "")
            self.machine.abort(execution.name)
            self.tell()
        return {"stopDate": execution.ended_at}

    def send_task_success(self, params: Params) -> Fields:
        _check_json(params["output"], "InvalidOutput")
        return self._answered(params, self.machine.wake)

    def send_task_failure(self, params: Params) -> Fields:
        error, cause = params.get("error", ""), params.get("cause", "")
        return self._answered(params, lambda token: self.machine.fail(token, error, cause))

    def send_task_heartbeat(self, params: Params) -> Fields:
        return self._answered(params, lambda _token: None)

    # Behind it

    def tell(self) -> None:
        """Let EventBridge know of every execution that was ended from outside."""
        while self.machine.ended:
            self._events.append(self._event(self.machine.ended.pop(0)))

    def _answered(self, params: Params, act: Callable[[str], None]) -> Fields:
        token = params["taskToken"]
        if not token.startswith("token-"):
            raise AwsError("InvalidToken", f"Invalid Token: '{token}'")
        if not self.machine.was_given(token):
            raise AwsError("TaskDoesNotExist", "Task does not exist")
        if self.machine.waiting(token) is None:
            raise AwsError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        act(token)
        return {}

    def _check_machine(self, arn: str) -> None:
        if not arn.startswith(f"{_ARN}:stateMachine:"):
            raise AwsError("InvalidArn", f"Invalid Arn: '{arn}'")
        if arn != self.arn:
            raise AwsError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")

    def _execution_arn(self, name: str) -> str:
        return f"{_ARN}:execution:{self._name}:{name}"

    def _found(self, arn: str) -> Execution:
        prefix = self._execution_arn("")
        if not arn.startswith(f"{_ARN}:execution:"):
            raise AwsError("InvalidArn", f"Invalid Arn: '{arn}'")
        found = [each for each in self._seen() if f"{prefix}{each.name}" == arn]
        if not found:
            raise AwsError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return found[0]

    def _seen(self) -> list[Execution]:
        self._forget()
        latest = self._clock() - self._lag
        return [each for each in self.machine.executions.values() if each.started_at <= latest]

    def _forget(self) -> None:
        oldest = self._clock() - _KEPT
        for name, execution in list(self.machine.executions.items()):
            if execution.ended_at is not None and execution.ended_at <= oldest:
                del self.machine.executions[name]

    def _shown(self, execution: Execution) -> Fields:
        shown: Fields = {
            "executionArn": self._execution_arn(execution.name),
            "stateMachineArn": self.arn,
            "name": execution.name,
            "status": execution.status,
            "startDate": execution.started_at,
        }
        if execution.ended_at is not None:
            shown["stopDate"] = execution.ended_at
        return shown

    def _event(self, execution: Execution) -> Fields:
        self._told += 1
        shown = self._shown(execution)
        assert execution.ended_at is not None
        return {
            "version": "0",
            "id": f"00000000-0000-4000-9000-{self._told:012x}",
            "detail-type": _STATUS_CHANGE,
            "source": "aws.states",
            "account": ACCOUNT,
            "time": execution.ended_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION,
            "resources": [shown["executionArn"]],
            "detail": {
                **shown,
                "startDate": _milliseconds(execution.started_at),
                "stopDate": _milliseconds(execution.ended_at),
                "input": self._inputs[execution.name],
                "error": execution.error or None,
                "cause": execution.cause or None,
            },
        }

    def _permissions(self, operation: str, params: Params) -> tuple[Permission, ...]:
        arn = params.get("executionArn") or params.get("stateMachineArn") or self.arn
        return ((f"states:{operation}", arn),)


def _check_json(text: str, code: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise AwsError(code, f"Invalid JSON: {error}") from error


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
