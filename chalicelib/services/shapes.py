"""The JSON that verbs print: documented in docs/json.md, and only ever added to.

Times are ISO 8601 in UTC with a Z, durations seconds, absent values null.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from chalicelib.core.advising import Advice, command
from chalicelib.core.claims import Progress, Told
from chalicelib.core.drawing import Measures, Node, layers
from chalicelib.core.explaining import Cause
from chalicelib.core.granting import TokenRecord
from chalicelib.core.naming import start_text
from chalicelib.core.operating import Operation
from chalicelib.core.restarting import RestartPlan
from chalicelib.core.run import Event, JobState, RunHeader
from chalicelib.core.schedule import JobSpec, OnFailure
from chalicelib.core.secrecy import hidden_values
from chalicelib.core.timeline import Bar
from chalicelib.ports import JobRecord, StoredSchedule
from chalicelib.services.explanations import Explanation
from chalicelib.services.logs import LogPart, Place
from chalicelib.services.schedules import Compared
from chalicelib.services.shape_types import (
    AdviceShape,
    CauseShape,
    DifferenceShape,
    EventShape,
    ExplanationShape,
    GraphShape,
    JobShape,
    LogPartShape,
    LogShape,
    OperationShape,
    ProgressShape,
    RefusedJobShape,
    RestartShape,
    RunShape,
    ScheduleShape,
    TimelineJobShape,
    TokenShape,
    ValidationShape,
    WholeJobShape,
)


def run_shape(header: RunHeader) -> RunShape:
    """One run."""
    return {
        "runId": header.run_id,
        "scheduleId": header.schedule_id,
        "scheduleName": header.schedule_name,
        "startDateTime": start_text(header.started_at),
        "beganAt": start_text(header.began_at),
        "lastDateTime": _time(header.ended_at),
        "scheduleStatus": header.status.value,
        "cancelling": header.cancelling or None,
        "generation": header.generation,
        "scheduleVersion": header.schedule_version,
        "parameters": hidden_values(header.parameters),
        "startedBy": header.started_by,
        "reason": header.reason or None,
        "counts": _counts(header.counts),
        "archive": header.archive or None,
        "detailsUntil": _time(header.expires_at),
        "scheduleDigest": header.schedule_digest,
        "wait_time": header.policy.wait_time,
        "onFailure": OnFailure(header.policy.on_failure).value,
        "maxConcurrency": header.policy.max_concurrency,
        "workingDirectory": header.working_directory or None,
        "driver": header.driver or None,
        "handovers": header.handovers,
    }


def progress_shape(progress: Progress) -> ProgressShape:
    """How far a job says that it is."""
    at = start_text(progress.at)
    return {"percent": progress.percent, "text": progress.text or None, "at": at}


def job_shape(spec: JobSpec, state: JobState, progress: Progress | None = None) -> JobShape:
    """One job of a run."""
    return {
        "jobName": spec.name,
        "jobStatus": state.status.value,
        "jobDependencies": list(spec.upstream),
        "jobId": state.job_id or None,
        "attempt": state.attempt,
        "startedAt": _time(state.started_at),
        "stoppedAt": _time(state.stopped_at),
        "seconds": seconds_between(state.started_at, state.stopped_at),
        "exitCode": state.exit_code,
        "reason": state.reason or None,
        "outputs": dict(state.told.outputs) if state.told else {},
        "links": dict(state.told.links) if state.told else {},
        "progress": None if progress is None else progress_shape(progress),
    }


def whole_job_shape(record: JobRecord, progress: Progress | None = None) -> WholeJobShape:
    """One job of a run with what it froze, and with what is asked of it."""
    spec, state = record.spec, record.state
    return {
        **job_shape(spec, state, progress),
        "position": record.position,
        "triggerRule": spec.trigger_rule.value,
        "isFinally": spec.is_finally,
        "hold": spec.hold,
        "description": spec.description or None,
        "request": dict(spec.request),
        "asked": state.intent.value or None,
        "notBefore": _time(state.not_before),
    }


def event_shape(event: Event, told: Told | None = None) -> EventShape:
    """One line of history; `jobName` is null for the run itself."""
    return {
        "sequence": event.sequence,
        "at": start_text(event.at),
        "jobName": event.job or None,
        "act": event.act,
        "before": event.before,
        "after": event.after,
        "attempt": event.attempt,
        "jobId": event.job_id or None,
        "exitCode": event.exit_code,
        "actor": event.actor,
        "reason": event.reason or None,
        "outputs": dict(told.outputs) if told else {},
        "links": dict(told.links) if told else {},
    }


def schedule_shape(schedule: StoredSchedule) -> ScheduleShape:
    """One version of a schedule, without its document."""
    return {
        "scheduleId": schedule.schedule_id,
        "scheduleName": schedule.name,
        "version": schedule.version,
        "digest": schedule.digest,
        "jobs": schedule.jobs,
        "storedAt": start_text(schedule.stored_at),
        "storedBy": schedule.stored_by,
    }


def validation_shape(schedule_id: str, size: Measures) -> ValidationShape:
    """How large an acceptable schedule is."""
    return {
        "scheduleId": schedule_id,
        "valid": True,
        "jobs": size.jobs,
        "dependencies": size.dependencies,
        "depth": size.depth,
    }


def operation_shape(operation: Operation) -> OperationShape:
    """What an operator's verb did: each job it changed, each it could not and why."""
    return {
        "runId": operation.header.run_id,
        "changed": [
            {
                "jobName": change.job,
                "act": change.act.value,
                "before": change.before.status.value,
                "after": change.after.status.value,
                "reason": change.after.reason or None,
                "asked": change.after.intent.value or None,
            }
            for change in operation.changes
        ],
        "refused": refusals_shape((each.job, each.sentence) for each in operation.refusals),
    }


