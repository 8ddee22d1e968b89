"""Requests as handlers read them: the query and the body by their models, never as they come."""

import re
from http import HTTPStatus
from typing import TypeVar

from chalice.app import MultiDict, Request
from pydantic import BaseModel, ValidationError

from chalicelib.api.answering import is_behind_api_gateway
from chalicelib.api.problems import RefusedError
from chalicelib.core.problems import describe
from chalicelib.core.reading import MAX_BYTES, parse
from chalicelib.core.wording import Speller, quoted
from chalicelib.errors import InvalidInputError, Problem
from chalicelib.services.schedules import ANY, Seen

MAX_BODY = 1024 * 1024  # bytes of a body that is no schedule
_JSON = frozenset({"application/json", ""})
_YAML = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})

_WHOLE = re.compile(r"-?[0-9]+", re.ASCII)  # pydantic takes 1_0 and blanks besides
_INT = re.compile(r"\bint\b")

M = TypeVar("M", bound=BaseModel)


def query(request: Request, model: type[M]) -> M:
    """The query by its model. Raises InvalidInputError, for unknown names too."""
    given = request.query_params or MultiDict({})
    fields = model.model_fields
    lists = {field.alias or name for name, field in fields.items() if _is_list(field)}
    numbers = {field.alias or name for name, field in fields.items() if _is_number(field)}
    values = {name: given.getlist(name) for name in given}
    problems = [
        Problem(f"?{name}", "is given twice", allowed="once")
        for name, all_of_it in values.items()
        if len(all_of_it) > 1 and name not in lists
    ]
    problems += [
        Problem(f"?{name}", "is no whole number", quoted(text), "a whole number")
        for name, (text, *_) in values.items()
        if name in numbers and not _WHOLE.fullmatch(text)
    ]
    if problems:
        raise InvalidInputError(problems)
    plain = {
        name: all_of_it if name in lists else all_of_it[0] for name, all_of_it in values.items()
    }
    return _validated(model, plain, "?")


def body(request: Request, model: type[M]) -> M:
    """The JSON body by its model; none is an empty object. Raises InvalidInputError."""
    return validated(model, json_body(request))


def validated(model: type[M], value: object) -> M:
    """The value by its model. Raises InvalidInputError."""
    return _validated(model, value, "$.")


def seen(request: Request) -> Seen | None:
    """What If-Match and If-None-Match say of what is to be replaced. Raises InvalidInputError."""
    tags, nothing = header(request, "if-match"), header(request, "if-none-match")
    if nothing not in ("", ANY):
        raise InvalidInputError.at("If-None-Match", "says too much here", allowed=ANY)
    if not tags and not nothing:
        return None
    words = [tag.strip() for tag in tags.split(",") if tag.strip()]
    # A weak tag promises too little to be replaced by it (RFC 9110, 13.1.1).
    strong = [word.strip('"') for word in words if not word.startswith("W/")]
    if words and not strong:
        raise InvalidInputError.at("If-Match", "is weak", allowed='an ETag of ours, "1-0a1b…"')
    return Seen(tags=strong, nothing=bool(nothing))


def json_body(request: Request) -> object:
    """The value of the JSON body; none is an empty object. Raises InvalidInputError."""
    content = _content(request, MAX_BODY)
    if not content.strip():
        return {}
    if _media_type(request) not in _JSON:
        raise _unsupported(request, "application/json")
    return parse(content, "body.json")


def document(request: Request) -> tuple[bytes, str]:
    """The document in the body, and a name that says whether it is JSON or YAML."""
    content, media_type = _content(request, MAX_BYTES), _media_type(request)
    if media_type in _YAML:
        return content, "body.yaml"
    if media_type not in _JSON:
        raise _unsupported(request, "application/json or application/yaml")
    return content, "body.json"


def _content(request: Request, most: int) -> bytes:
    content = request.raw_body
    content = content.encode() if isinstance(content, str) else content
    coding = header(request, "content-encoding").lower()
    # API Gateway unpacks what it knows by itself, and may leave the header as it was.
    if coding not in ("", "identity") and not is_behind_api_gateway(request):
        told = f"The body is coded as {coding[:100]!r}; send it without a Content-Encoding."
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, told)
    if len(content) > most:
        told = f"The body has {len(content):,} bytes; at most {most:,} are taken."
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)
    return content


def _media_type(request: Request) -> str:
    return str(request.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _unsupported(request: Request, allowed: str) -> RefusedError:
    found = _media_type(request)[:100]
    told = f"The body is {found!r}; send Content-Type: {allowed}."
    return RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, told)


def _validated(model: type[M], value: object, root: str) -> M:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems = [_placed(problem, root) for problem in describe(error, Speller(), model)]
        raise InvalidInputError(problems) from error


def _placed(problem: Problem, root: str) -> Problem:
    path = problem.path
    place = root + path.removeprefix("$.") if path.startswith("$.") else path
    return Problem(place, problem.reason, problem.found, problem.allowed, problem.suggestion)


def _is_list(field: object) -> bool:
    return "list[" in str(getattr(field, "annotation", ""))


def _is_number(field: object) -> bool:
    return _INT.search(str(getattr(field, "annotation", ""))) is not None


def header(request: Request, name: str) -> str:
    """A header's text, empty if it is not there."""
    return str(request.headers.get(name, "")).strip()
