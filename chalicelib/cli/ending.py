"""What is told when a run that was waited for has ended: how, why, and what to type next."""

from chalicelib.cli.session import Session
from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.run import RunHeader
from chalicelib.ports import JobRecord

_SHOWN = 5  # failed jobs told in full
_LOG_LINES = 5


def tell_end(session: Session, header: RunHeader) -> None:
    """Print the end of a run; for one that did not succeed, each failed job and its last words."""
    session.say(_outcome(header))
    if header.status in (RunStatus.SUCCEEDED, RunStatus.RUNNING):
        return
    broken = (JobStatus.FAILED, JobStatus.NOTFOUND)
    failed = session.edition.ports.runs.find_jobs(header.run_id, statuses=broken)
    for record in failed[:_SHOWN]:
        _tell_failure(session, record)
    if len(failed) > _SHOWN:
        session.say(f"  … and {len(failed) - _SHOWN} more failed jobs")
    session.say("")
    session.say("Next:")
    session.say(f"  batch-scheduler explain {header.run_id}")
    session.say(f"  batch-scheduler restart {header.run_id} --plan")


def _outcome(header: RunHeader) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in header.counts.items() if count)
    ended = header.ended_at or header.started_at
    seconds = (ended - header.started_at).total_seconds()
    return f"Run {header.run_id} {header.status} after {seconds:.1f} s: {counts}"


def _tell_failure(session: Session, record: JobRecord) -> None:
    state = record.state
    session.say(f"  {record.spec.name}: {state.status}, attempt {state.attempt}: {state.reason}")
    if not state.job_id or state.started_at is None:
        return
    details = session.edition.peek_details([state.job_id])
    attempt = max(len(details[0].attempts), 1) if details else 1
    for line in session.edition.logs.tail(state.job_id, attempt, _LOG_LINES).lines:
        session.say(f"    | {line}")
