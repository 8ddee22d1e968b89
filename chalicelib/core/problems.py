"""Puts what pydantic found wrong with a document into our words."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from chalicelib.core.document import ScheduleDocument
from chalicelib.core.fields import LIST_FORM, MAPPING_FORM, TEXT_FORM
from chalicelib.core.kind_document import MARKED
from chalicelib.core.wording import Speller, json_path, shown
from chalicelib.errors import Problem

# What pydantic puts into a location besides keys and indexes of the document.
_MARKS = frozenset({LIST_FORM, MAPPING_FORM, TEXT_FORM, "[key]", *MARKED})

_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "missing": ("is missing", ""),
        "extra_forbidden": ("is no field here", ""),
        "string_type": ("is no text", "text"),
        "string_unicode": ("is no text", "text in Unicode"),
        "string_empty": ("is empty", "at least 1 character"),
        "string_too_short": ("is too short", "at least {min_length} characters"),
        "string_too_long": ("is too long", "at most {max_length} characters"),
        "string_pattern_mismatch": ("is not written as it must be", "text like {pattern}"),
        "int_type": ("is no whole number", "a whole number"),
        "int_parsing": ("is no whole number", "a whole number"),
        "int_from_float": ("is no whole number", "a whole number"),
        "float_type": ("is no number", "a number"),
        "float_parsing": ("is no number", "a number"),
        "finite_number": ("is no number", "a finite number"),
        "bool_type": ("is neither true nor false", "true or false"),
        "list_type": ("is no list", "a list"),
        "dict_type": ("is no object", "an object"),
        "model_type": ("is no object", "an object"),
        "model_attributes_type": ("is no object", "an object"),
        "greater_than_equal": ("is too small", "at least {ge}"),
        "greater_than": ("is too small", "more than {gt}"),
        "less_than_equal": ("is too large", "at most {le}"),
        "too_short": ("has too few entries", "at least {min_length}"),
        "too_long": ("has too many entries", "at most {max_length}"),
        "literal_error": ("is none of the words allowed", "{expected}"),
        "enum": ("is none of the words allowed", "{expected}"),
        "refused": ("{reason}", "{allowed}"),
    }
)


def describe(
    error: ValidationError, speller: Speller, model: type[BaseModel] = ScheduleDocument
) -> Iterator[Problem]:
    """One problem for each of pydantic's errors about a value of `model`."""
    for detail in error.errors(include_url=False):
        yield _describe(detail, speller, model)


def _describe(detail: ErrorDetails, speller: Speller, model: type[BaseModel]) -> Problem:
    kind, location, facts = detail["type"], detail["loc"], detail.get("ctx", {})
    if kind == "string_too_short" and facts["min_length"] == 1:
        kind = "string_empty"
    reason, allowed = _WORDS.get(kind, (detail["msg"], ""))
    is_hidden = kind == "missing" or _is_secret(detail) or facts.get("hidden", False)
    found = "" if is_hidden else shown(detail["input"])
    suggestion = str(facts.get("suggestion", ""))
    if kind == "extra_forbidden":
        fields = fields_at(location[:-1], model)
        allowed = ", ".join(fields)
        suggestion = speller.nearest(str(location[-1]), fields)
    else:
        reason, allowed = _fill_in(reason, facts), _fill_in(allowed, facts)
    if kind in {"enum", "literal_error"} and isinstance(detail["input"], str):
        suggestion = speller.nearest(detail["input"], re.findall(r"'([^']*)'", allowed))
        allowed = allowed.replace("'", "")
    allowed = "true" if allowed == "True" else allowed  # a Literal[True], as Python has it
    path = json_path(part for part in location if part not in _MARKS)
    return Problem(path, reason, found, allowed, suggestion)


def _is_secret(detail: ErrorDetails) -> bool:
    """Whether the value may hold a token: a webhook's URL, wherever in `notify` it was put."""
    is_word = detail["type"] == "literal_error" and "/" not in str(detail["input"])
    return detail["loc"][:1] == ("notify",) and not is_word


def _fill_in(template: str, facts: Mapping[str, Any]) -> str:
    return template.format_map(facts) if "{" in template else template


def fields_at(
    location: tuple[str | int, ...], model: type[BaseModel] = ScheduleDocument
) -> list[str]:
    """The names of the fields that the object at a location may have."""
    is_key = False  # the next part is a key of the user's, not a field of ours
    for part in location:
        if isinstance(part, str) and part in MARKED:
            model, is_key = MARKED[part], False
            continue
        if is_key or isinstance(part, int) or part in _MARKS:
            is_key = False
            continue
        field = next(f for f in model.model_fields.values() if f.alias == part)
        model, is_key = next(_models_in(field.annotation))
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any, in_mapping: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, in_mapping
    is_mapping = in_mapping or getattr(annotation, "__origin__", None) is dict
    for argument in get_args(annotation):
        yield from _models_in(argument, is_mapping)
