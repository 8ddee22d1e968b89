"""As much of JSON Schema 2020-12 as our schema uses; a keyword it does not know is an error."""

import re
from collections.abc import Callable, Sized
from typing import Any

Schema = dict[str, Any]
Check = Callable[[Any, Any, Schema, Schema], bool]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
    "number": (int, float),
    "integer": (int,),
}


def accepts(value: Any, part: Schema, root: Schema) -> bool:
    """Whether the schema `part` of `root` accepts the value."""
    return all(
        _KEYWORDS[keyword](value, argument, part, root)
        for keyword, argument in part.items()
        if keyword not in _ANNOTATIONS
    )


_ANNOTATIONS = frozenset({"$schema", "$defs", "title", "description", "default"})


def _is_type(value: Any, kinds: Any, part: Schema, root: Schema) -> bool:
    names = kinds if isinstance(kinds, list) else [kinds]
    return any(
        isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
        for name in names
    )


def _properties(value: Any, fields: Any, part: Schema, root: Schema) -> bool:
    return not isinstance(value, dict) or all(
        accepts(value[name], field, root) for name, field in fields.items() if name in value
    )


def _additional(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    if not isinstance(value, dict):
        return True
    others = [member for name, member in value.items() if name not in part.get("properties", {})]
    if isinstance(rule, bool):
        return rule or not others
    return all(accepts(member, rule, root) for member in others)


def _patterns(value: Any, patterns: Any, part: Schema, root: Schema) -> bool:
    return not isinstance(value, dict) or all(
        accepts(member, rule, root)
        for pattern, rule in patterns.items()
        for name, member in value.items()
        if re.search(pattern, name)
    )


def _reference(value: Any, target: Any, part: Schema, root: Schema) -> bool:
    return accepts(value, root["$defs"][target.removeprefix("#/$defs/")], root)


def _bound(holds: Callable[[float, float], bool]) -> Check:
    return lambda value, bound, part, root: (
        isinstance(value, bool) or not isinstance(value, int | float) or holds(value, bound)
    )


def _length(kind: type[Sized], holds: Callable[[int, int], bool]) -> Check:
    return lambda value, bound, part, root: not isinstance(value, kind) or holds(len(value), bound)


def _at_least(value: float, bound: float) -> bool:
    return value >= bound


def _at_most(value: float, bound: float) -> bool:
    return value <= bound


_KEYWORDS: dict[str, Check] = {
    "type": _is_type,
    "properties": _properties,
    "additionalProperties": _additional,
    "patternProperties": _patterns,
    "$ref": _reference,
    "enum": lambda value, words, part, root: value in words,
    "required": lambda value, names, part, root: (
        not isinstance(value, dict) or all(name in value for name in names)
    ),
    "anyOf": lambda value, forms, part, root: any(accepts(value, form, root) for form in forms),
    "oneOf": lambda value, forms, part, root: (
        sum(accepts(value, form, root) for form in forms) == 1
    ),
    "items": lambda value, rule, part, root: (
        not isinstance(value, list) or all(accepts(item, rule, root) for item in value)
    ),
    "propertyNames": lambda value, rule, part, root: (
        not isinstance(value, dict) or all(accepts(name, rule, root) for name in value)
    ),
    "pattern": lambda value, pattern, part, root: (
        not isinstance(value, str) or re.search(pattern, value) is not None
    ),
    "minimum": _bound(_at_least),
    "maximum": _bound(_at_most),
    "exclusiveMinimum": _bound(lambda value, bound: value > bound),
    "minLength": _length(str, _at_least),
    "maxLength": _length(str, _at_most),
    "minItems": _length(list, _at_least),
    "maxItems": _length(list, _at_most),
    "maxProperties": _length(dict, _at_most),
}
