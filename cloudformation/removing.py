"""Takes away what stacks and Chalice leave: functions; and, for good, tables and buckets."""

from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.exceptions import ClientError  # noqa: TID251 - deploys, and is not deployed

from cloudformation import rendering
from cloudformation.gateway import apis_of
from cloudformation.rendering import Place, Stage

_TABLES = (
    "BatchSchedules",
    "BatchScheduleHistory",
    "BatchScheduleJobs",
    "BatchScheduleState",
    "BatchScheduleTokens",
)
_GONE = frozenset(
    {"ResourceNotFoundException", "NoSuchBucket", "NoSuchEntity", "NotFoundException"}
)

Say = Callable[[str], None]


def remove_functions(session: Any, stage: Stage, say: Say) -> None:
    """Remove what Chalice made for the stage, by its names, and the API by its tag."""
    gateway = session.client("apigateway")
    for api in list(apis_of(gateway, stage)):
        _remove(f"API {api}", partial(gateway.delete_rest_api, restApiId=api), say)
    events, functions, iam = (session.client(name) for name in ("events", "lambda", "iam"))
    for function in rendering.functions():
        rule, role, name = f"{stage.stack}-{function}-event", *names_of(stage, function)
        _remove(f"rule {rule}", partial(_remove_rule, events, rule), say)
        _remove(f"function {name}", partial(functions.delete_function, FunctionName=name), say)
        _remove(f"role {role}", partial(_remove_role, iam, role), say)


def names_of(stage: Stage, function: str) -> tuple[str, str]:
    """The names of a function's role and of the function, which differ for the HTTP API's."""
    return f"{stage.stack}-{function}", stage.function(function)


def remove_data(session: Any, stage: Stage, place: Place, say: Say) -> None:
    """Remove the tables and buckets that the scheduler made; those named by parameters stay."""
    dynamodb, s3 = session.client("dynamodb"), session.resource("s3")
    for prefix in _TABLES:
        table = f"{prefix}-{stage.name}"
        _remove(f"table {table}", partial(_remove_table, dynamodb, table), say)
    for parameter, prefix in (
        ("SchedulesBucketName", "batch-scheduler"),
        ("ArchiveBucketName", "batch-scheduler-archive"),
    ):
        if not stage.parameters.get(parameter):
            bucket = f"{prefix}-{stage.name}-{place.account}-{place.region}"
            _remove(f"bucket {bucket}", partial(_remove_bucket, s3.Bucket(bucket)), say)


def _remove(what: str, act: Callable[[], object], say: Say) -> None:
    """Do it and say so; nothing is said of what was not there."""
    try:
        act()
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
    else:
        say(f"  {what} deleted")


def _remove_rule(client: Any, name: str) -> None:
    targets = client.list_targets_by_rule(Rule=name)["Targets"]
    if targets:
        client.remove_targets(Rule=name, Ids=[target["Id"] for target in targets])
    client.delete_rule(Name=name)


def _remove_role(client: Any, name: str) -> None:
    for policy in client.list_role_policies(RoleName=name)["PolicyNames"]:
        client.delete_role_policy(RoleName=name, PolicyName=policy)
    client.delete_role(RoleName=name)


def _remove_table(client: Any, table: str) -> None:
    if client.describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"):
        client.update_table(TableName=table, DeletionProtectionEnabled=False)
        client.get_waiter("table_exists").wait(TableName=table)
    client.delete_table(TableName=table)


def _remove_bucket(bucket: Any) -> None:
    bucket.object_versions.delete()
    bucket.delete()
