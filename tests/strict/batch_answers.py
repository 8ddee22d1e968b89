"""What AWS Batch shows of a job: JobDetail, JobSummary, and the events that EventBridge tells.

Times are milliseconds since 1970 UTC. Members that a job has not got yet are absent.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from chalicelib.local.batch_records import ENDED, RUNNING, Attempt, QueuedJob
from tests.strict.answers import ACCOUNT, REGION

LOG_GROUP = "/aws/batch/job"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CONTAINER = ("image", "jobRoleArn", "executionRoleArn", "logConfiguration")

Fields = dict[str, Any]
Request = Mapping[str, Any]  # a SubmitJob with what it inherited, and `container` of its definition


def job_arn(job_id: str) -> str:
    return f"arn:aws:batch:{REGION}:{ACCOUNT}:job/{job_id}"


def stream_of(job: QueuedJob, attempt: int) -> str:
    """The log stream of one attempt: every attempt is a task of its own."""
    family = job.request.job_definition.rpartition("/")[2].partition(":")[0]
    task = sha256(f"{job.job_id} {attempt}".encode()).hexdigest()[:32]
    return f"{family}/default/{task}"


def detail(job: QueuedJob, request: Request, status: str = "", at: int | None = None) -> Fields:
    """JobDetail now, or as it was when the job came to that status."""
    status = status or job.status
    ended = [each for each in job.attempts if at is None or each.stopped_at <= at]
    shown: Fields = {
        "jobArn": job_arn(job.job_id),
        "jobName": job.request.job_name,
        "jobId": job.job_id,
        "jobQueue": job.request.job_queue,
        "jobDefinition": job.request.job_definition,
        "status": status,
        "createdAt": job.created_at,
        "attempts": [_attempt(job, number + 1, each) for number, each in enumerate(ended)],
        "dependsOn": list(request.get("dependsOn", ())),
        "parameters": dict(request.get("parameters", {})),
        "tags": dict(request.get("tags", {})),
        "container": _container(job, request, ended),
        "platformCapabilities": ["FARGATE"],
    }
    shown.update({name: request[name] for name in ("retryStrategy", "timeout") if name in request})
    if job.request.array_size:
        shown["arrayProperties"] = _array(job)
    return shown | _progress(job, status)


def summary(job: QueuedJob) -> Fields:
    """JobSummary."""
    shown: Fields = {
        "jobArn": job_arn(job.job_id),
        "jobId": job.job_id,
        "jobName": job.request.job_name,
        "createdAt": job.created_at,
        "status": job.status,
        "jobDefinition": job.request.job_definition,
    }
    if job.attempts:
        shown["container"] = _exit(job.attempts[-1])
    if job.request.array_size:
        array = _array(job)
        shown["arrayProperties"] = {k: v for k, v in array.items() if k != "statusSummary"}
    return shown | _progress(job, job.status)


def _progress(job: QueuedJob, status: str) -> Fields:
    shown: Fields = {}
    if job.started_at is not None and (status in ENDED or status == RUNNING):
        shown["startedAt"] = job.started_at
    if job.stopped_at is not None and status in ENDED:
        shown["stoppedAt"] = job.stopped_at
    if job.status_reason and status == job.status:
        shown["statusReason"] = job.status_reason
    if job.cancelled is not None:
        shown["isCancelled"] = True
    if job.terminated is not None:
        shown["isTerminated"] = True
    return shown


def _container(job: QueuedJob, request: Request, ended: list[Attempt]) -> Fields:
    definition, overrides = request["container"], request["containerOverrides"]
    shown: Fields = {name: definition[name] for name in _CONTAINER if name in definition}
    shown["command"] = list(job.request.command)
    shown["environment"] = list(overrides.get("environment", ()))
    shown["resourceRequirements"] = list(overrides.get("resourceRequirements", ()))
    number = len(ended)
    if ended:
        shown.update(_exit(ended[-1]))
    if job.attempt > number and job.started_at is not None:  # one runs: what is told is its own
        shown = {k: v for k, v in shown.items() if k not in ("exitCode", "reason")}
        number += 1
    if number and not job.children:
        shown["logStreamName"] = stream_of(job, number)
    return shown


def _attempt(job: QueuedJob, number: int, attempt: Attempt) -> Fields:
    container = _exit(attempt)
    if attempt.started_at is not None:
        container["logStreamName"] = stream_of(job, number)
    shown: Fields = {
        "container": container,
        "stoppedAt": attempt.stopped_at,
        "statusReason": attempt.status_reason,
    }
    if attempt.started_at is not None:
        shown["startedAt"] = attempt.started_at
    return shown


def _exit(attempt: Attempt) -> Fields:
    shown: Fields = {}
    if attempt.exit_code is not None:
        shown["exitCode"] = attempt.exit_code
    if attempt.reason:
        shown["reason"] = attempt.reason
    return shown


def _array(job: QueuedJob) -> Fields:
    if job.array is not None:
        return {"index": job.index}
    return {"size": len(job.children), "statusSummary": dict(job.counts)}


def event(kind: str, told: Fields, at: int, number: int) -> Fields:
    """The envelope of EventBridge around a JobDetail."""
    moment = _EPOCH + timedelta(milliseconds=at)
    return {
        "version": "0",
        "id": f"00000000-0000-4000-8000-{number:012x}",
        "detail-type": kind,
        "source": "aws.batch",
        "account": ACCOUNT,
        "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [told["jobArn"]],
        "detail": told,
    }
