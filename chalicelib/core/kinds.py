"""Makes the command of a ready-made kind of work out of its fields: `batch-job KIND …`.

A value and its option are one word, so that no value is ever taken for an option.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from chalicelib.core.fields import as_text
from chalicelib.core.kind_document import model_of
from chalicelib.core.kind_fields import Form, Said
from chalicelib.core.problems import describe
from chalicelib.core.service_kinds import SCRIPT_VARIABLES
from chalicelib.core.wording import Speller, json_path, quoted
from chalicelib.errors import Problem

Fields = Mapping[str, Any]
Place = Sequence[str | int]

PROGRAM = "batch-job"
SCRIPT = "script"
_OF_SCRIPTS = "BATCH_FILE_"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindOfWork:
    """A kind with the command that does it, and the variables that the command reads."""

    kind: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def work_of(kind: str, fields: Fields) -> KindOfWork:
    """What does the work that the fields say."""
    if kind == SCRIPT:
        return _script(fields)
    return KindOfWork(kind=kind, command=[PROGRAM, kind, *_words(kind, fields)])


def _script(fields: Fields) -> KindOfWork:
    variables = {
        variable: fields[name] for name, variable in SCRIPT_VARIABLES.items() if name in fields
    }
    # The first word is the file to run in an archive; of a script by itself it says nothing.
    program = fields.get("program") or fields["url"].rpartition("/")[2]
    return KindOfWork(
        kind=SCRIPT,
        command=[PROGRAM, "run", "--", program, *fields.get("arguments", ())],
        environment={"BATCH_FILE_TYPE": "zip" if "program" in fields else "script", **variables},
    )


def _words(kind: str, fields: Fields) -> list[str]:
    """The fields as words, in the order in which the kind declares them."""
    first: list[str] = []
    options: list[str] = []
    rest: list[str] = []
    for name, said in _declared(kind).items():
        match said.form:
            case _ if name not in fields:
                pass
            case Form.WORD:
                first.append(fields[name])
            case Form.REST:
                rest.append(fields[name])
            case _:
                options += _options(said, fields[name])
    if first == ["get"]:
        rest.reverse()  # what is moved is named first, and that is what is here for `put` alone
    return [*first, *options, *(["--", *rest] if rest else ())]


def _options(said: Said, value: Any) -> Iterator[str]:
    match said.form:
        case Form.FLAG:
            if value:
                yield said.name
        case Form.PAIRS:
            for key, members in value.items():
                for each in _each(members):
                    yield f"{said.name}={key}{said.between}{each}"
        case Form.JSON:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{said.name}={text}"
        case _:
            for each in _each(value):
                yield f"{said.name}={as_text(each)}"


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@cache
def _declared(kind: str) -> Mapping[str, Said]:
    """How each field is said, in the order of their declaration, by the names of documents."""
    return {
        declared.alias or name: _said(name, declared)
        for name, declared in model_of(kind).model_fields.items()
    }


def _said(name: str, declared: FieldInfo) -> Said:
    notes = (*_notes(declared.annotation), *declared.metadata)
    said = next((each for each in reversed(notes) if isinstance(each, Said)), Said())
    return replace(said, name=said.name or "--" + name.replace("_", "-"))


def _notes(annotation: Any) -> Iterator[Any]:
    """What is annotated anywhere in a type: pydantic keeps that of `… | None` there."""
    yield from getattr(annotation, "__metadata__", ())
    for part in get_args(annotation):
        yield from _notes(part)


def faults_of(place: Place, fields: Fields) -> Iterator[Problem]:
    """What shows only with placeholders filled, in a job, a definition or defaults at `place`."""
    if "uses" not in fields:
        return
    model = model_of(fields["uses"])
    try:
        model.model_validate(fields.get("with", {}))
    except ValidationError as error:
        root = json_path((*place, "with"))
        for problem in describe(error, Speller(), model):
            yield replace(problem, path=root + problem.path.removeprefix("$"))


def strange_variables(place: Place, name: str, request: Fields) -> Iterator[Problem]:
    """Variables that would make batch-job run a script in the place of the kind that is used."""
    if request.get("uses", SCRIPT) == SCRIPT:
        return
    for variable in request["containerOverrides"].get("environment", ()):
        if variable["name"].startswith(_OF_SCRIPTS):
            path = json_path((*place, "environment"))
            reason = f"job {quoted(name)}: sets {variable['name']} for `uses: {request['uses']}`"
            yield Problem(path, reason, allowed=f"`{_OF_SCRIPTS}…` for `uses: {SCRIPT}` alone")
