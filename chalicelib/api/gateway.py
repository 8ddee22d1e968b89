"""What is to be merged into the API's description, because Chalice has no words for it.

Functions and constants for the deployment: nothing here runs when a request is served.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from chalicelib.api.problems import MEDIA_TYPE
from chalicelib.config import Access, Api
from chalicelib.core.tokens import HEADER_PATTERN

AUTHORIZER = "authorize"  # its name in app.py, and so in the description's securityDefinitions

# Of a TOKEN authorizer: a header that doesn't fit is answered with 401, and no function is called.
IDENTITY_VALIDATION = HEADER_PATTERN

# The gateway's kinds of answers of its own; what is no kind of these is one of the last two.
_KINDS: Mapping[str, HTTPStatus | None] = {
    "UNAUTHORIZED": HTTPStatus.UNAUTHORIZED,
    "ACCESS_DENIED": HTTPStatus.FORBIDDEN,
    "MISSING_AUTHENTICATION_TOKEN": HTTPStatus.FORBIDDEN,
    "REQUEST_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "THROTTLED": HTTPStatus.TOO_MANY_REQUESTS,
    "DEFAULT_4XX": None,
    "DEFAULT_5XX": None,
}
_TOLD = "$context.error.messageString"  # with its quotation marks (Gateway response types)

Json = dict[str, Any]


def additions(api: Api) -> Json:
    """What to merge into the Swagger document."""
    added: Json = {"x-amazon-apigateway-gateway-responses": gateway_responses(api)}
    if api.access is Access.TOKEN:
        authorizer = {"identityValidationExpression": IDENTITY_VALIDATION}
        definition = {"x-amazon-apigateway-authorizer": authorizer}
        added["securityDefinitions"] = {AUTHORIZER: definition}
    return added


def gateway_responses(api: Api) -> Mapping[str, Json]:
    """What the gateway itself answers with: problem documents, as we do.

    Pages of the stage's origin may read them; without that header no page could.
    """
    return {kind: _response(kind, status, api) for kind, status in _KINDS.items()}


def _response(kind: str, status: HTTPStatus | None, api: Api) -> Json:
    told: Json = {"type": "about:blank"}
    if status is not None:
        told |= {"title": status.phrase, "status": status.value}
    template = f'{json.dumps(told)[:-1]}, "detail": {_TOLD}}}'
    # Which of the two is taken, the header Accept may decide; without a fit it is JSON.
    templates = dict.fromkeys(("application/json", MEDIA_TYPE), template)
    response: Json = {"responseTemplates": templates}
    headers = _readable_from(api.origin) if api.origin else {}
    if kind == "UNAUTHORIZED" and api.access is Access.TOKEN:
        headers["gatewayresponse.header.WWW-Authenticate"] = "'Bearer'"
    return {**response, "responseParameters": headers} if headers else response


def _readable_from(origin: str) -> dict[str, str]:
    return {
        "gatewayresponse.header.Access-Control-Allow-Origin": f"'{origin}'",
        "gatewayresponse.header.Vary": "'Origin'",
    }
