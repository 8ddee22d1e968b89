"""What two versions of a schedule differ in: jobs by their names, whatever their order."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

_PARTS = ("jobList", "finally")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Names of jobs in their document's order, other fields that differ, and lines to read."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    fields: tuple[str, ...]
    lines: tuple[str, ...]  # unified, of canonical JSON, a hunk a job


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Compare two documents."""
    old, new = _jobs(before), _jobs(after)
    names = [*old, *(name for name in new if name not in old)]
    fields = [
        field
        for field in dict.fromkeys([*before, *after])
        if field not in _PARTS and before.get(field) != after.get(field)
    ]
    rest = [{field: each[field] for field in fields if field in each} for each in (before, after)]
    lines = [*_lines("schedule", *rest)] if fields else []
    changed = [name for name in names if old.get(name) != new.get(name)]
    for name in changed:
        lines += _lines(f"job {name}", old.get(name), new.get(name))
    return Difference(
        added=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        changed=tuple(name for name in changed if name in old and name in new),
        fields=tuple(fields),
        lines=tuple(lines),
    )


def _jobs(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Jobs by name; one that cleans up says so, so that to move it there is a change."""
    return {
        job["jobName"]: job | ({"finally": True} if part == "finally" else {})
        for part in _PARTS
        for job in document.get(part) or ()
    }


def _lines(what: str, before: Any, after: Any) -> Iterator[str]:
    names = (f"before: {what}", f"after: {what}")
    yield from unified_diff(_text(before), _text(after), *names, lineterm="")


def _text(value: Any) -> list[str]:
    if value is None:
        return []
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
