"""The description of the API (OpenAPI 3.1), made of the table of routes and of what checks it."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from chalicelib.api import pages
from chalicelib.api.contracts import CONTRACTS, JSON, Contract
from chalicelib.api.models import Asked
from chalicelib.api.problems import MEDIA_TYPE
from chalicelib.api.routes import OF_OPERATION, Route
from chalicelib.config import Access
from chalicelib.core.fields import SCHEDULE_ID
from chalicelib.core.schema import schema as schema_of_schedules
from chalicelib.core.timing.calendar_document import CalendarDocument
from chalicelib.core.timing.trigger_document import NAME

Json = dict[str, Any]

_REF = "#/components/schemas/{model}"
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_PATH = {
    "schedule_id": {
        "description": "The id of a schedule.",
        "schema": {"type": "string", "pattern": SCHEDULE_ID},
        "example": "nightly",
    },
    "started_at": {
        "description": "The start of a run, the second part of its `runId`.",
        "schema": {"type": "string", "minLength": 1, "pattern": r"^[^/?#]+$"},
        "example": "2026-11-23T14:55:01.123456Z",
    },
    "name": {
        "description": "The name of a calendar.",
        "schema": {"type": "string", "pattern": NAME},
        "example": "de",
    },
    "token_id": {
        "description": "The id of a token.",
        "schema": {"type": "string", "minLength": 1, "pattern": r"^[^/?#]+$"},
        "example": "0a1b2c3d4e5f",
    },
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same request gets the same answer for 24 hours, and what"
    " it asks for is done once.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}
_CONDITIONS = [
    {
        "name": "If-Match",
        "in": "header",
        "description": "Only if the newest version has this ETag; `*` for any.",
        "schema": {"type": "string"},
    },
    {
        "name": "If-None-Match",
        "in": "header",
        "description": "`*`: only if there is no such schedule.",
        "schema": {"type": "string", "enum": ["*"]},
    },
]
_INTRO = """Start, follow and operate runs of schedules.

