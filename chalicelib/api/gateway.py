"""What is to be merged into the API's description, because Chalice has no words for it.

Functions and constants for the deployment: nothing here runs when a request is served.
"""

import re
from collections.abc import Mapping
from typing import Any

from chalicelib.core.tokens import HEADER_PATTERN
from chalicelib.errors import InvalidInputError

AUTHORIZER = "authorize"  # its name in app.py, and so in the description's securityDefinitions

# Of a TOKEN authorizer: a header that doesn't fit is answered with 401, and no function is called.
IDENTITY_VALIDATION = HEADER_PATTERN

_ORIGIN = re.compile(
    r"https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?"
    r"|http://(?:localhost|127\.0\.0\.1)(?::[0-9]{1,5})?"
)
_BEARER = {"gatewayresponse.header.WWW-Authenticate": "'Bearer'"}

Json = dict[str, Any]


def additions(origin: str = "") -> Json:
    """What to merge into the Swagger document; `origin` is the one that browsers may ask from.

    Raises InvalidInputError for an origin that is not one exact origin.
    """
    authorizer = {"identityValidationExpression": IDENTITY_VALIDATION}
    return {
        "securityDefinitions": {AUTHORIZER: {"x-amazon-apigateway-authorizer": authorizer}},
        "x-amazon-apigateway-gateway-responses": gateway_responses(origin),
    }


def gateway_responses(origin: str = "") -> Mapping[str, Json]:
    """What the gateway itself answers with: without these, a browser couldn't read its 401 or 403.

    Empty: no browser of another origin asks, and none may read. Raises InvalidInputError.
    """
    readable = _readable_from(origin) if origin else {}
    return {
        "UNAUTHORIZED": {"responseParameters": {**readable, **_BEARER}},
        **{
            kind: {"responseParameters": readable}
            for kind in ("DEFAULT_4XX", "DEFAULT_5XX")
            if readable
        },
    }


def _readable_from(origin: str) -> dict[str, str]:
    if not _ORIGIN.fullmatch(origin):
        raise InvalidInputError.at(
            "origin",
            f"{origin[:200]!r} is no origin",
            allowed="https://HOST, as browsers write it: no path, no *",
        )
    return {
        "gatewayresponse.header.Access-Control-Allow-Origin": f"'{origin}'",
        "gatewayresponse.header.Vary": "'Origin'",
    }
