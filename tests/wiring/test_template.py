"""The companion template, where moto looks away: what must be on, and who may use what."""

import json
import re
from typing import Any

import pytest

from cloudformation import linting, rendering
from cloudformation.rendering import Stage
from tests.aws import tables
from tests.wiring.deployed import (
    after,
    before_functions,
    companion,
    functions,
    resources,
    roles,
    state_machine,
)

STAGE = "${Stage}"
OWN = "${AWS::AccountId}-${AWS::Region}"
TOPIC_ARN = "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:batch-scheduler-${Stage}"


def named(kind: str, member: str) -> set[str]:
    return {properties[member]["Fn::Sub"] for properties in resources(kind).values()}


def statements(properties: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = properties["PolicyDocument"]["Statement"]
    return found


def test_every_table_has_the_name_that_the_functions_know() -> None:
    assert named("AWS::DynamoDB::Table", "TableName") == {
        f"BatchSchedules-{STAGE}",
        f"BatchScheduleHistory-{STAGE}",
        f"BatchScheduleJobs-{STAGE}",
        f"BatchScheduleState-{STAGE}",
        f"BatchScheduleTokens-{STAGE}",
    }


def test_every_bucket_has_the_name_that_the_functions_know() -> None:
    assert named("AWS::S3::Bucket", "BucketName") == {
        f"batch-scheduler-{STAGE}-{OWN}",
        f"batch-scheduler-archive-{STAGE}-{OWN}",
    }


def test_topic_and_state_machine_are_called_after_the_stage() -> None:
    assert named("AWS::SNS::Topic", "TopicName") == {f"batch-scheduler-{STAGE}"}
    assert named("AWS::StepFunctions::StateMachine", "StateMachineName") == {
        f"batch-scheduler-{STAGE}"
    }


@pytest.mark.parametrize("table", resources("AWS::DynamoDB::Table"))
def test_a_table_can_be_restored_is_encrypted_and_not_deleted_by_accident(table: str) -> None:
    resource = before_functions()[table]
    properties = resource["Properties"]
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
    assert companion()["Parameters"]["DeletionProtection"]["Default"] == "true"


def test_details_of_ended_runs_and_answers_expire_and_schedules_do_not() -> None:
    expiring = {
        name: properties.get("TimeToLiveSpecification")
        for name, properties in resources("AWS::DynamoDB::Table").items()
    }
    enabled = {"AttributeName": "expiresAt", "Enabled": True}
    assert expiring == {
        "SchedulesTable": None,
        "HistoryTable": None,
        "JobsTable": enabled,
        "StateTable": enabled,
        "TokensTable": enabled,
    }


def test_runs_are_found_by_their_status_and_open_jobs_by_their_run() -> None:
    tables = resources("AWS::DynamoDB::Table")
    by_status, unsealed = tables["HistoryTable"]["GlobalSecondaryIndexes"]
    (open_jobs,) = tables["JobsTable"]["LocalSecondaryIndexes"]
    assert by_status["IndexName"] == "byStatus"
    assert [key["AttributeName"] for key in by_status["KeySchema"]] == [
        "scheduleStatus",
        "startDateTime",
    ]
    assert by_status["Projection"] == unsealed["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    assert unsealed["IndexName"] == "unsealed"
    assert [key["AttributeName"] for key in unsealed["KeySchema"]] == ["unsealed", "unsealedSince"]
    assert open_jobs["IndexName"] == "open"
    assert [key["AttributeName"] for key in open_jobs["KeySchema"]] == ["run", "open"]


def test_the_index_of_open_jobs_has_their_state_and_not_their_history() -> None:
    from chalicelib.aws.dynamo_moves import READ  # noqa: PLC0415 - only this test reads with it

    (index,) = resources("AWS::DynamoDB::Table")["JobsTable"]["LocalSecondaryIndexes"]
    keys = {"run", "jobName", "open"}
    of_the_ended = {"told"}  # which are not in it
    projected = index["Projection"]["NonKeyAttributes"]
    assert set(projected) == set(READ) - keys - of_the_ended
    assert len(projected) <= 20  # of an index (DynamoDB quotas)


def test_the_tables_of_the_tests_are_those_of_the_template() -> None:
    members = (
        "AttributeDefinitions",
        "KeySchema",
        "GlobalSecondaryIndexes",
        "LocalSecondaryIndexes",
    )
    made = {
        properties["TableName"]["Fn::Sub"].replace("${Stage}", tables.STAGE): {
            name: properties.get(name) for name in members
        }
        for properties in resources("AWS::DynamoDB::Table").values()
    }
    for definition in tables.DEFINITIONS:
        assert canonical(made[definition["TableName"]]) == canonical(
            {name: definition.get(name) for name in members}
        )


def canonical(value: Any) -> Any:
    """Without the order of projected attributes, which means nothing."""
    match value:
        case dict():
            return {key: canonical(member) for key, member in value.items()}
        case [str(), *_]:
            return sorted(value)
        case list():
            return [canonical(member) for member in value]
        case _:
            return value


@pytest.mark.parametrize("bucket", resources("AWS::S3::Bucket"))
def test_a_bucket_is_private_versioned_encrypted_and_kept(bucket: str) -> None:
    resource = companion()["Resources"][bucket]
    properties = resource["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["BucketEncryption"]
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("bucket", resources("AWS::S3::Bucket"))
def test_a_bucket_refuses_what_does_not_come_over_tls(bucket: str) -> None:
    policies = resources("AWS::S3::BucketPolicy").values()
    (policy,) = [policy for policy in policies if policy["Bucket"] == {"Ref": bucket}]
    (statement,) = statements(policy)
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Action"] == "s3:*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [
        {"Fn::GetAtt": [bucket, "Arn"]},
        {"Fn::Sub": f"${{{bucket}.Arn}}/*"},
    ]


@pytest.mark.parametrize("bucket", resources("AWS::S3::Bucket"))
def test_no_current_object_of_a_bucket_ever_expires(bucket: str) -> None:
    rules = resources("AWS::S3::Bucket")[bucket]["LifecycleConfiguration"]["Rules"]
    assert rules
    for rule in rules:
        assert not {"ExpirationInDays", "ExpirationDate", "ExpiredObjectDeleteMarker"} & set(rule)


def test_uploads_are_told_to_event_bridge() -> None:
    configuration = resources("AWS::S3::Bucket")["SchedulesBucket"]["NotificationConfiguration"]
    assert configuration == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(statement, id=statement["Sid"])
        for statement in statements(resources("AWS::SNS::TopicPolicy")["TopicPolicy"])
        if statement["Effect"] == "Allow"
    ],
)
def test_a_service_publishes_only_for_this_account(statement: dict[str, Any]) -> None:
    text = json.dumps(statement["Condition"])
    assert "aws:SourceArn" in text
    assert "aws:SourceAccount" in text or "QueueBlockedRule" in text


@pytest.mark.parametrize(("name", "role"), list(roles()))
def test_a_role_is_taken_by_one_service_and_only_for_this_account(
    name: str, role: dict[str, Any]
) -> None:
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert set(statement["Principal"]) == {"Service"}
    assert isinstance(statement["Principal"]["Service"], str)
    if name != "Ec2InstanceRole":  # EC2 sends no source (IAM, confused deputy)
        account = {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        assert statement["Condition"]["StringEquals"] == account
        source = statement["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]
        assert "${AWS::Region}:${AWS::AccountId}:" in source


def test_every_role_is_used() -> None:
    text = json.dumps(before_functions())
    for name, _ in roles():
        assert f'["{name}", "Arn"]' in text or f'[{{"Ref": "{name}"}}]' in text


def test_no_role_of_the_companion_may_register_jobs_or_pass_roles() -> None:
    text = json.dumps(before_functions())
    assert "RegisterJobDefinition" not in text
    assert "iam:PassRole" not in text


def test_a_job_can_claim_its_attempt_and_do_nothing_else_with_the_tables() -> None:
    (policy,) = resources("AWS::IAM::Role")["JobRole"]["Policies"]
    (statement,) = statements(policy)
    assert statement["Action"] == ["dynamodb:UpdateItem", "dynamodb:GetItem"]
    assert statement["Resource"] == {"Fn::GetAtt": ["JobsTable", "Arn"]}
    assert statement["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["#claim#*"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


def test_jobs_may_read_what_a_parameter_names_and_nothing_else_is_added_to_their_role() -> None:
    added = [
        policy
        for policy in resources("AWS::IAM::RolePolicy").values()
        if policy["RoleName"] == {"Ref": "JobRole"}
    ]
    (statement,) = [each for policy in added for each in statements(policy)]
    assert statement["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    assert statement["Resource"] == {"Ref": "JobDataArns"}
    assert "ManagedPolicyArns" not in resources("AWS::IAM::Role")["JobRole"]


def test_the_state_machine_may_call_what_its_definition_calls_and_nothing_else() -> None:
    called = {f for f in functions() if f"-{f}" in state_machine()["DefinitionString"]["Fn::Sub"]}
    invoke, observe = statements(resources("AWS::IAM::RolePolicy")["StateMachinePolicy"])
    assert invoke["Action"] == "lambda:InvokeFunction"
    allowed = {
        arn["Fn::Sub"].rpartition(f"batch-scheduler-{STAGE}-")[2] for arn in invoke["Resource"]
    }
    assert allowed == called
    assert {action.partition(":")[0] for action in observe["Action"]} == {"logs", "xray"}


def test_the_state_machine_is_traced_and_logs_no_data_of_runs() -> None:
    assert state_machine()["TracingConfiguration"] == {"Enabled": True}
    assert state_machine()["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert state_machine()["LoggingConfiguration"]["Level"] == "ERROR"


def test_the_definition_in_the_template_is_the_file() -> None:
    path = rendering.PROJECT / "stepfunctions" / "batch-scheduler.asl.json"
    written = json.loads(path.read_text("utf-8"))
    for state in written["States"].values():
        state.pop("Comment", None)  # for readers of the file
    assert json.loads(state_machine()["DefinitionString"]["Fn::Sub"]) == written


def test_the_templates_fit_into_one_call() -> None:
    assert len(rendering.body(companion())) < rendering.MAX_TEMPLATE
    with pytest.raises(rendering.TemplateError, match="51200 are allowed"):
        rendering.body({"Description": "x" * rendering.MAX_TEMPLATE})


@pytest.mark.parametrize("group", resources("AWS::Logs::LogGroup"))
def test_no_log_is_kept_for_ever(group: str) -> None:
    assert resources("AWS::Logs::LogGroup")[group]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("alarm", resources("AWS::CloudWatch::Alarm"))
def test_an_alarm_tells_the_topic_when_it_begins_and_ends(alarm: str) -> None:
    properties = resources("AWS::CloudWatch::Alarm")[alarm]
    topic = {"Ref": "Topic"} if alarm in companion()["Resources"] else {"Fn::Sub": TOPIC_ARN}
    assert properties["AlarmActions"] == properties["OKActions"] == [topic]
    assert properties["AlarmDescription"]


def test_there_is_an_alarm_for_everything_that_needs_a_person() -> None:
    assert set(named("AWS::CloudWatch::Alarm", "AlarmName")) == {
        f"batch-scheduler-{STAGE}-{about}"
        for about in (
            "run-failed",
            "driver",
            "reconcile-found",
            "reconcile-silent",
            "dead-letters",
            "undelivered",
            "queue-blocked",
            "throttles",
            "tick-silent",
            "tick-broken",
        )
    }


def test_a_budget_is_only_made_when_one_is_asked_for() -> None:
    assert companion()["Parameters"]["MonthlyBudgetUsd"]["Default"] == 0
    assert companion()["Resources"]["MonthlyBudget"]["Condition"] == "HasBudget"


@pytest.mark.parametrize("name", companion()["Parameters"])
def test_every_parameter_says_what_it_is_for_and_what_it_takes(name: str) -> None:
    parameter = companion()["Parameters"][name]
    assert parameter["Description"].endswith(".")
    assert {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue"} & set(parameter)
    assert ("AllowedPattern" in parameter) == ("ConstraintDescription" in parameter)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JobDefinitions", "*"),
        ("JobDefinitions", "etl-*-big"),
        ("ExistingJobQueues", "*"),
        ("ExistingJobQueues", "night*"),
        ("NoticeTopics", "*"),
        ("JobDataArns", "*"),
        ("JobDataArns", "arn:aws:s3:::*"),
        ("JobDataArns", "arn:aws:s3:::*/secret"),
        ("SubnetIds", "vpc-0123456789abcdef0"),
        ("SchedulesBucketName", "Upper"),
        ("Stage", "dev/../prod"),
        ("NoticeEmail", "nobody"),
    ],
)
def test_a_parameter_takes_nothing_that_opens_more_than_it_says(name: str, value: str) -> None:
    assert not re.fullmatch(companion()["Parameters"][name]["AllowedPattern"], value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JobDefinitions", "etl-*"),
        ("JobDefinitions", "report"),
        ("ExistingJobQueues", "night_2"),
        ("JobDataArns", "arn:aws-us-gov:s3:::ours/daily/*"),
        ("Ec2InstanceTypes", "m5.large"),
        ("Ec2InstanceTypes", "optimal"),
        ("SecurityGroupIds", "sg-0123456789abcdef0"),
    ],
)
def test_a_parameter_takes_what_it_is_for(name: str, value: str) -> None:
    assert re.fullmatch(companion()["Parameters"][name]["AllowedPattern"], value)


@pytest.mark.parametrize("name", companion()["Parameters"])
def test_a_default_is_a_value_that_may_be_given(name: str) -> None:
    parameter = companion()["Parameters"][name]
    if "AllowedPattern" in parameter and "Default" in parameter:
        assert re.fullmatch(parameter["AllowedPattern"], parameter["Default"])


def test_compute_costs_nothing_while_no_job_waits() -> None:
    environments = resources("AWS::Batch::ComputeEnvironment")
    kinds = {name: e["ComputeResources"]["Type"] for name, e in environments.items()}
    assert kinds == {"Fargate": "FARGATE", "FargateSpot": "FARGATE_SPOT", "Ec2Environment": "EC2"}
    assert environments["Ec2Environment"]["ComputeResources"]["MinvCpus"] == 0
    assert not resources("AWS::EC2::NatGateway")


def test_a_deploy_leaves_running_runs_the_job_definition_they_began_with() -> None:
    for definition in resources("AWS::Batch::JobDefinition").values():
        assert definition["ResourceRetentionPolicy"] == {"SkipDeregisterOnUpdate": True}


def test_an_environment_can_be_replaced_because_it_has_no_fixed_name() -> None:
    for environment in resources("AWS::Batch::ComputeEnvironment").values():
        assert "ComputeEnvironmentName" not in environment


def test_only_asynchronous_functions_have_dead_letters() -> None:
    queues = named("AWS::SQS::Queue", "QueueName")
    destinations = {
        item["DestinationConfig"]["OnFailure"]["Destination"]["Fn::Sub"].rpartition(":")[2]
        for item in after("AWS::Lambda::EventInvokeConfig").values()
    }
    assert queues == destinations


def test_the_linters_see_every_policy_that_a_stage_has() -> None:
    seen = {
        name: policy
        for template in (companion(), rendering.jobs())
        for name, policy in linting.role_policies(template, Stage("dev"))
    }
    written = {*resources("AWS::IAM::RolePolicy"), *resources("AWS::IAM::ManagedPolicy")}
    written |= {
        f"{name}-{policy['PolicyName']}"
        for name, role in roles()
        for policy in role.get("Policies", ())
    }
    assert set(seen) == written
    assert "Fn::" not in json.dumps(seen)
