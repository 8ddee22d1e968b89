import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given

from chalicelib.core.loading import load
from chalicelib.core.schema import reference, schema
from chalicelib.errors import InvalidInputError
from tests.builders import document, job, loaded, old_document
from tests.json_schema import accepts
from tests.unit.test_document import JOB_FIELDS, WRONG_JOB_FIELDS

SHELL = {"command": "ls", "shell": True}
SCHEMA = schema()
# What one field says about another is beyond JSON Schema, or not worth its complexity.
BETWEEN_FIELDS = ("a list of arguments", "one text with shell", "one command", "names not with")


def conforms(value: object) -> bool:
    return accepts(value, SCHEMA, SCHEMA)


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, part in {"ScheduleDocument": SCHEMA, **SCHEMA["$defs"]}.items():
        for field, facts in part.get("properties", {}).items():
            yield f"{name}.{field}", facts


@given(JOB_FIELDS)
def test_what_is_loaded_conforms(job_fields: dict[str, Any]) -> None:
    unique = {"jobStatus", "jobId", "hold"}
    defaults = {key: value for key, value in job_fields.items() if key not in unique}
    made = document(job("a", **job_fields), defaults=defaults)
    load(made)
    assert conforms(made)


@pytest.mark.parametrize(
    "value",
    [
        old_document(),
        document(wait_time="60", maxConcurrency="5"),
        document(parameters={"n": {"type": "integer", "default": 3, "allowedValues": [3, "4"]}}),
        document(job("a", environment=[{"name": "A", "value": 1}])),
        document(job("a", environment={"A": True})),
        document(job("a", **SHELL), finally_jobs=[job("z")]),
        document(jobDefinitions={"d": {"command": ["a"], "vcpus": "0.5"}}),
        document(job("a", retryStrategy={"evaluateOnExit": [{"action": "exit", "onExitCode": 1}]})),
    ],
)
def test_documents_of_both_formats_conform(value: dict[str, Any]) -> None:
    assert conforms(value)


@pytest.mark.parametrize(
    ("job_fields", "path", "allowed"),
    [row for row in WRONG_JOB_FIELDS if not row[2].startswith(BETWEEN_FIELDS)],
)
def test_what_is_wrong_by_itself_does_not_conform(
    job_fields: dict[str, Any], path: str, allowed: str
) -> None:
    with pytest.raises(InvalidInputError):
        loaded(job("a", **job_fields))
    if path != "environment[0].name":
        assert not conforms(document(job("a", **job_fields)))


def test_unknown_fields_do_not_conform() -> None:
    assert not conforms(document(job("a", comand=["x"])))


def test_the_schema_says_which_draft_it_is() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize(("name", "facts"), list(fields()), ids=lambda value: str(value)[:60])
def test_every_field_is_explained_to_editors(name: str, facts: dict[str, Any]) -> None:
    assert facts["description"].endswith("."), name
    assert facts.get("title"), name


def test_the_reference_has_every_field_of_every_part() -> None:
    text = reference()
    for name, facts in fields():
        part, field = name.split(".")
        section = text.partition(f"## {part.removesuffix('Document')}\n")[2].partition("\n## ")[0]
        assert f"| `{field}` |" in section
        assert facts["description"].replace("|", "\\|") in section


@pytest.mark.parametrize(
    "beginning",
    [
        "| `wait_time` | integer | `60` | ≥ 1 | Seconds",
        "| `jobDefinitions` | mapping to [JobDefinition](#jobdefinition) |  |  | Job definitions",
        "| `parameters` | mapping to [Parameter](#parameter) |  |  | What a run",
        "| `action` | `RETRY`, `EXIT` | required |  | `RETRY` or `EXIT`, in any case. |",
        "| `vcpus` | number |  | > 0 | Short for",
        "| `jobList` | list of [Job](#job) | required | ≥ 1 entries, ≤ 10,000 entries | The",
    ],
)
def test_a_row_of_the_reference_says_type_default_and_bounds(beginning: str) -> None:
    assert any(line.startswith(beginning) for line in reference().splitlines())
