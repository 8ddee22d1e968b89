"""Turns the bytes of a document into plain values, and refuses what would be read in two ways."""

import json
import math
import re
from collections.abc import Iterator

from chalicelib.core.wording import json_path, quoted
from chalicelib.core.written import (
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_NODES,
    Duplicate,
    WrittenFloat,
    written_number,
)
from chalicelib.core.yaml_reading import read_yaml
from chalicelib.errors import InvalidInputError, Problem

MAX_BYTES = 10_000_000  # a document; 10,000 jobs take about 2 MB

# Characters that no terminal, log or database should get, and halves of surrogate pairs.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def parse(content: bytes, name: str = "") -> object:
    """The value of a JSON or YAML document.

    JSON when `name` ends in .json or the first character is `{`. In YAML only null, true, false
    and numbers written as in JSON are not text (YAML 1.2; no tags, no dates, no octal numbers).
    Raises InvalidInputError that names a JSON path or a line and a column.
    """
    if len(content) > MAX_BYTES:
        found = f"{len(content):,} bytes"
        raise InvalidInputError(
            [Problem("$", "the document is too large", found, f"at most {MAX_BYTES:,} bytes")]
        )
    text = _decode(content)
    if not text.strip():
        raise InvalidInputError.at("$", "the document is empty")
    is_json = name.lower().endswith(".json") or text.lstrip().startswith("{")
    value, duplicates = _read_json(text) if is_json else read_yaml(text)
    problems = [_duplicate_problem(duplicate) for duplicate in duplicates]
    if not _is_sound(value):
        problems.extend(_unsound_parts(value))
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
        raise InvalidInputError([_too_deep("$")]) from error
    return value, _find_duplicates(text) if twice else []


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


def _is_sound(value: object) -> bool:
    """Whether depth, number of nodes and all characters are within bounds, without any paths."""
    level = [value]
    count = 0
    for _ in range(MAX_DEPTH + 1):
        count += len(level)
        if count > MAX_NODES:
            return False
        below: list[object] = []
        for node in level:
            if isinstance(node, dict):
                below.extend(node.values())
                below.extend(node)
            elif isinstance(node, list):
                below.extend(node)
            elif _is_unfit(node):
                return False
        if not below:
            return True
        level = below
    return False


def _is_unfit(scalar: object) -> bool:
    if isinstance(scalar, str):
        return CONTROL.search(scalar) is not None
    return isinstance(scalar, float) and not math.isfinite(scalar)


def _unsound_parts(value: object) -> Iterator[Problem]:
    ahead: list[tuple[tuple[str | int, ...], object]] = [((), value)]
    nodes = 0
    while ahead:
        path, node = ahead.pop()
        nodes += 1
        if nodes > MAX_NODES:
            yield Problem("$", "the document is too large", allowed=f"{MAX_NODES:,} values")
            return
        if isinstance(node, float) and _is_unfit(node):
            yield _number_problem(path, node)
        elif isinstance(node, str) and _is_unfit(node):
            yield _control_problem(path, node)
        elif isinstance(node, dict | list) and node and len(path) >= MAX_DEPTH:
            yield _too_deep(json_path(path))
        elif isinstance(node, dict):
            yield from (_control_problem(path, key) for key in node if CONTROL.search(key))
            ahead.extend(((*path, key), member) for key, member in reversed(node.items()))
        elif isinstance(node, list):
            ahead.extend(((*path, i), node[i]) for i in range(len(node) - 1, -1, -1))


def _number_problem(path: tuple[str | int, ...], number: float) -> Problem:
    text = number.text if isinstance(number, WrittenFloat) else str(number)
    allowed = f"whole numbers of at most {MAX_DIGITS} digits, decimal numbers below 1e308"
    return Problem(json_path(path), "is no number that can be kept", quoted(text), allowed)


def _control_problem(path: tuple[str | int, ...], text: str) -> Problem:
    return Problem(
        json_path(path), "has a control character", quoted(text), "printable text, tabs, newlines"
    )


def _too_deep(path: str) -> Problem:
    return Problem(path, "is nested too deeply", allowed=f"at most {MAX_DEPTH} levels")
