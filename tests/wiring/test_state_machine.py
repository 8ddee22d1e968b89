"""The state machine: what it calls is there, what fails is caught, every state leads to an end."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import errors
from chalicelib.services.steps import Next
from tests.wiring.deployed import CALLED_BY_GATEWAY, CALLED_LATER, config, functions, state_machine

MACHINE = json.loads(state_machine()["DefinitionString"]["Fn::Sub"])
STATES: dict[str, dict[str, Any]] = MACHINE["States"]
OWN = "${AWS::Region}:${AWS::AccountId}"
PREFIX = f"arn:${{AWS::Partition}}:lambda:{OWN}:function:batch-scheduler-${{Stage}}-"
LAMBDAS = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}
"""Errors of Lambda itself, which pass (Step Functions best practices)."""


def of_type(*types: str) -> list[str]:
    return [name for name, state in STATES.items() if state["Type"] in types]


TASKS = of_type("Task")


def called(name: str) -> str:
    """The function that a state calls; the whole ARN must be that of one of this stage."""
    state = STATES[name]
    arn = str(state.get("Parameters", {}).get("FunctionName") or state["Resource"])
    assert arn.startswith(PREFIX)
    return arn.removeprefix(PREFIX)


def targets(state: dict[str, Any]) -> Iterator[str]:
    for each in (*state.get("Choices", ()), *state.get("Catch", ())):
        yield each["Next"]
    yield from (state[key] for key in ("Next", "Default") if key in state)


def test_what_it_calls_is_in_the_app_and_it_calls_all_that_no_event_does() -> None:
    assert {called(name) for name in TASKS} == set(functions()) - CALLED_LATER - CALLED_BY_GATEWAY


def test_every_state_is_reached_and_from_every_state_there_is_a_way_to_an_end() -> None:
    reached, waiting = set[str](), [MACHINE["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += targets(STATES[name])
    assert reached == set(STATES)
    ending = set(of_type("Succeed", "Fail"))
    while more := {n for n in STATES if ending & set(targets(STATES[n]))} - ending:
        ending |= more
    assert ending == set(STATES)


def test_each_word_that_a_function_says_leads_somewhere_and_an_unknown_one_ends() -> None:
    choices = STATES["WhereTo"]["Choices"]
    assert [choice["StringEquals"] for choice in choices] == list(Next)
    assert {choice["Variable"] for choice in choices} == {"$.next"}
    assert STATES[STATES["WhereTo"]["Default"]]["Type"] == "Succeed"


def test_only_what_every_interpreter_of_it_knows_is_used() -> None:
    assert set(of_type("Task", "Choice", "Wait", "Succeed", "Fail")) == set(STATES)
    text = json.dumps(MACHINE)
    assert "QueryLanguage" not in text  # JSONPath, which is the default
    assert "Assign" not in text


@pytest.mark.parametrize("name", TASKS)
def test_a_state_outlasts_its_function_and_waits_for_it_no_longer_than_that(name: str) -> None:
    state = STATES[name]
    if state["Resource"].endswith(".waitForTaskToken"):
        assert state["TimeoutSecondsPath"] == "$.wait"
    else:
        longest = config()["lambda_functions"].get(called(name), {}).get("lambda_timeout", 0)
        assert longest <= 300 < state["TimeoutSeconds"] < 600


@pytest.mark.parametrize("name", TASKS)
def test_what_passes_is_retried_and_not_by_all_runs_at_the_same_moment(name: str) -> None:
    first = STATES[name]["Retry"][0]
    assert set(first["ErrorEquals"]) == LAMBDAS | {"BackendError"}
    for rule in STATES[name]["Retry"]:
        assert rule["MaxAttempts"] == 0 or rule["JitterStrategy"] == "FULL"
        assert rule["MaxAttempts"] == 0 or rule["MaxDelaySeconds"] <= 300


@pytest.mark.parametrize("name", TASKS)
def test_an_error_of_ours_that_a_rule_names_is_one_that_we_raise(name: str) -> None:
    for rule in STATES[name]["Retry"]:
        own = [error for error in rule["ErrorEquals"] if "." not in error]
        assert all(issubclass(getattr(errors, error), errors.SchedulerError) for error in own)


@pytest.mark.parametrize("name", TASKS)
def test_whatever_fails_for_good_is_caught_but_for_a_run_that_nobody_knows_yet(name: str) -> None:
    caught = [each["ErrorEquals"] for each in STATES[name].get("Catch", ())]
    if name == "GetSchedule":
        assert caught == []
    else:
        assert caught[-1] == ["States.ALL"]


def test_the_run_is_told_when_its_driver_fails_and_the_execution_fails_then() -> None:
    caught = {name: STATES[name]["Catch"][-1] for name in TASKS if name != "GetSchedule"}
    driving = ("SubmitJobs", "PollJobs", "RecordHistory")
    assert {caught[name]["Next"] for name in driving} == {"GiveUp"}
    assert {caught[name]["ResultPath"] for name in driving} == {"$.error"}
    assert caught["GiveUp"]["Next"] == STATES["GiveUp"]["Next"] == "DriverFailed"
    assert STATES["DriverFailed"]["Type"] == "Fail"


def test_the_page_of_the_state_machine_leaves_no_function_and_no_state_out() -> None:
    from docs import state_machine as page  # noqa: PLC0415 - only this test reads the page

    told = {row[0].strip("`"): row[1].strip("`") for row in page.state_rows()}
    assert told == {name: called(name) if name in TASKS else "" for name in STATES}
