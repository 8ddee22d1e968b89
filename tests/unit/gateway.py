"""A model of API Gateway, as far as it decides who gets through: routes, authorizer, its cache.

After the documentation: a TOKEN authorizer's policy is kept for its TTL by the token alone; in the
ARNs of a policy `*` is any text, `/` included, and `?` any character; a Deny goes before an Allow;
what nothing allows is denied; an authorizer's error is 401 if it says so, else 500.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from chalicelib.api.gateway import IDENTITY_VALIDATION
from chalicelib.api.routes import ROUTES, Route

STAGE = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/api"

Json = dict[str, Any]
Authorizer = Callable[[str, str], Json]  # of a header and the called method's ARN


@dataclass(frozen=True, slots=True)
class Kept:
    """A policy in the cache."""

    answer: Json
    until: datetime


class Gateway:
    """One stage of an API: what it answers before any handler is called, 200 for nothing."""

    def __init__(
        self,
        authorizer: Authorizer,
        clock: Callable[[], datetime],
        *,
        ttl: int = 0,
        routes: Sequence[Route] = ROUTES,
        validates: bool = True,
    ) -> None:
        self.asked = 0  # how often the authorizer was
        self._authorizer = authorizer
        self._clock = clock
        self._ttl = timedelta(seconds=ttl)
        self._routes = tuple(routes)
        self._validates = validates
        self._cache: dict[str, Kept] = {}

    def ask(self, method: str, path: str, header: str | None = None) -> int:
        """The status of a request as far as the gateway decides it."""
        route = route_of(method, path, self._routes)
        if route is None:
            return 403  # Missing Authentication Token
        if route.role is None:
            return 200
        if header is None or (self._validates and not re.search(IDENTITY_VALIDATION, header)):
            return 401
        arn = f"{STAGE}/{method}/{path[1:]}"
        try:
            answer = self._answer(header, arn)
        except Exception as error:
            return 401 if str(error) == "Unauthorized" else 500
        return 200 if is_allowed(answer["policyDocument"], arn) else 403

    def context_of(self, header: str) -> Json:
        """What the authorizer has said of whom it let in: every value is a text for the handler."""
        return {name: str(value) for name, value in self._cache[header].answer["context"].items()}

    def _answer(self, header: str, arn: str) -> Json:
        kept = self._cache.get(header)
        if kept is None or self._clock() >= kept.until:
            self.asked += 1
            kept = Kept(self._authorizer(header, arn), self._clock() + self._ttl)
            self._cache[header] = kept
        return kept.answer


def is_allowed(policy: Json, arn: str) -> bool:
    """What a policy says of a method: nothing is no."""
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        for resource in statement["Resource"]
        if matches(resource, arn)
    }
    return effects == {"Allow"}


def matches(resource: str, arn: str) -> bool:
    """Whether an ARN of a policy means this one."""
    return _pattern(resource).fullmatch(arn) is not None


@lru_cache(maxsize=10_000)
def _pattern(resource: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(c) or re.escape(c) for c in resource), re.DOTALL)


def route_of(method: str, path: str, routes: Sequence[Route] = ROUTES) -> Route | None:
    """The route that a request means: literal parts go before variable ones."""
    parts = path.split("/")
    found = [
        route for route in routes if route.method == method and _fits(route.path.split("/"), parts)
    ]
    return min(found, key=lambda route: route.path.count("{"), default=None)


def _fits(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    return len(pattern) == len(parts) and all(
        (each.startswith("{") and part != "") or each == part
        for each, part in zip(pattern, parts, strict=True)
    )


def path_of(route: Route, *values: str) -> str:
    """The route's path with these for its variable parts, in order."""
    left = list(values)
    return re.sub(r"\{\w+\}", lambda _: left.pop(0), route.path)
