"""The documented shapes (docs/json.md) as what they were made of.

What a shape has not is left at its default. Raises what reading a wrong value raises: `Reply.read`
makes one error of it.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.core.access import Role
from chalicelib.core.advising import Advice
from chalicelib.core.claims import Claim, Progress, Told
from chalicelib.core.explaining import Cause
from chalicelib.core.granting import TokenRecord
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.naming import parse_start
from chalicelib.core.restarting import RestartPlan
from chalicelib.core.run import Change, Event, Intent, JobState, RunHeader
from chalicelib.core.schedule import JobSpec, OnFailure, Policy, TriggerRule
from chalicelib.ports import JobRecord, StoredSchedule
from chalicelib.services.logs import Place

Shape = Mapping[str, Any]


def header_of(shape: Shape) -> RunHeader:
    """A run."""
    started_at, began_at = parse_start(shape["startDateTime"]), parse_start(shape["beganAt"])
    return RunHeader(
        run_id=shape["runId"],
        schedule_id=shape["scheduleId"],
        schedule_name=shape["scheduleName"],
        started_at=started_at,
        made_at=None if began_at == started_at else began_at,
        ended_at=moment(shape["lastDateTime"]),
        status=RunStatus(shape["scheduleStatus"]),
        cancelling=shape["cancelling"] or "",
        generation=int(shape["generation"]),
        schedule_version=int(shape["scheduleVersion"]),
        schedule_digest=shape["scheduleDigest"],
        parameters=dict(shape["parameters"]),
        started_by=shape["startedBy"],
        reason=shape["reason"] or "",
        counts={name: int(count) for name, count in shape["counts"].items()},
        archive=shape["archive"] or "",
        expires_at=moment(shape["detailsUntil"]),
        policy=Policy(
            on_failure=OnFailure(shape["onFailure"]),
            max_concurrency=shape["maxConcurrency"],
            wait_time=int(shape["wait_time"]),
        ),
        working_directory=shape["workingDirectory"] or "",
        driver=shape["driver"] or "",
        handovers=int(shape["handovers"]),
    )


def record_of(shape: Shape) -> JobRecord:
    """A job that is told whole."""
    spec = JobSpec(
        name=shape["jobName"],
        upstream=tuple(shape["jobDependencies"]),
        trigger_rule=TriggerRule(shape["triggerRule"]),
        is_finally=bool(shape["isFinally"]),
        hold=bool(shape["hold"]),
        description=shape["description"] or "",
        request=dict(shape["request"]),
    )
    state = JobState(
        status=JobStatus(shape["jobStatus"]),
        attempt=int(shape["attempt"]),
        job_id=shape["jobId"] or "",
        intent=Intent(shape["asked"] or ""),
        not_before=moment(shape["notBefore"]),
        started_at=moment(shape["startedAt"]),
        stopped_at=moment(shape["stoppedAt"]),
        exit_code=shape["exitCode"],
        reason=shape["reason"] or "",
        told=_told_of(shape),
    )
    return JobRecord(spec=spec, state=state, position=int(shape["position"]))


def _told_of(shape: Shape) -> Told | None:
    """What a job told; None for nothing, and from a server that knows of none of it."""
    outputs, links = dict(shape.get("outputs", {})), dict(shape.get("links", {}))
    return Told(outputs=outputs, links=links) if outputs or links else None


def claim_of(shape: Shape) -> Claim:
    """What is told of the claim of a job that runs."""
    found = shape.get("progress")
    progress = found and Progress(
        percent=float(found["percent"]), text=found["text"] or "", at=parse_start(found["at"])
    )
    return Claim(owner=shape["jobId"] or "", progress=progress, told=_told_of(shape))


def event_of(shape: Shape) -> Event:
    """A line of history."""
    return Event(
        sequence=int(shape["sequence"]),
        at=parse_start(shape["at"]),
        job=shape["jobName"] or "",
        act=shape["act"],
        before=shape["before"],
        after=shape["after"],
        attempt=int(shape["attempt"]),
        job_id=shape["jobId"] or "",
        exit_code=shape["exitCode"],
        actor=shape["actor"],
        reason=shape["reason"] or "",
    )


def schedule_of(shape: Shape) -> StoredSchedule:
    """A version of a schedule, with its document if that is told."""
    document = shape.get("document")
    return StoredSchedule(
        schedule_id=shape["scheduleId"],
        version=int(shape["version"]),
        digest=shape["digest"],
        document="" if document is None else json.dumps(document),
        stored_at=parse_start(shape["storedAt"]),
        stored_by=shape["storedBy"],
        name=shape["scheduleName"],
        jobs=int(shape["jobs"]),
    )


def plan_of(shape: Shape, header: RunHeader) -> RestartPlan:
    """What a restart of this run would do; its changes are not told."""
    names = {key: tuple(map(str, shape[key])) for key in ("again", "adopt", "keep")}
    return RestartPlan(
        header=header,
        changes=(),
        **names,
        in_doubt=tuple(map(str, shape["inDoubt"])),
        at_end=tuple(map(str, shape["atEnd"])),
    )


def change_of(shape: Shape, header: RunHeader) -> Change:
    """What a verb did to a job; of its state before and after what is told of it."""
    after = JobState(
        status=JobStatus(shape["after"]),
        intent=Intent(shape["asked"] or ""),
        reason=shape["reason"] or "",
    )
    before = JobState(status=JobStatus(shape["before"]))
    return Change(shape["jobName"], Act(shape["act"]), before, after, header.started_at)


def cause_of(shape: Shape) -> Cause:
    """An explanation, down to its last link."""
    return Cause(
        shape["jobName"] or "",
        shape["status"] or "",
        shape["sentence"],
        tuple(cause_of(below) for below in shape["because"]),
        tuple(shape["facts"]),
        int(shape["more"]),
    )


def advice_of(shape: Shape, run_id: str) -> Advice:
    """A command that is possible now."""
    job = shape["jobName"] or ""
    return Advice(tuple(shape["words"]), shape["effect"], job, run_id if job else "")


def place_of(shape: Shape) -> Place | None:
    """The log that part of one is told of; None when there is none."""
    if not shape["exists"]:
        return None
    return Place(shape["jobId"], int(shape["attempt"]), int(shape["queueAttempt"]))


def token_of(shape: Shape) -> TokenRecord:
    """What is told of a token: nothing of its secret."""
    return TokenRecord(
        id=shape["tokenId"],
        digest="",
        name=shape["name"],
        role=Role[shape["role"].upper()],
        scopes=tuple(shape["scopes"]),
        created_at=parse_start(shape["createdAt"]),
        created_by=shape["createdBy"],
        expires_at=parse_start(shape["expiresAt"]),
        revoked_at=moment(shape["revokedAt"]),
        revoked_by=shape["revokedBy"] or "",
        last_used_at=moment(shape["lastUsedAt"]),
    )


def moment(text: str | None) -> datetime | None:
    """A time; None for null."""
    return None if text is None else parse_start(text)
