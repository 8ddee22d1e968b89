"""The table of who may do what, walked cell by cell: page, rule and gateway say the same."""

import re
from pathlib import Path

import pytest

from chalicelib.api.authorizing import policy
from chalicelib.api.routes import ROUTES, Route
from chalicelib.core.access import Decision, Principal, Role, decide
from tests.unit.gateway import STAGE, is_allowed, path_of

PAGE = Path(__file__).parents[2] / "docs" / "access.md"
ROW = re.compile(r"^\| `(\w+) (\S+)` \| `(\w+)` \| (.+) \|$", re.MULTILINE)
CELLS = {
    (method, path): [cell.strip() for cell in cells.split("|")]
    for method, path, _, cells in ROW.findall(PAGE.read_text(encoding="utf-8"))
}
WITHIN, OUTSIDE = "etl-nightly", "billing"
STATUS = {"yes": 200, "401": 401, "403": 403, "404": 404}


def somebody(role: Role) -> Principal:
    return Principal(actor="somebody", role=role, scopes=("etl-",))


def through_the_gateway(route: Route, principal: Principal | None, schedule_id: str) -> int:
    """What a request ends with: the gateway's answer, or else the handler's by the rule."""
    if route.role is not None:
        if principal is None:
            return 401
        path = path_of(route, schedule_id, "2026-11-23T14:55:01.123456Z")
        if not is_allowed(policy(principal.role, STAGE), f"{STAGE}/{route.method}{path}"):
            return 403
    return int(decide(route, principal, schedule_id if route.is_scoped else None))


def test_the_page_has_every_route_and_no_other() -> None:
    assert list(CELLS) == [(route.method, route.path) for route in ROUTES]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_every_cell_of_the_page_is_what_a_request_ends_with(route: Route) -> None:
    *by_role, outside, nobody = CELLS[route.method, route.path]
    for role, cell in zip(Role, by_role, strict=True):
        assert through_the_gateway(route, somebody(role), WITHIN) == STATUS[cell]
        hidden = through_the_gateway(route, somebody(role), OUTSIDE)
        if route.is_scoped and STATUS[cell] == 200:
            assert hidden == STATUS[outside] == 404
        else:
            assert hidden == STATUS[cell]
    assert (outside == "") == (not route.is_scoped)
    assert through_the_gateway(route, None, WITHIN) == STATUS[nobody]


def test_nothing_but_health_is_open_to_everybody() -> None:
    assert [route.operation for route in ROUTES if route.role is None] == ["health"]


def test_only_reading_is_for_viewers() -> None:
    writing = {route.operation for route in ROUTES if route.method != "GET"}
    of_viewers = {route.operation for route in ROUTES if route.role is Role.VIEWER}
    assert writing & of_viewers == {"validate_schedule"}  # which stores nothing


def test_tokens_are_the_business_of_admins_alone() -> None:
    for route in ROUTES:
        assert ("/tokens" in route.path) == (route.role is Role.ADMIN)
        for role in (Role.VIEWER, Role.OPERATOR, Role.AUTHOR):
            if "/tokens" in route.path:
                assert decide(route, somebody(role)) is Decision.FORBIDDEN
