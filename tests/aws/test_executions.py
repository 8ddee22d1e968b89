"""The executions of the state machine: started once, looked at, woken."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.aws.clients import Clients
from chalicelib.aws.executions import StepFunctionsExecutions
from chalicelib.errors import BackendError
from tests.aws.on_moto import moto
from tests.aws.wire import Wire, error

ARN = "arn:aws:states:eu-central-1:123456789012:stateMachine:batch-scheduler-dev"
DEFINITION = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 9, "End": True}}}


@pytest.fixture
def states() -> Iterator[Clients]:
    with moto() as clients:
        clients["stepfunctions"].create_state_machine(
            name="batch-scheduler-dev",
            definition=json.dumps(DEFINITION),
            roleArn="arn:aws:iam::123456789012:role/driver",
        )
        yield clients


def test_an_execution_is_started_with_its_payload(states: Clients) -> None:
    StepFunctionsExecutions(states, ARN).start("etl-1", {"runId": "etl/2026"})
    [execution] = states["stepfunctions"].list_executions(stateMachineArn=ARN)["executions"]
    described = states["stepfunctions"].describe_execution(executionArn=execution["executionArn"])
    assert described["name"] == "etl-1"
    assert json.loads(described["input"]) == {"runId": "etl/2026"}


@pytest.mark.parametrize("payload", [{"runId": "a"}, {"runId": "b"}], ids=["same", "other"])
def test_f19_a_name_that_is_taken_is_a_start_that_was_made(
    states: Clients, payload: dict[str, str]
) -> None:
    executions = StepFunctionsExecutions(states, ARN)
    executions.start("etl-1", {"runId": "a"})
    executions.start("etl-1", payload)
    assert len(states["stepfunctions"].list_executions(stateMachineArn=ARN)["executions"]) == 1


def test_an_execution_is_known_to_run_until_it_ends(states: Clients) -> None:
    executions = StepFunctionsExecutions(states, ARN)
    assert executions.is_running("etl-1") is None
    executions.start("etl-1", {})
    assert executions.is_running("etl-1") is True
    arn = ARN.replace("stateMachine", "execution") + ":etl-1"
    states["stepfunctions"].stop_execution(executionArn=arn)
    assert executions.is_running("etl-1") is False


@pytest.mark.parametrize(
    ("status", "is_running"),
    [("RUNNING", True), ("PENDING_REDRIVE", True), ("TIMED_OUT", False), ("ABORTED", False)],
)
def test_only_one_that_goes_on_is_running(status: str, is_running: bool) -> None:
    wire = Wire((200, {"status": status}))
    assert StepFunctionsExecutions(Clients(wire), ARN).is_running("etl-1") is is_running


def test_one_that_waits_is_woken_by_its_token() -> None:
    wire = Wire((200, {}))
    StepFunctionsExecutions(Clients(wire), ARN).wake("token")
    assert wire.sent == [{"taskToken": "token", "output": "{}"}]


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_token_past_its_time_wakes_nobody_and_is_no_error(code: str) -> None:
    wire = Wire(error(400, code))
    StepFunctionsExecutions(Clients(wire), ARN).wake("token")
    assert len(wire.sent) == 1


@pytest.mark.parametrize(
    ("verb", "arguments"), [("start", ("etl-1", {})), ("is_running", ("etl-1",)), ("wake", ("t",))]
)
def test_any_other_answer_is_an_error(verb: str, arguments: tuple[Any, ...]) -> None:
    executions = StepFunctionsExecutions(Clients(Wire(error(400, "AccessDeniedException"))), ARN)
    with pytest.raises(BackendError, match="AccessDeniedException"):
        getattr(executions, verb)(*arguments)
