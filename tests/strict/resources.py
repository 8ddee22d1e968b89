"""What a stage has, read from the template, the settings and the policies that deploy it."""

import fnmatch
import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import app
from chalicelib.config import Machine, Settings, read_settings
from cloudformation import rendering
from cloudformation.rendering import CONFIG, Place, Stage
from tests.strict.answers import ACCOUNT, REGION, Call, Permission

STAGE = "dev"
QUEUE = f"batch-scheduler-{STAGE}"
DEFINITION = f"batch-scheduler-{STAGE}-shell"
TOPIC = STATE_MACHINE = f"batch-scheduler-{STAGE}"
_NAMES = {"Stage": STAGE, "AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws"}

Fields = dict[str, Any]


@cache
def resources(kind: str) -> Sequence[Fields]:
    """The properties of the template's resources of one type, with the names of the stage."""
    found = rendering.resources().values()
    return [_filled(each["Properties"]) for each in found if each["Type"] == kind]


def _filled(value: Any) -> Any:
    match value:
        case {"Fn::Sub": str(text)}:
            for name, meant in _NAMES.items():
                text = text.replace(f"${{{name}}}", meant)
            return text
        case dict():
            return {key: _filled(each) for key, each in value.items()}
        case list():
            return [_filled(each) for each in value]
    return value


@cache
def settings() -> Settings:
    """What a function of the stage reads from its environment."""
    variables = _config()["stages"][STAGE]["environment_variables"]
    nowhere = Machine(home=Path("/nonexistent"), user="lambda", cpus=1, memory_mib=512)
    return read_settings({**variables, "AWS_REGION": REGION}, directory=Path("/"), machine=nowhere)


@cache
def seconds_of(function: str) -> int:
    """How long a function may run."""
    seconds: int = _of_function(function)["lambda_timeout"]
    return seconds


@cache
def memory_of(function: str) -> int:
    """The megabytes that a function has."""
    megabytes: int = _of_function(function)["lambda_memory_size"]
    return megabytes


def _of_function(function: str) -> Fields:
    config = _config()
    return {**config, **config["lambda_functions"].get(function, {})}


@cache
def _config() -> Fields:
    config: Fields = json.loads(CONFIG.read_text("utf-8"))
    return config


@cache
def is_allowed(function: str, permission: Permission) -> bool:
    """Whether the policy of a function allows an action; conditions are taken to hold."""
    action, arn = permission
    return any(
        _fits(statement["Action"], action) and (arn == "*" or _fits(statement["Resource"], arn))
        for statement in _policies()[function]["Statement"]
    )


def check_policy(function: str, calls: Iterable[Call]) -> None:
    """Raise AssertionError if a function did what its policy does not allow.

    Calls of people, and of functions that were called meanwhile, are none of its own.
    """
    for call in calls:
        if call.caller != function:
            continue
        for action, arn in call.permissions:
            assert is_allowed(function, (action, arn)), f"{function} may not {action} on {arn}"


@cache
def _policies() -> dict[str, Fields]:
    return rendering.policies(Stage(STAGE), Place("aws", ACCOUNT, REGION))


def _fits(patterns: str | list[str], text: str) -> bool:
    listed = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatch.fnmatchcase(text, pattern.replace("[", "[[]")) for pattern in listed)


@cache
def patterns(file_buckets: tuple[str, ...] = ()) -> dict[str, Fields]:
    """The event patterns of all rules, by the function that each calls."""
    sources = app.app.event_sources
    found = {each.name: each.event_pattern for each in sources if hasattr(each, "event_pattern")}
    if file_buckets:
        found["object_arrived"] = _file_pattern(file_buckets)
    return found


def _file_pattern(file_buckets: Sequence[str]) -> Fields:
    """That of functions.yaml, for the buckets of its parameter."""
    template = rendering.load(rendering.FUNCTIONS_TEMPLATE)["Resources"]
    pattern: Fields = template["ObjectArrivedRule"]["Properties"]["EventPattern"]
    assert pattern.pop("account") == [{"Ref": "AWS::AccountId"}]
    assert pattern["detail"] == {"bucket": {"name": {"Ref": "FileBuckets"}}}
    return {**pattern, "account": [ACCOUNT], "detail": {"bucket": {"name": [*file_buckets]}}}
