"""The operators' verbs: over many jobs at once, with a reason, told job by job."""

from typing import TYPE_CHECKING, Annotated

import typer

from chalicelib.cli.commands import command
from chalicelib.cli.exits import Exit
from chalicelib.cli.session import Session
from chalicelib.errors import InvalidInputError

if TYPE_CHECKING:
    from chalicelib.core.operating import Operation

Jobs = Annotated[
    list[str] | None, typer.Argument(metavar="[JOB]...", help="Names of jobs, or globs.")
]
InRun = Annotated[
    str, typer.Option("--run", metavar="RUN", help="Of this run [the latest with such jobs].")
]
OfStatus = Annotated[
    list[str] | None,
    typer.Option("--status", metavar="STATUS", help="Only jobs of this status; may be repeated."),
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")]


_OUTCOMES = {"succeeded": "MARK_SUCCEEDED", "failed": "MARK_FAILED"}


def pass_(session: Session, jobs: Jobs = None, run: InRun = "", status: OfStatus = None,
          reason: Reason = "") -> Exit:  # fmt: skip
    """Count jobs as done without running them; what waits for them goes on."""
    return _operate(session, "PASS", (jobs, run, status), reason)


def hold(session: Session, jobs: Jobs = None, run: InRun = "", status: OfStatus = None,
         reason: Reason = "") -> Exit:  # fmt: skip
    """Hold jobs back until they are released."""
    return _operate(session, "HOLD", (jobs, run, status), reason)


def release(session: Session, jobs: Jobs = None, run: InRun = "", status: OfStatus = None,
            reason: Reason = "") -> Exit:  # fmt: skip
    """Let held jobs go on."""
    return _operate(session, "RELEASE", (jobs, run, status), reason)


def terminate(session: Session, jobs: Jobs = None, run: InRun = "", status: OfStatus = None,
              reason: Reason = "") -> Exit:  # fmt: skip
    """End jobs, whether they have started or not."""
    return _operate(session, "TERMINATE", (jobs, run, status), reason)


def rerun(
    session: Session,
    jobs: Jobs = None,
    run: InRun = "",
    status: OfStatus = None,
    reason: Reason = "",
    downstream: Annotated[
        bool, typer.Option("--downstream", help="And everything downstream of them.")
    ] = False,
) -> Exit:
    """Run jobs once more, whatever became of them."""
    return _operate(session, "RERUN", (jobs, run, status), reason, downstream=downstream)


def mark(
    session: Session,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[JOB]... succeeded|failed", help="Jobs or globs, then the outcome."
        ),
    ],
    run: InRun = "",
    status: OfStatus = None,
    reason: Reason = "",
) -> Exit:
    """Say what became of jobs that have ended, where nobody saw it or it was wrong."""
    *jobs, outcome = words
    if outcome not in _OUTCOMES:
        raise InvalidInputError.at("OUTCOME", "comes last", allowed=" or ".join(_OUTCOMES))
    return _operate(session, _OUTCOMES[outcome], (jobs, run, status), reason)


def _operate(
    session: Session,
    act: str,
    which: tuple[list[str] | None, str, list[str] | None],
    reason: str,
    *,
    downstream: bool = False,
) -> Exit:
    from chalicelib.core.lifecycle import Act, RunStatus
    from chalicelib.core.selecting import parse_statuses
    from chalicelib.services.finding import find_run_of_jobs
    from chalicelib.services.operations import Selection
    from chalicelib.services.shapes import operation_shape
    from chalicelib.verbs.asked import JobsAct

    jobs, run, texts = which
    statuses = parse_statuses(texts or [])
    if not jobs and not statuses:
        raise InvalidInputError.at("JOB", "name jobs, or choose them by --status")
    ports = session.edition.ports
    found = session.find_run(run) if run else find_run_of_jobs(ports, jobs or [], statuses)
    selection = Selection(run_id=found.run_id, patterns=jobs or (), statuses=statuses)
    asked = JobsAct(act=Act(act), reason=reason, downstream=downstream)
    operation = session.verbs.runs.act_on_jobs(selection, asked)
    session.answer(operation_shape(operation), lambda: _say_changes(session, operation))
    session.warn(refusal.sentence for refusal in operation.refusals)
    if operation.changes and operation.header.status is RunStatus.RUNNING:
        ensure_driven(session, found.run_id)
    return Exit.REFUSED if operation.refusals else Exit.DONE


def _say_changes(session: Session, operation: "Operation") -> None:
    for change in operation.changes:
        wanted = f", {change.after.intent} asked for" if change.after.intent else ""
        moved = f"{change.before.status} -> {change.after.status}{wanted}"
        session.say(f"{change.job}: {moved} ({change.after.reason})")


def ensure_driven(session: Session, run_id: str) -> None:
    """Leave an engine in the background if none drives the run, and say so."""
    if session.edition.holder() is None:
        left = session.edition.start_background()
        session.warn([f"No engine was driving: one was started in the background ({left})."])
    session.warn([f"Watch it: {command(session, ('watch', run_id))}"])
