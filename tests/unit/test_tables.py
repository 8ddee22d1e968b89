import re
from collections.abc import Sequence
from datetime import UTC, datetime
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from chalicelib.cli.tables import (
    STYLES,
    Column,
    duration_text,
    moment_text,
    one_line,
    print_line,
    print_table,
    seconds_of,
    style_of,
)
from chalicelib.core.lifecycle import JobStatus, RunStatus

COLUMNS = (Column("JOB", folds=True), Column("STATUS", is_status=True), Column("N", right=True))


def printed(rows: Sequence[tuple[str, ...]], width: int = 80, *, terminal: bool = False) -> str:
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system="standard")
    print_table(console, COLUMNS, rows, indent=2)
    return out.getvalue()


def test_piped_a_table_is_aligned_text_without_boxes_or_colours() -> None:
    rows = [("load", "FAILED", "7"), ("a-longer-name", "RUNNING", "12")]
    assert printed(rows).splitlines() == [
        "  JOB            STATUS    N",
        "  load           FAILED    7",
        "  a-longer-name  RUNNING  12",
    ]


def test_piped_a_line_stays_a_line_however_long() -> None:
    assert printed([("x" * 500, "FAILED", "1")]).splitlines()[1].count("x") == 500


def test_wide_characters_keep_their_columns_aligned() -> None:
    lines = printed([("数据", "FAILED", "1"), ("abcd", "FAILED", "1")]).splitlines()
    assert cell_len(lines[1]) == cell_len(lines[2])


def test_on_a_terminal_a_name_is_folded_and_never_cut() -> None:
    page = printed([("x" * 100, "FAILED", "1")], width=40, terminal=True)
    assert page.count("x") == 100
    assert all(len(line) <= 40 for line in re.sub(r"\x1b\[[0-9;]*m", "", page).splitlines())


@given(st.integers(1, 120), st.lists(st.text("abc ", min_size=1, max_size=40), max_size=3))
def test_on_a_terminal_nothing_is_cut_however_narrow(width: int, names: list[str]) -> None:
    page = printed([(name, "FAILED", "12345") for name in names], width, terminal=True)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", page)
    for letter in "abc":
        assert plain.count(letter) == sum(name.count(letter) for name in names)
    assert plain.count("FAILED") == plain.count("12345") == len(names)


def test_on_a_terminal_too_narrow_for_columns_lines_keep_their_colours() -> None:
    page = printed([("x" * 30, "FAILED", "1")], width=20, terminal=True)
    assert "\x1b[1;31mFAILED\x1b[0m" in page
    assert "x" * 30 in page


def test_a_cell_that_is_folded_has_sixteen_columns_at_least() -> None:
    rows = [("x" * 30, "FAILED", "1")]
    least = 16 + len("FAILED") + len("N") + 3 * 2 + 2
    assert "x" * 30 not in printed(rows, width=least, terminal=True)
    assert "x" * 30 in printed(rows, width=least - 1, terminal=True)


def test_on_a_terminal_a_status_has_its_colour() -> None:
    assert "\x1b[1;31mFAILED\x1b[0m" in printed([("a", "FAILED", "1")], terminal=True)


def test_on_a_terminal_a_table_has_a_line_for_its_titles_and_one_for_each_row() -> None:
    page = re.sub(r"\x1b\[[0-9;]*m", "", printed([("load", "FAILED", "7")], terminal=True))
    assert [line.rstrip() for line in page.splitlines()] == [
        "  JOB   STATUS  N",
        "  load  FAILED  7",
    ]


def test_a_name_that_is_a_status_has_no_colour() -> None:
    page = printed([("FAILED", "RUNNING", "1")], terminal=True)
    assert "\x1b[1;31m" not in page


def test_what_looks_like_markup_is_printed_as_it_is() -> None:
    page = printed([("[red]a[/red]", "FAILED", "1")], terminal=True)
    assert "[red]a[/red]" in page


def test_a_very_long_table_is_printed_plain_even_on_a_terminal() -> None:
    rows = [("a", "FAILED", "1")] * 1_001
    assert "\x1b" not in printed(rows, terminal=True)
    assert "\x1b" in printed(rows[1:], terminal=True)


def test_a_table_without_rows_is_its_titles() -> None:
    assert printed([]) == "  JOB  STATUS  N\n"


def test_a_line_is_printed_with_its_style_and_without_markup() -> None:
    out = StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system="standard")
    print_line(console, "[bold]x", "red")
    assert out.getvalue() == "\x1b[31m[bold]x\x1b[0m\n"


def test_every_status_has_a_style_and_other_words_have_none() -> None:
    assert set(STYLES) == set(JobStatus)
    assert all(style_of(status) for status in RunStatus)
    assert style_of("START") == ""


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, "-"),
        (-1, "0.0 s"),
        (0.44, "0.4 s"),
        (9.99, "10.0 s"),
        (10, "10 s"),
        (59.6, "1 min 00 s"),
        (61, "1 min 01 s"),
        (3600, "1 h 00 min"),
        (7 * 3600 + 9 * 60, "7 h 09 min"),
        (86_400 + 3600, "1 d 01 h"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float | None, told: str) -> None:
    assert duration_text(seconds) == told


def test_a_moment_is_told_in_utc() -> None:
    assert moment_text(datetime(2026, 11, 23, 3, 4, 5, 999, tzinfo=UTC)) == "2026-11-23 03:04:05Z"
    assert moment_text(None) == "-"


def test_seconds_are_known_between_known_moments() -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    assert seconds_of(start, end) == 60
    assert seconds_of(None, end) is None
    assert seconds_of(start, None) is None


@given(st.text())
def test_one_line_is_one_printable_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert line == line.strip()


def test_one_line_keeps_the_words() -> None:
    assert one_line(" exit 1:\n\tno \x1b[31mspace ") == "exit 1: no [31mspace"
