"""The values a run is given: checked against what the document declares, filled into its texts.

`${name}` stands for a value, `$${` for the two characters `${`. Only plain names count:
`${HOME:-x}` is left to the shell.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from chalicelib.core.document import Parameter, ParameterType
from chalicelib.core.fields import as_text
from chalicelib.core.secrecy import check_value
from chalicelib.core.soundness import CONTROL
from chalicelib.core.wording import Speller, json_path, quoted, shown
from chalicelib.errors import InvalidInputError, Problem

Value = str | int | float | bool

_PLACEHOLDER = re.compile(r"\$(?:(\$\{)|\{([A-Za-z_][A-Za-z0-9_-]*)\})")
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ALLOWED: Mapping[ParameterType, str] = {
    "string": "text without control characters",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date such as 2026-11-23",
}


def check(
    declared: Mapping[str, Parameter] | None, given: Mapping[str, object]
) -> dict[str, Value]:
    """The value of every declared parameter: given, else its default, else empty.

    A parameter is required unless it has a default or says `required: false`, as Argo has it: a
    value that was forgotten must not become an empty text. Raises InvalidInputError that says
    everything that is wrong; paths are those of the parameters in the document.
    """
    declared = declared or {}
    problems = list(_unknown(declared, given))
    values: dict[str, Value] = {}
    for name, parameter in declared.items():
        path = json_path(("parameters", name))
        if name in given:
            problems.extend(check_value(path, given[name]))
            found = _read(parameter, given[name])
            if found is None or not _is_allowed(parameter, found):
                problems.append(_misfit(path, parameter, given[name]))
            else:
                values[name] = found
        elif is_required(parameter):
            problems.append(
                Problem(
                    path, f"parameter {quoted(name)} needs a value", allowed=_allowed(parameter)
                )
            )
        else:
            default = _read(parameter, parameter.default)
            values[name] = "" if default is None else default
    if problems:
        raise InvalidInputError(problems)
    return values


def is_required(parameter: Parameter) -> bool:
    """Whether a run must be given a value."""
    return parameter.default is None and parameter.required is not False


def check_declarations(declared: Mapping[str, Parameter]) -> Iterator[Problem]:
    """What is wrong with the declarations themselves."""
    for name, parameter in declared.items():
        path = json_path(("parameters", name))
        for index, choice in enumerate(parameter.allowed_values or ()):
            if _read(parameter, choice) is None:
                yield _mistyped(f"{path}.allowedValues[{index}]", parameter.type, choice)
        if parameter.default is None:
            continue
        default = _read(parameter, parameter.default)
        if default is None:
            yield _mistyped(f"{path}.default", parameter.type, parameter.default)
        elif not _is_allowed(parameter, default):
            yield _misfit(f"{path}.default", parameter, parameter.default)
        if parameter.required:
            reason = "a required parameter never uses its default"
            yield Problem(f"{path}.required", reason, allowed="one of the two")


def fill(value: Any, values: Mapping[str, Value]) -> Any:
    """The value with every `${name}` in its texts replaced, keys of objects excepted.

    What has nothing to replace is returned as it is, not copied. Names must be in `values`.
    """
    if isinstance(value, str):
        return _fill_text(value, values) if "${" in value else value
    if isinstance(value, Mapping):
        return {key: fill(member, values) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [fill(item, values) for item in value]
    return value


def names_in(text: str) -> list[str]:
    """The names that a text stands for, in order."""
    if "${" not in text:
        return []
    return [found[2] for found in _PLACEHOLDER.finditer(text) if found[2]]


def _fill_text(text: str, values: Mapping[str, Value]) -> str:
    def replacement(found: re.Match[str]) -> str:
        return "${" if found[1] else str(as_text(values[found[2]]))

    return _PLACEHOLDER.sub(replacement, text)


def _unknown(declared: Mapping[str, Parameter], given: Mapping[str, object]) -> Iterator[Problem]:
    speller = Speller()
    for name in given:
        if name not in declared:
            yield Problem(
                "$.parameters",
                "the schedule has no such parameter",
                quoted(name),
                ", ".join(declared) or "none: it declares no parameters",
                speller.nearest(name, declared),
            )


def _read(parameter: Parameter, value: object) -> Value | None:
    """The value in its type, or None if it is not of that type."""
    return _READERS[parameter.type](value)


def _read_string(value: object) -> str | None:
    text = as_text(value)
    return text if isinstance(text, str) and not CONTROL.search(text) else None


def _read_boolean(value: object) -> bool | None:
    return {"true": True, "false": False}.get(str(as_text(value)).strip().lower())


def _read_integer(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return int(value) if isinstance(value, int) or _WHOLE.fullmatch(value.strip()) else None


def _read_number(value: object) -> int | float | None:
    whole = _read_integer(value)
    if whole is not None:
        return whole
    if isinstance(value, bool) or not isinstance(value, str | float):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _read_date(value: object) -> str | None:
    if not isinstance(value, str) or not _DATE.fullmatch(value.strip()):
        return None
    try:
        return date.fromisoformat(value.strip()).isoformat()
    except ValueError:
        return None


_READERS: Mapping[ParameterType, Callable[[object], Value | None]] = {
    "string": _read_string,
    "integer": _read_integer,
    "number": _read_number,
    "boolean": _read_boolean,
    "date": _read_date,
}


def _choices(parameter: Parameter) -> Sequence[Value]:
    read = (_read(parameter, choice) for choice in parameter.allowed_values or ())
    return [choice for choice in read if choice is not None]


def _is_allowed(parameter: Parameter, value: Value) -> bool:
    return parameter.allowed_values is None or value in _choices(parameter)


def _allowed(parameter: Parameter) -> str:
    if parameter.allowed_values is None:
        return _ALLOWED[parameter.type]
    return ", ".join(map(shown, _choices(parameter)))


def _mistyped(path: str, type_: ParameterType, value: object) -> Problem:
    return Problem(path, "does not fit the parameter's type", shown(value), _ALLOWED[type_])


def _misfit(path: str, parameter: Parameter, value: object) -> Problem:
    nearest = Speller().nearest(str(value), map(str, _choices(parameter)))
    return Problem(
        path, "is no value of this parameter", shown(value), _allowed(parameter), nearest
    )
