"""Takes away what stacks keep: tables and buckets with all that is in them, for good."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError  # noqa: TID251 - deploys, and is not deployed

from cloudformation.rendering import Place, Stage

_TABLES = ("BatchSchedules", "BatchScheduleHistory", "BatchScheduleJobs")
_GONE = frozenset({"ResourceNotFoundException", "NoSuchBucket"})


def remove_data(session: Any, stage: Stage, place: Place, say: Callable[[str], None]) -> None:
    """Remove the tables and buckets that the scheduler made; those named by parameters stay."""
    for table in _TABLES:
        _remove_table(session.client("dynamodb"), f"{table}-{stage.name}", say)
    for parameter, prefix in (
        ("SchedulesBucketName", "batch-scheduler"),
        ("ArchiveBucketName", "batch-scheduler-archive"),
    ):
        if not stage.parameters.get(parameter):
            bucket = f"{prefix}-{stage.name}-{place.account}-{place.region}"
            _remove_bucket(session.resource("s3").Bucket(bucket), say)


def _remove_table(client: Any, table: str, say: Callable[[str], None]) -> None:
    try:
        client.update_table(TableName=table, DeletionProtectionEnabled=False)
        client.get_waiter("table_exists").wait(TableName=table)
        client.delete_table(TableName=table)
    except ClientError as error:
        _pass_if_gone(error)
    else:
        say(f"  {table} deleted")


def _remove_bucket(bucket: Any, say: Callable[[str], None]) -> None:
    try:
        bucket.object_versions.delete()
        bucket.delete()
    except ClientError as error:
        _pass_if_gone(error)
    else:
        say(f"  {bucket.name} deleted")


def _pass_if_gone(error: ClientError) -> None:
    if error.response["Error"]["Code"] not in _GONE:
        raise error
