"""Says whether what happened on a stage was allowed: I1 to I9, by evidence that nobody can bend.

What the fake of Batch took and started, the tables item by item, what EventBridge, SNS and S3 got.
"""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.core.run import Event
from tests.rehearsal.plots import facts_of
from tests.rehearsal.world import Rehearsal
from tests.simulation import oracle
from tests.simulation.faults import Taken
from tests.simulation.oracle import OVER, Evidence

_TICKS = 0.0001  # s that a run begins later than now, when others began in the same microsecond
_MAX_DEPENDENCIES = 20  # of AWS Batch
# What AWS says when something else was quicker, or is not to be seen yet: no fault of who asks.
_ANSWERS = {
    ("CancelJob", "ClientException"),
    ("DescribeExecution", "ExecutionDoesNotExist"),
    ("PutItem", "ConditionalCheckFailedException"),
    ("PutObject", "PreconditionFailed"),
    ("SendTaskSuccess", "TaskTimedOut"),
    ("StartExecution", "ExecutionAlreadyExists"),
    ("TerminateJob", "ClientException"),
    ("TransactWriteItems", "TransactionCanceledException"),
    ("UpdateItem", "ConditionalCheckFailedException"),
}


def judge(world: Rehearsal) -> None:
    """Raise AssertionError with everything that was broken."""
    world.stage.aws.faults = None
    checks = (nothing_unexpected, asked_rightly, nobody_drives_on, jobs_belong, all_is_final,
              told_once, end_is_told, archived)  # fmt: skip
    broken = [f"{check.__name__}: {words}" for check in checks for words in check(world)]
    assert not broken, "\n".join(broken)
    for run_id in world.ledger.headers():
        oracle.judge(evidence_of(world, run_id))


def evidence_of(world: Rehearsal, run_id: str) -> Evidence:
    """What is known of one run."""
    stage, document = world.stage, world.plot.document()
    run = stage.look(run_id)
    events = world.ledger.events(run_id)
    assert events == stage.process().runs.events(run_id), "the store tells another history"
    taken = [_placed(each, events) for each in world.taken if _run_of(each) == run_id]
    own = {each.job_id for each in taken}
    details = stage.batch.describe(list(own))
    return Evidence(
        jobs=facts_of(document),
        events=events,
        header=run.header,
        states=run.states,
        taken=taken,
        starts=[each for each in stage.batch.starts if each.job_id.partition(":")[0] in own],
        details={detail.job_id: detail for detail in details},
        max_dependencies=_MAX_DEPENDENCIES,
        max_concurrency=document.get("maxConcurrency"),
        stops=document.get("onFailure") == "stop",
        slack=2 * world.setup.skew + _TICKS,
        is_crowded=world.is_crowded or any(map(_is_by_another, events)),
    )


def _is_by_another(event: Event) -> bool:
    """Written by who knew only the header, after a driver was cut off: it may share a number."""
    return event.act == "DRIVER_FAILED" or (event.act == "DRIVE" and ": execution" in event.reason)


def _run_of(taken: Taken) -> str:
    return taken.submission.tags["batch-scheduler:run"]


def _placed(taken: Taken, events: Sequence[Event]) -> Taken:
    """With the place of the last event that there was, for the world has only its number."""
    return replace(taken, after_event=sum(each.sequence <= taken.after_event for each in events))


def nothing_unexpected(world: Rehearsal) -> Iterator[str]:
    """A function may fail with trouble of AWS or with a conflict, and with nothing else."""
    for surprise in world.stage.surprises:
        yield f"{surprise.function} failed with {surprise.error!r}"


def asked_rightly(world: Rehearsal) -> Iterator[str]:
    """Errors of AWS are trouble that was made here, or answers: no request is wrong in itself."""
    wrong = Counter(
        (call.caller or "a person", call.operation, call.error)
        for call in world.calls
        if call.error and call.fault is None and call.operation not in world.refused
        if (call.operation, call.error) not in _ANSWERS
    )
    for (caller, operation, code), count in wrong.items():
        yield f"{operation} of {caller} was answered with {code} {count} times"


def nobody_drives_on(world: Rehearsal) -> Iterator[str]:
    """I8, for executions."""
    for execution in world.stage.machine.running():
        yield f"execution {execution.name} is still in {execution.state}"


def jobs_belong(world: Rehearsal) -> Iterator[str]:
    """I6: whoever has a job in the queue is a run that is there."""
    runs = world.ledger.headers()
    for taken in world.taken:
        run_id = _run_of(taken)
        if run_id not in runs:
            yield f"{taken.submission.job_name} is of {run_id}, and there is no such run"


def all_is_final(world: Rehearsal) -> Iterator[str]:
    for run_id, header in world.ledger.headers().items():
        if header["scheduleStatus"] == "RUNNING":
            continue
        for job, status in world.ledger.statuses(run_id).items():
            if status not in OVER:
                yield f"{job} is {status} at the end of {run_id}"


def told_once(world: Rehearsal) -> Iterator[str]:
    """I9, from the receiver's side: an end that is told again has the same id and words."""
    told: dict[str, Counter[str]] = defaultdict(Counter)
    for notice in world.stage.topics.published:
        identity = notice["MessageAttributes"]["id"]["StringValue"]
        told[identity][notice["Subject"]] += 1
    for identity, subjects in told.items():
        if identity.endswith("/end") and len(subjects) > 1:
            yield f"{identity} was told as {sorted(subjects)}"


def end_is_told(world: Rehearsal) -> Iterator[str]:
    """People hear of the end of every run."""
    told = {each["MessageAttributes"]["id"]["StringValue"] for each in world.stage.topics.published}
    for run_id, header in world.ledger.headers().items():
        if f"{run_id}/{header.get('generation', 1)}/end" not in told:
            yield f"nobody was told of the end of {run_id}"


def archived(world: Rehearsal) -> Iterator[str]:
    """I7, for analysis: the archive has the whole history of every run, as it was at its end."""
    for run_id, header in world.ledger.headers().items():
        lines = _archive_of(world, header["archive"])
        kept = [each["sequence"] for each in lines if each["kind"] == "event"]
        told = [event.sequence for event in world.ledger.events(run_id)]
        if sorted(kept) != told:
            yield f"{run_id} has the events {told}, and its archive {kept}"


def _archive_of(world: Rehearsal, address: str) -> list[dict[str, Any]]:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    newest = world.stage.s3.buckets[bucket].objects[key][-1]
    lines = gzip.decompress(newest.content or b"").decode().splitlines()
    return [json.loads(line) for line in lines]
