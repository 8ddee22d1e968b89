"""What the terminal shows of a schedule besides its document: its history, and starts that wait."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.cli.commands import command
from chalicelib.cli.session import Session
from chalicelib.cli.tables import Column, moment_text, one_line, print_table
from chalicelib.errors import NotFoundError

if TYPE_CHECKING:
    from chalicelib.services.waiting_starts import Dropped, Waiting
    from chalicelib.verbs.asked import History


def print_history(session: Session, history: "History") -> None:
    """Versions and what people did, the newest first."""
    lines = [
        (each.at, f"{each.act.value} {each.run_id}".rstrip(), each.actor, each.reason)
        for each in history.events
    ]
    lines += [
        (each.stored_at, f"version {each.version}", each.stored_by, "") for each in history.versions
    ]
    columns = (Column("TIME"), Column("WHAT", folds=True), Column("BY"), Column("WHY", folds=True))
    rows = [
        (moment_text(at), what, one_line(who), one_line(why))
        for at, what, who, why in sorted(lines, key=lambda line: line[0], reverse=True)
    ]
    print_table(session.console, columns, rows)


def print_waiting(session: Session, waiting: "Sequence[Waiting]") -> None:
    """The starts that wait, and how each is taken away."""
    for each in waiting:
        why = f": {one_line(each.reason)}" if each.reason else ""
        until = f", not after {moment_text(each.until)}" if each.until else ""
        asked = f"not before {moment_text(each.not_before)}{until}, by {one_line(each.actor)}{why}"
        cancel = command(session, ("cancel", each.run_id))
        session.say(f"WAITING {each.run_id}, {asked}; take it away: {cancel}")


def show_start(session: Session, run: str, no_run: NotFoundError) -> "Waiting | Dropped":
    """Say of what is no run yet that it waits, or what became of it; else raise `no_run`."""
    from chalicelib.services.timing_shapes import dropped_shape, waiting_shape
    from chalicelib.services.waiting_starts import Waiting

    if "/" not in run:
        raise no_run
    try:
        start = session.verbs.timing.find_start(run)
    except NotFoundError:
        raise no_run from None
    if isinstance(start, Waiting):
        session.answer(waiting_shape(start), lambda: print_waiting(session, [start]))
    else:
        session.answer(dropped_shape(start), lambda: _print_dropped(session, start))
    return start


def _print_dropped(session: Session, dropped: "Dropped") -> None:
    event = dropped.event
    why = f": {one_line(event.reason)}" if event.reason else ""
    when = f"{moment_text(event.at)} by {one_line(event.actor)}{why}"
    session.say(f"{event.act.value} {dropped.run_id}, {when}; it became no run.")
