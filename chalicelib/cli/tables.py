"""How answers look: coloured tables on a terminal, plain aligned text when piped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from chalicelib.core.lifecycle import JobStatus

if TYPE_CHECKING:
    from rich.console import Console

# Laying out a table folds every cell: 1,000 rows take 0.3 s.
_MOST_STYLED = 1_000
_NARROWEST = 16  # columns that a folded cell must have at least

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
    widths = _widths(columns, rows)
    if not console.is_terminal or len(rows) > _MOST_STYLED:
        for row in ([column.title for column in columns], *rows):
            cells = _aligned(columns, widths, row)
            console.file.write(" " * indent + "  ".join(cells).rstrip() + "\n")
    elif _fits(console.width - indent, columns, widths):
        _print_folded(console, columns, rows, indent)
    else:
        _print_wrapped(console, columns, rows, widths)


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len

    titles = [column.title for column in columns]
    return [max(map(cell_len, cells)) for cells in zip(titles, *rows, strict=True)]


def _fits(room: int, columns: Sequence[Column], widths: Sequence[int]) -> bool:
    """Whether folding is enough: rich cuts what may not be folded and does not fit."""
    least = (
        min(width, _NARROWEST) if column.folds else width
        for column, width in zip(columns, widths, strict=True)
    )
    return sum(least) + 2 * len(widths) <= room


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
    console.print(Padding(table, (0, 0, 0, indent), expand=False))


def _print_wrapped(
    console: "Console",
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
) -> None:
    """Lines that are longer than the terminal is wide: it breaks them itself."""
    from rich.text import Text

    titles = _aligned(columns, widths, [column.title for column in columns])
    console.print(Text("  ".join(titles).rstrip(), "bold"), soft_wrap=True)
    for row in rows:
        styles = [_style(column, cell) for column, cell in zip(columns, row, strict=True)]
        cells = zip(_aligned(columns, widths, row), styles, strict=True)
        line = Text("  ").join(Text(cell, style) for cell, style in cells)
        line.rstrip()
        console.print(line, soft_wrap=True)


def _aligned(columns: Sequence[Column], widths: Sequence[int], row: Sequence[str]) -> list[str]:
    """The cells with blanks up to the widths of their columns."""
    from rich.cells import cell_len

    cells = []
    for column, width, cell in zip(columns, widths, row, strict=True):
        blanks = " " * (width - cell_len(cell))
        cells.append(blanks + cell if column.right else cell + blanks)
    return cells


def _style(column: Column, cell: str) -> str:
    return style_of(cell) if column.is_status else ""


def style_of(status: str) -> str:
    """The colour of a status of a job or a run; none for any other word."""
    return STYLES[JobStatus(status)] if status in JobStatus.__members__ else ""


def print_line(console: "Console", text: str, style: str = "") -> None:
    """One line, wrapped by words on a terminal; what looks like markup is printed as it is."""
    from rich.text import Text

    console.print(Text(text, style=style))


def one_line(text: str) -> str:
    """The text as it may stand in a table: no line breaks, no escape sequences."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def printable(line: str) -> str:
    """A line of a log as it may stand in a page of ours: tabs as blanks, no escape sequences."""
    return "".join(c if c.isprintable() else "�" for c in line.expandtabs())


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
