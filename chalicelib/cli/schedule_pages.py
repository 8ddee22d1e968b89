"""What the terminal shows of a schedule besides its document: its history, and starts that wait."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.cli.commands import command
from chalicelib.cli.session import Session
from chalicelib.cli.tables import Column, moment_text, one_line, print_table

if TYPE_CHECKING:
    from chalicelib.services.waiting_starts import Waiting
    from chalicelib.verbs.asked import History


def print_history(session: Session, history: "History") -> None:
    """Versions and what people did, the newest first."""
    lines = [
        (each.stored_at, f"version {each.version}", each.stored_by, "") for each in history.versions
    ]
    lines += [
        (each.at, f"{each.act.value} {each.run_id}".rstrip(), each.actor, each.reason)
        for each in history.events
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
        asked = f"not before {moment_text(each.not_before)}, by {one_line(each.actor)}{why}"
        cancel = command(session, ("cancel", each.run_id))
        session.say(f"WAITING {each.run_id}, {asked}; take it away: {cancel}")
