"""What the ready-made kinds of work run as: each only if asked for, with no right but its own."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session  # noqa: TID251 - the names of operations, as AWS has them
import pytest
from botocore import xform_name  # noqa: TID251 - as above

from chalicelib.aws.names import ready_made_of
from chalicelib.core.guarding import is_kept
from chalicelib.core.kind_document import KINDS
from cloudformation import rendering
from cloudformation.rendering import PROJECT
from tests.wiring.deployed import actions, targets

Fields = dict[str, Any]
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/batch-job@sha256:" + "0" * 64
OURS = "eu-central-1:123456789012"
# The parameter that asks for a kind, and a value of it.
ASKED = {
    "ec2": ("InstanceArns", f"arn:aws:ec2:{OURS}:instance/i-0123456789abcdef0"),
    "ftp": ("FtpSecret", "none"),
    "glue": ("GlueArns", f"arn:aws:glue:{OURS}:job/load"),
    "http": ("HttpSecret", f"arn:aws:ssm:{OURS}:parameter/api"),
    "lambda": ("LambdaArns", f"arn:aws:lambda:{OURS}:function:report"),
    "redshift": ("RedshiftArns", f"arn:aws:redshift:{OURS}:cluster:warehouse"),
    "script": ("ScriptArns", "arn:aws:s3:::ours/jobs/*"),
    "sftp": ("SftpSecret", f"arn:aws:secretsmanager:{OURS}:secret:partner-a1b2c3"),
    "stepfunctions": ("StateMachineArns", f"arn:aws:states:{OURS}:stateMachine:load"),
}
# Actions that know no resources (Service Authorization Reference).
ANYWHERE = {
    "ec2:DescribeInstances",
    "ssm:CancelCommand",
    "ssm:GetCommandInvocation",
    "ssm:ListCommandInvocations",
    "ssm:ListCommands",
}
# What a parameter names, and the one document that commands are run by.
NAMED = r"\{'Ref': '\w+Arns'\}|\{'Fn::Sub': 'arn:[^*]+::document/AWS-RunShellScript'\}"
CLAIMS = {
    "Effect": "Allow",
    "Action": ["dynamodb:UpdateItem", "dynamodb:GetItem"],
    "Resource": {
        "Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}"
        ":table/BatchScheduleJobs-${Stage}"
    },
    "Condition": {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["#claim#*"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    },
}


@cache
def template() -> Fields:
    return rendering.jobs()


def resources(type_: str) -> Mapping[str, Fields]:
    return {n: r for n, r in template()["Resources"].items() if r["Type"] == type_}


def definition(kind: str) -> Fields:
    """The definition by the name that the scheduler has for it."""
    name = f"{ready_made_of('${Stage}')}{kind}"
    (found,) = (
        each
        for each in resources("AWS::Batch::JobDefinition").values()
        if each["Properties"]["JobDefinitionName"] == {"Fn::Sub": name}
    )
    return dict(found)


def role_of(kind: str) -> tuple[str, Fields]:
    name, _ = definition(kind)["Properties"]["ContainerProperties"]["JobRoleArn"]["Fn::GetAtt"]
    return name, template()["Resources"][name]


def statements(kind: str) -> list[Fields]:
    """All that the role of a kind may do, with every parameter given."""
    name, role = role_of(kind)
    policies = [each["PolicyDocument"] for each in role["Properties"].get("Policies", ())]
    managed = [each["Ref"] for each in role["Properties"]["ManagedPolicyArns"]]
    policies += [template()["Resources"][each]["Properties"]["PolicyDocument"] for each in managed]
    policies += [
        each["Properties"]["PolicyDocument"]
        for each in resources("AWS::IAM::RolePolicy").values()
        if each["Properties"]["RoleName"] == {"Ref": name}
    ]
    return [evaluated(each, {}) for policy in policies for each in policy["Statement"]]


def allowed(kind: str) -> set[str]:
    return {action for each in statements(kind) for action in actions(each)}


def evaluated(value: Any, given: Mapping[str, str]) -> Any:
    """What CloudFormation makes of it; a condition that is not given holds."""
    match value:
        case {"Fn::If": [_, then, _]}:
            return evaluated(then, given)
        case {"Ref": str(name)} if name in given:
            is_list = template()["Parameters"][name]["Type"] == "CommaDelimitedList"
            return given[name].split(",") if is_list else given[name]
        case {"Fn::Join": [str(between), parts]}:
            return between.join(evaluated(parts, given))
        case {"Fn::Split": [str(between), text]}:
            return evaluated(text, given).split(between)
        case dict():
            return {key: evaluated(each, given) for key, each in value.items()}
        case _:
            is_list = isinstance(value, list)
            return [evaluated(each, given) for each in value] if is_list else value


def made(**given: str) -> set[str]:
    """The resources that a stage with these parameters has."""
    declared = template()["Parameters"].items()
    values = {name: given.get(name, each.get("Default", "")) for name, each in declared}

    def holds(condition: Any) -> bool:
        match condition:
            case {"Fn::Not": [of]}:
                return not holds(of)
            case {"Fn::And": of}:
                return all(map(holds, of))
            case {"Fn::Equals": [one, other]}:
                return bool(evaluated(one, values) == evaluated(other, values))
            case {"Condition": str(name)}:
                return holds(template()["Conditions"][name])
        raise AssertionError(condition)

    return {
        name
        for name, each in template()["Resources"].items()
        if "Condition" not in each or holds({"Condition": each["Condition"]})
    }


def test_a_stage_that_asks_for_nothing_has_no_kind() -> None:
    assert made() == made(BatchJobImage=IMAGE) == {"ClaimPolicy"}
    assert made(**dict(ASKED.values())) == {"ClaimPolicy"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_there_with_its_role_when_its_parameter_names_something(kind: str) -> None:
    parameter, value = ASKED[kind]
    pattern = template()["Parameters"][parameter]["AllowedPattern"]
    assert re.fullmatch(pattern, value)
    found = made(BatchJobImage=IMAGE, **{parameter: value}) - {"ClaimPolicy"}
    definitions = {name for name in found if name in resources("AWS::Batch::JobDefinition")}
    assert [template()["Resources"][name] for name in definitions] == [definition(kind)]
    assert role_of(kind)[0] in found
    stem = role_of(kind)[0].removesuffix("Role")
    assert all(name.startswith(stem) for name in found)
    assert stem + "TransfersPolicy" not in found


def test_every_definition_and_every_role_is_of_a_kind_that_can_be_used() -> None:
    own = {kind: role_of(kind)[0] for kind in KINDS}
    assert len(set(own.values())) == len(KINDS)
    assert len(resources("AWS::Batch::JobDefinition")) == len(KINDS)
    execution = {f"{each}ExecutionRole" for each in ("Sftp", "Ftp", "Http")}
    assert set(resources("AWS::IAM::Role")) == {*own.values(), *execution}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_claims_its_attempt_and_does_nothing_else_with_the_tables(kind: str) -> None:
    of_tables = [s for s in statements(kind) if "dynamodb" in str(s["Action"])]
    assert of_tables == [CLAIMS]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_may_use_what_parameters_name_and_nothing_that_is_there_besides(kind: str) -> None:
    for statement in statements(kind):
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in actions(statement))
        for target in targets(statement):
            if target == "*":
                is_own = "redshift-data:statement-owner-iam-userid" in str(
                    statement.get("Condition")
                )
                assert is_own or set(actions(statement)) <= ANYWHERE
            elif statement != CLAIMS:
                assert re.fullmatch(NAMED, str(target))


@pytest.mark.parametrize("kind", ["sftp", "ftp", "http", "script"])
def test_what_drives_nothing_on_aws_may_use_no_more_than_objects(kind: str) -> None:
    objects = {"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload"}
    assert allowed(kind) - set(CLAIMS["Action"]) <= objects
    writing = [s["Resource"] for s in statements(kind) if "s3:PutObject" in s["Action"]]
    assert writing == ([{"Ref": "TransferArns"}] if kind in ("sftp", "ftp") else [])


# Operations in the code of a kind, and the actions that they need, where their names differ.
SERVICES = {
    "glue": ("glue", "glue"),
    "lambda": ("lambda", "lambda"),
    "stepfunctions": ("stepfunctions", "states"),
    "ec2": ("ec2", "ec2"),
    "ssm": ("ec2", "ssm"),
    "redshift-data": ("redshift", "redshift-data"),
}
OTHERWISE = {"lambda:Invoke": "lambda:InvokeFunction"}


def called(service: str, prefix: str) -> Iterator[str]:
    """The actions that the modules of batch-job need which ask this service."""
    model = botocore.session.get_session().get_service_model(service)
    texts = [path.read_text("utf-8") for path in (PROJECT / "fetch_and_run").rglob("*.py")]
    code = "\n".join(text for text in texts if f'"{service}"' in text)
    named = set(re.findall(r"\.(\w+)\b", code))
    for operation in model.operation_names:
        if xform_name(operation) in named:
            action = f"{prefix}:{operation}"
            yield OTHERWISE.get(action, action)


@pytest.mark.parametrize("service", SERVICES)
def test_a_kind_may_do_what_its_code_does_and_no_more(service: str) -> None:
    kind, prefix = SERVICES[service]
    may = {action for action in allowed(kind) if action.partition(":")[0] == prefix}
    assert may == set(called(service, prefix))


# Definitions


@pytest.mark.parametrize("kind", KINDS)
def test_a_definition_tells_where_claims_are_and_no_document_can_say_otherwise(kind: str) -> None:
    container = definition(kind)["Properties"]["ContainerProperties"]
    variables = {each["Name"]: each["Value"] for each in container["Environment"]}
    where = {"Fn::Sub": "dynamodb:BatchScheduleJobs-${Stage}"}
    assert variables["BATCH_SCHEDULER_CLAIMS"] == where
    assert all(map(is_kept, variables))


def test_the_definition_of_shells_tells_it_too() -> None:
    where = [{"Name": "BATCH_SCHEDULER_CLAIMS", "Value": {"Fn::Sub": "dynamodb:${JobsTable}"}}]
    found = rendering.companion()["Resources"].values()
    own = [each["Properties"] for each in found if each["Type"] == "AWS::Batch::JobDefinition"]
    assert [each["ContainerProperties"]["Environment"] for each in own] == [where, where]


@pytest.mark.parametrize("kind", KINDS)
def test_a_definition_runs_our_image_once_without_rights_over_its_machine(kind: str) -> None:
    properties = definition(kind)["Properties"]
    container = properties["ContainerProperties"]
    assert container["Image"] == {"Ref": "BatchJobImage"}
    assert properties["PlatformCapabilities"] == ["FARGATE"]
    assert properties["RetryStrategy"] == {"Attempts": 1}
    assert not {"Privileged", "User", "Volumes", "MountPoints", "LinuxParameters"} & set(container)


@pytest.mark.parametrize("kind", ["script", "ec2", "redshift"])
@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_what_may_be_run_is_what_the_role_may_read(kind: str, partition: str) -> None:
    arns = f"arn:{partition}:s3:::ours/jobs/*,arn:{partition}:s3:::theirs/a.sh"
    container = definition(kind)["Properties"]["ContainerProperties"]
    variables = {each["Name"]: each["Value"] for each in container["Environment"]}
    told = evaluated(variables["BATCH_FILE_ALLOWED"], {"ScriptArns": arns})
    assert told == "s3://ours/jobs,s3://theirs/a.sh"
    reading = [s for s in statements(kind) if s["Resource"] == {"Ref": "ScriptArns"}]
    assert [s["Action"] for s in reading] == [["s3:GetObject", "s3:GetObjectVersion"]]


@pytest.mark.parametrize("kind", ["sftp", "ftp", "http"])
def test_a_secret_is_read_for_a_job_and_never_by_it(kind: str) -> None:
    parameter = f"{kind.title()}Secret"
    container = evaluated(definition(kind)["Properties"]["ContainerProperties"], {})
    assert container["Secrets"] == [
        {"Name": f"{kind.upper()}_SECRET", "ValueFrom": {"Ref": parameter}}
    ]
    name, _ = container["ExecutionRoleArn"]["Fn::GetAtt"]
    secret = template()["Resources"][name]["Properties"]["Policies"][-1]["PolicyDocument"]
    (statement,) = secret["Statement"]
    assert statement["Resource"] == {"Ref": parameter}
    assert not any("secret" in action or "ssm" in action for action in allowed(kind))


# Parameters


@pytest.mark.parametrize("name", template()["Parameters"])
def test_every_parameter_says_what_it_is_for_and_what_it_takes(name: str) -> None:
    parameter = template()["Parameters"][name]
    assert parameter["Description"].endswith((".", "*.", "none."))
    assert parameter["ConstraintDescription"]
    assert re.fullmatch(parameter["AllowedPattern"], parameter.get("Default", "dev"))


def test_a_parameter_that_several_templates_have_takes_the_same_in_each() -> None:
    paths = (rendering.TEMPLATE, rendering.STATE_TEMPLATE, rendering.FUNCTIONS_TEMPLATE)
    others = [rendering.load(path)["Parameters"] for path in paths]
    for name, parameter in template()["Parameters"].items():
        for each in others:
            other = each.get(name, parameter)
            members = ("Type", "Default", "AllowedPattern")
            assert [other.get(m) for m in members] == [parameter.get(m) for m in members]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GlueArns", "*"),
        ("GlueArns", f"arn:aws:glue:{OURS}:job/*"),
        ("GlueArns", f"arn:aws:glue:{OURS}:*"),
        ("LambdaArns", f"arn:aws:lambda:{OURS}:function:*"),
        ("StateMachineArns", f"arn:aws:states:{OURS}:execution:*"),
        ("StateMachineArns", f"arn:aws:states:{OURS}:stateMachine:*"),
        ("InstanceArns", f"arn:aws:ec2:{OURS}:instance/*"),
        ("RedshiftArns", f"arn:aws:redshift:{OURS}:dbuser:warehouse/*"),
        ("RedshiftArns", f"arn:aws:secretsmanager:{OURS}:secret:*"),
        ("ScriptArns", "arn:aws:s3:::ours/*"),
        ("ScriptArns", "arn:aws:s3:::*/jobs/*"),
        ("ScriptArns", "s3://ours/jobs"),
        ("TransferArns", "arn:aws:s3:::*"),
        ("SftpSecret", "hunter2"),
        ("HttpSecret", f"arn:aws:secretsmanager:{OURS}:secret:*"),
        ("BatchJobImage", "image; rm"),
    ],
)
def test_a_parameter_takes_nothing_that_opens_more_than_it_says(name: str, value: str) -> None:
    assert not re.fullmatch(template()["Parameters"][name]["AllowedPattern"], value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GlueArns", f"arn:aws:glue:{OURS}:crawler/landing zone"),
        ("GlueArns", f"arn:aws:glue:{OURS}:job/load-*"),
        ("LambdaArns", f"arn:aws:lambda:{OURS}:function:report:live"),
        ("StateMachineArns", f"arn:aws:states:{OURS}:execution:load:*"),
        ("InstanceArns", f"arn:aws:ssm:{OURS}:managed-instance/mi-0123456789abcdef0"),
        ("RedshiftArns", f"arn:aws:redshift:{OURS}:dbname:warehouse/sales"),
        ("RedshiftArns", f"arn:aws:redshift-serverless:{OURS}:workgroup/0f5a-2b7c"),
        ("ScriptArns", "arn:aws:s3:::ours/jobs/load.sh"),
        ("BatchJobImage", IMAGE),
    ],
)
def test_a_parameter_takes_what_it_is_for(name: str, value: str) -> None:
    assert re.fullmatch(template()["Parameters"][name]["AllowedPattern"], value)


def test_the_template_fits_into_one_call() -> None:
    assert len(rendering.body(template()).encode()) < rendering.MAX_TEMPLATE