A run's address is its `runId` behind `/runs/`. Names of jobs go into the query. What is out of a
token's scopes is answered like what is not there. Errors are problem documents (RFC 9457). Lists
give a `nextCursor`; a query parameter or a field that is not known is refused. On a server of one
machine HEAD answers as GET does, without the body."""


_DOCUMENTS: dict[str, Callable[[], Json]] = {
    "Schedule": schema_of_schedules,
    "Calendar": lambda: CalendarDocument.model_json_schema(by_alias=True),
}


@lru_cache(maxsize=len(Access))
def description(access: Access = Access.TOKEN) -> Json:
    """The whole document for a stage of that access; never to be changed."""
    book = _Book()
    paths: Json = {}
    for operation in CONTRACTS:
        route = OF_OPERATION[operation]
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(book, route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "batch-scheduler", "version": "1", "description": _INTRO},
        "servers": [{"url": "/"}],
        "security": [{access.value: []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(book.schemas.items())),
            "responses": {_named(status): {"description": status.phrase} for status in _BEFORE},
            "securitySchemes": {access.value: _SCHEMES[access]},
        },
    }


_SCHEMES: Mapping[Access, Json] = {
    Access.TOKEN: {"type": "http", "scheme": "bearer"},
    # As API Gateway itself describes signatures: OpenAPI has no words for them.
    Access.IAM: {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "awsSigv4",
    },
}


class _Book:
    """The schemas that others refer to, by name."""

    def __init__(self) -> None:
        self.schemas: Json = {}

    def of(self, kind: Any) -> Json:
        """A reference to the schema of a type."""
        made = TypeAdapter(kind).json_schema(ref_template=_REF, by_alias=True)
        if "anyOf" in made:  # one of several, which have names of their own
            self.schemas |= made.pop("$defs", {})
            return made
        return self._keep(kind.__name__, made)

    def document(self, name: str) -> Json:
        """A reference to the schema of a document that people write."""
        made = _DOCUMENTS[name]()
        return self._keep(name, _renamed({k: v for k, v in made.items() if k != "$schema"}))

    def _keep(self, name: str, made: Json) -> Json:
        self.schemas |= made.pop("$defs", {})
        if "$ref" not in made:
            self.schemas[name] = made
        return {"$ref": _REF.format(model=name)}


def _renamed(value: Any) -> Any:
    """The same with the places of our schemas in its references."""
    match value:
        case {"$ref": str(ref)}:
            return {**value, "$ref": _REF.format(model=ref.rpartition("/")[2])}
        case dict():
            return {key: _renamed(member) for key, member in value.items()}
        case list():
            return [_renamed(member) for member in value]
        case _:
            return value


def _operation(book: _Book, route: Route) -> Json:
    contract = CONTRACTS[route.operation]
    made: Json = {
        "operationId": route.operation,
        "summary": _summary(route.operation),
        "tags": [route.path.split("/")[1].partition(".")[0]],
        "parameters": [*_parameters(book, route, contract)],
        "responses": {**_answers(book, route, contract), **_problems(book, route, contract)},
    }
    if route.role is None:
        made["security"] = []
    else:
        made["description"] = f"Needs the role {route.role.word}."
    body = _body(book, contract)
    return {**made, "requestBody": body} if body else made


def _summary(operation: str) -> str:
    words = operation.replace("_", " ")
    return words[0].upper() + words[1:]


def _parameters(book: _Book, route: Route, contract: Contract) -> Iterator[Json]:
    for name in _PLACEHOLDER.findall(route.path):
        yield {"name": name, "in": "path", "required": True, **_PATH[name]}
    yield from _query(book, contract.query)
    if contract.is_act and contract.is_repeatable:
        yield _KEY
    if contract.is_conditional:
        yield from _CONDITIONS


def _query(book: _Book, model: type[Asked]) -> Iterator[Json]:
    made = model.model_json_schema(ref_template=_REF)
    book.schemas |= made.get("$defs", {})
    for name, facts in made.get("properties", {}).items():
        about = {key: value for key, value in facts.items() if key not in ("title", "description")}
        yield {
            "name": name,
            "in": "query",
            "required": name in made.get("required", ()),
            "description": facts.get("description", ""),
            "schema": _without_null(about),
        }


def _without_null(facts: Json) -> Json:
    """A query has no null: what may be null may be left out."""
    forms = [form for form in facts.get("anyOf", ()) if form.get("type") != "null"]
    rest = {key: value for key, value in facts.items() if key not in ("anyOf", "default")}
    if forms:
        return {**rest, **forms[0]}
    return rest if facts.get("default", "") is None else facts


def _body(book: _Book, contract: Contract) -> Json:
    if contract.takes_document:
        schema = book.document(contract.document)
        kinds = {JSON: {"schema": schema}, "application/yaml": {"schema": schema}}
        return {"required": True, "content": kinds}
    if contract.body is None:
        return {}
    schema = book.of(contract.body)
    if contract.takes_message:
        message = {"type": "object", "description": "A message of the first version."}
        schema = {"anyOf": [schema, message]}
    return {"required": contract.takes_message, "content": {JSON: {"schema": schema}}}


def _header(about: str, form: str = "string") -> Json:
    return {"description": about, "schema": {"type": form}}


_ETAG = {"ETag": _header("Names what is told; for `If-None-Match`, and with `PUT` for `If-Match`.")}
_LOCATION = {"Location": _header("The address of the run.")}
_RETRY_AFTER = {
    "Retry-After": _header(
        "Seconds until the same is to be asked again: it is being worked on.", "integer"
    )
}
_CHALLENGE = {"WWW-Authenticate": _header("That a token is asked for: `Bearer`.")}


def _with_headers(told: Json, *headers: Json) -> Json:
    some = {name: about for each in headers for name, about in each.items()}
    return {**told, "headers": some} if some else told


def _answers(book: _Book, route: Route, contract: Contract) -> Json:
    if contract.media_type != JSON:
        content: Json = {contract.media_type: {"schema": {"type": "string"}}}
    else:
        schema = {"type": "object"} if contract.answer is None else book.of(contract.answer)
        content = {JSON: {"schema": schema}}
    has_tag = route.method in ("GET", "PUT")
    return {
        str(status.value): _with_headers(
            {"description": status.phrase, "content": content},
            _ETAG if has_tag else {},
            _LOCATION if status is HTTPStatus.ACCEPTED else {},
        )
        for status in contract.statuses
    }


# What stands before us answers these to any request, in words of its own.
_BEFORE = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.LENGTH_REQUIRED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
)


def _named(status: HTTPStatus) -> str:
    return status.phrase.replace(" ", "")


_ALWAYS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_OF_BODIES = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
_IF: tuple[tuple[Callable[[Route, Contract], bool], tuple[HTTPStatus, ...]], ...] = (
    (lambda route, _: route.role is not None, _ALWAYS),
    (lambda _, contract: contract.is_act or contract.takes_document, _OF_BODIES),
    (lambda _, contract: contract.is_act, (HTTPStatus.UNPROCESSABLE_ENTITY,)),
    (lambda _, contract: contract.is_conditional, (HTTPStatus.PRECONDITION_FAILED,)),
    (
        lambda route, contract: route.method != "GET" or route.operation == "plan_restart",
        (HTTPStatus.CONFLICT,),
    ),
    (lambda route, _: "{started_at}" in route.path, (HTTPStatus.GONE,)),
)


def _problems(book: _Book, route: Route, contract: Contract) -> Json:
    problem = {MEDIA_TYPE: {"schema": book.of(pages.ProblemDocument)}}
    statuses = [status for applies, some in _IF if applies(route, contract) for status in some]
    told: Json = {
        str(status.value): {"description": status.phrase, "content": problem}
        for status in sorted(statuses)
    }
    if contract.is_act and contract.is_repeatable:
        told["409"] = _with_headers(told["409"], _RETRY_AFTER)
    for status in _BEFORE:
        told.setdefault(str(status.value), {"$ref": f"#/components/responses/{_named(status)}"})
    told["403"] = {"description": "Forbidden"}
    if route.role is not None:
        told["401"] = _with_headers({"description": "Unauthorized"}, _CHALLENGE)
    if route.method == "GET":
        told["304"] = _with_headers({"description": "Not Modified"}, _ETAG)
    return dict(sorted(told.items()))
