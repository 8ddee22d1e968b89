"""Lists of runs and of what happened in one."""

from collections.abc import Sequence

from chalicelib.cli.commands import command
from chalicelib.cli.session import Session
from chalicelib.cli.tables import (
    Column,
    duration_text,
    moment_text,
    one_line,
    print_line,
    print_table,
    seconds_of,
)
from chalicelib.core.claims import Told
from chalicelib.core.facts import telling
from chalicelib.core.lifecycle import BROKEN, FINAL, RunStatus
from chalicelib.core.run import Event, RunHeader
from chalicelib.core.wording import Speller
from chalicelib.errors import InvalidInputError
from chalicelib.services.finding import history_of
from chalicelib.services.shapes import event_shape


def parse_run_status(text: str) -> RunStatus | None:
    """A status in any case, None for no text. Raises InvalidInputError."""
    if not text:
        return None
    name = text.strip().upper()
    if name not in RunStatus.__members__:
        raise InvalidInputError.at(
            "--status",
            f"{text!r} is no status of runs",
            allowed=", ".join(RunStatus),
            suggestion=Speller().nearest(name, map(str, RunStatus)),
        )
    return RunStatus(name)


def print_runs(session: Session, headers: Sequence[RunHeader]) -> None:
    if not headers:
        session.say(f"No such runs. Start one: {command(session, ('run', 'FILE'))}")
        return
    now = session.now()
    columns = (
        Column("RUN", folds=True),
        Column("STATUS", is_status=True),
        Column("STARTED"),
        Column("TOOK", right=True),
        Column("DONE", right=True),
        Column("FAILED", right=True),
        Column("BY", folds=True),
    )
    rows = []
    for header in headers:
        counts = header.counts
        done, failed = (sum(counts.get(s, 0) for s in group) for group in (FINAL, BROKEN))
        took = duration_text(seconds_of(header.began_at, header.end_by(now)))
        progress = f"{done}/{sum(counts.values())}"
        rows.append((header.run_id, header.status, moment_text(header.started_at), took,
                     progress, str(failed), one_line(header.started_by)))  # fmt: skip
    print_table(session.console, columns, rows)


def show_history(session: Session, run_id: str, job: str) -> None:
    """Answer `history`; of one job with what its last attempt told. Raises NotFoundError."""
    found = history_of(session.edition.ports, run_id, job)

    def show() -> None:
        _print_events(session, [event for event, _ in found])
        for event, told in found:
            if told is not None:
                _print_told(session, event, told)

    session.answer([event_shape(*each) for each in found], show)


def _print_told(session: Session, event: Event, told: Told) -> None:
    rows = [("output", name, one_line(value)) for name, value in told.outputs.items()]
    rows += [("link", name, one_line(value)) for name, value in told.links.items()]
    columns = (Column("KIND"), Column("NAME", folds=True), Column("VALUE", folds=True))
    print_line(session.console, "")
    print_line(session.console, f"Attempt {event.attempt} told", "bold")
    print_table(session.console, columns, rows)


def _print_events(session: Session, events: Sequence[Event]) -> None:
    columns = (
        Column("TIME (UTC)"),
        Column("JOB", folds=True),
        Column("ACT"),
        Column("FROM", is_status=True),
        Column("TO", is_status=True),
        Column("ATTEMPT", right=True),
        Column("BY"),
        Column("REASON", folds=True),
    )
    rows = [
        (
            f"{event.at:%m-%d %H:%M:%S}.{event.at.microsecond // 1000:03}",
            event.job or "(run)",
            event.act,
            event.before or "-",
            event.after,
            str(event.attempt or "-"),
            one_line(event.actor),
            one_line(telling(event.reason)),
        )
        for event in events
    ]
    print_table(session.console, columns, rows)
