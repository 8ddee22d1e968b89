"""Policies against what functions were seen to do: nothing is missing, and nothing is unused.

That nothing is missing is asserted by the stage at each call of each test.
"""

from collections import defaultdict
from fnmatch import fnmatchcase
from functools import cache

import pytest

from tests.strict.answers import Permission
from tests.strict.api_lives import API_LIVES
from tests.strict.lives import LIVES
from tests.strict.timed_lives import TIMED_LIVES
from tests.wiring.deployed import (
    CALLED_BY_GATEWAY,
    CALLED_LATER,
    actions,
    functions,
    resources,
    statements,
    targets,
)

pytestmark = pytest.mark.rehearse  # all lives of stages, one after the other

# What Lambda does in a function's name, and no code of ours.
OF_LAMBDA = {
    "logs:CreateLogStream": "Lambda writes the log",
    "logs:PutLogEvents": "Lambda writes the log",
    "sqs:SendMessage": "Lambda puts away the events that a function fails on",
    "xray:PutTelemetryRecords": "Lambda's agent sends what X-Ray sees",
    "xray:PutTraceSegments": "Lambda's agent sends what X-Ray sees",
}
_TAG = "batch-scheduler:run"


@cache
def seen() -> dict[str, set[Permission]]:
    """What each function needed in all lives of stages together."""
    found: dict[str, set[Permission]] = defaultdict(set)
    for live in (*LIVES, *TIMED_LIVES, *API_LIVES):
        stage = live()
        for call in stage.aws.calls:
            found[call.caller].update(call.permissions)
            for action, arn in call.permissions:
                if action in ("batch:CancelJob", "batch:TerminateJob"):
                    # The condition of those statements.
                    assert stage.batch.submissions[arn.rpartition("/")[2]].tags[_TAG]
    return found


def unused(function: str) -> list[str]:
    """What its policy allows and the function never did, each action with each resource."""
    allowed = [
        (action, pattern)
        for statement in statements(function)
        for action in actions(statement)
        for pattern in targets(statement)
        if action not in OF_LAMBDA
    ]
    return [
        f"{action} on {pattern}"
        for action, pattern in allowed
        if not any(did == action and fnmatchcase(arn, pattern) for did, arn in seen()[function])
    ]


def test_no_policy_allows_what_its_function_was_never_seen_to_do() -> None:
    found = {function: unused(function) for function in functions()}
    assert found == {function: [] for function in functions()}


def test_the_state_machine_calls_every_function_that_its_role_may_call() -> None:
    called = seen().keys() - CALLED_LATER - CALLED_BY_GATEWAY - {""}
    invoke, _ = resources("AWS::IAM::RolePolicy")["StateMachinePolicy"]["PolicyDocument"][
        "Statement"
    ]
    allowed = {arn["Fn::Sub"].rpartition("-")[2] for arn in invoke["Resource"]}
    assert invoke["Action"] == "lambda:InvokeFunction"
    assert called == allowed
