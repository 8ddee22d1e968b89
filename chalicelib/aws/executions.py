"""The executions of the Step Functions state machine that drives runs."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.clients import Clients
from chalicelib.aws.translation import code_of, translated
from chalicelib.driving_ports import MAX_TURNS

_SERVICE = "Step Functions"
# The one who waited has gone on: by its time-out, or because the execution has ended.
_STALE = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")
_RUNNING = ("RUNNING", "PENDING_REDRIVE")


class StepFunctionsExecutions:
    """The executions of one state machine."""

    def __init__(
        self, clients: Clients, state_machine_arn: str, max_turns: int = MAX_TURNS
    ) -> None:
        self._clients = clients
        self._state_machine_arn = state_machine_arn
        self._max_turns = max_turns

    @property
    def max_turns(self) -> int:
        return self._max_turns

    def start(self, name: str, payload: Mapping[str, Any]) -> None:
        """Start one.

        A name is taken for 90 days (API_StartExecution), so whoever meets it taken is late: it was
        started, whether it still runs or not.
        """
        text = json.dumps(payload, separators=(",", ":"))
        with translated(_SERVICE, "StartExecution"), _forgiven("ExecutionAlreadyExists"):
            self._clients["stepfunctions"].start_execution(
                stateMachineArn=self._state_machine_arn, name=name, input=text
            )

    def is_running(self, name: str) -> bool | None:
        """None also for one that was started a moment ago: what is read here may be late."""
        arn = f"{self._state_machine_arn.replace(':stateMachine:', ':execution:', 1)}:{name}"
        status: str | None = None
        with translated(_SERVICE, "DescribeExecution"), _forgiven("ExecutionDoesNotExist"):
            reply = self._clients["stepfunctions"].describe_execution(executionArn=arn)
            status = reply["status"]
        return None if status is None else status in _RUNNING

    def wake(self, token: str) -> None:
        with translated(_SERVICE, "SendTaskSuccess"), _forgiven(*_STALE):
            self._clients["stepfunctions"].send_task_success(taskToken=token, output="{}")


@contextmanager
def _forgiven(*codes: str) -> Iterator[None]:
    """Take these answers for what they mean: nothing is left to do."""
    try:
        yield
    except ClientError as error:
        if code_of(error) not in codes:
            raise
