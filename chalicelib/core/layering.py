"""Makes a job's SubmitJob request out of what the document says in several places.

A later layer wins over an earlier one, as AWS Batch's overrides win over a job definition: the
definition, the schedule's defaults, the job. Variables, tags, parameters and resources are merged
name by name, everything else is taken whole.
"""

import re
from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]

SHELL = ("/bin/sh", "-c")

_REFERENCE = re.compile(r"Ref::([A-Za-z0-9_-]+)")
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
    return "jobDefinition" in fields or "command" in fields


def request_of(fields: Fields) -> dict[str, Any]:
    """The request of merged layers, in SubmitJob's spelling; empty for a job that runs nothing."""
    if not has_work(fields):
        return {}
    request = {name: fields[key] for key, name in _PASSED_ON.items() if key in fields}
    overrides: dict[str, Any] = {}
    if "command" in fields:
        overrides["command"] = _substitute(fields["command"], fields.get("parameters", {}))
    if "environment" in fields:
        overrides["environment"] = [
            {"name": name, "value": value} for name, value in fields["environment"].items()
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
