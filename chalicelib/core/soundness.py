"""What no document may hold, whatever wrote it: depths, masses and characters that do harm."""

import math
import re
from collections.abc import Iterator
from decimal import Decimal

from chalicelib.core.wording import json_path, quoted, shown
from chalicelib.core.written import MAX_DEPTH, MAX_DIGITS, MAX_NODES, WrittenFloat
from chalicelib.errors import Problem

# Characters that no terminal, log or database should get, and halves of surrogate pairs.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

_NUMBERS = (int, float, Decimal)
_MAX_BITS = 63  # of a whole number, as everywhere
_MAX_EXPONENT = 40  # of a Decimal; DynamoDB's numbers have at most 38 digits


def unsound_parts(value: object) -> list[Problem]:
    """Everything in a value that is too deep, too much, not finite or not printable."""
    # Paths cost ten times what the answer costs, and nearly every document is sound.
    if _is_sound(value):
        return []
    if _is_too_large(value):
        return [Problem("$", "the document is too large", allowed=f"{MAX_NODES:,} values")]
    return list(_unsound_parts(value))


def _is_sound(value: object) -> bool:
    """Whether depth, number of nodes and all characters are within bounds, without any paths."""
    level = [value]
    count = 0
    for _ in range(MAX_DEPTH + 1):
        count += len(level)
        # One search in all texts of a level takes a third of the time of a search in each.
        texts = "".join([node for node in level if isinstance(node, str)])
        if count > MAX_NODES or CONTROL.search(texts):
            return False
        if any(_is_unfit(node) for node in level if isinstance(node, _NUMBERS)):
            return False
        level = _below(level)
        if not level:
            return True
    return False


def _is_too_large(value: object) -> bool:
    level = [value]
    count = 1
    while level and count <= MAX_NODES:
        level = _below(level)
        count += len(level)
    return count > MAX_NODES


def _below(level: list[object]) -> list[object]:
    below: list[object] = []
    for node in level:
        if isinstance(node, dict):
            below.extend(node.values())
            below.extend(node)
        elif isinstance(node, list):
            below.extend(node)
    return below


def _is_unfit(scalar: object) -> bool:
    if isinstance(scalar, str):
        return CONTROL.search(scalar) is not None
    if isinstance(scalar, int):
        return scalar.bit_length() >= _MAX_BITS
    if isinstance(scalar, Decimal):
        return not scalar.is_finite() or abs(scalar.adjusted()) > _MAX_EXPONENT
    return isinstance(scalar, float) and not math.isfinite(scalar)


def _unsound_parts(value: object) -> Iterator[Problem]:
    ahead: list[tuple[tuple[str | int, ...], object]] = [((), value)]
    while ahead:
        path, node = ahead.pop()
        if isinstance(node, _NUMBERS) and _is_unfit(node):
            yield _number_problem(path, node)
        elif isinstance(node, str) and _is_unfit(node):
            yield _control_problem(path, node)
        elif isinstance(node, dict | list) and node and len(path) >= MAX_DEPTH:
            yield too_deep(json_path(path))
        elif isinstance(node, dict):
            yield from (_control_problem(path, key) for key in node if _is_unfit(key))
            ahead.extend(((*path, key), member) for key, member in reversed(node.items()))
        elif isinstance(node, list):
            ahead.extend(((*path, i), node[i]) for i in range(len(node) - 1, -1, -1))


def _number_problem(path: tuple[str | int, ...], number: float | Decimal) -> Problem:
    found = quoted(number.text) if isinstance(number, WrittenFloat) else shown(number)
    allowed = f"whole numbers of at most {MAX_DIGITS} digits, decimal numbers below 1e308"
    return Problem(json_path(path), "is no number that can be kept", found, allowed)


def _control_problem(path: tuple[str | int, ...], text: str) -> Problem:
    return Problem(
        json_path(path), "has a control character", quoted(text), "printable text, tabs, newlines"
    )


def too_deep(path: str) -> Problem:
    """The problem of a list or an object below too many others."""
    return Problem(path, "is nested too deeply", allowed=f"at most {MAX_DEPTH} levels")
