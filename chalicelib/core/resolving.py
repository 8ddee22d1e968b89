"""Turns a document and the values of a run into a `Schedule`: all that the engine needs to know.

Nothing is left to look up afterwards: defaults and definitions are merged in, placeholders filled.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from chalicelib.core.document import ScheduleDocument
from chalicelib.core.kinds import faults_of, strange_variables
from chalicelib.core.layering import beneath, layer, merge, request_of
from chalicelib.core.outputs import MARK, references_in, run_as_code
from chalicelib.core.parameters import Value, check, fill
from chalicelib.core.schedule import (
    JobSpec,
    OnFailure,
    Policy,
    RetryPolicy,
    Schedule,
    TriggerRule,
)
from chalicelib.core.sizing import check_sizes
from chalicelib.core.wording import json_path, quoted, shown
from chalicelib.errors import InvalidInputError, Problem

Fields = Mapping[str, Any]

_NAMES = ("jobName", "jobDependencies")
_AMOUNT = {
    "VCPU": (re.compile(r"[0-9]*[1-9][0-9]*(\.[0-9]+)?|0?\.[0-9]*[1-9][0-9]*"), "a number above 0"),
    "MEMORY": (re.compile(r"[0-9]*[1-9][0-9]*"), "whole MiB above 0"),
    "GPU": (re.compile(r"[0-9]*[1-9][0-9]*"), "a whole number above 0"),
}


class _Jobs(NamedTuple):
    """The jobs of a document, and what is wrong with them."""

    specs: tuple[JobSpec, ...]
    faults: Sequence[Problem]
    unsendable: Sequence[Problem]  # whatever the placeholders are filled with


def resolve(
    document: ScheduleDocument, given: Mapping[str, object]
) -> tuple[Schedule, dict[str, Value]]:
    """The schedule for one run, and the value of each of its parameters.

    Raises InvalidInputError with everything that is wrong with the values given, or with what they
    make of the document.
    """
    values = check(document.parameters, given)
    if "${" in document.text:
        fields = _fields_of(document)
        found = _jobs_of(document, _filled(fields, values), fields)
        _check_clear(found.specs, values)
    else:
        found = _unfilled(document)
    if found.faults or found.unsendable:
        raise InvalidInputError([*found.faults, *found.unsendable])
    schedule = Schedule(
        schedule_id=document.schedule_id,
        name=document.schedule_name or "",
        category=document.category or "",
        policy=Policy(
            on_failure=OnFailure(document.on_failure or OnFailure.CONTINUE),
            max_concurrency=document.max_concurrency,
            wait_time=document.wait_time,
            notify=tuple(rule.frozen for rule in document.notify or ()),
        ),
        jobs=found.specs,
    )
    return schedule, values


def check_unfilled(document: ScheduleDocument) -> None:
    """Refuse jobs that no run could hand over. Raises InvalidInputError with each of them."""
    unsendable = _unfilled(document).unsendable
    if unsendable:
        raise InvalidInputError(unsendable)


# `run` checks a document to store it and then starts it: 80 ms each time with 10,000 jobs.
@lru_cache(maxsize=1)
def _unfilled(document: ScheduleDocument) -> _Jobs:
    """The jobs with their placeholders as they are."""
    fields = _fields_of(document)
    return _jobs_of(document, fields, fields)


def _jobs_of(document: ScheduleDocument, fields: Fields, written: Fields) -> _Jobs:
    """The jobs of these fields; `written` are the same before anything was filled in."""
    specs, faults = _resolve_jobs(fields)
    unsendable = list(check_sizes(document.schedule_id, specs))
    if MARK in document.text:
        specs = _with_reads(specs, written)
        unsendable += _check_reads(specs)
    return _Jobs(tuple(specs), faults, unsendable)


def _with_reads(specs: Sequence[JobSpec], written: Fields) -> list[JobSpec]:
    """The jobs with the outputs that they read: none that a parameter's value seems to name."""
    jobs = (job for part in ("jobList", "finally") for job in written.get(part, ()))
    reads = map(references_in, jobs)
    pairs = zip(specs, reads, strict=True)
    return [replace(spec, reads=found) if found else spec for spec, found in pairs]


def _check_reads(specs: Sequence[JobSpec]) -> Iterator[Problem]:
    """What only shows of outputs once a job has all that is said of it in several places."""
    arrays = {spec.name for spec in specs if "arrayProperties" in spec.request}
    main = sum(not spec.is_finally for spec in specs)
    for index, spec in enumerate(specs):
        place = ("finally", index - main) if spec.is_finally else ("jobList", index)
        if (found := run_as_code(spec)) is not None:
            field, reference = found
            yield Problem(
                f"{json_path(place)}.{field}",
                f"job {quoted(spec.name)}: it would run what another job has told",
                quoted(str(reference)),
                f'"${reference.output.upper()}", and the output by `environment`',
            )
        for each in spec.reads:
            if each.job in arrays:
                reason = f"job {quoted(spec.name)} reads an output of an array job"
                allowed = "a job that is no array: the children of one tell apart from it"
                yield Problem(json_path(place), reason, quoted(str(each)), allowed)


