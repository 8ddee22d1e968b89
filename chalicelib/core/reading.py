"""Turns the bytes of a document into plain values, and refuses what would be read in two ways."""

import json

from chalicelib.core.soundness import too_deep, unsound_parts
from chalicelib.core.wording import json_path
from chalicelib.core.written import (
    Duplicate,
    WrittenFloat,
    written_number,
)
from chalicelib.errors import InvalidInputError, Problem

MAX_BYTES = 10_000_000  # a document; 10,000 jobs take about 2 MB


def parse(content: bytes, name: str = "") -> object:
    """The value of a JSON or YAML document.

    JSON when `name` ends in .json or the first character is `{`. In YAML only null, true, false
    and numbers written as in JSON are not text (YAML 1.2; no tags, no dates, no octal numbers).
    Raises InvalidInputError that names a JSON path or a line and a column.
    """
    if len(content) > MAX_BYTES:
        allowed = f"at most {MAX_BYTES:,} bytes"
        raise InvalidInputError.at("$", "the document is too large", allowed=allowed)
    text = _decode(content)
    if not text.strip():
        raise InvalidInputError.at("$", "the document is empty")
    is_json = name.lower().endswith(".json") or text.lstrip().startswith("{")
    value, duplicates = _read_json(text) if is_json else _read_yaml(text)
    problems = [_duplicate_problem(duplicate) for duplicate in duplicates]
    problems.extend(unsound_parts(value))
    if problems:
        raise InvalidInputError(problems)
    return value


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInputError.at(
            f"line {line}", "is not UTF-8", allowed="text in UTF-8"
        ) from error


def _duplicate_problem(duplicate: Duplicate) -> Problem:
    place = f" ({duplicate.place})" if duplicate.place else ""
    return Problem(json_path(duplicate.path), f"is given twice{place}", allowed="each key once")


def _read_json(text: str) -> tuple[object, list[Duplicate]]:
    twice = False

    def collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal twice
        collected = dict(pairs)
        twice = twice or len(collected) != len(pairs)
        return collected

    try:
        value = json.loads(
            text,
            object_pairs_hook=collect,
            parse_constant=WrittenFloat.of,
            parse_float=written_number,
            parse_int=written_number,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInputError.at(where, f"is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise InvalidInputError([too_deep("$")]) from error
    return value, _find_duplicates(text) if twice else []


def _read_yaml(text: str) -> tuple[object, list[Duplicate]]:
    from chalicelib.core.yaml_reading import read_yaml  # noqa: PLC0415 - JSON needs no YAML

    return read_yaml(text)


def _find_duplicates(text: str) -> list[Duplicate]:
    """The paths of the keys given twice, found by reading once more with all pairs kept."""
    found: list[Duplicate] = []
    root = json.loads(text, object_pairs_hook=tuple)
    ahead: list[tuple[tuple[str | int, ...], object]] = [((), root)]
    while ahead:
        path, value = ahead.pop()
        if isinstance(value, tuple):
            seen = set()
            for key, member in value:
                if key in seen:
                    found.append(Duplicate((*path, key)))
                seen.add(key)
                ahead.append(((*path, key), member))
        elif isinstance(value, list):
            ahead.extend(((*path, index), item) for index, item in enumerate(value))
    return found[::-1]
