from decimal import Decimal

import pytest

from chalicelib.core.wording import Speller, json_path, quoted, shown


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        (5, "5"),
        (1.5, "1.5"),
        (Decimal("1.5"), "1.5"),
        pytest.param(10**5000, "a very large number", id="huge"),
        ("a", '"a"'),
        ({}, "an object"),
        ([1, 2], "a list of 2"),
        ({1}, "a set"),
    ],
)
def test_what_was_found_is_said_in_a_few_words(value: object, words: str) -> None:
    assert shown(value) == words


def test_long_texts_are_shortened_and_unprintable_ones_escaped() -> None:
    assert quoted("x" * 61) == '"' + "x" * 59 + '…"'
    assert quoted("x" * 60) == '"' + "x" * 60 + '"'
    assert quoted("a\nb\x00\ud800é") == '"a\\nb\\x00\\ud800é"'


def test_keys_that_are_no_plain_words_are_quoted_in_paths() -> None:
    assert json_path(["jobList", 3, "a-b", "c d", "1"]) == '$.jobList[3].a-b["c d"]["1"]'


def test_a_suggestion_ignores_case() -> None:
    assert Speller().nearest("JOBNAME", ["jobName", "jobQueue"]) == "jobName"


def test_nothing_near_is_no_suggestion() -> None:
    assert Speller().nearest("xyzzy", ["jobName"]) == ""


def test_a_speller_gives_up_in_the_end() -> None:
    speller = Speller()
    names = [f"n{i}" for i in range(15_000)]
    assert speller.nearest("n1", names) == "n1"
    assert speller.nearest("n1", names) == ""


def test_a_very_long_name_is_compared_with_none() -> None:
    assert Speller().nearest("x" * 129, ["x" * 129]) == ""


def test_a_speller_that_has_given_up_looks_at_no_name_any_more() -> None:
    speller = Speller()
    speller.nearest("x", map(str, range(30_000)))
    names = iter(["x"])
    assert speller.nearest("x", names) == ""
    assert list(names) == ["x"]
