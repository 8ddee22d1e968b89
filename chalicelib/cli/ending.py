"""What is told when a run that was waited for has ended: how, why, and what to type next."""

from chalicelib.cli.commands import print_advice
from chalicelib.cli.session import Session
from chalicelib.cli.tables import one_line, printable
from chalicelib.core.advising import Advice, advise_run
from chalicelib.core.facts import telling
from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.run import RunHeader
from chalicelib.core.wording import counted
from chalicelib.ports import JobRecord
from chalicelib.services.finding import counts_of
from chalicelib.services.overview import FAILED, began_at

_SHOWN = 5  # failed jobs told in full
_LOG_LINES = 5


def tell_end(session: Session, header: RunHeader) -> None:
    """Print the end of a run; for one that did not succeed, each failed job and its last words."""
    session.say(_outcome(session, header))
    if header.status in (RunStatus.SUCCEEDED, RunStatus.RUNNING):
        return
    failed = session.edition.ports.runs.find_jobs(header.run_id, statuses=FAILED)
    for record in failed[:_SHOWN]:
        _tell_failure(session, header.run_id, record)
    if len(failed) > _SHOWN:
        session.say(f"  … and {counted(len(failed) - _SHOWN, 'more failed job')}")
    why = Advice(("explain", header.run_id), "why, in plain words")
    print_advice(session, [why, *advise_run(header)])


def _outcome(session: Session, header: RunHeader) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in counts_of(header).items())
    begun = began_at(session.edition.ports, header)
    end = header.end_by(session.now())
    took = f" after {(end - begun).total_seconds():.1f} s" if end else ""
    return f"Run {header.run_id} {header.status}{took}: {counts}"


def _tell_failure(session: Session, run_id: str, record: JobRecord) -> None:
    state = record.state
    reason = f": {one_line(words)}" if (words := telling(state.reason)) else ""
    session.say(f"  {record.spec.name}: {state.status}, attempt {state.attempt}{reason}")
    if not state.job_id or state.started_at is None:
        return
    log = session.verbs.views.log(run_id, (record.spec.name, ""), "")
    place = log.place()
    for line in log.lines(place, _LOG_LINES) if place else ():
        session.say(f"    | {printable(line)}")
