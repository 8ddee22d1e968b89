"""Whole runs of the stage: what Step Functions does, and what it is told by events."""

from collections.abc import Generator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.dynamo_calls import DynamoCalls
from chalicelib.aws.dynamo_items import WAKE_ITEM
from chalicelib.aws.translation import code_of
from chalicelib.core.lifecycle import Act
from chalicelib.core.operating import Order
from chalicelib.core.run import RunHeader
from chalicelib.driving_ports import MAX_TURNS
from chalicelib.services import operations
from smoke.checks import Finding, check, judged
from smoke.trial import Reply, Trial

Steps = Generator[None, None, Finding]
Json = dict[str, Any]

_NEVER = 900  # s until the poll of last resort: longer than a trial
_SOON = 120.0  # s after the end of a job in which its run must have heard of it
_MAX_EVENTS = 25_000  # of one execution (Step Functions quotas)
_STALE = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")
_SLEEPER = [{"name": "sleeper", "script": "sleep 840"}]


def chain(trial: Trial) -> str:
    """The schedule of a run of two jobs that only events can move in time."""
    jobs: list[Json] = [{"name": "first"}, {"name": "second", "after": ["first"]}]
    return trial.schedule("chain", jobs, _NEVER)


def failing(trial: Trial) -> str:
    """The schedule of a run that fails, and that looks at its jobs every few seconds."""
    jobs: list[Json] = [
        {"name": "bad", "script": "exit 3"},
        {"name": "doomed", "after": ["bad"]},
    ]
    return trial.schedule("failing", jobs, 10)


def nobody(trial: Trial) -> str:
    """The execution that is asked for a schedule which is not there."""
    return trial.start(f"{trial.mark}-nobody")


@check("iam-submits-jobs")
def submits_jobs(trial: Trial) -> Steps:
    header = yield from trial.run_ended(chain(trial))
    return judged(f"{header.status}: {dict(header.counts)}", holds=header.status == "SUCCEEDED")


@check("events-wake-runs")
def wake_runs(trial: Trial) -> Steps:
    header = yield from trial.run_ended(chain(trial))
    (record,) = trial.ports.runs.get_jobs(header.run_id, ["second"])
    events = trial.ports.runs.events(header.run_id, job="second")
    heard = next(event.at for event in events if event.after == "SUCCEEDED")
    seconds = (heard - (record.state.stopped_at or trial.began_at)).total_seconds()
    return judged(f"heard of {seconds:.0f} s after its end", holds=seconds <= _SOON)


@check("states-start-once")
def start_once(trial: Trial) -> Steps:
    name = trial.start(chain(trial))
    first, second = _start_again(trial, name), _start_again(trial, name)
    yield from trial.execution_ended(name)
    last = _start_again(trial, name)
    arn = trial.execution(name)
    holds = [first, second, last] == [arn, arn, "ExecutionAlreadyExists"]
    return judged(f"while it runs the same execution, then {last}", holds=holds)


def _start_again(trial: Trial, name: str) -> str:
    """The execution's ARN, or the code of the error."""
    try:
        reply = trial.clients["stepfunctions"].start_execution(
            stateMachineArn=trial.place.state_machine, name=name, input=trial.executions[name]
        )
    except ClientError as error:
        return code_of(error)
    return str(reply["executionArn"])


@check("states-shows-soon")
def shows_soon(trial: Trial) -> Steps:
    name, began = nobody(trial), trial.seconds()
    yield from trial.until("the new execution", lambda: trial.execution_now(name))
    seconds = trial.seconds() - began
    return judged(f"described within {seconds:.1f} s", holds=seconds <= _SOON)


@check("states-tells-its-start")
def tells_its_start(trial: Trial) -> Steps:
    header = yield from trial.run(chain(trial))
    execution = yield from trial.until(
        "the execution of the run", lambda: trial.execution_now(chain(trial))
    )
    apart = abs((execution["startDate"] - header.started_at).total_seconds())
    seen = f"{apart:.3f} s apart, driven by {header.driver}"
    return judged(seen, holds=apart < 1 and header.driver == chain(trial))


@check("states-token-times-out")
def token_times_out(trial: Trial) -> Steps:
    name = failing(trial)
    yield from trial.run_ended(name)
    execution = yield from trial.execution_ended(name)
    count = sum(event["type"] == "TaskTimedOut" for event in trial.history(name))
    seen = f"{count} waits timed out, the execution ended by {execution.get('error')}"
    return judged(seen, holds=count > 0 and execution.get("error") == "RunDidNotSucceed")


