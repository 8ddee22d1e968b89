"""The HTTP API without a socket: an app whose authorizer believes what tests say of themselves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalice.app import AuthRequest, AuthResponse, Chalice
from chalice.test import Client, HTTPResponse

from chalicelib.api.entry import Entry, by_token
from chalicelib.api.registering import register
from chalicelib.bootstrap import offering
from chalicelib.core.access import Principal, Role
from chalicelib.services import schedules
from chalicelib.services.served import Served
from tests.builders import job, loaded
from tests.unit.served import MemoryEdition

Json = dict[str, Any]
ADMIN = Principal(actor="ada", role=Role.ADMIN)


@dataclass
class HttpDesk:
    """Asks the app, as somebody, on an edition."""

    edition: Served
    app: Chalice
    client: Client
    principal: Principal = ADMIN

    def request(
        self, method: str, path: str, value: Any = None, headers: Mapping[str, str] | None = None
    ) -> HTTPResponse:
        """The answer; `value` is sent as JSON, or as it is if it is bytes."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        sent = {"authorization": json.dumps(self.principal.to_context())}
        if value is not None:
            sent["content-type"] = "application/json"
        return self.send(method, path, sent | dict(headers or {}), b"" if value is None else body)

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> HTTPResponse:
        """The answer to a request that is sent just so."""
        with offering(self.edition):
            return self.client.http.request(method, path, headers=dict(headers), body=body)

    def invoke(self, event: Json) -> Json:
        """What the app answers to an event of API Gateway."""
        with offering(self.edition):
            answer: Json = self.app(event, None)
        return answer

    def get(self, path: str, status: int = 200, **headers: str) -> Any:
        """The JSON of an answer that has this status."""
        return self._told(self.request("GET", path, headers=_named(headers)), status)

    def post(self, path: str, value: Any = None, status: int = 200, **headers: str) -> Any:
        return self._told(self.request("POST", path, value, _named(headers)), status)

    def put(self, path: str, value: Any, status: int = 200, **headers: str) -> Any:
        return self._told(self.request("PUT", path, value, _named(headers)), status)

    def delete(self, path: str, status: int = 204, **headers: str) -> Any:
        return self._told(self.request("DELETE", path, headers=_named(headers)), status)

    def as_(self, role: Role, *scopes: str) -> "HttpDesk":
        """The same for somebody else."""
        somebody = Principal(actor=role.word, role=role, scopes=scopes or ("",))
        return HttpDesk(self.edition, self.app, self.client, somebody)

    def _told(self, response: HTTPResponse, status: int) -> Any:
        assert response.status_code == status, response.body
        if status >= 400:
            assert response.headers["Content-Type"] == "application/problem+json"
            assert response.json_body["status"] == status
        return response.json_body


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def believing_app() -> Chalice:
    """All routes, behind an authorizer that takes a principal's context for a token."""
    app = Chalice("believing", configure_logs=False, env={})

    @app.authorizer(ttl_seconds=0)
    def believe(request: AuthRequest) -> AuthResponse:
        return AuthResponse(["*"], "somebody", json.loads(request.token))

    register(app, Entry(believe, by_token))
    return app


def memory_desk(edition: Served | None = None) -> HttpDesk:
    app = believing_app()
    return HttpDesk(edition or MemoryEdition(), app, Client(app, project_dir="/nowhere"))


def desk_with(*schedule_ids: str) -> HttpDesk:
    """A desk where these schedules are stored: `clean` runs after `load`."""
    desk = memory_desk()
    for schedule_id in schedule_ids:
        document = loaded(
            job("load"),
            job("clean", "load"),
            scheduleId=schedule_id,
            parameters={"day": {"default": "today"}},
        )
        schedules.put(desk.edition.ports, document, "ada")
    return desk
