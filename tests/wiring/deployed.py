"""What is deployed, as data: templates, and the functions with their settings and policies."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import app
from chalicelib.api.desk import HANDLER
from cloudformation import rendering
from cloudformation.rendering import (
    API_HANDLER,
    CONFIG,
    FUNCTIONS_TEMPLATE,
    POLICIES,
    Place,
    Stage,
)

PLACE = Place("aws", "123456789012", "eu-central-1")
CALLED_LATER = {
    "job_state_changed",
    "execution_ended",
    "schedule_uploaded",
    "object_arrived",
    "reconcile",
    "tick",
}
"""Functions that AWS calls without waiting for the answer."""

BY_CHALICE = CALLED_LATER - {"object_arrived"}
"""Those whose rules Chalice makes; the last one's names buckets, which app.py can't know."""

CALLED_BY_GATEWAY = {API_HANDLER, "authorize"}


def functions() -> list[str]:
    """All of them: handlers of routes are one function together."""
    names = {name for name in app.app.handler_map if not name.startswith(HANDLER)}
    return sorted(names | {API_HANDLER})


@cache
def companion() -> dict[str, Any]:
    return rendering.companion()


@cache
def before_functions() -> dict[str, Any]:
    return rendering.resources()


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """The resources before the functions of one type: properties by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in before_functions().items()
        if resource["Type"] == kind
    }


@cache
def after(kind: str) -> dict[str, dict[str, Any]]:
    """The same of the stack that comes after the functions."""
    found = rendering.load(FUNCTIONS_TEMPLATE)["Resources"].items()
    return {name: each["Properties"] for name, each in found if each["Type"] == kind}


def config() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(CONFIG.read_text("utf-8"))
    return loaded


def policy_files() -> list[str]:
    return sorted(path.stem for path in POLICIES.glob("*.json"))


def statements(function: str, stage: str = "dev") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rendering.policies(Stage(stage), PLACE)[function]["Statement"]
    return found


def actions(statement: dict[str, Any]) -> list[str]:
    return _list(statement["Action"])


def targets(statement: dict[str, Any]) -> list[str]:
    return _list(statement["Resource"])


def roles() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from resources("AWS::IAM::Role").items()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def state_machine() -> dict[str, Any]:
    return resources("AWS::StepFunctions::StateMachine")["StateMachine"]
