"""The authorizer of app.py behind Chalice's own local gateway: in process, and on a real socket."""

import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from chalice.app import AuthRequest, Chalice
from chalice.config import Config
from chalice.local import LocalDevServer
from chalice.test import Client

import app as deployed
from chalicelib.api import authorizing, gateway
from chalicelib.api.routes import OF_OPERATION, ROUTES
from chalicelib.bootstrap import access_ports, admitting
from chalicelib.core.access import Principal, Role, decide
from chalicelib.core.granting import TokenWish
from chalicelib.core.tokens import RANDOM_BYTES
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.local.memory_tokens import MemoryTokens
from chalicelib.ports import AccessPorts
from chalicelib.services import tokens
from tests.unit.gateway import path_of
from tests.unit.runs import NOW

VALUES = ("etl-nightly", "2026-11-23T14:55:01.123456Z")
ROOT = Principal(actor="root", role=Role.ADMIN)


@pytest.fixture
def ports() -> AccessPorts:
    return AccessPorts(tokens=MemoryTokens(), clock=VirtualClock(NOW))


def header(ports: AccessPorts, role: Role) -> str:
    wish = TokenWish(name=role.word, role=role, scopes=("etl-",))
    chance = bytes([role.value]) * RANDOM_BYTES
    return f"Bearer {tokens.create(ports.tokens, wish, ROOT, NOW, chance).text}"


def echoing(authorizer: Any = deployed.authorize) -> Chalice:
    """Every route of the table; each tells what the authorizer handed on."""
    made = Chalice("echoing", configure_logs=False, env={})

    def echo(**path: str) -> Any:
        assert made.current_request is not None
        return dict(made.current_request.context.get("authorizer") or {})

    for route in ROUTES:
        options = {} if route.role is None else {"authorizer": authorizer}
        made.route(route.path, methods=[route.method], name=route.operation, **options)(echo)
    return made


def headers(given: str | None) -> dict[str, str]:
    return {"Content-Type": "application/json"} | ({"authorization": given} if given else {})


@pytest.mark.parametrize("role", [*Role, None])
def test_the_local_gateway_lets_through_what_the_table_says(
    ports: AccessPorts, role: Role | None
) -> None:
    client = Client(echoing(), project_dir="/nowhere")
    given = header(ports, role) if role else None
    principal = Principal(actor="x", role=role) if role else None
    with admitting(ports):
        for route in ROUTES:
            path = path_of(route, *VALUES)
            response = client.http.request(route.method, path, headers=headers(given))
            assert response.status_code == decide(route, principal, VALUES[0]), route


def test_handlers_are_told_who_it_is(ports: AccessPorts) -> None:
    client = Client(echoing(), project_dir="/nowhere")
    with admitting(ports):
        response = client.http.get("/runs", headers=headers(header(ports, Role.AUTHOR)))
    assert response.json_body["principalId"] == "author"
    found = Principal.of_context(response.json_body)
    assert (found.actor, found.role, found.scopes) == ("author", Role.AUTHOR, ("etl-",))
    assert found.is_use_due


@pytest.mark.parametrize("given", ["nonsense", "Bearer nonsense", "Basic YTpi"])
def test_what_is_no_token_is_401(ports: AccessPorts, given: str) -> None:
    client = Client(echoing(), project_dir="/nowhere")
    with admitting(ports):
        assert client.http.get("/runs", headers=headers(given)).status_code == 401


@dataclass(frozen=True)
class Wire:
    """A server that listens."""

    port: int

    def get(self, path: str, given: str | None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers=headers(given))
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


@contextmanager
def listening(ports: AccessPorts) -> Iterator[Wire]:
    """Chalice's local server. Its threads know nothing of what `admitting` gave this one."""
    made = Chalice("echoing", configure_logs=False, env={})

    @made.authorizer(name="authorize", ttl_seconds=0)
    def authorize(request: AuthRequest) -> Any:
        return authorizing.authorize(ports, request.token, request.method_arn)

    @made.route("/runs", authorizer=authorize)
    def runs() -> Any:
        return []

    @made.route("/tokens", authorizer=authorize)
    def list_tokens() -> Any:
        return []

    server = LocalDevServer(made, Config(), "127.0.0.1", 0)
    serving = threading.Thread(target=server.server.serve_forever)
    serving.start()
    try:
        yield Wire(server.server.server_address[1])
    finally:
        server.server.shutdown()
        serving.join()
        server.server.server_close()


def test_on_a_socket_too_a_wrong_token_is_401_and_a_low_role_403(ports: AccessPorts) -> None:
    viewer = header(ports, Role.VIEWER)
    with listening(ports) as wire:
        assert wire.get("/runs", viewer) == (200, [])
        assert wire.get("/runs", None)[0] == 401
        assert wire.get("/runs", "Bearer nonsense") == (401, {"message": "Unauthorized"})
        assert wire.get("/runs", viewer[:-1])[0] == 401
        assert wire.get("/tokens", viewer)[0] == 403
        tokens.revoke(ports.tokens, viewer.removeprefix("Bearer "), ROOT, NOW)
        assert wire.get("/runs", viewer)[0] == 401


def test_what_is_deployed_keeps_policies_for_the_time_we_say() -> None:
    assert deployed.authorize.config.ttl_seconds == authorizing.TTL_SECONDS
    assert deployed.authorize.config.name == deployed.authorize.name == gateway.AUTHORIZER
    assert deployed.authorize.config.header == "Authorization"


def test_an_authorizer_is_given_what_was_said_last(ports: AccessPorts) -> None:
    other = AccessPorts(tokens=MemoryTokens(), clock=VirtualClock(NOW))
    with admitting(ports):
        with admitting(other):
            assert access_ports() is other
        assert access_ports() is ports


IN_LAMBDA = """
import sys
import app
from chalicelib.bootstrap import admitting
from chalicelib.local.clock import SystemClock
from chalicelib.local.memory_tokens import MemoryTokens
from chalicelib.ports import AccessPorts

event = {"type": "TOKEN", "authorizationToken": "Bearer x", "methodArn": "arn:a:b:c:d:e/f/GET/g"}
assert "chalice.local" not in sys.modules
with admitting(AccessPorts(tokens=MemoryTokens(), clock=SystemClock())):
    try:
        app.authorize(event, None)
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_in_a_function_the_error_is_the_one_that_api_gateway_knows() -> None:
    command = [sys.executable, "-c", IN_LAMBDA]
    root = Path(deployed.__file__).parent
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "Exception Unauthorized\n"


def test_every_operation_of_the_table_is_named_once() -> None:
    assert len(OF_OPERATION) == len(ROUTES)
