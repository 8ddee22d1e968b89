"""Makes a job's SubmitJob request out of what the document says in several places.

A later layer wins over an earlier one, as AWS Batch's overrides win over a job definition: the
definition, the schedule's defaults, the job. Variables, tags, parameters and resources are merged
name by name, everything else is taken whole.
"""

import re
from collections.abc import Mapping
from typing import Any

from chalicelib.core.kinds import work_of

Fields = Mapping[str, Any]

SHELL = ("/bin/sh", "-c")

_REFERENCE = re.compile(r"Ref::([A-Za-z0-9_-]+)")
_WORK = frozenset(
    {"jobDefinition", "command", "uses"}
)  # what is run: one of them, or the first two
_MERGED = ("environment", "resources", "parameters", "tags")
_PASSED_ON = {
    "jobDefinition": "jobDefinition",
    "jobQueue": "jobQueue",
    "retryStrategy": "retryStrategy",
    "timeout": "timeout",
    "arrayProperties": "arrayProperties",
    "schedulingPriority": "schedulingPriorityOverride",  # its name in SubmitJob
    "shareIdentifier": "shareIdentifier",
    "tags": "tags",
    "propagateTags": "propagateTags",
    "parameters": "parameters",
}


def layer(fields: Fields) -> dict[str, Any]:
    """What one place says, every shorthand written out."""
    overrides = fields.get("containerOverrides") or {}
    written = {key: fields[key] for key in _PASSED_ON if key in fields}
    environment = {
        **_variables(overrides.get("environment")),
        **_variables(fields.get("environment")),
    }
    resources = {**_resources(overrides), **_resources(fields)}
    command = _argument_vector(fields.get("command") or overrides.get("command"))
    merged = {"environment": environment, "resources": resources, "command": command}
    written.update({key: value for key, value in merged.items() if value})
    if "uses" in fields:
        written["uses"] = work_of(fields["uses"], fields.get("with", {}))
    return written


def merge(*layers: Fields) -> dict[str, Any]:
    """The layers as one; what a later one says counts."""
    merged: dict[str, Any] = {}
    for fields in layers:
        for key, value in fields.items():
            if key in _MERGED and key in merged:
                merged[key] = {**merged[key], **value}
            else:
                merged[key] = value
    return merged


def has_work(fields: Fields) -> bool:
    """Whether there is anything to run."""
    return not _WORK.isdisjoint(fields)


def beneath(fields: Fields, layer_below: Fields) -> Fields:
    """The layer below these fields without the work that they replace.

    Who says what runs has said otherwise. A command goes with a job definition of another layer;
    a ready-made kind of work has its own.
    """
    if not has_work(fields):
        return layer_below
    replaced = _WORK if "uses" in fields else {"command", "uses"}
    return {key: value for key, value in layer_below.items() if key not in replaced}


def request_of(fields: Fields) -> dict[str, Any]:
    """The request of merged layers, in SubmitJob's spelling; empty for a job that runs nothing."""
    if not has_work(fields):
        return {}
    request = {name: fields[key] for key, name in _PASSED_ON.items() if key in fields}
    overrides: dict[str, Any] = {}
    command, environment = fields.get("command"), fields.get("environment", {})
    if "uses" in fields and command is None:
        work = fields["uses"]
        request["uses"] = work.kind
        command, environment = work.command, {**environment, **work.environment}
    if command:
        overrides["command"] = _substitute(command, fields.get("parameters", {}))
    if environment:
        overrides["environment"] = [
            {"name": name, "value": value} for name, value in environment.items()
        ]
    if "resources" in fields:
        overrides["resourceRequirements"] = [
            {"type": kind, "value": value} for kind, value in fields["resources"].items()
        ]
    if overrides:
        request["containerOverrides"] = overrides
    return request


def _argument_vector(command: Any) -> Any:
    return [*SHELL, command] if isinstance(command, str) else command


def _variables(environment: Any) -> Fields:
    if isinstance(environment, list):
        return {variable["name"]: variable["value"] for variable in environment}
    return environment or {}


def _resources(fields: Fields) -> dict[str, str]:
    resources = {
        requirement["type"]: requirement["value"]
        for requirement in fields.get("resourceRequirements") or ()
    }
    if "vcpus" in fields:
        vcpus = float(fields["vcpus"])
        resources["VCPU"] = str(int(vcpus) if vcpus.is_integer() else vcpus)
    if "memory" in fields:
        resources["MEMORY"] = str(fields["memory"])
    return resources


def _substitute(command: list[str], parameters: Mapping[str, str]) -> list[str]:
    """The command with `Ref::name` replaced; what no parameter fills stays, as in AWS Batch."""
    if not parameters:
        return command
    return [
        _REFERENCE.sub(lambda found: parameters.get(found[1], found[0]), argument)
        if "Ref::" in argument
        else argument
        for argument in command
    ]
