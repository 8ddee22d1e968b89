"""The gateway before the HTTP API, and each way in which such gateways have been got wrong.

The model of the gateway is tests/unit/gateway.py. The eleven pitfalls are those that Chalice and
API Gateway are known for, one test each at least.
"""

import json
import logging
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api import authorizing
from chalicelib.api.authorizing import TTL_SECONDS, authorize, policy, stage_of
from chalicelib.api.gateway import IDENTITY_VALIDATION, additions, gateway_responses
from chalicelib.api.routes import OF_OPERATION, ROUTES, Route
from chalicelib.config import Api
from chalicelib.core.access import Decision, Principal, Role, decide
from chalicelib.core.granting import TokenWish
from chalicelib.core.tokens import RANDOM_BYTES, make_token
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.local.memory_tokens import MemoryTokens
from chalicelib.ports import AccessPorts
from chalicelib.services import tokens
from tests.unit.gateway import STAGE, Gateway, is_allowed, matches, path_of, route_of
from tests.unit.runs import NOW

ROOT = Principal(actor="root", role=Role.ADMIN)
START = "2026-11-23T14:55:01.123456Z"
VALUES = ("etl-nightly", START)
GUARDED = [route for route in ROUTES if route.role is not None]
SCOPES = (("",), ("etl-",), ("billing", "load-"))
ORIGIN = "https://console.example.org"


class World:
    """A store of tokens, a clock, and the gateway before the authorizer."""

    def __init__(self, ttl: int = TTL_SECONDS, **options: Any) -> None:
        self.clock = VirtualClock(NOW)
        self.ports = AccessPorts(tokens=MemoryTokens(), clock=self.clock)
        self.gateway = Gateway(
            lambda header, arn: authorize(self.ports, header, arn), self.clock, ttl=ttl, **options
        )
        self._given = 0

    def header(self, role: Role, scopes: tuple[str, ...] = ("",)) -> str:
        """What the bearer of a new token sends."""
        self._given += 1
        wish = TokenWish(name=f"n{self._given}", role=role, scopes=scopes)
        chance = bytes([self._given]) * RANDOM_BYTES
        return f"Bearer {tokens.create(self.ports.tokens, wish, ROOT, NOW, chance).text}"

    def ask(self, route: Route, header: str | None, *values: str) -> int:
        return self.gateway.ask(route.method, path_of(route, *(values or VALUES)), header)


def answer(role: Role = Role.VIEWER, scopes: tuple[str, ...] = ("",)) -> Any:
    world = World()
    return authorize(world.ports, world.header(role, scopes), f"{STAGE}/GET/runs")


def expected(route: Route, role: Role) -> int:
    """What the table says, as far as a gateway can know: not of schedules."""
    decision = decide(route, Principal(actor="x", role=role), VALUES[0])
    return int(decision)


# 1: a policy is kept for every later request of the same token


@pytest.mark.parametrize("scopes", SCOPES)
@pytest.mark.parametrize("role", Role)
def test_pitfall_01_what_was_called_first_changes_nothing_for_what_is_called_next(
    role: Role, scopes: tuple[str, ...]
) -> None:
    fresh = {}
    for route in ROUTES:
        world = World()
        fresh[route] = world.ask(route, world.header(role, scopes))
        assert fresh[route] == expected(route, role), route
    for first in GUARDED:
        world = World()
        header = world.header(role, scopes)
        world.ask(first, header)
        for then in ROUTES:
            assert world.ask(then, header) == fresh[then], (first, then)
        assert world.gateway.asked == 1


SEGMENTS = st.text(
    st.sampled_from("abcdefxyzLOGS0189-_.~:%@*?+"), min_size=1, max_size=12
) | st.sampled_from(
    ["tokens", "schedules", "runs", "calendars", "logs", "restart", "%2F", "..", "*"]
)


@given(
    st.sampled_from(Role),
    st.lists(
        st.tuples(st.sampled_from(ROUTES), st.lists(SEGMENTS, min_size=2, max_size=2)),
        min_size=1,
        max_size=6,
    ),
)
def test_pitfall_01_whatever_stands_in_the_paths_the_kept_policy_is_the_table(
    role: Role, requests: list[tuple[Route, list[str]]]
) -> None:
    world = World()
    header = world.header(role)
    for route, values in requests:
        meant = route_of(route.method, path_of(route, *values))
        assert meant is not None
        assert world.ask(route, header, *values) == expected(meant, role)


