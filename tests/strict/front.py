"""API Gateway before a stage: who is let through, and with what the function behind is called."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from chalicelib.api.authorizing import TTL_SECONDS
from chalicelib.local.memory_queue import VirtualClock
from cloudformation.rendering import API_HANDLER
from tests.unit.gateway import STAGE, Gateway, route_of

Json = Any
Invoke = Callable[[str, Json], Json]


@dataclass(frozen=True, slots=True)
class Reply:
    """What whoever asked is answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Json:
        return json.loads(self.text)


class Front:
    """One API. Path parameters come decoded, as those of a proxy integration are said to."""

    def __init__(self, clock: VirtualClock, invoke: Invoke) -> None:
        self._invoke = invoke
        self._gateway = Gateway(self._authorize, clock, ttl=TTL_SECONDS)

    def ask(
        self,
        method: str,
        target: str,
        value: Json = None,
        token: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """The answer to a request; `value` is sent as JSON. Raises what the function dies of."""
        sent = {name.lower(): text for name, text in (headers or {}).items()}
        header = f"Bearer {token}" if token else None
        status = self._gateway.ask(method, urlsplit(target).path, header)
        if status != 200:
            return Reply(status, {}, json.dumps({"message": "as the gateway says"}))
        body = None if value is None else json.dumps(value)
        event = self._event(method, target, sent | {"content-type": "application/json"}, body)
        if header is not None and "authorizer" in event["requestContext"]:
            event["headers"]["authorization"] = header
            event["requestContext"]["authorizer"] = self._gateway.context_of(header)
        return _reply(self._invoke(API_HANDLER, event))

    def _authorize(self, header: str, arn: str) -> Json:
        event = {"type": "TOKEN", "authorizationToken": header, "methodArn": arn}
        return self._invoke("authorize", event)

    def _event(
        self, method: str, target: str, headers: dict[str, str], body: str | None
    ) -> dict[str, Any]:
        """An event of a Lambda proxy integration (API Gateway guide, "Input format")."""
        parts = urlsplit(target)
        route = route_of(method, parts.path)
        assert route is not None
        pairs = zip(route.path.split("/"), parts.path.split("/"), strict=True)
        captured = {name[1:-1]: unquote(text) for name, text in pairs if name.startswith("{")}
        asked: dict[str, list[str]] = {}
        for name, text in parse_qsl(parts.query, keep_blank_values=True):
            asked.setdefault(name, []).append(text)
        stage = STAGE.rpartition("/")[2]
        context = {
            "apiId": STAGE.rpartition(":")[2].partition("/")[0],
            "stage": stage,
            "httpMethod": method,
            "resourcePath": route.path,
            "path": f"/{stage}{parts.path}",
            "identity": {"sourceIp": "192.0.2.1"},
            **({} if route.role is None else {"authorizer": {}}),
        }
        return {
            "resource": route.path,
            "httpMethod": method,
            "path": parts.path,
            "headers": headers,
            "multiValueHeaders": {name: [text] for name, text in headers.items()},
            "pathParameters": captured or None,
            "multiValueQueryStringParameters": asked or None,
            "stageVariables": None,
            "requestContext": context,
            "body": body,
            "isBase64Encoded": False,
        }


def _reply(answer: Json) -> Reply:
    body = answer["body"] or ""
    if answer.get("isBase64Encoded"):
        body = base64.b64decode(body).decode()
    return Reply(answer["statusCode"], answer["headers"], body)