def refusals_shape(refused: Iterable[tuple[str, str]]) -> list[RefusedJobShape]:
    """Jobs that a verb did nothing to, each with a sentence."""
    return [{"jobName": job, "reason": sentence} for job, sentence in refused]


def restart_shape(plan: RestartPlan) -> RestartShape:
    """What a restart would do or did."""
    return {
        "runId": plan.header.run_id,
        "generation": plan.header.generation,
        "again": list(plan.again),
        "adopt": list(plan.adopt),
        "keep": list(plan.keep),
        "inDoubt": list(plan.in_doubt),
        "atEnd": list(plan.at_end),
    }


def cause_shape(cause: Cause) -> CauseShape:
    """One link of an explanation with the links below it."""
    return {
        "jobName": cause.job or None,
        "status": cause.status or None,
        "sentence": cause.sentence,
        "facts": list(cause.facts),
        "more": cause.more,
        "because": [cause_shape(below) for below in cause.because],
    }


def token_shape(record: TokenRecord, now: datetime) -> TokenShape:
    """What may be told of a token: never its secret, nor the secret's digest."""
    return {
        "tokenId": record.id,
        "name": record.name,
        "role": record.role.word,
        "scopes": list(record.scopes),
        "standing": record.standing(now).value,
        "createdAt": start_text(record.created_at),
        "createdBy": record.created_by,
        "expiresAt": start_text(record.expires_at),
        "revokedAt": _time(record.revoked_at),
        "revokedBy": record.revoked_by or None,
        "lastUsedAt": _time(record.last_used_at),
    }


def advice_shape(advice: Iterable[Advice], where: Sequence[str] = ()) -> list[AdviceShape]:
    """Commands to type; `where` are the options that say which edition is meant."""
    return [
        {
            "command": command(each.in_full, where),
            "effect": each.effect,
            "words": list(each.words),
            "jobName": each.job or None,
        }
        for each in advice
    ]


def graph_shape(title: str, nodes: Sequence[Node]) -> GraphShape:
    """A graph as it is drawn."""
    layer = layers({node.name: node.upstream for node in nodes})
    return {
        "title": title,
        "jobs": [
            {
                "jobName": node.name,
                "jobDependencies": list(node.upstream),
                "layer": layer[node.name],
                "jobStatus": node.status or None,
                "note": node.note or None,
            }
            for node in nodes
        ],
    }


def explanation_shape(found: Explanation, where: Sequence[str] = ()) -> ExplanationShape:
    """Why a run or a job stands where it stands."""
    return {
        "runId": found.header.run_id,
        "cause": cause_shape(found.cause),
        "logs": {job: list(lines) for job, lines in found.logs.items()},
        "possible": advice_shape(found.advice, where),
    }


def timeline_job_shape(record: JobRecord, bars: Iterable[Bar]) -> TimelineJobShape:
    """The attempts of a job."""
    return {
        "jobName": record.spec.name,
        "jobStatus": record.state.status.value,
        "attempts": [
            {
                "attempt": bar.attempt,
                "jobId": bar.job_id or None,
                "handedOverAt": start_text(bar.handed_over_at),
                "startedAt": _time(bar.started_at),
                "stoppedAt": _time(bar.stopped_at),
                "status": bar.status or None,
                "exitCode": bar.exit_code,
            }
            for bar in bars
        ],
    }


def difference_shape(found: Compared) -> DifferenceShape:
    """What two versions of a schedule differ in."""
    difference = found.difference
    return {
        "scheduleId": found.schedule_id,
        "before": found.before,
        "after": found.after,
        "added": list(difference.added),
        "removed": list(difference.removed),
        "changed": list(difference.changed),
        "fields": list(difference.fields),
        "unified": list(difference.lines),
    }


def log_part_shape(part: LogPart) -> LogPartShape:
    """Part of what a job wrote."""
    shape = log_shape(part.source, part.state, part.place, part.lines)
    return {
        **shape,
        "nextOffset": part.offset,
        "hasEnded": part.has_ended,
        "isForgotten": part.is_forgotten,
        "children": part.source.children,
    }


class Named(Protocol):
    """A job of a run."""

    @property
    def name(self) -> str: ...

    @property
    def run_id(self) -> str: ...


def log_shape(
    source: Named, state: JobState, place: Place | None, lines: Iterable[str]
) -> LogShape:
    """What a job wrote."""
    return {
        "runId": source.run_id,
        "jobName": source.name,
        "jobStatus": state.status.value,
        "jobId": place.job_id if place else None,
        "attempt": place.attempt if place else None,
        "queueAttempt": place.queue_attempt if place else None,
        "exists": place is not None,
        "lines": list(lines),
    }


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Seconds from one moment to the other; None unless both are known."""
    return round((end - start).total_seconds(), 3) if start and end else None


def _time(moment: datetime | None) -> str | None:
    return start_text(moment) if moment else None


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    return {str(status): count for status, count in counts.items() if count}
