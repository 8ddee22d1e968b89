"""Describes documents to editors (JSON Schema) and to people (tables of fields)."""

import json
import re
from collections.abc import Iterator
from typing import Any

from chalicelib.core.document import ScheduleDocument

Schema = dict[str, Any]

_BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "minLength": "≥ {} characters",
    "maxLength": "≤ {} characters",
    "minItems": "≥ {} entries",
    "maxItems": "≤ {} entries",
    "maxProperties": "≤ {} entries",
}


def schema() -> Schema:
    """JSON Schema (2020-12) of a schedule's document."""
    described = ScheduleDocument.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **described,
        "title": "Schedule of batch-scheduler",
    }


def reference() -> str:
    """The same in Markdown: one table for each part of a document."""
    described = schema()
    parts = {"ScheduleDocument": described, **described["$defs"]}
    sections = (_section(name, part) for name, part in parts.items() if "properties" in part)
    return "\n".join(sections)


def _section(name: str, part: Schema) -> str:
    title = _title(name)
    required = part.get("required", [])
    rows = [_row(field, facts, field in required) for field, facts in part["properties"].items()]
    return "\n".join(
        [
            f"## {title}\n",
            f"{part['description']}\n",
            "| Field | Type | Default | Bounds | Meaning |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _title(name: str) -> str:
    """What people call the part."""
    return name.removesuffix("Document")


def _row(field: str, facts: Schema, is_required: bool) -> str:
    default = "required" if is_required else _default(facts.get("default"))
    bounds = ", ".join(dict.fromkeys(_bounds(facts)))
    cells = (f"`{field}`", _type(facts), default, bounds, facts["description"])
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(value: object) -> str:
    return "" if value is None or value == [] else f"`{json.dumps(value)}`"


def _branches(facts: Schema) -> list[Schema]:
    """The forms a value may take, `null` left out: it says no more than leaving out the field."""
    forms = facts.get("anyOf") or facts.get("oneOf")
    if forms is None:
        return [facts]
    return [branch for form in forms for branch in _branches(form) if form.get("type") != "null"]


def _type(facts: Schema) -> str:
    return " or ".join(dict.fromkeys(map(_branch_type, _branches(facts))))


def _branch_type(facts: Schema) -> str:
    if "$ref" in facts:
        name = _title(facts["$ref"].rpartition("/")[2])
        return f"[{name}](#{name.lower()})"
    if "enum" in facts:
        words = {re.sub(r"[^a-z]", "", word.lower()): word for word in reversed(facts["enum"])}
        return ", ".join(f"`{word}`" for word in reversed(words.values()) if word.strip())
    if facts.get("type") == "array":
        return f"list of {_type(facts['items'])}"
    if facts.get("type") == "object":
        patterns = facts.get("patternProperties", {}).values()
        values = next(iter(patterns), None) or facts.get("additionalProperties")
        return f"mapping to {_type(values)}" if values else "object"
    kinds = facts["type"]
    return kinds if isinstance(kinds, str) else kinds[0]


def _bounds(facts: Schema) -> Iterator[str]:
    for branch in _branches(facts):
        for word, template in _BOUNDS.items():
            if word in branch:
                yield template.format(f"{branch[word]:,}")
