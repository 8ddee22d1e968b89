"""Who sees what."""

from itertools import pairwise

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
