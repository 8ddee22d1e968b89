"""Every function of app.py: its settings, policy, log and dead letters; nothing for others."""

import json
from typing import Any

import pytest

from chalicelib.api.gateway import additions
from chalicelib.config import Api
from chalicelib.services.repeating import LONGEST
from cloudformation import rendering
from cloudformation.rendering import API_HANDLER, Place, Stage
from tests.wiring.deployed import (
    BY_CHALICE,
    CALLED_BY_GATEWAY,
    CALLED_LATER,
    PLACE,
    actions,
    after,
    config,
    functions,
    policy_files,
    resources,
    statements,
    targets,
)

STAGES = ("dev", "prod")


def test_each_function_has_its_own_policy_and_no_policy_lacks_a_function() -> None:
    assert policy_files() == functions()


@pytest.mark.parametrize("stage", STAGES)
def test_chalice_takes_each_functions_policy_of_the_stage(stage: str) -> None:
    found = config()["stages"][stage]["lambda_functions"]
    assert found == {
        name: {"iam_policy_file": f"policies/rendered/{stage}/{name}.json"} for name in functions()
    }
    assert config()["autogen_policy"] is False


@pytest.mark.parametrize("stage", STAGES)
def test_a_function_knows_its_stage(stage: str) -> None:
    variables = config()["stages"][stage]["environment_variables"]
    assert variables["BATCH_SCHEDULER_STAGE"] == stage
    assert variables["BATCH_SCHEDULER_EDITION"] == "aws"
    assert config()["stages"][stage]["tags"] == {"BatchSchedulerStage": stage}


def test_no_function_runs_longer_than_the_fence_of_reservations_trusts() -> None:
    limits = [config()["lambda_timeout"]]
    limits += [entry["lambda_timeout"] for entry in config()["lambda_functions"].values()]
    assert max(limits) == 300  # s; the fence is 900
    assert config()["xray"] is True


def test_each_function_has_a_log_and_may_write_only_to_it() -> None:
    groups = {
        group["LogGroupName"]["Fn::Sub"] for group in resources("AWS::Logs::LogGroup").values()
    }
    for name in functions():
        assert f"/aws/lambda/{Stage('${Stage}').function(name)}" in groups
        (log,) = [s for s in statements(name) if "logs:PutLogEvents" in actions(s)]
        group = f"log-group:/aws/lambda/{Stage('dev').function(name)}:*"
        assert targets(log) == [f"arn:aws:logs:eu-central-1:123456789012:{group}"]


def test_what_an_asynchronous_function_fails_on_goes_to_its_dead_letters() -> None:
    configured = {
        item["FunctionName"]["Fn::Sub"].rpartition("-")[2]
        for item in after("AWS::Lambda::EventInvokeConfig").values()
    }
    assert configured == CALLED_LATER
    for name in functions():
        sending = [s for s in statements(name) if "sqs:SendMessage" in actions(s)]
        queue = f"arn:aws:sqs:eu-central-1:123456789012:batch-scheduler-dev-{name}-dead"
        assert [targets(s) for s in sending] == ([[queue]] if name in CALLED_LATER else [])


