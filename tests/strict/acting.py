"""What tests do to a stage and its runs: start them, act on them, and let things go wrong."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from chalicelib.core.batch import Submission
from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.naming import queue_name, start_text
from chalicelib.core.operating import Order
from chalicelib.core.run import Change, RunHeader
from chalicelib.local.memory_queue import Script
from chalicelib.services import operations
from chalicelib.services.operations import Selection
from tests.strict import resources
from tests.strict.answers import ACCOUNT, REGION, Fault
from tests.strict.resources import DEFINITION, QUEUE
from tests.strict.stage import Setup, StrictStage

SEED = Path(__file__).parents[1] / "seed"
MANY = 101  # jobs: more than one transaction and one DescribeJobs hold
FULL = 24  # events of one item, after which they move to a page (docs/decisions/0010)
BUCKET = f"batch-scheduler-{resources.STAGE}-{ACCOUNT}-{REGION}"
HISTORY, JOBS = (f"BatchSchedule{table}-{resources.STAGE}" for table in ("History", "Jobs"))
STATES = {
    "get_schedule": "GetSchedule",
    "submit_jobs": "SubmitJobs",
    "poll_jobs": "PollJobs",
    "record_history": "RecordHistory",
    "notify": "Notify",
}

Fields = dict[str, Any]
Jobs = Mapping[str, Sequence[str]]  # what is upstream of each

TWO: Jobs = {"a": (), "b": ()}
CHAIN: Jobs = {"a": (), "b": "a", "c": "b"}


def wide(count: int) -> Jobs:
    return {f"job-{number:04d}": () for number in range(count)}


def document(jobs: Jobs, **members: Any) -> Fields:
    listed = [
        {"jobName": name, "jobDependencies": [*up], "jobQueue": QUEUE, "jobDefinition": DEFINITION}
        for name, up in jobs.items()
    ]
    return {"scheduleId": "etl", "jobList": listed, **members}


def ends(*failing: str, seconds: float = 60.0, attempts: int = 1) -> Script:
    """Jobs that take that long; the named ones fail at so many attempts."""

    def script(submission: Submission, _attempt: int) -> tuple[float, int]:
        tags = submission.tags
        fails = int(tags["batch-scheduler:attempt"]) <= attempts
        return seconds, int(tags["batch-scheduler:job"] in failing and fails)

    return script


def begun(jobs: Jobs, setup: Setup | None = None, **members: Any) -> tuple[StrictStage, RunHeader]:
    """A stage on which a run of these jobs has just been started."""
    stage = StrictStage(setup or Setup(script=ends()))
    stage.put(document(jobs, **members))
    return stage, stage.start("etl")


def by_hand(stage: StrictStage, name: str, message: Mapping[str, Any]) -> None:
    """Start an execution as people do in the console."""
    client = stage.aws.client("stepfunctions")
    client.start_execution(stateMachineArn=stage.states.arn, name=name, input=json.dumps(message))


def meant(header: RunHeader, word: str) -> Fields:
    """The message that means this run."""
    start = start_text(header.started_at)
    return {"scheduleId": header.schedule_id, "startDateTime": start, "scheduleStatus": word}


def act_on(stage: StrictStage, header: RunHeader, act: Act, *patterns: str) -> None:
    """What an operator's process does."""
    order = Order(act=act, actor="ada", reason="", at=stage.clock())
    match act:
        case Act.RESTART:
            operations.restart(stage.process(), header.run_id, order)
        case Act.CANCEL:
            operations.cancel(stage.process(), header.run_id, order)
        case _:
            selection = Selection(run_id=header.run_id, patterns=patterns)
            operations.act_on_jobs(stage.process(), selection, order)


def until(stage: StrictStage, state: str) -> None:
    """Let everything happen up to the moment at which an execution enters that state."""
    while not any(
        each.state == state and each.due and each.due <= stage.clock() and not each.resumed
        for each in stage.machine.running()
    ):
        if not stage.step():
            stage.pass_time()


def befall(
    stage: StrictStage, fault: Fault, caller: str, operation: str = "", times: int = 1
) -> None:
    """Let that happen to the next calls of a function; of people without one."""

    def hit() -> Fault:
        return fault

    _at(stage, hit, caller, operation, times)


def meanwhile(stage: StrictStage, deed: Callable[[], object], caller: str, operation: str) -> None:
    """Do something just before a function makes a call."""

    def hit() -> None:
        outer, stage.aws.caller = stage.aws.caller, ""
        try:
            deed()
        finally:
            stage.aws.caller = outer

    _at(stage, hit, caller, operation, 1)


def _at(
    stage: StrictStage, hit: Callable[[], Fault | None], caller: str, operation: str, times: int
) -> None:
    left = times

    def choose(index: int, _service: str, _operation: str) -> Fault | None:
        nonlocal left
        call = stage.aws.calls[index]
        if not left or call.caller != caller or operation not in ("", call.operation):
            return None
        left -= 1
        return hit()

    stage.aws.faults = choose


def abort(stage: StrictStage) -> None:
    """Stop every execution as a person may, and tell of it at once."""
    for execution in stage.machine.running():
        stage.machine.abort(execution.name)
    stage.states.tell()
    stage.bus.take(stage.aws.events)
    stage.bus.deliver()


def loses_its_driver(stage: StrictStage) -> None:
    """Its execution is gone, and nobody was told."""
    stage.bus.delays = lambda _event: ()
    abort(stage)
    stage.advance(400.0)


def reserve_late(stage: StrictStage, header: RunHeader, job: str) -> None:
    """Write a reservation that was made an hour ago, and close the turn."""
    runs = stage.process().runs
    run = runs.load_run(header.run_id)
    before = run.states[job]
    reserved = replace(
        before,
        status=JobStatus.RESERVED,
        version=before.version + 1,
        attempt=before.attempt + 1,
        queue_name=queue_name(header.run_id, job, before.attempt + 1),
        reserved_at=stage.clock() - timedelta(hours=1),
    )
    runs.record(run.header, [Change(job, Act.RESERVE, before, reserved, stage.clock())])
    run.states[job] = reserved
    runs.close_turn(run)


def own_events(stage: StrictStage, header: RunHeader) -> int:
    key = {"run": {"S": header.run_id}, "jobName": {"S": " #run"}}
    found = [each for each in stage.dynamodb.items(JOBS) if key.items() <= each.items()]
    return len(found[0]["events"]["L"]) if found else 0


def old_record(started: str, status: str) -> Fields:
    """A run of the first version, as an item; its jobs are placed as those of today."""
    record = json.loads((SEED / "failed_example_schedule.json").read_text())
    placed = {"jobQueue": QUEUE, "jobDefinition": f"{DEFINITION}:1"}
    jobs = [{**each, **placed} for each in record["jobList"]]
    own = {"scheduleId": "etl", "startDateTime": started, "scheduleStatus": status}
    item: Fields = TypeSerializer().serialize({**record, **own, "jobList": jobs})["M"]
    return item
