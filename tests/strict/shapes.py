"""Requests and answers held to the service models of botocore: types, sizes, patterns, enums.

botocore checks a request's types and the least sizes; AWS checks the rest of the model too. An
answer comes from no botocore: its types and members are checked here as well. Each shape is read
once into functions, so that large batches stay cheap to check.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

# An attribute has no constraint of the model, and was typed on its way in: not looked at again.
_TRUSTED = "AttributeValue"
# Required by the model, and absent from answers as long as there is none (JobDetail of Batch).
_OFTEN_ABSENT = {"JobDetail": frozenset({"startedAt"})}
# As botocore hands them out. A blob may be a stream as well, and is not looked at.
_TYPES: dict[str, type | tuple[type, ...]] = {
    "structure": dict,
    "list": (list, tuple),
    "map": dict,
    "string": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "boolean": bool,
    "timestamp": datetime,
}

Check = Callable[[Any, str], Iterator[str]]


class ShapeChecks:
    """The checks of shapes, kept by the shape's service and name."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, bool], Check | None] = {}
        self._is_answer = False  # whether what is read now is a shape of answers

    def request(self, params: Any, model: Any) -> list[str]:
        """Where a request breaks its model."""
        self._is_answer = False
        return list(self._found(params, model.input_shape, model))

    def answer(self, answer: Any, shape: Any, model: Any) -> list[str]:
        """Where an answer is none that the service could give."""
        if shape is None:
            return [f"this operation answers nothing: {sorted(answer)}"] if answer else []
        self._is_answer = True
        return list(self._found(answer, shape, model))

    def _found(self, value: Any, shape: Any, model: Any) -> Iterator[str]:
        check = None if shape is None else self._check_of(shape, model.service_model.service_name)
        if check is not None:
            yield from check(value, "")

    def _check_of(self, shape: Any, service: str) -> Check | None:
        key = (service, shape.name, self._is_answer)
        if key not in self._known:
            self._known[key] = None  # a shape inside itself: what it repeats is checked outside
            made = self._made(shape, service)
            self._known[key] = _typed(shape.type_name, made) if self._is_typed(shape) else made
        return self._known[key]

    def _is_typed(self, shape: Any) -> bool:
        return self._is_answer and shape.name != _TRUSTED and shape.type_name in _TYPES

    def _made(self, shape: Any, service: str) -> Check | None:
        match shape.type_name:
            case "structure":
                members = {n: self._check_of(m, service) for n, m in shape.members.items()}
                return _answered(shape, members) if self._is_typed(shape) else _structure(members)
            case "list":
                return _many(self._size_of(shape), None, self._check_of(shape.member, service))
            case "map":
                key = self._check_of(shape.key, service)
                return _many(self._size_of(shape), key, self._check_of(shape.value, service))
            case "string":
                return _text(shape)
            case "integer" | "long" | "float" | "double":
                return _number(shape)
        return None

    def _size_of(self, shape: Any) -> Check | None:
        """How many it may hold; answers have nothing (UnprocessedKeys) where requests need some."""
        is_absent = self._is_answer and shape.type_name == "map"
        least = None if is_absent else shape.metadata.get("min")
        return _sized(least, shape.metadata.get("max"))


def _typed(kind: str, inner: Check | None) -> Check:
    types = _TYPES[kind]

    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, types):
            yield f"{path}: {value!r} is no {kind}"
        elif inner is not None:
            yield from inner(value, path)

    return check


def _answered(shape: Any, members: dict[str, Check | None]) -> Check:
    required = frozenset(shape.required_members) - _OFTEN_ABSENT.get(shape.name, frozenset())

    def check(value: Any, path: str) -> Iterator[str]:
        for name in required - value.keys():
            yield f"{path}.{name} is missing"
        for name, each in value.items():
            if name not in members:
                yield f"{path}.{name} is unknown"
            elif (inner := members[name]) is not None:
                yield from inner(each, f"{path}.{name}")

    return check


def _structure(members: dict[str, Check | None]) -> Check | None:
    checks = {name: check for name, check in members.items() if check is not None}

    def check(value: Any, path: str) -> Iterator[str]:
        for name, inner in checks.items():
            if value.get(name) is not None:
                yield from inner(value[name], f"{path}.{name}")

    return check if checks else None


def _many(sized: Check | None, key: Check | None, member: Check | None) -> Check | None:
    if key is None and member is None and sized is None:
        return None

    def check(value: Any, path: str) -> Iterator[str]:
        if sized is not None:
            yield from sized(len(value), path)
        if key is not None:
            for name in value:
                yield from key(name, f"{path}.{name}")
        if member is not None:
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for name, inner in pairs:
                yield from member(inner, f"{path}[{name}]")

    return check


def _sized(least: float | None, most: float | None) -> Check | None:
    if least is None and most is None:
        return None

    def check(size: float, path: str) -> Iterator[str]:
        if least is not None and size < least:
            yield f"{path}: {size} is less than {least}"
        if most is not None and size > most:
            yield f"{path}: {size} is more than {most}"

    return check


def _number(shape: Any) -> Check | None:
    return _sized(shape.metadata.get("min"), shape.metadata.get("max"))


def _text(shape: Any) -> Check | None:
    sized, pattern = _number(shape), _compiled(shape.metadata.get("pattern"))
    allowed = frozenset(getattr(shape, "enum", ()))
    if sized is None and pattern is None and not allowed:
        return None

    def check(value: str, path: str) -> Iterator[str]:
        if sized is not None:
            yield from sized(len(value), path)
        if allowed and value not in allowed:
            yield f"{path}: {value!r} is none of {sorted(allowed)}"
        if pattern is not None and not pattern.fullmatch(value):
            yield f"{path}: {value!r} doesn't match {pattern.pattern}"

    return check


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    try:
        return None if pattern is None else re.compile(pattern)
    except re.error:  # a class of Java's, which Python doesn't know
        return None
