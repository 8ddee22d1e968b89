"""What stands in for API Gateway on one machine: takes a request to the app, and its answer back.

It recognises who asks by the same tokens as the authorizer on AWS. The policies that an authorizer
writes are for API Gateway's eyes: here the handlers' own check of role and scope decides alone.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from chalice.app import AuthRequest
from chalice.local import LambdaContext, LambdaEventConverter, LocalChalice, RouteMatcher

from chalicelib.api import problems
from chalicelib.api.entry import Entry, by_token
from chalicelib.api.registering import register
from chalicelib.core.access import Principal
from chalicelib.errors import SchedulerError

UNKNOWN = "unknown"  # the route of what leads nowhere


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it goes over the wire; `route` is the path that was meant, as in the table."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    route: str = UNKNOWN


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. Names of fields are in lower case."""

    method: str
    target: str
    fields: Mapping[str, str]
    body: bytes
    principal: Principal | None = None  # who asks, where that was found out already


# Who comes with this header `Authorization`; None for nobody. Raises BackendError.
Recognise = Callable[[str], Principal | None]


class Gateway:
    """Answers requests by the routes of the HTTP API, from any thread."""

    def __init__(self, recognise: Recognise) -> None:
        # Of the kind that keeps each thread's request apart from the others'.
        self._app = LocalChalice(app_name="batch-scheduler", configure_logs=False, env={})
        register(self._app, Entry(self._app.authorizer(ttl_seconds=0)(_never_asked), by_token))
        self._events = LambdaEventConverter(RouteMatcher(list(self._app.routes)))
        self._context = LambdaContext("api", 0)
        self._recognise = recognise

    def answer(self, asked: Asked) -> Reply:
        """The answer of a handler, or a problem document; to HEAD what GET would answer."""
        try:
            event = self._events.create_lambda_event(
                meant_by(asked), asked.target, dict(asked.fields), asked.body
            )
        except ValueError:  # what the matcher raises when no path is like this
            return refusal(HTTPStatus.NOT_FOUND, "There is nothing at this path.")
        route = str(event["requestContext"]["resourcePath"])
        methods = self._app.routes[route]
        method = meant_by(asked)
        if method not in methods:
            *others, last = sorted({*methods, *(["HEAD"] if "GET" in methods else [])})
            taken = f"{', '.join(others)} and {last} are" if others else f"{last} is"
            told = f"{asked.method} is not taken here; {taken}."
            status = HTTPStatus.METHOD_NOT_ALLOWED
            return refusal(status, told, [("Allow", ", ".join([*others, last]))], route)
        if methods[method].authorizer is not None:
            found = asked.principal or self.admit(asked, route)
            if isinstance(found, Reply):
                return found
            event["requestContext"]["authorizer"] = found.to_context()
        return _reply(self._app(event, self._context), route)

    def admit(self, asked: Asked, route: str) -> Principal | Reply:
        """Who asks, or the refusal."""
        try:
            found = self._recognise(asked.fields.get("authorization", ""))
        except SchedulerError as error:
            return failure(error, route)
        if found is None:
            told = "Nobody was recognised; send Authorization: Bearer and a token that is valid."
            asks = [("WWW-Authenticate", 'Bearer realm="batch-scheduler"')]
            return refusal(HTTPStatus.UNAUTHORIZED, told, asks, route)
        return found


def meant_by(asked: Asked) -> str:
    """The method by which a request is answered (RFC 9110, 9.3.2)."""
    return "GET" if asked.method == "HEAD" else asked.method


def failure(error: SchedulerError, route: str) -> Reply:
    """An error of ours as an answer."""
    status, document = problems.told(error)
    return _written(status, document, [], route)


def refusal(
    status: HTTPStatus,
    told: str,
    headers: Sequence[tuple[str, str]] = (),
    route: str = UNKNOWN,
) -> Reply:
    """A problem document as an answer."""
    return _written(status, problems.document(status, told), headers, route)


def _written(
    status: HTTPStatus,
    document: Mapping[str, Any],
    headers: Sequence[tuple[str, str]],
    route: str,
) -> Reply:
    kind = ("Content-Type", problems.MEDIA_TYPE)
    safe = ("X-Content-Type-Options", "nosniff")
    return Reply(status.value, [kind, safe, *headers], json.dumps(document).encode(), route)


def _reply(response: Mapping[str, Any], route: str) -> Reply:
    headers = list(response["headers"].items())
    headers += [(name, one) for name, all_ in response["multiValueHeaders"].items() for one in all_]
    body = response["body"] or ""
    is_binary = response.get("isBase64Encoded")
    content = base64.b64decode(body) if is_binary else body.encode()
    return Reply(response["statusCode"], headers, content, route)


def _never_asked(request: AuthRequest) -> Mapping[str, Any]:
    """Mark a route as one that asks for a token; who comes is found out by the gateway."""
    raise AssertionError(request)
