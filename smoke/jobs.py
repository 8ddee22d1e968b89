"""What AWS Batch does with jobs: names, dependencies, attempts, arrays, logs."""

from collections.abc import Generator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.batch_logs import BatchLogs
from chalicelib.aws.batch_queue import submit_arguments
from chalicelib.aws.batch_replies import detail_of
from chalicelib.aws.translation import code_of
from chalicelib.core.batch import Accepted
from chalicelib.core.folding import describe_failure, has_started
from smoke.checks import Finding, check, judged
from smoke.trial import Trial

Steps = Generator[None, None, Finding]

UNKNOWN = "00000000-0000-4000-8000-000000000000"  # an id that no job has
_LISTED = 300.0  # s in which a new job must be listed: a fifth of the fence
_ECHO = "echo job $BATCH_SCHEDULER_JOB of $BATCH_SCHEDULER_RUN is $AWS_BATCH_JOB_ID"


def first(trial: Trial) -> str:
    """A job that succeeds, and says who it is."""
    return trial.job("first", _ECHO)


def failing(trial: Trial) -> str:
    """A job that fails twice."""
    return trial.job("failing", "exit 3", retryStrategy={"attempts": 2})


@check("batch-keeps-tags")
def keeps_tags(trial: Trial) -> Steps:
    wanted = trial.submission("first").tags
    described = yield from trial.until(
        "a description of the job", lambda: trial.described(first(trial))
    )
    tags = described.get("tags", {})
    return judged(tags, holds=wanted.items() <= tags.items())


@check("batch-finds-by-name")
def finds_by_name(trial: Trial) -> Steps:
    ended = yield from trial.ended(first(trial))
    name = ended["jobName"]
    found = [each.job_id for each in trial.ports.queue.find(name, trial.place.queue)]
    capitals = [{"name": "JOB_NAME", "values": [name.upper()]}]
    reply = trial.clients["batch"].list_jobs(jobQueue=trial.place.queue, filters=capitals)
    shouted = [each["jobId"] for each in reply["jobSummaryList"]]
    seen = f"{name}, which had ended: {len(found)} found, {len(shouted)} by capital letters"
    return judged(seen, holds=found == shouted == [ended["jobId"]])


@check("batch-lists-soon")
def lists_soon(trial: Trial) -> Steps:
    began, job_id = trial.seconds(), trial.job("listed")
    name = trial.submission("listed").job_name

    def look() -> float | None:
        is_there = any(
            each.job_id == job_id for each in trial.ports.queue.find(name, trial.place.queue)
        )
        return trial.seconds() - began if is_there else None

    seconds = yield from trial.until("the new job in ListJobs", look)
    return judged(f"listed within {seconds:.1f} s", holds=seconds <= _LISTED)


@check("batch-omits-unknown")
def omits_unknown(trial: Trial) -> Steps:
    yield
    known = first(trial)
    found = trial.ports.queue.describe([UNKNOWN, known])
    return judged(
        f"of 2 ids {len(found)} described", holds=[each.job_id for each in found] == [known]
    )


@check("batch-refuses-whole")
def refuses_whole(trial: Trial) -> Steps:
    yield
    submission = trial.submission("refused", jobDefinition=f"{trial.place.name}-nobody:1")
    try:
        trial.clients.submitting.submit_job(**submit_arguments(submission))
    except ClientError as error:
        found = trial.ports.queue.find(submission.job_name, trial.place.queue)
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        seen = f"{status} {code_of(error)}, {len(found)} jobs"
        return judged(seen, holds=seen == "400 ClientException, 0 jobs")
    return judged("it was taken", holds=False)


@check("batch-pins-definition")
def pins_definition(trial: Trial) -> Steps:
    yield
    name = trial.place.definition.partition(":")[0]
    (pinned,) = trial.ports.queue.pin([{"jobDefinition": name}])
    number = int(pinned["jobDefinition"].rpartition(":")[2])
    active = [_is_active(trial, f"{name}:{each}") for each in (number, number + 1)]
    return judged(pinned["jobDefinition"], holds=active == [True, False])


def _is_active(trial: Trial, revision: str) -> bool:
    reply = trial.clients["batch"].describe_job_definitions(jobDefinitions=[revision])
    return [each["status"] for each in reply["jobDefinitions"]] == ["ACTIVE"]


