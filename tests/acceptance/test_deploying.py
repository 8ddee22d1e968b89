"""`make deploy` and its sisters, for real, on an account of moto: stacks, Chalice and all."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chalicelib.api.authorizing import TTL_SECONDS
from chalicelib.api.gateway import IDENTITY_VALIDATION, gateway_responses
from chalicelib.api.routes import ROUTES
from chalicelib.config import Api
from cloudformation.rendering import BURST, PROJECT, RATE, Stage, logical_id
from tests.acceptance.moto_account import Account, account
from tests.wiring.deployed import BY_CHALICE, functions, statements

pytestmark = pytest.mark.rehearse
OWN_TABLES = {"BatchSchedules-dev", "BatchScheduleHistory-dev", "BatchScheduleJobs-dev"}


PARTS = (
    ".chalice",
    "chalicelib",
    "cloudformation",
    "smoke",
    "stepfunctions",
    "app.py",
    "requirements.txt",
)


@dataclass(frozen=True)
class Checkout:
    """A copy of the project, and an account to bring it to."""

    directory: Path
    account: Account

    def client(self, service: str) -> Any:
        return self.account.client(service)


@contextmanager
def checkout(directory: Path) -> Iterator[Checkout]:
    ignored = shutil.ignore_patterns("__pycache__", "rendered", "deployed", "deployments")
    for part in PARTS:
        source = PROJECT / part
        if source.is_dir():
            shutil.copytree(source, directory / part, ignore=ignored)
        else:
            shutil.copy(source, directory / part)
    with account() as made:
        yield Checkout(directory, made)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with checkout(tmp_path_factory.mktemp("checkout")) as made:
        yield made


@pytest.fixture(scope="module")
def first_deploy(empty: Checkout) -> str:
    return run(empty, "deploy")


@pytest.fixture(scope="module")
def deployed(empty: Checkout, first_deploy: str) -> Checkout:
    assert "Stack batch-scheduler-dev" in first_deploy
    return empty


def run(where: Checkout, *arguments: str, typed: str = "", code: int = 0) -> str:
    """Run the program of `make` as it does; what it said."""
    return program(where, "cloudformation.deploy", *arguments, typed=typed, code=code)


def program(where: Checkout, module: str, *arguments: str, typed: str = "", code: int = 0) -> str:
    command = [sys.executable, "-m", module, *arguments, "--stage", "dev"]
    done = subprocess.run(
        command,
        cwd=where.directory,
        env=where.account.environment(),
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def statuses(where: Checkout) -> dict[str, str]:
    stacks = where.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"]: stack["StackStatus"] for stack in stacks}


def deployed_functions(where: Checkout) -> set[str]:
    return {f["FunctionName"] for f in where.client("lambda").list_functions()["Functions"]}


def test_a_deploy_says_what_it_made(first_deploy: str) -> None:
    assert "Add     AWS::DynamoDB::Table JobsTable" in first_deploy
    for name in functions():
        assert Stage("dev").function(name) in first_deploy
    assert "Add     AWS::Lambda::EventInvokeConfig ReconcileFailures" in first_deploy
    url = r"  URL              https://\w+\.execute-api\.eu-central-1\.amazonaws\.com/api/?\n"
    assert re.search(url + "$", first_deploy)


def test_all_stacks_are_complete(deployed: Checkout) -> None:
    assert statuses(deployed) == {
        "batch-scheduler-dev": "CREATE_COMPLETE",
        "batch-scheduler-dev-functions": "CREATE_COMPLETE",
        "batch-scheduler-dev-jobs": "CREATE_COMPLETE",
        "batch-scheduler-dev-state": "CREATE_COMPLETE",
    }


def test_every_function_runs_under_its_own_role_and_policy(deployed: Checkout) -> None:
    iam, found = deployed.client("iam"), deployed.client("lambda").list_functions()["Functions"]
    assert len(found) == len(functions())
    roles = {each["FunctionName"]: each["Role"].rpartition("/")[2] for each in found}
    for name in functions():
        role = f"batch-scheduler-dev-{name}"
        assert roles[Stage("dev").function(name)] == role
        policy = iam.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
        assert policy["Statement"] == statements(name)


def test_functions_know_their_stage_and_have_room(deployed: Checkout) -> None:
    client = deployed.client("lambda")
    driver = client.get_function_configuration(FunctionName="batch-scheduler-dev-poll_jobs")
    assert driver["Environment"]["Variables"]["BATCH_SCHEDULER_STAGE"] == "dev"
    assert (driver["MemorySize"], driver["Timeout"]) == (512, 300)


def test_event_bridge_calls_the_functions_that_wait_for_events(deployed: Checkout) -> None:
    rules = {rule["Name"] for rule in deployed.client("events").list_rules()["Rules"]}
    assert rules >= {f"batch-scheduler-dev-{name}-event" for name in BY_CHALICE}
    assert "batch-scheduler-dev-object_arrived-event" not in rules  # no buckets are named


def test_only_its_own_rule_may_call_a_function(deployed: Checkout) -> None:
    client = deployed.client("lambda")
    for name in BY_CHALICE:
        policy = client.get_policy(FunctionName=f"batch-scheduler-dev-{name}")["Policy"]
        (statement,) = json.loads(policy)["Statement"]
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        rule = f"rule/batch-scheduler-dev-{name}-event"
        arn = f"arn:aws:events:eu-central-1:123456789012:{rule}"
        assert list(statement["Condition"].values()) == [{"AWS:SourceArn": arn}]


def api_of(where: Checkout) -> tuple[Any, Any]:
    """The client, and the one API."""
    client = where.client("apigateway")
    [api] = client.get_rest_apis()["items"]
    return client, api


def test_every_route_of_the_table_is_served_behind_the_authorizer_but_one(
    deployed: Checkout,
) -> None:
    client, api = api_of(deployed)
    made = client.get_resources(restApiId=api["id"], limit=500, embed=["methods"])["items"]
    methods = {
        (method, each["path"]) for each in made for method in each.get("resourceMethods", {})
    }
    assert methods == {(route.method, route.path) for route in ROUTES}


def test_the_gateway_refuses_what_is_no_token_and_knows_whose_the_api_is(
    deployed: Checkout,
) -> None:
    client, api = api_of(deployed)
    [served] = client.get_stages(restApiId=api["id"])["item"]
    assert served["tags"] == {"BatchSchedulerStage": "dev"}
    limits = served["methodSettings"]["*/*"]
    assert (limits["throttlingRateLimit"], limits["throttlingBurstLimit"]) == (RATE, BURST)
    [authorizer] = client.get_authorizers(restApiId=api["id"])["items"]
    assert authorizer["identityValidationExpression"] == IDENTITY_VALIDATION
    assert authorizer["authorizerResultTtlInSeconds"] == TTL_SECONDS
    told = client.get_gateway_response(restApiId=api["id"], responseType="UNAUTHORIZED")
    expected = gateway_responses(Api())["UNAUTHORIZED"]
    assert {name: told[name] for name in expected} == expected


def test_the_state_machine_has_the_definition_with_the_functions_of_the_stage(
    deployed: Checkout,
) -> None:
    client = deployed.client("stepfunctions")
    (machine,) = client.list_state_machines()["stateMachines"]
    definition = client.describe_state_machine(stateMachineArn=machine["stateMachineArn"])
    text = definition["definition"]
    assert json.loads(text)["StartAt"] == "GetSchedule"
    assert "${" not in text
    assert "arn:aws:lambda:eu-central-1:123456789012:function:batch-scheduler-dev-notify" in text


def test_a_second_deploy_goes_through_and_leaves_the_same(deployed: Checkout) -> None:
    before, api = deployed_functions(deployed), api_of(deployed)[1]["id"]
    # As from another checkout, where Chalice has written down nothing: the URL stays.
    shutil.rmtree(deployed.directory / ".chalice" / "deployed")
    run(deployed, "deploy")
    assert deployed_functions(deployed) == before
    client, again = api_of(deployed)
    assert again["id"] == api
    [authorizer] = client.get_authorizers(restApiId=api)["items"]
    assert authorizer["identityValidationExpression"] == IDENTITY_VALIDATION


def test_a_diff_changes_nothing(deployed: Checkout) -> None:
    before = (statuses(deployed), deployed_functions(deployed))
    said = run(deployed, "diff")
    assert "batch-scheduler-dev-functions:" in said
    assert (statuses(deployed), deployed_functions(deployed)) == before


def test_the_smoke_test_finds_what_moto_does_otherwise(deployed: Checkout) -> None:
    lines = program(deployed, "smoke", "--only", "dynamo", code=1).splitlines()
    otherwise = {line.split()[3] for line in lines if line.startswith("NOT AS EXPECTED")}
    assert otherwise == {"dynamo-knows-a-token", "dynamo-expiry"}  # moto's server honours neither
    assert " OK, 2 NOT AS EXPECTED, 0 NOT SEEN" in lines[-1]
    items = deployed.client("dynamodb").scan(TableName="BatchScheduleJobs-dev")["Items"]
    assert items == []


def test_a_stage_that_is_not_there_is_not_asked(empty: Checkout, tmp_path: Path) -> None:
    with account() as other:
        said = program(Checkout(empty.directory, other), "smoke", code=2)
    assert "Stack with id batch-scheduler-dev does not exist" in said
    assert said.count("\n") == 1


def test_destroying_asks_and_takes_no_for_an_answer(deployed: Checkout) -> None:
    before = deployed_functions(deployed)
    assert "Nothing was changed." in run(deployed, "destroy", typed="prod\n", code=1)
    assert deployed_functions(deployed) == before


def test_destroying_without_an_answer_changes_nothing(deployed: Checkout) -> None:
    before = deployed_functions(deployed)
    assert run(deployed, "destroy", code=1).endswith("Nothing was changed.\n")
    assert deployed_functions(deployed) == before


def test_a_failure_of_chalice_is_told_in_one_line(deployed: Checkout, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    ignored = shutil.ignore_patterns("deployments")
    shutil.copytree(deployed.directory, broken, ignore=ignored)
    (broken / "app.py").write_text("import nothing_of_that_name\n")
    said = run(Checkout(broken, deployed.account), "deploy", code=1)
    assert "Traceback" not in said
    assert said.endswith("No module named 'nothing_of_that_name'\nThe same command goes on.\n")


def test_an_interrupted_deploy_is_gone_on_with(tmp_path: Path) -> None:
    with checkout(tmp_path) as where:
        role = {"Version": "2012-10-17", "Statement": []}
        where.client("iam").create_role(  # as a deploy leaves it that ended between two calls
            RoleName="batch-scheduler-dev-notify", AssumeRolePolicyDocument=json.dumps(role)
        )
        parameters = {**network(where), **KINDS}
        path = where.directory / "cloudformation" / "parameters" / "dev.json"
        path.write_text(json.dumps(parameters))
        run(where, "deploy")
        assert len(deployed_functions(where)) == len(functions())
        assert len(where.client("ec2").describe_vpcs()["Vpcs"]) == 1
        check_kinds(where)
        # From another checkout, where Chalice has written down nothing.
        shutil.rmtree(where.directory / ".chalice" / "deployed")
        run(where, "destroy", "--data", typed="dev\n")
        rules = where.client("events").list_rules()["Rules"]
        assert not [rule for rule in rules if rule["Name"].endswith("-event")]
        assert not deployed_functions(where)
        assert not where.client("apigateway").get_rest_apis()["items"]
        assert not OWN_TABLES & set(where.client("dynamodb").list_tables()["TableNames"])
        assert not where.client("s3").list_buckets()["Buckets"]


def network(where: Checkout) -> dict[str, str]:
    """Have the jobs in the VPC that the account has already."""
    ec2 = where.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    only = [{"Name": "vpc-id", "Values": [vpc]}]
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets(Filters=only)["Subnets"]]
    groups = [g["GroupId"] for g in ec2.describe_security_groups(Filters=only)["SecurityGroups"]]
    return {
        "VpcId": vpc,
        "SubnetIds": ",".join(subnets),
        "SecurityGroupIds": ",".join(groups),
        "Ec2": "true",
        "Ec2InstanceTypes": "m5.large,m5.xlarge",
    }


OURS = "eu-central-1:123456789012"
KINDS = {  # ready-made kinds of work, and what they may use
    "BatchJobImage": f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/jobs@sha256:{'0' * 64}",
    "GlueArns": f"arn:aws:glue:{OURS}:job/load,arn:aws:glue:{OURS}:crawler/landing",
    "RedshiftArns": f"arn:aws:redshift:{OURS}:cluster:warehouse",
    "ScriptArns": "arn:aws:s3:::ours/jobs/*,arn:aws:s3:::ours/load.sh",
    "SftpSecret": f"arn:aws:secretsmanager:{OURS}:secret:partner-a1b2c3",
    "HttpSecret": "none",
    "TransferArns": "arn:aws:s3:::ours/received/*",
}


def check_kinds(where: Checkout) -> None:
    """What was asked for is there, and no other kind."""
    found = where.client("batch").describe_job_definitions()["jobDefinitions"]
    by_name = {each["jobDefinitionName"]: each["containerProperties"] for each in found}
    kinds = ("glue", "redshift", "script", "sftp", "http")
    own = {f"batch-scheduler-dev-{kind}" for kind in kinds}
    assert set(by_name) == {*own, "batch-scheduler-dev-shell", "batch-scheduler-dev-shell-ec2"}
    variables = by_name["batch-scheduler-dev-script"]["environment"]
    assert {"name": "BATCH_FILE_ALLOWED", "value": "s3://ours/jobs,s3://ours/load.sh"} in variables
    roles = {each["RoleName"] for each in where.client("iam").list_roles()["Roles"]}
    named = {f"batch-scheduler-dev-job-{kind}" for kind in (*kinds, "sftp-execution")}
    assert named == {each for each in roles if each.startswith("batch-scheduler-dev-job-")} - {
        "batch-scheduler-dev-job-execution"
    }


def test_two_packages_are_the_same_bytes(tmp_path: Path, empty: Checkout) -> None:
    packages = []
    for name in ("one", "other"):
        run(empty, "package", "--to", str(tmp_path / name))
        packages.append(
            {path.name: path.read_bytes() for path in sorted((tmp_path / name).iterdir())}
        )
    assert list(packages[0]) == [
        "companion.json",
        "deployment.zip",
        "jobs-parameters.json",
        "jobs.json",
        "parameters.json",
        "sam.json",
        "state-parameters.json",
        "state.json",
    ]
    assert packages[0] == packages[1]
    for name in ("parameters.json", "state-parameters.json", "jobs-parameters.json"):
        assert json.loads(packages[0][name]) == [{"ParameterKey": "Stage", "ParameterValue": "dev"}]


def test_a_packaged_function_has_one_event_whose_rule_has_its_name(
    tmp_path: Path, empty: Checkout
) -> None:
    run(empty, "package", "--to", str(tmp_path / "one"))
    made = json.loads((tmp_path / "one" / "sam.json").read_text())["Resources"]
    for name in BY_CHALICE:
        (event,) = made[logical_id(name)]["Properties"]["Events"].values()
        said = event["Properties"]
        assert said.get("RuleName", said.get("Name")) == f"batch-scheduler-dev-{name}-event"
        assert said.keys() & {"Pattern", "Schedule"}
