"""What jobs tell: read once when a job has ended, and while it runs for whoever looks."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from chalicelib.core.claims import AttemptKey, Claim, Progress
from chalicelib.core.lifecycle import STARTED, Act, JobStatus
from chalicelib.core.run import Change, JobState, Run
from chalicelib.errors import BackendError
from chalicelib.ports import JobRecord, Ports
from chalicelib.reading_ports import ReadingPorts

logger = logging.getLogger(__name__)

TELLING = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED})  # ends at which jobs are asked


def with_told(ports: Ports, run: Run, changes: Sequence[Change]) -> list[Change]:
    """The changes, each end of a job with what it told.

    Claims that can't be read hold up no end: its reason says so, and whoever needs an output looks
    once more.
    """
    keys = {change.job: _key_of(run, change) for change in changes if _is_end(run, change)}
    if not keys:
        return list(changes)
    try:
        found = ports.claims.read(keys.values())
    except BackendError as error:
        run_id = run.header.run_id
        logger.warning("can't read what jobs of %s told: %s", run_id, error)
        note = f"what it told could not be read: {error.reason}"
        return [_noted(change, note) if change.job in keys else change for change in changes]
    told = {job: found[key] for job, key in keys.items() if key in found}
    return [_told(change, told[change.job]) if change.job in told else change for change in changes]


def _is_end(run: Run, change: Change) -> bool:
    is_array = "arrayProperties" in run.specs[change.job].request  # its children have told, not it
    return change.act is Act.OBSERVE and change.after.status in TELLING and not is_array


def _key_of(run: Run, change: Change) -> AttemptKey:
    return key_of(run.header.run_id, change.job, change.after)


def key_of(run_id: str, job: str, state: JobState) -> AttemptKey:
    """The last attempt of a job."""
    return AttemptKey(run_id=run_id, job=job, attempt=state.attempt)


def _told(change: Change, claim: Claim) -> Change:
    if is_of(claim, change.after):
        change = replace(change, after=replace(change.after, told=claim.told))
    elif claim.owner:
        return change
    return _noted(change, f"of what it told: {claim.amiss}") if claim.amiss else change


def is_of(claim: Claim, state: JobState) -> bool:
    """Say whether the job that we know of told it: a double may have the claim, and run still."""
    return claim.owner == state.job_id


def _noted(change: Change, note: str) -> Change:
    reason = "; ".join(filter(None, (change.after.reason, note)))
    return replace(change, after=replace(change.after, reason=reason))


def progress_of(
    ports: ReadingPorts, run_id: str, records: Iterable[JobRecord]
) -> Mapping[str, Progress]:
    """How far the jobs of these that run say that they are, by name; none when nobody can say."""
    running = {
        record.spec.name: record.state for record in records if record.state.status in STARTED
    }
    keys = {job: key_of(run_id, job, state) for job, state in running.items()}
    if not keys:
        return {}
    try:
        found = ports.claims.read(keys.values())
    except BackendError as error:
        logger.warning("can't read how far jobs of %s are: %s", run_id, error)
        return {}
    claims = {job: found[key] for job, key in keys.items() if key in found}
    return {
        job: claim.progress
        for job, claim in claims.items()
        if claim.progress is not None and is_of(claim, running[job])
    }
