"""At most once to the queue: the writes around a SubmitJob, and what to make of a lost reply.

SubmitJob has no client token (API_SubmitJob), so the intent is written first, under a name that
only this attempt has, and a reservation whose answer was lost is looked up by that name. When in
doubt the answer is to wait: only after the fence, and enough look-ups that found nothing, is it
believed that the queue never took it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from chalicelib.core.batch import (
    DEFAULT_QUEUE,
    Accepted,
    Deferred,
    JobDetail,
    Outcome,
    QueueLimits,
    Refused,
    Submission,
    Unanswered,
)
from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.naming import queue_name
from chalicelib.core.planning import HandOver
from chalicelib.core.run import Change, Intent, JobState, Run


def queue_of(run: Run, job: str) -> str:
    """The queue that a job is handed to, and looked for in."""
    return str(run.specs[job].request.get("jobQueue") or DEFAULT_QUEUE)


def reserve(run: Run, hand_over: HandOver, now: datetime) -> Change:
    """The write that must be durable before the queue is called."""
    before = run.states[hand_over.job]
    attempt = before.attempt + 1
    after = JobState(
        status=JobStatus.RESERVED,
        version=before.version + 1,
        attempt=attempt,
        failures=before.failures,
        queue_name=queue_name(run.header.run_id, hand_over.job, attempt),
        reserved_at=now,
    )
    return Change(hand_over.job, Act.RESERVE, before, after, now)


def refuse(run: Run, job: str, reason: str, now: datetime) -> Change:
    """The end of a job that is never handed over: what is to be filled into it is not there."""
    before = run.states[job]
    after = replace(
        before,
        version=before.version + 1,
        status=JobStatus.FAILED,
        queue_name="",
        job_id="",
        not_before=None,
        started_at=None,
        stopped_at=now,
        exit_code=None,
        reason=reason,
    )
    return Change(job, Act.REFUSE, before, after, now)


def submission(
    run: Run, hand_over: HandOver, request: Mapping[str, Any] | None = None
) -> Submission:
    """What a reserved job is handed over as; `request` is its own with outputs filled in."""
    name = hand_over.job
    state = run.states[name]
    identity = identity_of(run.header.run_id, name, state.attempt)
    return Submission(
        job_name=state.queue_name,
        request=identified(request or run.specs[name].request, identity),
        depends_on=hand_over.depends_on,
        tags=tags_of(identity),
        working_directory=run.header.working_directory,
    )


def identity_of(run_id: str, job: str, attempt: int) -> dict[str, str]:
    """The variables that tell a job who it is."""
    return {
        "BATCH_SCHEDULER_RUN": run_id,
        "BATCH_SCHEDULER_JOB": job,
        "BATCH_SCHEDULER_ATTEMPT": str(attempt),
    }


def identified(request: Mapping[str, Any], identity: Mapping[str, str]) -> dict[str, Any]:
    """A job's request with its queue, and with these variables before its own."""
    overrides = request.get("containerOverrides", {})
    environment = [{"name": key, "value": value} for key, value in identity.items()]
    environment += overrides.get("environment", ())
    return {
        **request,
        "jobQueue": request.get("jobQueue") or DEFAULT_QUEUE,
        "containerOverrides": {**overrides, "environment": environment},
    }


def tags_of(identity: Mapping[str, str]) -> dict[str, str]:
    """The same for people who look at the queue, `_` for what no tag may hold."""
    return {
        f"batch-scheduler:{key[16:].lower()}": "".join(c if _is_for_tags(c) else "_" for c in value)
        for key, value in identity.items()
    }


def _is_for_tags(character: str) -> bool:
    # A task that tags are handed on to, as `propagateTags` has it, takes no others (ECS: API_Tag).
    return character.isalnum() or character == " " or character in "_.:/=+-@"


def answer(run: Run, job: str, outcome: Outcome, now: datetime) -> Change | None:
    """What the queue's outcome makes of a reserved job; None when nothing is known yet."""
    before = run.states[job]
    match outcome:
        case Accepted(job_id):
            return Change(job, Act.ACCEPT, before, _accepted(before, job_id), now)
        case Refused(reason):
            after = replace(
                before,
                version=before.version + 1,
                status=JobStatus.FAILED,
                intent=Intent.NONE,
                stopped_at=now,
                reason=f"the queue refused it: {reason}",
            )
            return Change(job, Act.REFUSE, before, after, now)
        case Deferred(reason, seconds):
            later = _unreserved(before, reason, now + timedelta(seconds=seconds))
            return Change(job, Act.UNRESERVE, before, later, now)
        case Unanswered():
            return None
        case _:
            assert_never(outcome)


def recover(
    run: Run, job: str, found: Sequence[JobDetail], now: datetime, limits: QueueLimits
) -> Change:
    """What a look-up by name makes of a reservation that has no answer.

    The oldest job of the name is adopted: a later one can only be a late double of the request.
    """
    before = run.states[job]
    if found:
        oldest = min(found, key=lambda detail: (detail.created_at or now, detail.job_id))
        return Change(job, Act.ACCEPT, before, _accepted(before, oldest.job_id), now)
    looked = replace(before, version=before.version + 1, lookups=before.lookups + 1)
    if not _fence_passed(looked, now, limits):
        return Change(job, Act.LOOK_UP, before, looked, now)
    reason = "the queue never took the submission"
    return Change(job, Act.UNRESERVE, before, _unreserved(before, reason), now)


def forget(
    run: Run, job: str, found: Sequence[JobDetail], now: datetime, limits: QueueLimits
) -> Change | None:
    """What it means that the queue no longer describes a job it once had.

    A look-up by name that still finds it says that the description was only late: then nothing
    changes but that empty look-ups are counted anew.
    """
    before = run.states[job]
    if any(detail.job_id == before.job_id for detail in found):
        if not before.lookups:
            return None
        known = replace(before, version=before.version + 1, lookups=0)
        return Change(job, Act.OBSERVE, before, known, now)
    looked = replace(before, version=before.version + 1, lookups=before.lookups + 1)
    if not _fence_passed(looked, now, limits):
        return Change(job, Act.OBSERVE, before, looked, now)
    after = replace(
        looked,
        status=JobStatus.NOTFOUND,
        intent=Intent.NONE,
        reason="the queue no longer knows the job, and its end was never seen",
    )
    return Change(job, Act.FORGET, before, after, now)


def _fence_passed(state: JobState, now: datetime, limits: QueueLimits) -> bool:
    reserved_at = state.reserved_at or now
    waited = now - reserved_at >= timedelta(seconds=limits.fence)
    return waited and state.lookups >= limits.empty_lookups


def _accepted(before: JobState, job_id: str) -> JobState:
    return replace(
        before,
        version=before.version + 1,
        status=JobStatus.SUBMITTED,
        job_id=job_id,
        lookups=0,
    )


def _unreserved(before: JobState, reason: str, not_before: datetime | None = None) -> JobState:
    cancelled = before.intent is Intent.CANCEL
    return replace(
        before,
        version=before.version + 1,
        status=JobStatus.CANCELLED if cancelled else JobStatus.WAITING,
        attempt=before.attempt - 1,  # given back: nothing was started under this number
        intent=Intent.NONE,
        lookups=0,
        not_before=None if cancelled else not_before,
        reason=before.reason if cancelled else reason,
    )
