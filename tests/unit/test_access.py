"""Who sees what."""

from itertools import pairwise

import pytest

from chalicelib.core.access import Principal, Role


def test_each_role_may_do_what_those_below_it_may() -> None:
    assert all(lower < higher for lower, higher in pairwise(Role))
    assert [role.word for role in Role] == ["viewer", "operator", "author", "admin"]


def test_a_schedule_is_seen_by_those_whose_scopes_it_begins_with() -> None:
    principal = Principal(actor="ann", role=Role.VIEWER, scopes=("etl-", "genomes"))
    assert principal.sees("etl-nightly")
    assert not principal.sees("billing")
    assert not principal.sees("xetl-nightly")


def test_without_scopes_nothing_is_seen_and_with_the_empty_one_everything() -> None:
    assert Principal(actor="ann", role=Role.ADMIN).sees("anything")
    assert not Principal(actor="ann", role=Role.ADMIN, scopes=()).sees("anything")


def test_what_an_authorizer_hands_on_is_read_again_and_is_text_alone() -> None:
    principal = Principal(actor="ann", role=Role.AUTHOR, scopes=("etl-", "genomes"))
    context = principal.to_context()
    assert Principal.of_context(context) == principal
    assert all(isinstance(value, str) for value in context.values())


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"actor": "ann", "role": "root", "scopes": "[]"},
        {"actor": "ann", "role": "admin", "scopes": "all"},
    ],
)
def test_what_no_authorizer_gave_makes_nobody_a_principal(context: dict[str, str]) -> None:
    with pytest.raises((KeyError, ValueError)):
        Principal.of_context(context)