# 2: the default of 300 s


def test_pitfall_02_the_time_that_a_policy_is_kept_is_said_and_short() -> None:
    assert 0 < TTL_SECONDS <= 60


def test_pitfall_02_a_revoked_token_is_good_for_no_longer_than_that() -> None:
    world = World()
    header = world.header(Role.VIEWER)
    route = OF_OPERATION["list_runs"]
    assert world.ask(route, header) == 200
    tokens.revoke(world.ports.tokens, header.removeprefix("Bearer "), ROOT, NOW)
    world.clock.advance(TTL_SECONDS - 1)
    assert world.ask(route, header) == 200
    world.clock.advance(1)
    assert world.ask(route, header) == 401


# 3: a path without methods allows all of them


@pytest.mark.parametrize("role", Role)
def test_pitfall_03_what_is_allowed_names_one_method_each(role: Role) -> None:
    for statement in policy(role, STAGE)["Statement"]:
        for resource in statement["Resource"]:
            method = resource.removeprefix(f"{STAGE}/").partition("/")[0]
            assert method in {"GET", "POST", "PUT", "DELETE"}


def test_pitfall_03_who_may_read_a_schedule_may_not_delete_it() -> None:
    world = World()
    header = world.header(Role.VIEWER)
    assert world.ask(OF_OPERATION["get_schedule"], header) == 200
    assert world.ask(OF_OPERATION["delete_schedule"], header) == 403


# 4: `*` crosses `/`


def test_pitfall_04_a_wildcard_is_matched_across_slashes() -> None:
    assert matches("GET/schedules/*", "GET/schedules/a/runs/1/logs")


def test_pitfall_04_a_wildcard_stands_only_where_a_path_varies() -> None:
    for statement in policy(Role.ADMIN, STAGE)["Statement"]:
        for resource in statement["Resource"]:
            found = route_of(
                *resource.removeprefix(f"{STAGE}/").replace("*", "x").replace("/", " /", 1).split()
            )
            assert found is not None, resource
            assert resource.count("*") == found.path.count("{")


CROSSING = (
    Route("GET", "/things/{name}", "read", Role.VIEWER),
    Route("GET", "/things/{name}/secret", "secret", Role.ADMIN),
    Route("GET", "/things/{name}/deep/{more}", "deep", Role.OPERATOR),
    Route("POST", "/things/{name}/secret", "write", Role.ADMIN),
    Route("GET", "/others", "others", Role.ADMIN),
)


@pytest.mark.parametrize("role", Role)
def test_pitfall_04_what_a_wildcard_would_reach_besides_is_denied_by_name(role: Role) -> None:
    document = policy(role, STAGE, CROSSING)
    for route in CROSSING:
        arn = f"{STAGE}/{route.method}{path_of(route, 'a', 'b')}"
        assert is_allowed(document, arn) == (route.role is not None and route.role <= role)


def test_pitfall_04_only_what_would_be_reached_is_denied() -> None:
    _, denied = policy(Role.VIEWER, STAGE, CROSSING)["Statement"]
    assert denied == {
        "Action": "execute-api:Invoke",
        "Effect": "Deny",
        "Resource": [f"{STAGE}/GET/things/*/secret", f"{STAGE}/GET/things/*/deep/*"],
    }


PATTERNS = st.text(st.sampled_from("ab/*"), max_size=6)


@given(PATTERNS, PATTERNS, st.text(st.sampled_from("ab/"), max_size=6))
def test_pitfall_04_two_patterns_that_one_text_fits_are_found(
    one: str, other: str, text: str
) -> None:
    if matches(one, text) and matches(other, text):
        assert authorizing._meet(one, other)  # noqa: SLF001 - the rule that denies go by
    if not set("*") & set(one + other):
        assert authorizing._meet(one, other) == (one == other)  # noqa: SLF001 - as above


@pytest.mark.parametrize("role", Role)
def test_pitfall_04_no_denial_hits_what_the_role_may_call(role: Role) -> None:
    _, *denials = policy(role, STAGE)["Statement"]
    denied = [resource for statement in denials for resource in statement["Resource"]]
    for route in GUARDED:
        if route.role is not None and route.role <= role:
            arn = f"{STAGE}/{route.method}{path_of(route, *VALUES)}"
            assert not any(matches(each, arn) for each in denied)


