"""Cursors: each goes on with the list that it was told on, and with no other."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.cursors import Listing
from chalicelib.errors import InvalidInputError

LISTING, OTHER = Listing("runs", "etl", None), Listing("runs", "", None)
AT = datetime.fromisoformat("2026-11-23T01:00:00Z")


def forged(value: object, listing: Listing = LISTING) -> str:
    """A cursor of this list, with a value that somebody has made up."""
    told = listing.of_name("a") or ""
    mark, _ = json.loads(urlsafe_b64decode(told + "=" * (-len(told) % 4)))
    return urlsafe_b64encode(json.dumps([mark, value]).encode()).decode().rstrip("=")


def test_a_list_begins_without_a_cursor_and_ends_with_none() -> None:
    assert (LISTING.run_key(""), LISTING.name(""), LISTING.number("")) == (None, "", None)
    assert (LISTING.of_run(None), LISTING.of_name(None), LISTING.of_number(None)) == (None,) * 3


@given(st.datetimes(timezones=st.just(AT.tzinfo)), st.text(max_size=9), st.integers(0, 2**31 - 1))
def test_a_cursor_says_where_its_own_list_goes_on(at: datetime, name: str, number: int) -> None:
    assert LISTING.run_key(LISTING.of_run((at, name)) or "") == (at, name)
    assert LISTING.name(LISTING.of_name(name) or "") == name
    assert LISTING.number(LISTING.of_number(number) or "") == number
    assert Listing("runs", "etl", None).name(LISTING.of_name(name) or "") == name


def test_a_cursor_of_another_filter_is_refused() -> None:
    for ask, told in (
        (OTHER.run_key, LISTING.of_run((AT, "etl/1"))),
        (OTHER.name, LISTING.of_name("etl")),
        (OTHER.number, LISTING.of_number(1)),
    ):
        with pytest.raises(InvalidInputError) as caught:
            ask(told or "")
        (problem,) = caught.value.problems
        assert (problem.path, problem.reason) == ("?cursor", "belongs to another list")


@pytest.mark.parametrize("value", [None, True, -1, 2**31, 1.5, [], {}, ["a", "b"], [1, 2]])
def test_what_somebody_made_up_is_none_of_ours(value: object) -> None:
    for ask in (LISTING.run_key, LISTING.name, LISTING.number):
        with pytest.raises(InvalidInputError, match="is none of ours"):
            ask(forged(value))


@pytest.mark.parametrize("cursor", ["x", "MQ", "é", "bnVsbA", "W10", "WyJhIiwgImIiXQ", "[" * 99])
def test_what_is_no_cursor_is_none_of_ours(cursor: str) -> None:
    with pytest.raises(InvalidInputError, match="is none of ours"):
        LISTING.name(cursor)
