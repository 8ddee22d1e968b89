"""docs/unverified.md and the smoke test say the same."""

import re
from typing import NamedTuple

import pytest

from cloudformation.rendering import PROJECT
from smoke import command
from smoke.checks import CHECKS

_PAGE = (PROJECT / "docs" / "unverified.md").read_text("utf-8")


class Row(NamedTuple):
    name: str
    relied_on: str
    where: str
    page: str
    how: str


def rows() -> list[Row]:
    lines = [line for line in _PAGE.splitlines() if re.match(r"\| `[a-z0-9]+-", line)]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [Row(name.strip("`"), *rest) for name, *rest in cells]


def test_every_row_that_is_looked_at_has_a_check_and_every_check_a_row() -> None:
    assert command.MODULES  # they enter the checks
    looked_at = [row.name for row in rows() if not row.how.startswith("not looked at: ")]
    assert sorted(looked_at) == sorted(CHECKS)


def test_no_name_is_taken_twice() -> None:
    names = [row.name for row in rows()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_a_row_says_what_where_in_the_code_and_where_aws_says_it(row: Row) -> None:
    assert row.relied_on.endswith(".")
    assert (PROJECT / row.where.strip("`")).is_file()
    assert re.fullmatch(r"\[[^\]]+\]\(https://docs\.aws\.amazon\.com/\S+\)", row.page)
    assert row.how.removeprefix("not looked at: ")
