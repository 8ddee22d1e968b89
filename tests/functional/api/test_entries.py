"""How callers come in: IAM in the place of tokens, and the one origin whose pages may read."""

import json
from typing import Any

import pytest
from chalice.app import Chalice
from chalice.deploy.models import RestAPI
from chalice.deploy.swagger import CFNSwaggerGenerator
from chalice.local import LambdaContext
from chalice.test import Client

from chalicelib.api.entry import entry_of
from chalicelib.api.registering import register
from chalicelib.api.routes import ROUTES
from chalicelib.bootstrap import offering
from chalicelib.config import Access, Api
from chalicelib.core.access import Role
from tests.functional.api.desks import HttpDesk, believing_app, desk_with, memory_desk

ARN = "arn:aws:sts::123456789012:assumed-role/Etl/ann"
ORIGIN = "https://console.example.org"


def app_of(api: Api) -> Chalice:
    app = Chalice("entered", configure_logs=False, env={})

    @app.authorizer(name="authorize", ttl_seconds=0)
    def authorize(request: Any) -> Any:
        raise AssertionError(request)

    register(app, entry_of(api, authorize))
    return app


def ask(desk: HttpDesk, app: Chalice, method: str, path: str, *, identity: Any, **more: Any) -> Any:
    """What the function behind the gateway answers to a signed request."""
    route = next(each for each in ROUTES if (each.method, each.path) == (method, path))
    event = {
        "resource": route.path,
        "httpMethod": method,
        "path": path,
        "headers": {"content-type": "application/json"},
        "multiValueHeaders": {"content-type": ["application/json"]},
        "pathParameters": None,
        "multiValueQueryStringParameters": None,
        "stageVariables": None,
        "requestContext": {
            "apiId": "a1b2c3",
            "httpMethod": method,
            "resourcePath": route.path,
            "path": f"/api{path}",
            "identity": identity,
            **more,
        },
        "body": json.dumps({"scheduleId": "nightly"}) if method == "POST" else None,
        "isBase64Encoded": False,
    }
    with offering(desk.edition):
        return app(event, LambdaContext("api", 128))


def swagger(app: Chalice) -> Any:
    nothing: Any = None  # what the description does not depend on
    resource = RestAPI("rest_api", nothing, "", "REGIONAL", "api", nothing)
    return CFNSwaggerGenerator().generate_swagger(app, resource)


def test_on_a_stage_of_iam_every_route_but_health_asks_for_a_signature() -> None:
    document = swagger(app_of(Api(access=Access.IAM)))
    asked = {
        (method.upper(), path): operation.get("security")
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert asked.pop(("GET", "/health")) is None
    assert set(map(json.dumps, asked.values())) == {'[{"sigv4": []}]'}
    [definition] = document["securityDefinitions"].values()
    assert definition["x-amazon-apigateway-authtype"] == "awsSigv4"


def test_who_has_signed_acts_under_his_arn() -> None:
    desk, app = desk_with("nightly"), app_of(Api(access=Access.IAM))
    answer = ask(desk, app, "POST", "/runs", identity={"userArn": ARN})
    assert answer["statusCode"] == 202, answer["body"]
    assert json.loads(answer["body"])["startedBy"] == ARN


@pytest.mark.parametrize(
    "identity", [{}, {"userArn": None}, {"userArn": ""}, {"userArn": 7}, {"userArn": "ann"}, None]
)
def test_a_request_that_nobody_has_signed_is_refused_whatever_else_it_says(identity: Any) -> None:
    desk, app = desk_with("nightly"), app_of(Api(access=Access.IAM))
    claimed = {"actor": "ann", "role": "admin", "scopes": '[""]'}
    answer = ask(desk, app, "POST", "/runs", identity=identity, authorizer=claimed)
    assert answer["statusCode"] == 403


def test_a_signature_is_nothing_on_a_stage_of_tokens() -> None:
    desk, app = desk_with("nightly"), app_of(Api())
    assert ask(desk, app, "POST", "/runs", identity={"userArn": ARN})["statusCode"] == 403


def test_tokens_are_not_given_on_a_stage_that_takes_none() -> None:
    desk, app = desk_with("nightly"), app_of(Api(access=Access.IAM))
    answer = ask(desk, app, "GET", "/tokens", identity={"userArn": ARN})
    assert answer["statusCode"] == 403
    assert "admin" in json.loads(answer["body"])["detail"]


def test_pages_of_the_one_origin_may_ask_and_read() -> None:
    document = swagger(app_of(Api(origin=ORIGIN)))
    for path, methods in document["paths"].items():
        told = methods["options"]["x-amazon-apigateway-integration"]["responses"]["default"]
        headers = told["responseParameters"]
        prefix = "method.response.header.Access-Control-Allow"
        assert headers[f"{prefix}-Origin"] == f"'{ORIGIN}'", path
        assert {"Authorization", "If-Match", "Idempotency-Key"} <= set(
            headers[f"{prefix}-Headers"].strip("'").split(",")
        )
        assert "*" not in json.dumps(headers)
        assert "Credentials" not in json.dumps(headers)


def test_answers_tell_the_one_origin_and_problems_do_too() -> None:
    desk, app = desk_with("nightly"), app_of(Api(access=Access.IAM, origin=ORIGIN))
    for identity, status in (({"userArn": ARN}, 200), ({}, 403)):
        answer = ask(desk, app, "GET", "/runs", identity=identity)
        assert answer["statusCode"] == status
        assert answer["headers"]["Access-Control-Allow-Origin"] == ORIGIN
        assert "ETag" in answer["headers"]["Access-Control-Expose-Headers"]


def test_without_an_origin_there_is_no_word_of_one() -> None:
    assert "Access-Control" not in json.dumps(swagger(app_of(Api())))
    app = believing_app()
    desk = memory_desk()
    client = Client(app, project_dir="/nowhere")
    there = HttpDesk(desk.edition, app, client, desk.as_(Role.VIEWER).principal)
    headers = there.request("GET", "/runs", headers={"origin": ORIGIN}).headers
    assert not [name for name in headers if name.startswith("Access-Control")]


def test_the_description_says_how_this_stage_recognises_who_asks() -> None:
    desk, app = desk_with("nightly"), app_of(Api(access=Access.IAM))
    answer = ask(desk, app, "GET", "/openapi.json", identity={"userArn": ARN})
    described = json.loads(answer["body"])
    assert described["security"] == [{"iam": []}]
    [scheme] = described["components"]["securitySchemes"].values()
    assert scheme["x-amazon-apigateway-authtype"] == "awsSigv4"
    assert desk.get("/openapi.json")["security"] == [{"token": []}]