@check("batch-upstream-waits")
def upstream_waits(trial: Trial) -> Steps:
    upstream = first(trial)
    job_id = trial.job("second", upstream=(upstream,))
    before = yield from trial.ended(upstream)
    after = yield from trial.ended(job_id)
    in_order = after.get("startedAt", 0) >= before.get("stoppedAt", 0) > 0
    seen = f"{before['status']}, then {after['status']}"
    return judged(seen, holds=seen == "SUCCEEDED, then SUCCEEDED" and in_order)


@check("batch-upstream-fails")
def upstream_fails(trial: Trial) -> Steps:
    job_id = trial.job("doomed", upstream=(failing(trial),))
    return _unstarted((yield from trial.ended(job_id)))


@check("batch-upstream-had-succeeded")
def upstream_had_succeeded(trial: Trial) -> Steps:
    upstream = first(trial)
    yield from trial.ended(upstream)
    ended = yield from trial.ended(trial.job("late", upstream=(upstream,)))
    return judged(ended["status"], holds=ended["status"] == "SUCCEEDED")


@check("batch-upstream-had-failed")
def upstream_had_failed(trial: Trial) -> Steps:
    upstream = failing(trial)
    yield from trial.ended(upstream)
    return _unstarted((yield from trial.ended(trial.job("too-late", upstream=(upstream,)))))


@check("batch-twenty-upstream")
def twenty_upstream(trial: Trial) -> Steps:
    yield
    blocker = trial.job("blocker", "sleep 120")
    upstream = tuple(
        trial.job(f"upstream-{number}", upstream=(blocker,)) for number in range(1, 21)
    )
    (outcome,) = trial.ports.queue.submit([trial.submission("fan-in", upstream=upstream)])
    if isinstance(outcome, Accepted):
        trial.jobs["fan-in"] = outcome.job_id
    trial.ports.queue.terminate(blocker, "seen enough")
    return judged(f"20 upstream jobs: {outcome}", holds=isinstance(outcome, Accepted))


@check("batch-attempts")
def attempts(trial: Trial) -> Steps:
    ended = yield from trial.ended(failing(trial))
    made = ended.get("attempts", [])
    codes = [each.get("container", {}).get("exitCode") for each in made]
    streams = [each.get("container", {}).get("logStreamName") for each in made]
    is_last = streams[-1:] == [ended["container"].get("logStreamName")]
    whole = all(each.get("stoppedAt") for each in made) and len({*streams, None}) == 3
    return judged(f"exit codes {codes}", holds=codes == [3, 3] and whole and is_last)


@check("batch-array")
def array(trial: Trial) -> Steps:
    script = 'test "$AWS_BATCH_JOB_ARRAY_INDEX" -lt 2'
    ended = yield from trial.ended(trial.job("array", script, arrayProperties={"size": 2}))
    counts = ended["arrayProperties"]["statusSummary"]
    holds = ended["status"] == "SUCCEEDED" and counts.get("SUCCEEDED") == 2
    return judged(f"{ended['status']}, {counts}", holds=holds)


@check("batch-time-out")
def time_out(trial: Trial) -> Steps:
    job_id = trial.job("slow", "sleep 600", timeout={"attemptDurationSeconds": 60})
    ended = yield from trial.ended(job_id)
    reason = describe_failure(detail_of(ended))
    return judged(reason, holds=ended["status"] == "FAILED" and "timeout" in reason.lower())


@check("batch-log")
def log(trial: Trial) -> Steps:
    job_id = first(trial)
    yield from trial.ended(job_id)
    logs = BatchLogs(trial.clients)

    def look() -> tuple[str, ...] | None:
        return logs.read(job_id, 1).lines or None

    lines = yield from trial.until("the job's log", look)
    return judged(lines[0], holds=lines[0].startswith("job first of ") and job_id in lines[0])


@check("iam-lets-jobs-start")
def lets_jobs_start(trial: Trial) -> Steps:
    ended = yield from trial.ended(first(trial))
    return judged(ended.get("statusReason") or ended["status"], holds=has_started(detail_of(ended)))


def _unstarted(ended: Mapping[str, Any]) -> Finding:
    """FAILED without ever having started is how we tell that upstream was at fault."""
    seen = f"{ended['status']}: {ended.get('statusReason', '')}"
    return judged(seen, holds=ended["status"] == "FAILED" and not has_started(detail_of(ended)))
