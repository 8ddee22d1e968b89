"""How answers look: coloured tables on a terminal, plain aligned text when piped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from types import MappingProxyType
from typing import TYPE_CHECKING

from chalicelib.core.lifecycle import JobStatus

if TYPE_CHECKING:
    from rich.console import Console

# Laying out a table folds every cell: 1,000 rows take 0.3 s.
_MOST_FOLDED = 1_000

STYLES = MappingProxyType(
    {
        JobStatus.WAITING: "dim",
        JobStatus.HELD: "magenta",
        JobStatus.RESERVED: "yellow",
        JobStatus.SUBMITTED: "yellow",
        JobStatus.PENDING: "yellow",
        JobStatus.RUNNABLE: "yellow",
        JobStatus.STARTING: "cyan",
        JobStatus.RUNNING: "cyan",
        JobStatus.SUCCEEDED: "green",
        JobStatus.FAILED: "bold red",
        JobStatus.UPSTREAM_FAILED: "red",
        JobStatus.CANCELLED: "dark_orange",
        JobStatus.PASS: "green",
        JobStatus.SKIPPED: "green dim",
        JobStatus.NOTFOUND: "bold red",
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `folds` lets it break its cells when the terminal is too narrow."""

    title: str
    folds: bool = False
    right: bool = False
    is_status: bool = False


def print_table(
    console: "Console", columns: Sequence[Column], rows: Sequence[Sequence[str]], indent: int = 0
) -> None:
    """Print rows of texts below their titles; nothing is ever cut off."""
    if console.is_terminal and len(rows) <= _MOST_FOLDED:
        _print_folded(console, columns, rows, indent)
        return
    for line in _aligned([[column.title for column in columns], *rows], columns):
        console.file.write(" " * indent + line + "\n")


def _print_folded(
    console: "Console", columns: Sequence[Column], rows: Sequence[Sequence[str]], indent: int
) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(
            Text(column.title),
            justify="right" if column.right else "left",
            no_wrap=not column.folds,
            overflow="fold",
        )
    for row in rows:
        cells = zip(columns, row, strict=True)
        table.add_row(*(Text(cell, style=_style(column, cell)) for column, cell in cells))
    console.print(Padding(table, (0, 0, 0, indent)))


def _style(column: Column, cell: str) -> str:
    return style_of(cell) if column.is_status else ""


def style_of(status: str) -> str:
    """The colour of a status of a job or a run; none for any other word."""
    return STYLES[JobStatus(status)] if status in JobStatus.__members__ else ""


def _aligned(rows: Iterable[Sequence[str]], columns: Sequence[Column]) -> Iterable[str]:
    from rich.cells import cell_len

    rows = list(rows)
    widths = [max(map(cell_len, cells)) for cells in zip_longest(*rows, fillvalue="")]
    for row in rows:
        cells = []
        for column, width, cell in zip(columns, widths, row, strict=True):
            room = " " * (width - cell_len(cell))
            cells.append(room + cell if column.right else cell + room)
        yield "  ".join(cells).rstrip()


def print_line(console: "Console", text: str, style: str = "") -> None:
    """One line, wrapped by words on a terminal; what looks like markup is printed as it is."""
    from rich.text import Text

    console.print(Text(text, style=style))


def one_line(text: str) -> str:
    """The text as it may stand in a table: no line breaks, no escape sequences."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def moment_text(moment: datetime | None) -> str:
    """A time in UTC to the second: 2026-11-23 14:55:01Z; `-` for none."""
    return f"{moment:%Y-%m-%d %H:%M:%S}Z" if moment else "-"


def duration_text(seconds: float | None) -> str:
    """A duration with its two largest units: `0.4 s`, `3 min 05 s`, `2 h 07 min`; `-` for none."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours:02} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def seconds_of(start: datetime | None, end: datetime | None) -> float | None:
    """Seconds between two moments; None unless both are known."""
    return (end - start).total_seconds() if start and end else None
