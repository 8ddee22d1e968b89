"""What AWS Batch refuses, so that the local queue refuses it too."""

from typing import Any

import pytest

from chalicelib.errors import BackendError
from chalicelib.local.batch_records import JobRequest
from chalicelib.local.batch_requests import check_described, parse_submit


def check(**members: Any) -> JobRequest:
    return parse_submit({"jobName": "job", "containerOverrides": {"command": ["true"]}, **members})


@pytest.mark.parametrize(
    "members",
    [
        {"containerOverrides": []},
        {"containerOverrides": {"command": "true"}},
        {"containerOverrides": {"command": [1]}},
        {"containerOverrides": {"command": ["x"], "vcpus": 0}},
        {"containerOverrides": {"command": ["x"], "memory": True}},
        {"containerOverrides": {"command": ["x"], "environment": ["A=b"]}},
        {"containerOverrides": {"command": ["x"], "environment": [{"name": "", "value": ""}]}},
        {"containerOverrides": {"command": ["x"], "environment": [{"name": "A=", "value": ""}]}},
        {
            "containerOverrides": {
                "command": ["x"],
                "resourceRequirements": [{"type": "VCPU", "value": 1}],
            }
        },
        {
            "containerOverrides": {
                "command": ["x"],
                "resourceRequirements": [{"type": "VCPU", "value": "0"}],
            }
        },
        {
            "containerOverrides": {
                "command": ["x"],
                "resourceRequirements": [{"type": "DISK", "value": "1"}],
            }
        },
        {"retryStrategy": {"attempts": 0}},
        {"retryStrategy": {"evaluateOnExit": [{"onReason": "x", "action": "EXIT"}]}},
        {"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "EXIT"}]}},
        {"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"onReason": "x", "action": "NO"}]}},
        {
            "retryStrategy": {
                "attempts": 2,
                "evaluateOnExit": [{"onReason": "*x", "action": "EXIT"}],
            }
        },
        {
            "retryStrategy": {
                "attempts": 2,
                "evaluateOnExit": [{"onExitCode": "one", "action": "EXIT"}],
            }
        },
        {
            "retryStrategy": {
                "attempts": 2,
                "evaluateOnExit": [{"onReason": "x", "action": "EXIT"}] * 6,
            }
        },
        {"tags": {f"tag-{number}": "" for number in range(51)}},
        {"nodeOverrides": {}},
        {"timeout": {"attemptDurationSeconds": "60"}},
        {"jobQueue": 7},
    ],
    ids=str,
)
def test_a_request_that_batch_refuses_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(BackendError, match="ClientException"):
        check(**members)


def test_parameters_fill_the_placeholders_of_a_command() -> None:
    overrides = {"command": ["cat", "Ref::file", "Ref::other"]}
    request = check(containerOverrides=overrides, parameters={"file": "a.txt"})
    assert request.command == ("cat", "a.txt", "Ref::other")


def test_at_most_100_jobs_are_described_at_once() -> None:
    assert len(check_described(["x"] * 100)) == 100
    with pytest.raises(BackendError, match="ClientException"):
        check_described(["x"] * 101)
