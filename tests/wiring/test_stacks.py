"""Stacks in every state that a deploy may find them in, and the program around them."""

import json
from collections.abc import Iterator
from typing import Any

import boto3  # noqa: TID251 - a person's own look at the account
import pytest
from moto import mock_aws
from moto.cloudformation.models import cloudformation_backends

from cloudformation import deploy
from cloudformation.stacks import StackError, Stacks, Wanted
from tests.aws.wire import Response
from tests.wiring.deployed import PLACE

NAME = "batch-scheduler-dev"


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("cloudformation", region_name=PLACE.region)


def wanted(**resources: str) -> Wanted:
    """A stack of queues or topics: logical id and type."""
    template = {"Resources": {name: {"Type": kind} for name, kind in resources.items()}}
    return Wanted(NAME, json.dumps(template), {}, {})


QUEUE = wanted(Letters="AWS::SQS::Queue")


def force(status: str) -> None:
    """Leave the stack as AWS does after a failure."""
    (stack,) = cloudformation_backends[PLACE.account][PLACE.region].stacks.values()
    stack.status = status


def test_a_stack_is_made_and_a_second_time_left_alone(client: Any) -> None:
    assert Stacks(client).bring(QUEUE) == ["Add     AWS::SQS::Queue Letters"]
    assert Stacks(client).bring(QUEUE) == []
    assert Stacks(client).status(NAME) == "CREATE_COMPLETE"


def test_looking_at_a_stack_that_is_not_there_leaves_none(client: Any) -> None:
    assert Stacks(client).changes(QUEUE) == ["Add     AWS::SQS::Queue Letters"]
    assert Stacks(client).status(NAME) == ""


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"])
def test_a_stack_that_never_became_whole_is_deleted_and_made_anew(client: Any, status: str) -> None:
    Stacks(client).bring(wanted(Old="AWS::SNS::Topic"))
    force(status)
    assert Stacks(client).changes(QUEUE) == [
        f"It never became whole ({status}): it is deleted, and made anew."
    ]
    assert Stacks(client).bring(QUEUE) == ["Add     AWS::SQS::Queue Letters"]
    assert Stacks(client).status(NAME) == "CREATE_COMPLETE"
    assert not Stacks(client).has(NAME, "AWS::SNS::Topic")


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
def test_what_a_deploy_that_was_cut_off_began_is_waited_for(client: Any, status: str) -> None:
    Stacks(client).bring(wanted(Old="AWS::SNS::Topic"))
    force(status)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            force("CREATE_COMPLETE")

    stacks = Stacks(client, sleep)
    assert "Add     AWS::SQS::Queue Letters" in stacks.bring(QUEUE)
    assert slept == [5, 5, 5]
    force(status)
    slept.clear()
    assert stacks.delete(NAME)
    assert slept == [5, 5, 5]


def test_a_stack_at_which_somebody_works_for_ever_is_named(client: Any) -> None:
    Stacks(client).bring(QUEUE)
    force("UPDATE_IN_PROGRESS")
    with pytest.raises(StackError, match=f"^{NAME}: still UPDATE_IN_PROGRESS after 30 minutes$"):
        Stacks(client, lambda _: None).bring(QUEUE)


def test_of_a_stack_that_could_not_even_go_back_it_is_said_how_it_can(client: Any) -> None:
    Stacks(client).bring(QUEUE)
    force("UPDATE_ROLLBACK_FAILED")
    again = f"then: aws cloudformation continue-update-rollback --stack-name {NAME}"
    with pytest.raises(StackError, match=f"^{NAME} is UPDATE_ROLLBACK_FAILED: .*{again}"):
        Stacks(client).bring(QUEUE)


def test_what_a_look_that_was_cut_off_left_is_taken_for_no_stack(client: Any) -> None:
    Stacks(client).bring(QUEUE)
    force("REVIEW_IN_PROGRESS")
    Stacks(client).bring(QUEUE)
    assert Stacks(client).status(NAME) == "CREATE_COMPLETE"


def test_a_stack_says_which_types_it_has(client: Any) -> None:
    assert not Stacks(client).has(NAME, "AWS::SQS::Queue")
    Stacks(client).bring(QUEUE)
    assert Stacks(client).has(NAME, "AWS::SQS::Queue")
    assert not Stacks(client).has(NAME, "AWS::SNS::Topic")


def test_what_aws_refuses_is_told_with_the_stacks_name(client: Any) -> None:
    busy = f"Stack:{NAME} is in UPDATE_IN_PROGRESS state and can not be updated."
    told = f"<Error><Code>ValidationError</Code><Message>{busy}</Message></Error>"

    def refuse(request: Any, **_: Any) -> Response:
        return Response(request.url, 400, f"<ErrorResponse>{told}</ErrorResponse>".encode())

    client.meta.events.register_first("before-send.cloudformation.CreateChangeSet", refuse)
    with pytest.raises(StackError, match=f"^{NAME}: .*{busy}"):
        Stacks(client).bring(QUEUE)


def test_deleting_what_is_not_there_does_nothing(client: Any) -> None:
    assert not Stacks(client).delete(NAME)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = deploy.main(arguments)
    return code, capsys.readouterr().err


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, client: Any) -> Any:
    monkeypatch.setenv("AWS_DEFAULT_REGION", PLACE.region)
    return client


@pytest.mark.parametrize("verb", ["deploy", "diff"])
def test_a_stage_that_ci_deployed_is_not_taken_over(
    account: Any, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"ZipFile": "x"},
            "Handler": "app.notify",
            "Role": f"arn:aws:iam::{PLACE.account}:role/x",
            "Runtime": "python3.12",
        },
    }
    boto3.client("iam", region_name=PLACE.region).create_role(
        RoleName="x", AssumeRolePolicyDocument="{}"
    )
    account.create_stack(
        StackName=f"{NAME}-functions", TemplateBody=json.dumps({"Resources": {"F": function}})
    )
    code, said = run(capsys, verb, "--stage", "dev")
    assert code == 1
    assert said.startswith("CI/CD has deployed stage dev")
    assert said.count("\n") == 1


def test_a_deploy_without_a_region_says_how_to_name_one(
    client: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    code, said = run(capsys, "deploy", "--stage", "dev")
    assert (code, said) == (1, "No region: set AWS_REGION, or the region of your AWS profile.\n")


def test_a_profile_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    code, said = run(capsys, "diff", "--stage", "dev")
    assert (code, said) == (1, "The config profile (nobody) could not be found\n")


def test_without_credentials_it_says_what_must_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", PLACE.region)
    code, said = run(capsys, "deploy", "--stage", "dev")
    assert code == 1
    assert said == "No credentials for AWS: `aws sts get-caller-identity` must answer.\n"
