"""Outputs of jobs in texts of others: `${jobs.load.outputs.rows}` is what `load` told as `rows`.

They are filled last, when a job is handed over, and once: a value that looks like a placeholder
stays what it is. A value goes where its name stood, as text; no argument ever becomes two.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from chalicelib.core.claims import OUTPUT_NAME
from chalicelib.core.code_words import code_in_command, code_in_environment
from chalicelib.core.lifecycle import BROKEN, JobStatus
from chalicelib.core.run import JobState
from chalicelib.core.schedule import JobSpec, Reference, TriggerRule
from chalicelib.core.secrecy import HIDDEN
from chalicelib.core.wording import quoted

MARK = "${jobs."  # how each begins; a shell has no such names
_NAMED = rf"([^{{}}]+)\.outputs\.({OUTPUT_NAME})\}}"
_REFERENCE = re.compile(rf"\$\{{jobs\.{_NAMED}")
_WRITTEN = re.compile(rf"(\$)\$\{{(?:jobs\.)?|\$\{{jobs\.(?:{_NAMED})?")

Values = Mapping[Reference, str]


class Written(NamedTuple):
    """What a text of a document says of outputs."""

    references: tuple[Reference, ...] = ()
    is_malformed: bool = False  # something begins as an output and is none
    is_escaped: bool = False  # `$${jobs.` is there, which is to be the characters themselves


def written_in(text: str) -> Written:
    """What the text says, before anything is filled into it."""
    references, is_malformed, is_escaped = [], False, False
    for found in _WRITTEN.finditer(text):
        escape, job, output = found.groups()
        if escape:
            is_escaped |= found[0].endswith(".")
        elif job is None:
            is_malformed = True
        else:
            references.append(Reference(job, output))
    return Written(tuple(references), is_malformed, is_escaped)


def references_in(value: Any) -> tuple[Reference, ...]:
    """The outputs that stand in the texts of a value of a document, each once, in order."""
    return tuple(dict.fromkeys(_references(value)))


def _references(value: Any) -> Iterator[Reference]:
    if isinstance(value, str):
        yield from written_in(value).references if MARK in value else ()
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _references(member)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _references(item)


def fill_outputs(value: Any, values: Values) -> Any:
    """The value with these outputs in its texts; keys of objects and all else stay as they are."""
    if isinstance(value, str):
        return _filled(value, values) if MARK in value else value
    if isinstance(value, Mapping):
        return {key: fill_outputs(member, values) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [fill_outputs(item, values) for item in value]
    return value


def _filled(text: str, values: Values) -> str:
    """The text with its outputs; one that is JSON, by itself or behind its option, stays JSON."""
    is_json = _is_json(text.partition("=")[2] if text.startswith("--") else text)

    def value(found: re.Match[str]) -> str:
        told = values.get(Reference(found[1], found[2]), found[0])
        return json.dumps(told, ensure_ascii=False)[1:-1] if is_json else told

    return _REFERENCE.sub(value, text)


def _is_json(text: str) -> bool:
    """Whether it is an object or a list: then a name of an output stands within quotes there."""
    try:
        return text.lstrip()[:1] in ("{", "[") and json.loads(text) is not None
    except (ValueError, RecursionError):
        return False


def run_as_code(spec: JobSpec) -> tuple[str, Reference] | None:
    """An output that would be code, and the field that it stands in."""
    overrides: Mapping[str, Any] = spec.request.get("containerOverrides") or {}
    for word in code_in_command(overrides.get("command") or ()):
        for each in _references(word):
            return "command", each
    for name, value in code_in_environment(overrides.get("environment") or ()):
        for each in _references(value):
            return f"environment.{name}", each
    return None


def value_of(spec: JobSpec, reference: Reference, state: JobState) -> str | None:
    """What an output is to a job that is about to be handed over; None if it is missing.

    Of a job that did not succeed nothing counts, unless the rule of `spec` lets it run after such
    ends: then what is not there is empty.
    """
    told = state.told.outputs if state.told else {}
    value = told.get(reference.output)
    if value == HIDDEN:
        return None
    if state.status is JobStatus.SUCCEEDED:
        return value
    is_lenient = spec.trigger_rule is not TriggerRule.ALL_SUCCEEDED
    return (value or "") if is_lenient else None


def missing_words(reference: Reference, state: JobState, dropped: Collection[str] = ()) -> str:
    """Why an output is missing, and what can be done; `dropped` was told, and can't be kept."""
    job, output = quoted(reference.job), quoted(reference.output)
    told = state.told.outputs if state.told else {}
    if told.get(reference.output) == HIDDEN:
        why = "looks like a secret, so it was not kept; give secrets by reference"
        return f"output {output} of {job} {why}"
    what = f"output {output} of {job} is missing"
    again = f"rerun {job} with everything downstream"
    if state.status is JobStatus.SUCCEEDED:
        if reference.output in dropped:
            bounds = "one line of text, 1,024 characters, and 32 KiB of all that it tells"
            return f"{what}: told, but not kept: it is beyond {bounds}; mend that, then {again}"
        line = f"`batch-job output {reference.output}=VALUE`"
        return f"{what}: it succeeded without telling it; let it run {line}, then {again}"
    word = "did not succeed" if state.status in BROKEN else "did not run to its end"
    return f"{what}: it is {state.status} and {word}; {again}, or pass this job"


def missing(spec: JobSpec, states: Mapping[str, JobState]) -> Iterator[Reference]:
    """The outputs that are missing for a job, as its upstream jobs stand."""
    for reference in spec.reads:
        if value_of(spec, reference, states[reference.job]) is None:
            yield reference
