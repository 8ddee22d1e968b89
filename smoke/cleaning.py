"""Takes away what a trial has made. Executions, logs and ended jobs stay: AWS forgets them."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.core.lifecycle import Act
from chalicelib.core.operating import Order
from chalicelib.core.run import RunHeader
from chalicelib.errors import SchedulerError
from chalicelib.services import operations
from smoke.tables import partition
from smoke.trial import ENDED, Trial

_REASON = "the smoke test is over"
_PATIENCE = timedelta(seconds=60)  # for cancelled runs to end before their items are deleted


def clean(trial: Trial) -> list[str]:
    """Take it all away; what could not be, each in one line."""
    steps: list[Callable[[Trial], object]] = [
        _end_runs,
        _end_executions,
        _end_jobs,
        _delete_runs,
        _delete_probes,
        _delete_schedules,
        _delete_objects,
    ]
    failures = []
    for step in steps:
        try:
            step(trial)
        except (ClientError, SchedulerError) as error:
            about = step.__name__.strip("_").replace("_", " ")
            failures.append(f"{about}: {' '.join(str(error).split())}")
    return failures


def _end_runs(trial: Trial) -> None:
    """Cancel what still runs, or reconcile would drive it on."""
    order = Order(act=Act.CANCEL, actor="smoke", reason=_REASON, at=trial.clock())
    for header in _unfinished(trial):
        if not header.cancelling:
            operations.cancel(trial.ports, header.run_id, order)
    until = trial.clock() + _PATIENCE
    while any(_unfinished(trial)) and trial.clock() < until:
        trial.pause()


def _unfinished(trial: Trial) -> Iterator[RunHeader]:
    for schedule_id in sorted(trial.schedules & trial.executions.keys()):
        for header in trial.ports.runs.find_headers(schedule_id=schedule_id):
            if header.status == "RUNNING":
                yield header


def _end_executions(trial: Trial) -> None:
    for name in trial.executions:
        found = trial.execution_now(name)
        if found is not None and found["status"] == "RUNNING":
            trial.clients["stepfunctions"].stop_execution(executionArn=trial.execution(name))


def _end_jobs(trial: Trial) -> None:
    for job_id in trial.jobs.values():
        found = trial.described(job_id)
        if found is not None and found["status"] not in ENDED:
            trial.clients["batch"].terminate_job(jobId=job_id, reason=_REASON)


def _delete_runs(trial: Trial) -> None:
    for schedule_id in sorted(trial.schedules):
        history = trial.place.tables.history
        for key in _keys(trial, history, "scheduleId", "startDateTime", schedule_id):
            run_id = f"{key['scheduleId']['S']}/{key['startDateTime']['S']}"
            _delete_partition(trial, run_id)
            trial.clients["dynamodb"].delete_item(TableName=history, Key=key)


def _delete_probes(trial: Trial) -> None:
    _delete_partition(trial, partition(trial))


def _delete_partition(trial: Trial, run: str) -> None:
    jobs = trial.place.tables.jobs
    for key in _keys(trial, jobs, "run", "jobName", run):
        trial.clients["dynamodb"].delete_item(TableName=jobs, Key=key)


def _keys(trial: Trial, table: str, hash_key: str, range_key: str, value: str) -> list[Any]:
    """The keys of all items of one partition."""
    names = {"#hash": hash_key, "#range": range_key}
    pages = (
        trial.clients["dynamodb"]
        .get_paginator("query")
        .paginate(
            TableName=table,
            KeyConditionExpression="#hash = :value",
            ProjectionExpression="#hash, #range",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={":value": {"S": value}},
            ConsistentRead=True,
        )
    )
    return [item for page in pages for item in page["Items"]]


def _delete_schedules(trial: Trial) -> None:
    for schedule_id in trial.schedules:
        trial.clients["dynamodb"].delete_item(
            TableName=trial.place.tables.schedules, Key={"scheduleId": {"S": schedule_id}}
        )


def _delete_objects(trial: Trial) -> None:
    """All versions: no object of another trial or schedule begins with the mark."""
    for bucket, prefix in (
        (trial.place.bucket, trial.mark),
        (trial.place.bucket, f"versions/{trial.mark}"),
        (trial.place.bucket, f"runs/{trial.mark}"),
        (trial.place.archive, f"runs/schedule_id={trial.mark}"),
    ):
        pages = trial.clients["s3"].get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=bucket, Prefix=prefix):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            named = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            if named:
                trial.clients["s3"].delete_objects(Bucket=bucket, Delete={"Objects": named})
