"""The table of routes and the app agree; who may do what; what is told of errors."""

import json
import subprocess
import sys

import pytest

import app
from chalicelib import errors
from chalicelib.api.desk import HANDLER
from chalicelib.api.openapi import description
from chalicelib.api.problems import status_of
from chalicelib.api.routes import ROUTES, Route
from chalicelib.core.access import Role
from chalicelib.errors import BackendError, SchedulerError
from tests.functional.api.desks import desk_with, memory_desk

SERVED = ROUTES
RUN = "/runs/nightly/2026-11-23T12:00:00Z"


def address(route: Route) -> str:
    filled = route.path.replace("{schedule_id}", "nightly")
    filled = filled.replace("{name}", "de").replace("{token_id}", "0a1b2c")
    return filled.replace("{started_at}", "2026-11-23T12:00:00Z")


def test_the_app_has_the_routes_of_the_table_and_no_others() -> None:
    found = {
        (method, path, entry.view_name.removeprefix(HANDLER))
        for path, methods in app.app.routes.items()
        for method, entry in methods.items()
    }
    assert found == {(each.method, each.path, each.operation) for each in SERVED}


def test_the_authorizer_stands_before_every_route_but_that_of_health() -> None:
    entries = [entry for methods in app.app.routes.values() for entry in methods.values()]
    opened = [entry.view_name for entry in entries if entry.authorizer is None]
    assert opened == ["http_health"]
    assert {entry.authorizer.name for entry in entries if entry.authorizer} == {"authorize"}


def test_importing_the_app_makes_no_client_and_opens_no_store() -> None:
    code = "import app, sys; sys.exit('boto3' in sys.modules or 'sqlite3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={}, check=False).returncode == 0


@pytest.mark.parametrize("route", SERVED, ids=lambda each: each.operation)
@pytest.mark.parametrize("role", [None, *Role])
def test_a_role_may_use_just_the_routes_that_the_table_gives_it(
    route: Route, role: Role | None
) -> None:
    desk = desk_with("nightly")
    if role is None:
        response = desk.client.http.request(route.method, address(route))
        assert (response.status_code == 401) is (route.role is not None)
        return
    response = desk.as_(role).request(route.method, address(route), {})
    assert (response.status_code == 403) is (route.role is not None and role < route.role)


@pytest.mark.parametrize(
    "route", [each for each in SERVED if each.is_scoped], ids=lambda each: each.operation
)
def test_what_is_out_of_scope_is_told_of_as_what_is_not_there(route: Route) -> None:
    desk, nowhere = desk_with("nightly"), memory_desk()
    body = {"reason": "x"}
    there = desk.as_(Role.ADMIN, "weekly", "n-").request(route.method, address(route), body)
    assert there.status_code == 404
    if route.operation == "put_schedule":
        return
    seen = {"jobs": ["a"], "as": "failed"} if "jobs" in route.operation else None
    missing = nowhere.request(route.method, address(route), seen and seen | body)
    if route.method == "GET" and "logs" not in route.path:
        assert (missing.status_code, missing.body) == (404, there.body)


def test_a_context_that_names_nobody_is_refused() -> None:
    for context in ({}, {"actor": "a", "role": "king", "scopes": "[]"}, {"scopes": "x"}):
        token = {"authorization": json.dumps(context)}
        response = memory_desk().client.http.get("/schedules", headers=token)
        assert response.status_code == 403


@pytest.mark.parametrize("status", ["408", "411", "413", "431"])
def test_what_is_answered_to_any_request_is_described_for_all_of_them(status: str) -> None:
    made = description()
    told = [
        operation["responses"] for path in made["paths"].values() for operation in path.values()
    ]
    assert all(status in each for each in told)
    named = {each[status]["$ref"] for each in told if "$ref" in each[status]}
    (reference,) = named
    assert reference.rpartition("/")[2] in made["components"]["responses"]


def test_every_error_has_a_status() -> None:
    def below(kind: type[SchedulerError]) -> list[type[SchedulerError]]:
        return [kind, *(found for each in kind.__subclasses__() for found in below(each))]

    tree = [kind for kind in below(SchedulerError) if kind.__module__ == errors.__name__]
    made: list[SchedulerError] = []
    for kind in tree[1:]:
        if kind is BackendError:
            made += [BackendError("a", "b", "c", retryable=flag) for flag in (True, False)]
        else:
            made.append(kind.__new__(kind))
    assert [status_of(each).value for each in made] == [
        400, 422, 404, 410, 409, 412, 409, 503, 502,
    ]  # fmt: skip


def test_the_description_tells_of_headers_where_they_come() -> None:
    paths = description()["paths"]

    def headers(path: str, method: str, status: str) -> list[str]:
        return sorted(paths[path][method]["responses"][status].get("headers", {}))

    run = "/runs/{schedule_id}/{started_at}"
    assert (
        headers("/runs", "post", "202") == headers(f"{run}/cancel", "post", "202") == ["Location"]
    )
    assert (
        headers("/runs", "post", "409") == headers(f"{run}/hold", "post", "409") == ["Retry-After"]
    )
    assert headers("/tokens", "post", "201") == headers(f"{run}/hold", "post", "200") == []
    for status in ("200", "304"):
        assert headers(run, "get", status) == headers("/health", "get", status) == ["ETag"]
    assert headers("/schedules/{schedule_id}", "put", "201") == ["ETag"]
    assert headers("/runs", "get", "401") == ["WWW-Authenticate"]
    assert "401" not in paths["/health"]["get"]["responses"]
    assert "403" in paths["/health"]["get"]["responses"]