def _check_clear(specs: Sequence[JobSpec], values: Mapping[str, Value]) -> None:
    """Refuse values that, once they are filled in, could be taken for outputs."""
    if not any(spec.reads for spec in specs):
        return
    unclear = [name for name, value in values.items() if MARK in str(value)]
    if unclear:
        reason = "looks like an output of a job, and jobs of this schedule read outputs"
        paths = (json_path(("parameters", name)) for name in unclear)
        raise InvalidInputError([Problem(path, reason) for path in paths])


def _fields_of(document: ScheduleDocument) -> dict[str, Any]:
    return document.model_dump(
        by_alias=True,
        exclude_unset=True,
        exclude_none=True,
        include={"job_list", "finally_jobs", "defaults", "job_definitions"},
    )


def _filled(fields: dict[str, Any], values: Mapping[str, Value]) -> dict[str, Any]:
    """The same with placeholders filled, but for the names that jobs go by."""
    filled: dict[str, Any] = fill(fields, values)
    for part in ("jobList", "finally"):
        for before, after in zip(fields.get(part, ()), filled.get(part, ()), strict=True):
            after.update({key: before[key] for key in _NAMES if key in before})
    return filled


def _resolve_jobs(fields: Fields) -> tuple[list[JobSpec], list[Problem]]:
    defaults: Fields = fields.get("defaults", {})
    default_layer = layer(defaults)
    definitions = {
        name: layer(definition) for name, definition in fields.get("jobDefinitions", {}).items()
    }
    specs: list[JobSpec] = []
    problems = [*_shared_faults(fields)]
    for part in ("jobList", "finally"):
        for index, job in enumerate(fields.get(part, ())):
            request = _request(layer(job), default_layer, definitions)
            specs.append(_spec(job, defaults, request, is_finally=part == "finally"))
            problems.extend(_faults((part, index), job["jobName"], request))
            problems.extend(faults_of((part, index), job))
    return specs, problems


def _shared_faults(fields: Fields) -> Iterator[Problem]:
    yield from faults_of(("defaults",), fields.get("defaults", {}))
    for name, definition in fields.get("jobDefinitions", {}).items():
        yield from faults_of(("jobDefinitions", name), definition)


def _request(job: Fields, defaults: Fields, definitions: Mapping[str, Fields]) -> dict[str, Any]:
    merged = merge(beneath(job, defaults), job)
    definition = definitions.get(merged.get("jobDefinition", ""))
    if definition is not None:
        merged = merge(definition, merged)
        # It is written out now, and no queue knows it by that name.
        del merged["jobDefinition"]
    return request_of(merged)


def _spec(job: Fields, defaults: Fields, request: Fields, *, is_finally: bool) -> JobSpec:
    # A rule for the graph is none for what cleans up after it.
    rule = TriggerRule.ALL_DONE if is_finally else defaults.get("triggerRule")
    return JobSpec(
        name=job["jobName"],
        upstream=tuple(job.get("jobDependencies", ())),
        trigger_rule=job.get("triggerRule", rule or TriggerRule.ALL_SUCCEEDED),
        is_finally=is_finally,
        hold=job.get("hold", False),
        passed=job.get("jobStatus") == "PASS",
        retry=_retry(job.get("retry", defaults.get("retry"))),
        runnable_timeout=job.get("runnableTimeout", defaults.get("runnableTimeout")),
        description=job.get("description", ""),
        request=request,
    )


def _retry(fields: Fields | None) -> RetryPolicy | None:
    if fields is None:
        return None
    policy = RetryPolicy(attempts=fields["attempts"])
    return RetryPolicy(
        attempts=policy.attempts,
        delay_seconds=fields.get("delaySeconds", policy.delay_seconds),
        backoff=fields.get("backoff", policy.backoff),
        max_delay_seconds=fields.get("maxDelaySeconds", policy.max_delay_seconds),
    )


def _faults(place: tuple[str, int], name: str, request: Fields) -> Iterator[Problem]:
    """What only shows once the placeholders are filled."""
    for key in ("jobDefinition", "jobQueue"):
        if key in request and not request[key].strip():
            path = json_path((*place, key))
            yield Problem(path, f"job {quoted(name)}: is empty", shown(request[key]))
    yield from strange_variables(place, name, request)
    for requirement in request.get("containerOverrides", {}).get("resourceRequirements", ()):
        pattern, allowed = _AMOUNT[requirement["type"]]
        if not pattern.fullmatch(requirement["value"].strip()):
            reason = f"job {quoted(name)}: {requirement['type']} is no amount"
            found = shown(requirement["value"])
            path = json_path((*place, "resourceRequirements"))
            yield Problem(path, reason, found, allowed)
