"""Where the statements of a file of SQL end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetch_and_run.statements import UnfinishedError, split

# Each is whole by itself, whatever stands beside it.
PIECES = [
    "select 1",
    "select a.b, 1.5e3 from t",
    "insert into t values ('a;b', 'it''s; fine', 'back\\'slash;')",
    'delete from "a;b""c;"',
    "select $$ a; 'b $$",
    "create function f() as $tag$ begin; $$ ; end; $tag$ language sql",
    "select x::int -- a; comment '\n from t",
    "select /* a; ' /* b; */ c; */ 1",
    "select price$;"[:-1],
    "update t set d = :day where n > :least",
]


def texts(sql: str) -> list[str]:
    return [statement.text for statement in split(sql)]


def test_a_semicolon_ends_a_statement_and_the_last_needs_none() -> None:
    assert texts("select 1;\n\nselect 2;select 3") == ["select 1", "select 2", "select 3"]


def test_what_is_nothing_but_comments_is_no_statement() -> None:
    assert texts("-- begin;\n;; /* ; */ ;\nselect 1 -- end") == ["select 1"]


@given(st.lists(st.sampled_from(PIECES)), st.sampled_from([";", ";\n", " ; -- x;\n", ";;/*;*/"]))
def test_a_semicolon_in_quotes_or_comments_ends_nothing(pieces: list[str], between: str) -> None:
    assert texts(between.join(pieces)) == pieces


@given(st.text(alphabet="ab1$'\"\\-/*;:\n ", max_size=40))
def test_every_text_is_refused_or_split_into_what_splits_the_same_again(sql: str) -> None:
    try:
        found = split(sql)
    except UnfinishedError as error:
        assert "has no end" in str(error)  # noqa: PT017
        return
    assert texts(";".join(each.text for each in found)) == [each.text for each in found]
    for each in found:
        assert each.text.split("\n")[0] in sql.split("\n")[each.line - 1]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select 1;\nselect 'a", "the quote that begins on line 2"),
        ("select 'a\\'", "the quote that begins on line 1"),
        ('select "a', "the quote that begins on line 1"),
        ("select\n\n$x$ a $y$", r"the quote \$x\$ that begins on line 3"),
        ("/* a /* b */", "the comment that begins on line 1"),
    ],
)
def test_what_nothing_ends_is_told_with_its_line(sql: str, told: str) -> None:
    with pytest.raises(UnfinishedError, match=told):
        split(sql)


def test_a_statement_knows_its_number_its_line_and_how_it_begins() -> None:
    second = split("select 1;\n\n  -- the second\n  delete\n  from t where a = '" + "x" * 99 + "'")[
        1
    ]

    assert (second.number, second.line) == (2, 4)
    assert second.start == "delete from t where a = '" + "x" * 34 + "…"


def test_parameters_are_names_after_a_colon_outside_of_quotes_and_comments() -> None:
    sql = "select :a, b::date, ':c', \":d\", $$:e$$ /* :f */ -- :g\n from t where x>:h and y=:a"

    assert split(sql)[0].parameters == {"a", "h"}


@pytest.mark.parametrize(
    ("sql", "needs"),
    [
        ("BEGIN", True),
        ("/* x */ start transaction", True),
        ("commit", True),
        ("set search_path to a", True),
        ("create  temp\ttable t (a int)", True),
        ("create local temporary table t (a int)", True),
        ("create table temp (a int)", False),
        ("create temperature", False),
        ("select 'begin'", False),
        ("update t set a = 1", False),
    ],
)
def test_what_means_nothing_without_the_statements_before_asks_for_one_session(
    sql: str, needs: bool
) -> None:
    assert split(sql)[0].needs_session is needs
