"""Who may call what, as the gateway before the HTTP API wants to be told.

The gateway keeps a policy for `TTL_SECONDS` and goes by it for every later request with the same
token. So each policy is all that the role may call, and never only what was called first.
"""

import logging
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from chalicelib.api.routes import ROUTES, Route
from chalicelib.core.access import Role
from chalicelib.core.granting import Refusal
from chalicelib.core.tokens import borne
from chalicelib.ports import AccessPorts
from chalicelib.services.tokens import authenticate

logger = logging.getLogger(__name__)

# How long a revoked token may still be good for: the gateway doesn't ask again before. 0 would ask
# for every request. When nothing is said, API Gateway takes 300.
TTL_SECONDS = 60

Json = dict[str, Any]

_UNAUTHORIZED = "Unauthorized"  # the one message that API Gateway answers with 401 for


def authorize(ports: AccessPorts, header: str, method_arn: str) -> Json:
    """What the bearer of the token in the header `Authorization` may call.

    `method_arn` names the API and its stage. Raises what makes the gateway answer 401.
    """
    found = authenticate(ports.tokens, borne(header), ports.clock())
    if isinstance(found, Refusal):
        logger.info("A token was refused: %s.", found.value)
        raise _unauthorized()
    return {
        "principalId": found.actor,
        "context": found.to_context(),
        "policyDocument": policy(found.role, stage_of(method_arn)),
    }


def stage_of(method_arn: str) -> str:
    """The ARN of the stage that a method's ARN begins with: `…:api-id/stage`."""
    return "/".join(method_arn.split("/")[:2])


def policy(role: Role, stage: str, routes: Sequence[Route] = ROUTES) -> Json:
    """All that the role may call of the stage, and nothing that it may not."""
    allowed, denied = _resources(role, tuple(routes))
    if not allowed:
        # An empty list of what is allowed has been seen to allow everything (chalice#1619).
        return _document([_statement("Deny", stage, ("*",))])
    statements = [_statement("Allow", stage, allowed)]
    if denied:
        statements.append(_statement("Deny", stage, denied))
    return _document(statements)


@lru_cache(maxsize=64)
def _resources(role: Role, routes: tuple[Route, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the role may call, and what it may not but what the former could be taken for."""
    guarded = [(route.role, _resource(route)) for route in routes if route.role is not None]
    allowed = tuple(resource for least, resource in guarded if least <= role)
    denied = tuple(
        resource
        for least, resource in guarded
        if least > role and any(_meet(resource, each) for each in allowed)
    )
    return allowed, denied


def _resource(route: Route) -> str:
    """The end of the route's ARN: `*` for what varies, and for nothing else."""
    parts = ["*" if part.startswith("{") else part for part in route.path.split("/")]
    return f"{route.method}{'/'.join(parts)}"


@lru_cache(maxsize=16_384)
def _meet(one: str, other: str) -> bool:
    """Say whether any text fits both patterns; their `*` is any text, `/` included.

    A path's variable part has no `/` in it, so this finds rather too much than too little.
    """
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return _meet(one[1:], other) or _meet(one, other[1:])
    if other[0] == "*":
        return _meet(one, other[1:]) or _meet(one[1:], other)
    return one[0] == other[0] and _meet(one[1:], other[1:])


def _statement(effect: str, stage: str, resources: Sequence[str]) -> Json:
    return {
        "Action": "execute-api:Invoke",
        "Effect": effect,
        "Resource": [f"{stage}/{resource}" for resource in resources],
    }


def _document(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}


def _unauthorized() -> Exception:
    """The error that the gateway before us answers with 401 for.

    API Gateway goes by the message; Chalice's local server by an error of its own, and it would
    break the connection for any other. Where that server isn't, its module isn't either.
    """
    local: Any = sys.modules.get("chalice.local")
    if local is None:
        return Exception(_UNAUTHORIZED)
    headers = {"Content-Type": "application/json", "WWW-Authenticate": "Bearer"}
    error: Exception = local.NotAuthorizedError(headers, b'{"message":"Unauthorized"}')
    error.args = (_UNAUTHORIZED,)
    return error