# 5: an empty list of routes allows everything


def test_pitfall_05_who_may_call_nothing_is_denied_everything_in_so_many_words() -> None:
    only = [Route("GET", "/tokens", "list_tokens", Role.ADMIN)]
    document = policy(Role.VIEWER, STAGE, only)
    everything = {"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": [f"{STAGE}/*"]}
    assert document["Statement"] == [everything]
    assert not is_allowed(document, f"{STAGE}/GET/tokens")


@pytest.mark.parametrize("role", Role)
def test_pitfall_05_no_statement_is_without_a_resource(role: Role) -> None:
    for routes in (ROUTES, CROSSING, CROSSING[1:2], ()):
        assert all(each["Resource"] for each in policy(role, STAGE, routes)["Statement"])


def test_pitfall_05_who_is_not_recognised_is_told_401_not_403() -> None:
    world = World(validates=False)
    assert world.ask(OF_OPERATION["list_runs"], "Bearer nonsense") == 401


# 6: the path `/`


def test_pitfall_06_no_route_is_the_root_which_the_gateway_names_in_its_own_way() -> None:
    assert "/" not in {route.path for route in ROUTES}
    (allowed,) = policy(Role.ADMIN, STAGE, [Route("GET", "/", "root", Role.VIEWER)])["Statement"]
    assert allowed["Resource"] == [f"{STAGE}/GET/"]


# 7: whatever is handed on becomes text


@pytest.mark.parametrize("is_use_due", [True, False])
def test_pitfall_07_what_is_handed_on_is_text_already_and_false_is_not_true(
    is_use_due: bool,
) -> None:
    principal = Principal(
        actor="ann", role=Role.VIEWER, scopes=("False", ""), is_use_due=is_use_due
    )
    as_text = {name: str(value) for name, value in principal.to_context().items()}
    assert as_text == principal.to_context()
    assert Principal.of_context(as_text) == principal
    for other in ("False", "True", "1", "null", ""):
        assert not Principal.of_context({**as_text, "useDue": other}).is_use_due


def test_pitfall_07_what_the_gateway_adds_of_its_own_does_no_harm() -> None:
    told = answer(Role.OPERATOR, ("etl-",))
    context = {**told["context"], "principalId": told["principalId"], "integrationLatency": "12"}
    found = Principal.of_context(context)
    assert (found.role, found.scopes) == (Role.OPERATOR, ("etl-",))


# 8: 401, 403, 404


