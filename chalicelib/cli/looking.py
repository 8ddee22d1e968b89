"""The verbs that look at runs: status, runs, history, explain, export, logs."""

from pathlib import Path
from typing import Annotated

import typer

from chalicelib.cli.exits import Exit
from chalicelib.cli.session import LARGEST, Session
from chalicelib.errors import NotFoundError

AnyRun = Annotated[
    str,
    typer.Argument(metavar="[RUN]", help="A run's id or its beginning, or a schedule [latest]."),
]
InRun = Annotated[
    str, typer.Option("--run", metavar="RUN", help="Of this run [the latest with such a job].")
]


def status(
    session: Session,
    run: AnyRun = "",
    every: Annotated[
        bool, typer.Option("--all", help="Every job, not the first of a kind.")
    ] = False,
) -> Exit:
    """Show where a run stands: what failed, what runs, what waits and for what."""
    from chalicelib.cli.status_page import show_status

    try:
        header = session.find_run(run)
    except NotFoundError as error:
        return _tell_of_start(session, run, error)
    show_status(session, header, every=every)
    return Exit.DONE


def runs(
    session: Session,
    schedule: Annotated[str, typer.Argument(metavar="[SCHEDULE]", help="Only of this one.")] = "",
    status: Annotated[str, typer.Option(help="Only runs of this status.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many at most.")] = 20,
) -> Exit:
    """List runs, the newest first."""
    from chalicelib.cli.run_pages import parse_run_status, print_runs
    from chalicelib.services.shapes import run_shape

    headers = session.edition.ports.runs.find_headers(
        schedule_id=schedule or None, status=parse_run_status(status), limit=limit
    )
    session.answer([run_shape(header) for header in headers], lambda: print_runs(session, headers))
    return Exit.DONE


def history(
    session: Session,
    run: AnyRun = "",
    job: Annotated[str, typer.Option("--job", metavar="JOB", help="Of this job only.")] = "",
) -> Exit:
    """Show everything that happened in a run, the oldest first: who, what and why."""
    from chalicelib.cli.run_pages import show_history

    try:
        header = session.find_run(run)
    except NotFoundError as error:
        return _tell_of_start(session, run, error)
    show_history(session, header.run_id, job)
    return Exit.DONE


def explain(
    session: Session,
    what: Annotated[str, typer.Argument(metavar="[RUN|JOB]", help="A run or a job [latest].")] = "",
    run: InRun = "",
) -> Exit:
    """Say in plain words why a job does not run or why it failed, and what can be done now."""
    from chalicelib.cli.explanation_page import show_explanation

    try:
        show_explanation(session, what, run)
    except NotFoundError as error:
        return _tell_of_start(session, run or what, error)
    return Exit.DONE


def export(
    session: Session,
    run: AnyRun = "",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to, - for stdout [stdout; on AWS the archive].",
        ),
    ] = None,
) -> Exit:
    """Write a whole run with its history: as one JSON object, on AWS as lines of the archive."""
    from chalicelib.cli.exporting import archive_run, export_run

    header = session.find_run(run)
    if output is not None or not archive_run(session, header):
        export_run(session, header, output)
    return Exit.DONE


def logs(
    session: Session,
    job: Annotated[str, typer.Argument(metavar="JOB", help="A job; JOB:3 is child 3 of an array.")],
    run: InRun = "",
    attempt: Annotated[
        str, typer.Option(metavar="N", help="Attempt N; N.M is the queue's own M-th [the last].")
    ] = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Until the job has ended.")
    ] = False,
    lines: Annotated[int, typer.Option(min=0, help="Only the last so many [all].")] = 0,
) -> Exit:
    """Show what a job wrote."""
    from chalicelib.cli.log_page import LogRequest, show_log

    return show_log(
        session, LogRequest(job=job, run=run, attempt=attempt, follow=follow, lines=lines)
    )


def _tell_of_start(session: Session, run: str, no_run: NotFoundError) -> Exit:
    """Say what is known of a start that is no run. Raises `no_run` where it is no start either."""
    from chalicelib.cli.schedule_pages import show_start

    show_start(session, run, no_run)
    return Exit.DONE
