"""The strict Step Functions: names, sizes, idempotence, tokens, lists, and a full history."""

import json
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from chalicelib.local.memory_queue import VirtualClock
from tests.simulation.machine import Machine
from tests.strict.asking import Answer, Bound, client_of, most, name_of, refused
from tests.strict.states import FakeStates

WAIT = {"next": "wait", "wait": 60, "status": "RUNNING"}


class Bench(NamedTuple):
    """A state machine whose functions answer what the test says."""

    fake: FakeStates
    client: Any
    clock: VirtualClock
    events: list[Answer]
    answers: dict[str, Any]


def bench(lag: float = 0.0) -> Bench:
    clock, events = VirtualClock(), []  # type: ignore[var-annotated]
    answers: dict[str, Any] = {"get_schedule": WAIT, "wait_for_change": None}
    machine = Machine(clock, lambda function, _payload: answers[function])
    fake = FakeStates(clock, events, machine, "batch-scheduler-dev", lag)
    client = client_of("stepfunctions", fake.service(), clock)
    return Bench(fake, client, clock, events, answers)


@pytest.fixture
def here() -> Bench:
    return bench()


def start(here: Bench, name: str = "a", given: str = "{}") -> str:
    answer = here.client.start_execution(stateMachineArn=here.fake.arn, name=name, input=given)
    return str(answer["executionArn"])


def machine_of(client: Any) -> str:
    return f"arn:aws:states:{client.meta.region_name}:123456789012:stateMachine:batch-scheduler-dev"


def named(client: Any, size: int) -> None:
    client.start_execution(stateMachineArn=machine_of(client), name="n" * size)


def given(client: Any, size: int) -> None:
    text = json.dumps({"x": "x" * (size - len('{"x": ""}'))})
    client.start_execution(stateMachineArn=machine_of(client), name=f"of-{size}", input=text)


BOUNDS = (
    most("a name of 80 characters", named, 80),
    most("an input of 262,144 bytes", given, 262_144),
    most("1,000 executions of a page",
         lambda c, n: c.list_executions(stateMachineArn=machine_of(c), maxResults=n), 1000),
)  # fmt: skip


@pytest.mark.parametrize("bound", BOUNDS, ids=name_of)
def test_what_is_beyond_a_limit_is_refused(here: Bench, bound: Bound) -> None:
    bound.hold(here.client)


@pytest.mark.parametrize("mark", list('<>{}[]?*"#%\\^|~`$&,;:/ \t\n\u0085'))
def test_a_name_with_a_mark_that_is_forbidden_is_refused(here: Bench, mark: str) -> None:
    assert refused(start, here, f"a{mark}b")[0] == "InvalidName"


def test_a_name_with_other_marks_is_taken(here: Bench) -> None:
    assert start(here, "Etl-1_2.3+4=é(5)@6").endswith("Etl-1_2.3+4=é(5)@6")


def test_the_same_start_again_is_the_same_execution_while_it_runs(here: Bench) -> None:
    first = start(here, given='{"n": 1}')
    assert start(here, given='{"n": 1}') == first
    assert len(here.fake.machine.executions) == 1
    assert refused(start, here, given='{"n": 2}')[0] == "ExecutionAlreadyExists"


def test_a_name_is_taken_for_ninety_days_after_the_end(here: Bench) -> None:
    arn = start(here)
    here.client.stop_execution(executionArn=arn)
    assert refused(start, here)[0] == "ExecutionAlreadyExists"
    here.clock.advance(timedelta(days=90).total_seconds())
    assert refused(here.client.describe_execution, executionArn=arn)[0] == "ExecutionDoesNotExist"
    assert refused(start, here) == ("", "")


class Refusal(NamedTuple):
    """What is refused, with which code."""

    name: str
    operation: str
    members: dict[str, Any]
    code: str


