"""What may not stand beside a ready-made kind of work, and what must.

Works on plain values, as core/checking.py does.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from chalicelib.core.outputs import MARK
from chalicelib.core.wording import json_path, quoted
from chalicelib.errors import Problem

Fields = Mapping[str, Any]
Place = tuple[str | int, ...]

_OTHER_WORK: tuple[Place, ...] = (
    ("command",),
    ("containerOverrides", "command"),
    ("jobDefinition",),
)
# Fields that are run as code: by a shell of an instance, by a database.
_CODE: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("ec2", "command"): "the output by another way, such as a file or a parameter of SSM",
        ("redshift", "sql"): "`:name` in the statements, and the output under `parameters`",
    }
)


def check_kinds(document: Fields) -> Iterator[Problem]:
    """Everything wrong with what stands beside `uses`, wherever it may be said."""
    for place, fields in _places(document):
        if isinstance(fields, Mapping) and fields.get("uses") is not None:
            yield from _check(place, fields)


def _places(document: Fields) -> Iterator[tuple[Place, Any]]:
    for part in ("jobList", "finally"):
        jobs = document.get(part)
        for index, job in enumerate(jobs if isinstance(jobs, list) else ()):
            yield (part, index), job
    yield ("defaults",), document.get("defaults")
    definitions = document.get("jobDefinitions")
    for name, definition in definitions.items() if isinstance(definitions, Mapping) else ():
        yield ("jobDefinitions", name), definition


def _check(place: Place, fields: Fields) -> Iterator[Problem]:
    kind = str(fields["uses"])
    if fields.get("with") is None:
        path = json_path((*place, "with"))
        yield Problem(path, "is missing", allowed=f"the fields of {quoted(kind)}")
    for below in _OTHER_WORK:
        if _at(fields, below) is not None:
            path = json_path((*place, *below))
            allowed = "`uses` alone, or a command or job definition without it"
            yield Problem(path, f"stands beside `uses: {kind}`, which has its own", "", allowed)
    for (of_kind, name), instead in _CODE.items():
        text = _at(fields, ("with", name)) if of_kind == kind else None
        if isinstance(text, str) and MARK in text:
            path = json_path((*place, "with", name))
            reason = "would be run as code, and what another job has told with it"
            yield Problem(path, reason, quoted(text), instead)


def _at(value: Any, path: Place) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
