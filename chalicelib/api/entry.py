"""How callers come in: by which authorizer, as whom, and from the pages of which other origin."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from chalice.app import CORSConfig, IAMAuthorizer, Request

from chalicelib.api.problems import RefusedError
from chalicelib.config import Access, Api
from chalicelib.core.access import Principal, Role

_PREFLIGHT = 600  # s for which a browser goes by an answer to OPTIONS
_SENT = ("Idempotency-Key", "If-Match", "If-None-Match")
_READ = ("ETag", "Location", "Retry-After")


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands before every route but those that are open to everybody."""

    authorizer: Any  # Chalice's
    recognise: Callable[[Request], Principal]  # raises RefusedError
    cors: CORSConfig | None = None  # None: no page of another origin may read an answer
    access: Access = Access.TOKEN


def entry_of(api: Api, authorizer: Any) -> Entry:
    """The entry that a stage asks for; `authorizer` knows tokens."""
    cors = _readable_from(api.origin) if api.origin else None
    if api.access is Access.IAM:
        return Entry(IAMAuthorizer(), by_iam, cors, api.access)
    return Entry(authorizer, by_token, cors)


def by_token(request: Request) -> Principal:
    """Who the authorizer has found out, and nobody by anything else. Raises RefusedError."""
    try:
        return Principal.of_context(request.context["authorizer"])
    except (KeyError, TypeError, ValueError) as error:
        raise _nobody() from error


def by_iam(request: Request) -> Principal:
    """Whose credentials have signed the request, as the gateway has verified. Raises RefusedError.

    IAM has decided about the route before we are asked, and knows no scopes: so he sees all
    schedules, and may do what an author may. Tokens are nothing to this stage, nor is an admin.
    """
    try:
        arn = request.context["identity"]["userArn"]
    except (KeyError, TypeError) as error:
        raise _nobody() from error
    if not isinstance(arn, str) or not arn.startswith("arn:"):
        raise _nobody()
    return Principal(actor=arn, role=Role.AUTHOR)


def _readable_from(origin: str) -> CORSConfig:
    return CORSConfig(
        allow_origin=origin, allow_headers=_SENT, expose_headers=_READ, max_age=_PREFLIGHT
    )


def _nobody() -> RefusedError:
    return RefusedError(HTTPStatus.FORBIDDEN, "Nobody was recognised.")
