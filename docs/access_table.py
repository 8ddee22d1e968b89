"""Who may do what over HTTP, as the table of docs/access.md: made from the routes and the rule."""

from collections.abc import Iterator, Sequence

from chalicelib.api.routes import ROUTES, Route
from chalicelib.core.access import Decision, Principal, Role, decide

HEAD = ("Route", "Operation", *(role.word for role in Role), "out of scope", "no token")
_SCOPE, _WITHIN, _OUTSIDE = "etl-", "etl-nightly", "billing"
_ALLOWED = "yes"


def rows(routes: Sequence[Route] = ROUTES) -> Iterator[Sequence[str]]:
    """One row a route: what each role may, what a schedule out of scope is told, and nobody."""
    for route in routes:
        yield (
            f"`{route.method} {route.path}`",
            f"`{route.operation}`",
            *(_told(route, _somebody(role), _WITHIN) for role in Role),
            _told(route, _somebody(Role.ADMIN), _OUTSIDE) if route.is_scoped else "",
            _told(route, None, _WITHIN),
        )


def _somebody(role: Role) -> Principal:
    return Principal(actor="somebody", role=role, scopes=(_SCOPE,))


def _told(route: Route, principal: Principal | None, schedule_id: str) -> str:
    decision = decide(route, principal, schedule_id if route.is_scoped else None)
    return _ALLOWED if decision is Decision.ALLOW else str(int(decision))