@pytest.mark.parametrize("reason", ["missing", "malformed", "unknown", "expired", "revoked"])
def test_pitfall_08_whatever_is_wrong_with_a_token_the_client_is_told_the_same(
    reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    world = World(validates=False)
    header: str | None = world.header(Role.ADMIN)
    assert header is not None
    if reason == "missing":
        header = None
    elif reason == "malformed":
        header = header[:-1]
    elif reason == "unknown":
        header = f"Bearer {make_token(b'x' * RANDOM_BYTES).text}"
    elif reason == "revoked":
        tokens.revoke(world.ports.tokens, header.removeprefix("Bearer "), ROOT, NOW)
    else:
        world.clock.advance(timedelta(days=30).total_seconds())
    for route in GUARDED:
        assert world.ask(route, header) == 401
    told = {f"A token was refused: {reason}."} if reason != "missing" else set()
    assert set(caplog.messages) == told


def test_pitfall_08_a_role_that_is_too_low_is_403_before_any_scope_is_looked_at() -> None:
    principal = Principal(actor="ann", role=Role.VIEWER, scopes=("etl-",))
    put = OF_OPERATION["put_schedule"]
    assert decide(put, principal, "etl-a") is Decision.FORBIDDEN
    assert decide(put, principal, "billing") is Decision.FORBIDDEN
    assert decide(OF_OPERATION["get_schedule"], principal, "billing") is Decision.HIDDEN


# 9: the gateway's own answers have no CORS headers


def test_pitfall_09_a_browser_of_the_one_origin_can_read_the_gateways_own_refusals() -> None:
    responses = gateway_responses(Api(origin=ORIGIN))
    assert set(responses) >= {"UNAUTHORIZED", "ACCESS_DENIED", "DEFAULT_4XX", "DEFAULT_5XX"}
    for response in responses.values():
        headers = response["responseParameters"]
        assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == f"'{ORIGIN}'"
        assert headers["gatewayresponse.header.Vary"] == "'Origin'"
    assert "*" not in json.dumps(responses)


def test_pitfall_09_without_an_origin_no_other_page_can_read_anything() -> None:
    assert "Access-Control" not in json.dumps(additions(Api()))
    told = gateway_responses(Api())["UNAUTHORIZED"]["responseParameters"]
    assert told == {"gatewayresponse.header.WWW-Authenticate": "'Bearer'"}


@pytest.mark.parametrize("kind", gateway_responses(Api()))
def test_what_the_gateway_itself_refuses_is_told_by_a_problem_document(kind: str) -> None:
    templates = gateway_responses(Api())[kind]["responseTemplates"]
    assert set(templates) == {"application/json", "application/problem+json"}
    for template in templates.values():
        told = json.loads(
            template.replace("$context.error.messageString", '"Too many \\" requests"')
        )
        assert (told["type"], told["detail"]) == ("about:blank", 'Too many " requests')
        assert told.get("status", 400) >= 400


# 10: handlers look again, and only at what the authorizer found out


@pytest.mark.parametrize("role", Role)
def test_pitfall_10_the_rule_that_handlers_go_by_is_the_gateways(role: Role) -> None:
    document = policy(role, STAGE)
    told = answer(role)["context"]
    for route in GUARDED:
        arn = f"{STAGE}/{route.method}{path_of(route, *VALUES)}"
        by_handler = decide(route, Principal.of_context(told), VALUES[0])
        assert (by_handler is Decision.ALLOW) == is_allowed(document, arn)


def test_pitfall_10_what_is_handed_on_comes_from_the_store_and_not_from_the_request() -> None:
    world = World()
    header = world.header(Role.VIEWER, ("etl-",))
    told = authorize(world.ports, header, f"{STAGE}/GET/runs?role=admin")
    assert told["context"]["role"] == "viewer"
    assert told["context"]["scopes"] == '["etl-"]'


# 11: garbage calls no function


@given(st.text(max_size=80) | st.from_regex(r"Bearer [a-z_A-Z0-9]{0,80}", fullmatch=True))
def test_pitfall_11_what_does_not_look_like_a_token_calls_no_function(header: str) -> None:
    world = World()
    assert world.ask(OF_OPERATION["list_runs"], header) == 401
    assert world.gateway.asked == 0


def test_pitfall_11_every_token_looks_like_one_to_the_gateway() -> None:
    world = World()
    assert world.ask(OF_OPERATION["list_runs"], world.header(Role.VIEWER)) == 200
    # Java's regular expressions have all that is used of it: classes, counts and anchors.
    assert re.fullmatch(r"[\^$\[\]{}0-9A-Za-z_ -]+", IDENTITY_VALIDATION)
    definition = additions(Api())["securityDefinitions"]["authorize"]
    assert definition["x-amazon-apigateway-authorizer"] == {
        "identityValidationExpression": IDENTITY_VALIDATION
    }


# And besides


def test_the_stage_is_read_from_any_method_that_was_called() -> None:
    assert stage_of(f"{STAGE}/GET/") == STAGE
    assert stage_of(f"{STAGE}/POST/runs/a/b/cancel") == STAGE
    assert stage_of("arn:aws-cn:execute-api:cn-north-1:1:x/prod/GET/a").endswith(":x/prod")


@pytest.mark.parametrize("role", Role)
def test_a_policy_is_smaller_than_what_the_gateway_takes(role: Role) -> None:
    stage = "arn:aws-us-gov:execute-api:us-gov-east-1:123456789012:abcdefghij/a-stage-of-20-letter"
    text = json.dumps(policy(role, stage), separators=(",", ":"))
    assert len(text) < 8192  # bytes (API Gateway quotas)


def test_a_store_that_fails_lets_nobody_in() -> None:
    world = World()
    header = world.header(Role.ADMIN)
    broken = replace(world.ports, clock=lambda: 1 / 0)  # type: ignore[arg-type] # fails
    gateway = Gateway(lambda given, arn: authorize(broken, given, arn), world.clock)
    assert gateway.ask("GET", "/runs", header) == 500
