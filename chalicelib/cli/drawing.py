"""The verb that draws: a schedule, a file or a run, as text, DOT or Mermaid."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chalicelib.cli.exits import Exit
from chalicelib.cli.session import Session
from chalicelib.core.formats import Format
from chalicelib.errors import NotFoundError

if TYPE_CHECKING:
    from chalicelib.core.drawing import Node

_FILE_ENDINGS = frozenset({".json", ".yaml", ".yml"})


def graph(
    session: Session,
    what: Annotated[str, typer.Argument(metavar="SCHEDULE|FILE|RUN", help="What to draw.")],
    as_format: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TEXT,
) -> Exit:
    """Draw the graph of a schedule, of a file, or of a run with its statuses."""
    from chalicelib.core import drawing
    from chalicelib.services.shapes import graph_shape

    title, nodes = _find(session, what)
    if session.as_json:
        session.write_json(graph_shape(title, nodes))
        return Exit.DONE
    match as_format:
        case Format.TEXT:
            _print_text(session, title, nodes)
        case Format.DOT:
            session.say("\n".join(drawing.dot(nodes, title)))
        case Format.MERMAID:
            session.say("\n".join(drawing.mermaid(nodes)))
            _warn_of_size(session, nodes)
    return Exit.DONE


def _find(session: Session, what: str) -> "tuple[str, list[Node]]":
    """What to call it, and its jobs. Raises NotFoundError when it is nothing that is known."""
    from chalicelib.cli.authoring import document_of, read_document
    from chalicelib.core.drawing import nodes_of_document

    path = Path(what)
    if what == "-" or path.suffix.lower() in _FILE_ENDINGS or _is_file(path):
        document = read_document(path)
        return document.schedule_id, nodes_of_document(document)
    try:
        stored = session.edition.ports.schedules.get_schedule(what)
    except NotFoundError:
        return _nodes_of_run(session, what)
    return stored.schedule_id, nodes_of_document(document_of(stored))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False  # what is too long for a name of a file


def _nodes_of_run(session: Session, what: str) -> "tuple[str, list[Node]]":
    from chalicelib.services.overview import nodes_of_run

    try:
        header = session.find_run(what)
    except NotFoundError as error:
        hint = (
            "A file ends in .json, .yaml or .yml. See: batch-scheduler list, batch-scheduler runs."
        )
        raise NotFoundError("schedule, file or run", what, hint) from error
    return header.run_id, nodes_of_run(session.edition.ports, header.run_id)


def _print_text(session: Session, title: str, nodes: "Sequence[Node]") -> None:
    from chalicelib.cli.tables import print_line, style_of
    from chalicelib.core.drawing import measure, text

    head = f"{title}: {measure(nodes).sentence}"
    lines = text(nodes)
    if not session.console.is_terminal:
        session.say("\n".join([head, *lines]))
        return
    from rich.text import Text

    print_line(session.console, head, "bold")
    for line in lines:
        coloured = Text(line)
        for status in {node.status for node in nodes if node.status}:
            coloured.highlight_regex(rf"  {status}(?=  |$)", style_of(status))
        session.console.print(coloured)


def _warn_of_size(session: Session, nodes: "Sequence[Node]") -> None:
    from chalicelib.core.drawing import MERMAID_EDGES

    edges = sum(len(node.upstream) for node in nodes)
    if edges > MERMAID_EDGES:
        limit = f"Mermaid draws at most {MERMAID_EDGES} unless its maxEdges is raised"
        session.warn([f"{edges} dependencies: {limit}; --format dot has no such limit."])
