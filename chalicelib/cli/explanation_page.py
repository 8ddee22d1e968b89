"""The answer to `explain`: the chain of causes, the last words of what failed, what to type."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.cli.commands import print_advice
from chalicelib.cli.meant import find_job
from chalicelib.cli.session import Session
from chalicelib.cli.tables import one_line, printable, style_of
from chalicelib.core.advising import placed
from chalicelib.core.explaining import Cause
from chalicelib.core.run import RunHeader
from chalicelib.errors import NotFoundError
from chalicelib.services.explanations import Explanation
from chalicelib.services.shapes import explanation_shape

if TYPE_CHECKING:
    from rich.console import Console


def show_explanation(session: Session, what: str, run: str) -> None:
    """Answer `explain`."""
    header, name = _meant(session, what, run)
    found = session.verbs.views.explain(header.run_id, name)
    found = replace(found, cause=_placed(session, found.cause))
    if session.as_json:
        session.write_json(explanation_shape(found, session.where))
        return
    _print_cause(session.console, found, found.cause, 0)
    print_advice(session, found.advice)


def _placed(session: Session, cause: Cause) -> Cause:
    because = tuple(_placed(session, below) for below in cause.because)
    return replace(cause, sentence=placed(cause.sentence, session.where), because=because)


def _meant(session: Session, what: str, run: str) -> tuple[RunHeader, str]:
    """The run, and the job if one was named: what names a run is a run, unless --run was given."""
    if run:
        header, _ = find_job(session, what, run) if what else (session.find_run(run), None)
        return header, what
    try:
        return session.find_run(what), ""
    except NotFoundError:
        if not what:
            raise
    header, _ = find_job(session, what, "")
    return header, what


def _print_cause(console: "Console", found: Explanation, cause: Cause, depth: int) -> None:
    from rich.padding import Padding
    from rich.text import Text

    def put(text: Text, levels: int) -> None:
        # Piped, a line stays a line; on a terminal what is wrapped stays below its beginning.
        if console.is_terminal:
            console.print(Padding(text, (0, 0, 0, 2 * levels), expand=False))
        else:
            console.print(Text("  " * levels) + text)

    subject = Text(cause.job or (found.header.run_id if depth == 0 else "…"))
    subject.stylize(style_of(cause.status) or "bold")
    put(subject.append(f" {one_line(cause.sentence)}", ""), depth)
    for fact in cause.facts:
        put(Text(one_line(fact), "dim"), depth + 2)
    for line in _lines_of(found, cause.job) if cause.job else ():
        put(Text(f"| {printable(line)}"), depth + 2)
    for below in cause.because:
        _print_cause(console, found, below, depth + 1)
    if cause.more:
        put(Text(f"… and {cause.more} more", "dim"), depth + 1)


def _lines_of(found: Explanation, job: str) -> Iterator[str]:
    for name, lines in found.logs.items():
        if name == job:
            yield from lines
        elif name.rpartition(":")[0] == job:
            yield f"(child {name.rpartition(':')[2]})"
            yield from lines