OTHER = "arn:aws:states:eu-central-1:123456789012:stateMachine:other"
REFUSALS = (
    Refusal("a machine that there is not", "start_execution", {"stateMachineArn": OTHER},
            "StateMachineDoesNotExist"),
    Refusal("a machine by its name", "start_execution", {"stateMachineArn": "other"},
            "InvalidArn"),
    Refusal("an execution by its name", "describe_execution", {"executionArn": "a"}, "InvalidArn"),
    Refusal("an end that is no JSON", "send_task_success", {"taskToken": "t", "output": "{"},
            "InvalidOutput"),
    Refusal("a token of nobody", "send_task_success", {"taskToken": "t", "output": "{}"},
            "InvalidToken"),
    Refusal("a token that was never given", "send_task_success",
            {"taskToken": "token-9", "output": "{}"}, "TaskDoesNotExist"),
    Refusal("a token of 2,049 characters", "send_task_success",
            {"taskToken": "t" * 2049, "output": "{}"}, "ValidationException"),
    Refusal("an output of more than 262,144 bytes", "send_task_success",
            {"taskToken": "t", "output": '"' + "x" * 262_143 + '"'}, "ValidationException"),
    Refusal("a list of a status that there is not", "list_executions",
            {"stateMachineArn": OTHER, "statusFilter": "DONE"}, "ValidationException"),
)  # fmt: skip


@pytest.mark.parametrize("row", REFUSALS, ids=name_of)
def test_what_step_functions_does_not_take_is_refused(here: Bench, row: Refusal) -> None:
    assert refused(getattr(here.client, row.operation), **row.members)[0] == row.code


def test_an_input_that_is_no_json_is_refused(here: Bench) -> None:
    assert refused(start, here, given="{")[0] == "InvalidExecutionInput"


def go_on(here: Bench) -> None:
    """Take steps as long as one is due."""
    while here.fake.machine.run_due():
        pass


def waiting(here: Bench) -> str:
    """Start one, and let it come to where it waits for its token."""
    start(here)
    while not here.fake.machine.executions["a"].token:
        here.fake.machine.run_due()
    return here.fake.machine.executions["a"].token


def test_a_token_lets_go_on_once(here: Bench) -> None:
    token = waiting(here)
    send = here.client.send_task_success
    assert refused(send, taskToken=token, output="{}") == ("", "")
    assert refused(send, taskToken=token, output="{}")[0] == "TaskTimedOut"


def test_a_token_whose_time_is_over_lets_nobody_go_on(here: Bench) -> None:
    token = waiting(here)
    here.clock.advance(60)
    here.fake.machine.run_due()
    assert here.fake.machine.executions["a"].state == "PollJobs"
    assert refused(here.client.send_task_success, taskToken=token, output="{}")[0] == "TaskTimedOut"


def test_a_new_execution_is_described_and_listed_after_a_while() -> None:
    late = bench(lag=5.0)
    arn = start(late)
    listing = {"stateMachineArn": late.fake.arn}
    assert refused(late.client.describe_execution, executionArn=arn)[0] == "ExecutionDoesNotExist"
    assert late.client.list_executions(**listing)["executions"] == []
    late.clock.advance(5)
    assert late.client.describe_execution(executionArn=arn)["status"] == "RUNNING"
    assert len(late.client.list_executions(**listing)["executions"]) == 1


def test_executions_are_listed_newest_first_and_in_pages(here: Bench) -> None:
    for number in range(3):
        start(here, f"n{number}")
        here.clock.advance(1)
    page = here.client.list_executions(stateMachineArn=here.fake.arn, maxResults=2)
    rest = here.client.list_executions(stateMachineArn=here.fake.arn, nextToken=page["nextToken"])
    listed = [each["name"] for each in (*page["executions"], *rest["executions"])]
    assert listed == ["n2", "n1", "n0"]
    assert "nextToken" not in rest


def test_an_end_from_outside_is_told_with_its_status_and_input(here: Bench) -> None:
    arn = start(here, given='{"n": 1}')
    here.client.stop_execution(executionArn=arn, error="Stop", cause="by hand")
    [event] = here.events
    assert event["detail-type"] == "Step Functions Execution Status Change"
    detail = event["detail"]
    assert (detail["name"], detail["status"], detail["input"]) == ("a", "ABORTED", '{"n": 1}')
    assert here.client.describe_execution(executionArn=arn)["cause"] == "by hand"


def test_a_history_of_25_000_events_ends_the_execution(here: Bench) -> None:
    here.answers["get_schedule"] = {"next": "submit", "wait": 1, "status": "RUNNING"}
    here.answers["submit_jobs"] = here.answers["get_schedule"]  # goes round for ever
    start(here)
    with pytest.raises(AssertionError, match="has a full history"):
        go_on(here)
    assert here.fake.machine.executions["a"].events >= 25_000


def test_a_state_of_more_than_262_144_bytes_is_not_carried(here: Bench) -> None:
    here.answers["get_schedule"] = {**WAIT, "next": "submit", "x": "x" * 262_144}
    start(here)
    with pytest.raises(AssertionError):
        go_on(here)