@pytest.mark.parametrize("name", functions())
def test_a_policy_has_no_wildcard_in_an_action_and_few_without_a_resource(name: str) -> None:
    without_resources = {
        "batch:DescribeJobDefinitions",
        "batch:DescribeJobs",
        "batch:ListJobs",
        "states:SendTaskSuccess",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
    for statement in statements(name):
        assert not any("*" in action for action in actions(statement))
        if "*" in targets(statement):
            assert set(actions(statement)) <= without_resources


@pytest.mark.parametrize("name", functions())
def test_no_function_changes_roles_or_job_definitions_or_tables(name: str) -> None:
    allowed = {action for statement in statements(name) for action in actions(statement)}
    assert not {action for action in allowed if action.startswith("iam:")}
    assert "batch:RegisterJobDefinition" not in allowed
    assert "dynamodb:DeleteTable" not in allowed


def test_nothing_is_scanned_but_the_few_tokens_by_the_api() -> None:
    scanned = {name: may(name, "dynamodb:Scan") for name in functions()}
    assert {name: tables for name, tables in scanned.items() if tables} == {
        API_HANDLER: {"table/BatchScheduleTokens-dev"}
    }


def test_only_the_api_and_its_authorizer_touch_tokens_and_the_second_only_reads_them() -> None:
    table = "arn:aws:dynamodb:eu-central-1:123456789012:table/BatchScheduleTokens-dev"
    touching = {
        name: {action for s in statements(name) if table in targets(s) for action in actions(s)}
        for name in functions()
    }
    assert {name for name, done in touching.items() if done} == CALLED_BY_GATEWAY
    assert touching["authorize"] == {"dynamodb:GetItem"}


def test_a_request_is_over_before_another_with_the_same_key_is_let_in() -> None:
    seconds = config()["lambda_functions"][API_HANDLER]["lambda_timeout"]
    assert 29 <= seconds < LONGEST.total_seconds()  # s that API Gateway waits (API Gateway quotas)


def test_only_submit_jobs_may_submit() -> None:
    submitting = [
        name
        for name in functions()
        if any("batch:SubmitJob" in actions(statement) for statement in statements(name))
    ]
    assert submitting == ["submit_jobs"]


def test_only_jobs_of_the_scheduler_are_ended() -> None:
    for name in functions():
        for statement in statements(name):
            if {"batch:CancelJob", "batch:TerminateJob"} & set(actions(statement)):
                assert statement["Condition"] == {
                    "StringLike": {"aws:ResourceTag/batch-scheduler:run": "?*"}
                }


def may(name: str, action: str) -> set[str]:
    """What a function may do that to, without the part that all names of a service share."""
    allowed = [s for s in statements(name) if action in actions(s)]
    return {arn.rpartition(":")[2] for statement in allowed for arn in targets(statement)}


@pytest.mark.parametrize("name", ["notify", "record_history"])
def test_whoever_tells_people_may_publish_and_look_for_the_schedules_own_topic(name: str) -> None:
    assert may(name, "sns:Publish") == {"batch-scheduler-dev"}
    assert "table/BatchSchedules-dev" in may(name, "dynamodb:GetItem")
    bucket = "batch-scheduler-dev-123456789012-eu-central-1"
    assert {f"{bucket}/runs/*", f"{bucket}/versions/*"} <= may(name, "s3:GetObject")


@pytest.mark.parametrize("name", ["notify", "reconcile"])
def test_whoever_archives_may_look_at_what_it_would_replace(name: str) -> None:
    objects = "batch-scheduler-archive-dev-123456789012-eu-central-1/*"
    assert objects in may(name, "s3:PutObject")
    assert objects in may(name, "s3:GetObject")


def test_reconcile_may_look_for_what_is_to_be_done_and_nobody_else_for_archives() -> None:
    indexes = {"table/BatchScheduleHistory-dev/index/byStatus",
               "table/BatchScheduleHistory-dev/index/unsealed"}  # fmt: skip
    assert indexes <= may("reconcile", "dynamodb:Query")
    unsealed = [
        name
        for name in functions()
        if any("unsealed" in arn for arn in may(name, "dynamodb:Query"))
    ]
    assert unsealed == ["reconcile"]


def submit_targets(parameters: dict[str, str]) -> set[str]:
    policy = rendering.policies(Stage("dev", parameters), PLACE)["submit_jobs"]
    (found,) = [s for s in policy["Statement"] if "batch:SubmitJob" in actions(s)]
    return {arn.partition(":123456789012:")[2] for arn in targets(found)}


def test_jobs_go_to_the_stages_own_queues_and_definitions_by_default() -> None:
    assert submit_targets({}) == {
        "job-queue/batch-scheduler-dev",
        "job-queue/batch-scheduler-dev-*",
        "job-definition/batch-scheduler-dev-*",
        "job/*",
    }


def test_queues_and_definitions_named_by_parameters_may_be_used() -> None:
    parameters = {"ExistingJobQueues": "night, day", "JobDefinitions": "etl-*,report"}
    assert submit_targets(parameters) == {
        "job-queue/night",
        "job-queue/day",
        "job-definition/batch-scheduler-dev-*",
        "job-definition/etl-*",
        "job-definition/report:*",
        "job/*",
    }


def test_a_bucket_named_by_a_parameter_is_the_one_that_functions_may_use() -> None:
    policy = rendering.policies(Stage("dev", {"SchedulesBucketName": "ours"}), PLACE)
    text = json.dumps(policy["schedule_uploaded"])
    assert '"arn:aws:s3:::ours/versions/*"' in text
    assert "batch-scheduler-dev-123456789012" not in text


def texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case list():
            return [text for item in value for text in texts(item)]
        case dict():
            return [text for item in value.values() for text in texts(item)]
        case _:
            return []


@pytest.mark.parametrize("name", functions())
def test_a_deployed_policy_names_its_account_and_leaves_nothing_open(name: str) -> None:
    place = Place("aws-cn", "210987654321", "cn-north-1")
    policy = rendering.policies(Stage("prod"), place)[name]
    for text in texts(policy["Statement"]):
        assert "${" not in text
        if text.startswith("arn:"):
            assert text.startswith("arn:aws-cn:")
            assert ":s3:::" in text or ":cn-north-1:210987654321:" in text


@pytest.mark.parametrize("name", functions())
def test_a_packaged_policy_leaves_the_account_to_cloudformation(name: str) -> None:
    policy = rendering.policies(Stage("prod"), None)[name]
    for statement in policy["Statement"]:
        for target in targets(statement):
            assert target == "*" or list(target) == ["Fn::Sub"]
    assert "${Stage}" not in json.dumps(policy)


def test_a_rule_that_is_packaged_has_the_name_that_a_deploy_gives_it() -> None:
    merged = rendering.merge_template(Stage("prod"))["Resources"]
    rules = {
        name: event["Properties"].get("RuleName") or event["Properties"].get("Name")
        for name, resource in merged.items()
        for event in resource["Properties"].get("Events", {}).values()
    }
    assert rules == {
        rendering.logical_id(name): f"batch-scheduler-prod-{name}-event" for name in BY_CHALICE
    }


def test_packaged_functions_have_their_fixed_names_and_dead_letters() -> None:
    merged = rendering.merge_template(Stage("prod"))["Resources"]
    named = {
        merged[rendering.logical_id(name)]["Properties"]["FunctionName"] for name in functions()
    }
    assert named == {Stage("prod").function(name) for name in functions()}
    assert "batch-scheduler-prod" in named
    failing = {each["DependsOn"] for name, each in merged.items() if name.endswith("Failures")}
    assert failing == {rendering.logical_id(name) for name in CALLED_LATER}


def test_the_packaged_api_refuses_what_is_no_token_and_says_how_to_ask() -> None:
    api = rendering.merge_template(Stage("prod"))["Resources"]["RestAPI"]["Properties"]
    assert api["DefinitionBody"] == additions(Api())
    assert api["Tags"] == {"BatchSchedulerStage": "prod"}
    [limits] = api["MethodSettings"]
    assert limits["ThrottlingRateLimit"] == rendering.RATE


def test_only_a_stage_that_names_buckets_is_told_of_their_objects() -> None:
    names = {"ObjectArrivedRule", "ObjectArrivedPermission"}
    assert not names & rendering.merge_template(Stage("dev"))["Resources"].keys()
    stage = Stage("dev", {"FileBuckets": "incoming, more"})
    merged = rendering.merge_template(stage)["Resources"]
    rule = merged["ObjectArrivedRule"]["Properties"]
    assert rule["EventPattern"]["detail"] == {"bucket": {"name": ["incoming", "more"]}}
    assert rule["EventPattern"]["account"] == [{"Ref": "AWS::AccountId"}]
    assert rule["Name"] == {"Fn::Sub": "batch-scheduler-dev-object_arrived-event"}
    assert merged["ObjectArrivedPermission"]["DependsOn"] == "ObjectArrived"
    for kind in ("AWS::Events::Rule", "AWS::Lambda::Permission"):
        [name] = after(kind)
        told = rendering.load(rendering.FUNCTIONS_TEMPLATE)["Resources"][name]["Condition"]
        assert told == "HasFileBuckets"


def test_only_the_rule_of_the_buckets_may_call_the_function_of_objects() -> None:
    [permission] = after("AWS::Lambda::Permission").values()
    assert permission["SourceArn"] == {"Fn::GetAtt": ["ObjectArrivedRule", "Arn"]}
    assert permission["Principal"] == "events.amazonaws.com"
