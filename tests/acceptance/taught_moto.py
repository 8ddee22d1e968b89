"""moto's server, taught to take the API that Chalice sends.

moto reads OpenAPI 3 and no authorizers; Chalice writes Swagger 2.0, and its API has one. Nothing of
an authorizer is tried there: moto lets everybody through.
"""

import sys
from collections.abc import Callable
from typing import Any

from moto.apigateway.models import APIGatewayBackend
from moto.server import main

Json = dict[str, Any]


def as_openapi(document: Json) -> Json:
    """The same API in the version that moto reads."""
    if "swagger" not in document:
        return document
    rest = {name: value for name, value in document.items() if name != "swagger"}
    return {**rest, "openapi": "3.0.1", "info": {"description": "", **document["info"]}}


def keep_authorizers(backend: APIGatewayBackend, api: str, document: Json) -> None:
    """Have those that the document describes, in the place of the ones before."""
    backend.get_rest_api(api).authorizers.clear()
    for name, each in document.get("securityDefinitions", {}).items():
        told = each["x-amazon-apigateway-authorizer"]
        backend.create_authorizer(
            api,
            name,
            told["type"].upper(),
            authorizer_uri=told["authorizerUri"],
            identity_source=f"method.request.header.{each['name']}",
            authorizer_result_ttl=told.get("authorizerResultTtlInSeconds", 300),
        )


def taught(put: Callable[..., Any]) -> Callable[..., Any]:
    """A method of the backend that reads either version."""

    def reads(self: APIGatewayBackend, *arguments: Any, **named: Any) -> Any:
        values = [as_openapi(each) if isinstance(each, dict) else each for each in arguments]
        given = named.get("api_doc") or next(each for each in arguments if isinstance(each, dict))
        if "api_doc" in named:
            named["api_doc"] = as_openapi(named["api_doc"])
        made = put(self, *values, **named)
        if "swagger" in given:
            keep_authorizers(self, made.id, given)
        return made

    return reads


if __name__ == "__main__":
    for name in ("import_rest_api", "put_rest_api"):
        setattr(APIGatewayBackend, name, taught(getattr(APIGatewayBackend, name)))
    main(sys.argv[1:])