@check("states-keeps-short-history")
def keeps_short_history(trial: Trial) -> Steps:
    name = failing(trial)
    yield from trial.execution_ended(name)
    events = trial.history(name)
    turns = _entered(events).count("RecordHistory")
    most = _MAX_EVENTS / MAX_TURNS
    each = len(events) / max(turns, 1)
    return judged(f"{each:.1f} events a turn, {most:.0f} are allowed", holds=0 < each <= most)


@check("states-fails-with-the-run")
def fails_with_the_run(trial: Trial) -> Steps:
    header = yield from trial.run_ended(failing(trial))
    execution = yield from trial.execution_ended(failing(trial))
    states = trial.ports.runs.get_jobs(header.run_id, ["bad", "doomed"])
    statuses = [str(each.state.status) for each in states]
    holds = (header.status, statuses, execution["status"]) == (
        "FAILED",
        ["FAILED", "UPSTREAM_FAILED"],
        "FAILED",
    )
    return judged(f"{header.status}, {statuses}, execution {execution['status']}", holds=holds)


@check("states-tells-stale-tokens")
def tells_stale_tokens(trial: Trial) -> Steps:
    header = yield from trial.run(chain(trial))
    key = {"run": header.run_id, "jobName": WAKE_ITEM}

    def look() -> str | None:
        item = DynamoCalls(trial.clients).get(trial.place.tables.jobs, key) or {}
        return item.get("token")

    token = yield from trial.until("a token to wake the run by", look)
    yield from trial.execution_ended(chain(trial))
    try:
        trial.clients["stepfunctions"].send_task_success(taskToken=token, output="{}")
    except ClientError as error:
        return judged(code_of(error), holds=code_of(error) in _STALE)
    return judged("no error", holds=False)


@check("lambda-names-errors")
def names_errors(trial: Trial) -> Steps:
    name = nobody(trial)
    execution = yield from trial.execution_ended(name)
    tries = _entered(trial.history(name), "LambdaFunctionScheduled", "TaskScheduled")
    seen = f"{execution['status']} by {execution.get('error')} after {len(tries)} call"
    holds = execution.get("error") == "NotFoundError" and len(tries) == 1
    return judged(seen, holds=holds)


@check("sns-takes-notices")
def takes_notices(trial: Trial) -> Steps:
    yield from trial.execution_ended(chain(trial))
    events = iter(trial.history(chain(trial)))
    told = any(_entered([event]) == ["Notify"] for event in events)
    failures = [event["type"] for event in events if event["type"].endswith("Failed")]
    return judged(f"after Notify {len(failures)} failures", holds=told and not failures)


@check("events-take-up")
def take_up(trial: Trial) -> Steps:
    schedule_id = trial.schedule("stopped", _SLEEPER, _NEVER)
    header = yield from trial.run(schedule_id)
    trial.clients["stepfunctions"].stop_execution(executionArn=trial.execution(schedule_id))

    def look() -> RunHeader | None:
        found = trial.ports.runs.get_header(header.run_id)
        return found if found.driver not in ("", schedule_id) else None

    taken = yield from trial.until("another driver of the run", look)
    reasons = [event.reason for event in trial.ports.runs.events(header.run_id, job="")]
    why = next(reason for reason in reversed(reasons) if taken.driver in reason)
    return judged(why, holds="ABORTED" in why)  # reconcile says: no longer running


@check("iam-ends-tagged-jobs")
def ends_tagged_jobs(trial: Trial) -> Steps:
    header = yield from trial.run(trial.schedule("cancelled", _SLEEPER, _NEVER))

    def look() -> str | None:
        (record,) = trial.ports.runs.get_jobs(header.run_id, ["sleeper"])
        return record.state.job_id or None

    job_id = yield from trial.until("the job of the run", look)
    yield from trial.reached(job_id, ("RUNNING",))
    order = Order(act=Act.CANCEL, actor="smoke", reason="smoke", at=trial.clock())
    operations.cancel(trial.ports, header.run_id, order)
    ended = yield from trial.ended(job_id)
    header = yield from trial.run_ended(trial.schedule("cancelled", _SLEEPER, _NEVER))
    seen = f"job {ended['status']}: {ended.get('statusReason')}; run {header.status}"
    return judged(seen, holds=(ended["status"], header.status) == ("FAILED", "CANCELLED"))


def _entered(events: Sequence[Reply], *kinds: str) -> list[Any]:
    """The names of the states that were entered; with `kinds`, the events of those types."""
    if kinds:
        return [event for event in events if event["type"] in kinds]
    return [
        event["stateEnteredEventDetails"]["name"]
        for event in events
        if "stateEnteredEventDetails" in event
    ]
