"""Executions of state machines, strict in what `batch-job stepfunctions` asks of them."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.strict.answers import ACCOUNT, REGION, AwsError, Params, Permission, Service

ARN = f"arn:aws:states:{REGION}:{ACCOUNT}"
_FORBIDDEN = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/]")  # API_StartExecution

Fields = dict[str, Any]


@dataclass(slots=True)
class Execution:
    """One execution."""

    arn: str
    given: str
    at: datetime
    stopped_at: datetime | None = None


@dataclass(slots=True)
class StateMachines:
    """One Region's: `nightly`, with an alias, and `quick`, which is an express one.

    `lag` is how long a new execution can't be described (API_DescribeExecution).
    """

    clock: Callable[[], datetime]
    lasts: float = 60.0
    status: str = "SUCCEEDED"
    output: str = "{}"
    error: str = ""
    cause: str = ""
    lag: float = 0.0
    most: int = 1_000_000  # open at a time
    executions: dict[str, Execution] = field(default_factory=dict)

    def service(self) -> Service:
        return Service(
            operations={
                "DescribeStateMachine": self.describe_state_machine,
                "StartExecution": self.start_execution,
                "DescribeExecution": self.describe_execution,
                "StopExecution": self.stop_execution,
            },
            permissions=_permissions,
        )

    def describe_state_machine(self, params: Params) -> Fields:
        name = self._name(params)
        return {
            "stateMachineArn": params["stateMachineArn"],
            "name": name,
            "definition": "{}",
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/machine",
            "type": "EXPRESS" if name == "quick" else "STANDARD",
            "creationDate": self.clock(),
        }

    def start_execution(self, params: Params) -> Fields:
        name, given = params["name"], params["input"]
        if _FORBIDDEN.search(name) or len(name) > 80:
            raise AwsError("InvalidName", f"Invalid Name: '{name}'")
        json.loads(given)
        arn = f"{ARN}:execution:{self._name(params)}:{name}"
        known = self.executions.get(arn)
        if known is None:
            if sum(self._status(each) == "RUNNING" for each in self.executions.values()) >= (
                self.most
            ):
                raise AwsError("ExecutionLimitExceeded", "The maximum number is reached")
            known = self.executions[arn] = Execution(arn, given, self.clock())
        elif self._status(known) != "RUNNING" or known.given != given:
            raise AwsError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
        return {"executionArn": arn, "startDate": known.at}

    def describe_execution(self, params: Params) -> Fields:
        execution = self._found(params)
        if self.clock() < execution.at + timedelta(seconds=self.lag):
            raise AwsError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{execution.arn}'")
        status = self._status(execution)
        told: Fields = {
            "executionArn": execution.arn,
            "stateMachineArn": f"{ARN}:stateMachine:nightly",
            "status": status,
            "startDate": execution.at,
        }
        if status == "SUCCEEDED":
            told["output"] = self.output
        if status == "FAILED":
            told |= {"error": self.error, "cause": self.cause}
        return told

    def stop_execution(self, params: Params) -> Fields:
        execution = self._found(params)
        if self._status(execution) == "RUNNING":
            execution.stopped_at = self.clock()
        return {"stopDate": self.clock()}

    def running(self) -> list[str]:
        """Which go on."""
        return [each.arn for each in self.executions.values() if self._status(each) == "RUNNING"]

    def _status(self, execution: Execution) -> str:
        if execution.stopped_at is not None:
            return "ABORTED"
        past = (self.clock() - execution.at).total_seconds()
        return "RUNNING" if past < self.lasts else self.status

    def _name(self, params: Params) -> str:
        arn: str = params["stateMachineArn"]
        name, _, qualifier = arn.removeprefix(f"{ARN}:stateMachine:").partition(":")
        if name not in ("nightly", "quick") or qualifier not in ("", "PROD"):
            raise AwsError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return name

    def _found(self, params: Params) -> Execution:
        arn = params["executionArn"]
        if arn not in self.executions:
            raise AwsError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return self.executions[arn]


def _permissions(operation: str, params: Params) -> tuple[Permission, ...]:
    return ((f"states:{operation}", params.get("executionArn") or params["stateMachineArn"]),)
