"""Who sees what."""

from dataclasses import dataclass
from itertools import pairwise

import pytest

from chalicelib.core.access import Decision, Guarded, Principal, Role, decide


@dataclass(frozen=True, slots=True)
class Way:
    """A route, as far as the rule knows one."""

    role: Role | None
    is_scoped: bool = False


ANN = Principal(actor="ann", role=Role.OPERATOR, scopes=("etl-",))


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


@pytest.mark.parametrize("is_use_due", [True, False])
def test_what_an_authorizer_hands_on_is_read_again_and_is_text_alone(is_use_due: bool) -> None:
    principal = Principal(
        actor="ann",
        role=Role.AUTHOR,
        scopes=("etl-", "genomes"),
        token_id="k3abcdefgh",  # noqa: S106 - names a token, and is none
        is_use_due=is_use_due,
    )
    context = principal.to_context()
    assert Principal.of_context(context) == principal
    assert all(isinstance(value, str) for value in context.values())


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"actor": "ann", "role": "root", "scopes": "[]"},
        {"actor": "ann", "role": "admin", "scopes": "all"},
        {"actor": "ann", "role": "admin", "scopes": '"etl-"'},
        {"actor": "ann", "role": "admin", "scopes": '{"": 1}'},
        {"actor": "ann", "role": "admin", "scopes": '["etl-", null]'},
    ],
)
def test_what_no_authorizer_gave_makes_nobody_a_principal(context: dict[str, str]) -> None:
    with pytest.raises((KeyError, ValueError)):
        Principal.of_context(context)


@pytest.mark.parametrize(
    ("route", "principal", "schedule", "decision"),
    [
        (Way(None), None, None, Decision.ALLOW),
        (Way(None), ANN, "billing", Decision.ALLOW),
        (Way(Role.VIEWER), None, None, Decision.UNAUTHENTICATED),
        (Way(Role.VIEWER, is_scoped=True), None, "etl-a", Decision.UNAUTHENTICATED),
        (Way(Role.VIEWER), ANN, None, Decision.ALLOW),
        (Way(Role.OPERATOR), ANN, None, Decision.ALLOW),
        (Way(Role.AUTHOR), ANN, None, Decision.FORBIDDEN),
        (Way(Role.AUTHOR, is_scoped=True), ANN, "etl-a", Decision.FORBIDDEN),
        (Way(Role.AUTHOR, is_scoped=True), ANN, "billing", Decision.FORBIDDEN),
        (Way(Role.VIEWER, is_scoped=True), ANN, "etl-a", Decision.ALLOW),
        (Way(Role.VIEWER, is_scoped=True), ANN, "billing", Decision.HIDDEN),
        (Way(Role.VIEWER, is_scoped=True), ANN, None, Decision.HIDDEN),
        (Way(Role.VIEWER), ANN, "etl-a", Decision.ALLOW),
        (Way(Role.VIEWER), ANN, "billing", Decision.HIDDEN),
        (Way(Role.VIEWER), ANN, "", Decision.HIDDEN),
    ],
)
def test_one_rule_says_who_may_do_what(
    route: Guarded, principal: Principal | None, schedule: str | None, decision: Decision
) -> None:
    assert decide(route, principal, schedule) is decision


def test_a_decision_is_a_status_of_http() -> None:
    assert [int(each) for each in Decision] == [200, 401, 403, 404]
