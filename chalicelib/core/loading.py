"""Turns the value of a document into a `ScheduleDocument`, or says everything that is wrong."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from chalicelib.core.checking import check_document
from chalicelib.core.document import MAX_JOBS, ScheduleDocument
from chalicelib.core.parameters import check_declarations
from chalicelib.core.problems import describe, fields_at
from chalicelib.core.reading import parse
from chalicelib.core.secrecy import check_secrets, is_suspicious
from chalicelib.core.soundness import unsound_parts
from chalicelib.core.timing.trigger_checking import check_triggers
from chalicelib.core.wording import Speller, quoted, shown
from chalicelib.errors import InvalidInputError, Problem

_SCHEDULE_FIELDS = frozenset(fields_at(()))
_JOB_FIELDS = frozenset(fields_at(("jobList", 0)))
# What starts or restarts a run of a schedule that is stored already.
_START_FIELDS = frozenset({"scheduleId", "startDateTime", "scheduleStatus"})


_JOB = re.compile(r"\$\.(jobList|finally)\[([0-9]+)\]")


def load(value: object) -> ScheduleDocument:
    """The document that a value is, old format or new.

    In the old format, and only for fields that exist, a blank text is as good as nothing; the
    output of an old run is unwrapped. Raises InvalidInputError with every problem there is.
    """
    unsound = unsound_parts(value)
    if unsound:
        raise InvalidInputError(unsound)
    return _load_sound(value)


def read(content: bytes, name: str = "") -> ScheduleDocument:
    """The document in a JSON or YAML file; see `load` and `parse`. Raises InvalidInputError."""
    return _load_sound(parse(content, name))  # which has looked for what is unsound


def _load_sound(value: object) -> ScheduleDocument:
    root, content = unwrap(value)
    document = _normalise(content)
    speller = Speller()
    problems: list[Problem] = []
    model = None
    try:
        model = ScheduleDocument.model_validate(document)
    except ValidationError as error:
        problems.extend(describe(error, speller))
    problems.extend(check_document(document, speller))
    if model is not None:
        problems.extend(check_declarations(model.parameters or {}))
        problems.extend(check_triggers(model))
        if is_suspicious(model.text):
            problems.extend(check_secrets(document))
    if problems or model is None:
        named = (_with_job(problem, document) for problem in problems)
        raise InvalidInputError([replace(p, path=root + p.path.removeprefix("$")) for p in named])
    return model


def unwrap(value: object) -> tuple[str, Mapping[str, Any]]:
    """The document itself and its JSON path: histories of old runs hold it as their output.

    Raises InvalidInputError for what holds no document.
    """
    if not isinstance(value, Mapping):
        found = shown(value)
        raise InvalidInputError([Problem("$", "is no schedule", found, "an object with jobList")])
    if "jobList" in value:
        return "$", value
    output = value.get("output")
    if isinstance(output, Mapping):
        return "$.output", output
    for reason, applies in (
        ("starts an execution; its `input` is no schedule", isinstance(value.get("input"), str)),
        ("has its output as a text; give what is inside", isinstance(output, str)),
        ("starts a run of a stored schedule; it is no schedule", value.keys() <= _START_FIELDS),
    ):
        if value and applies:
            raise InvalidInputError.at("$", reason, allowed="an object with jobList")
    return "$", value


def _normalise(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same without blank texts, at the levels where old documents have them."""
    clean = _without_blanks(document, _SCHEDULE_FIELDS)
    for part in ("jobList", "finally"):
        jobs = clean.get(part)
        if isinstance(jobs, list):
            if len(jobs) > MAX_JOBS:
                # Told at once: what is wrong with each of a million jobs helps nobody.
                found = f"{len(jobs):,} jobs"
                raise InvalidInputError(
                    [Problem(f"$.{part}", "has too many jobs", found, f"at most {MAX_JOBS:,}")]
                )
            clean[part] = [_normalise_job(job) for job in jobs]
    return clean


def _normalise_job(job: Any) -> Any:
    if not isinstance(job, Mapping):
        return job
    clean = _without_blanks(job, _JOB_FIELDS)
    job_id = clean.get("jobId")
    if job_id == {} or (isinstance(job_id, Mapping) and _is_blank(job_id.get("jobId", job_id))):
        del clean["jobId"]
    return clean


def _without_blanks(given: Mapping[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if not (_is_blank(value) and key in fields)}


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _with_job(problem: Problem, document: Mapping[str, Any]) -> Problem:
    """The problem with its job's name in the reason."""
    place = _JOB.match(problem.path)
    if place is None or problem.reason.startswith("job "):
        return problem
    job = document[place[1]][int(place[2])]
    name = job.get("jobName") if isinstance(job, Mapping) else None
    if not isinstance(name, str):
        return problem
    return replace(problem, reason=f"job {quoted(name)}: {problem.reason}")
