"""Reads what is said of a stage, and refuses what can't be deployed, before anything is touched."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from chalicelib.config import Api, read_api
from chalicelib.errors import InvalidInputError
from cloudformation import rendering
from cloudformation.rendering import CONFIG, PROJECT, Stage

_PARAMETERS = PROJECT / "cloudformation" / "parameters"
# Names that the stack and the functions must know alike.
_NAMES = {
    "SchedulesBucketName": "BATCH_SCHEDULER_BUCKET",
    "ArchiveBucketName": "BATCH_SCHEDULER_ARCHIVE_BUCKET",
}


class DeployError(Exception):
    """What keeps us from deploying, in one sentence."""


def read_stage(name: str, files: Path = _PARAMETERS, config: Path = CONFIG) -> Stage:
    """The stage with the parameters of its file, those of the template without one.

    Raises DeployError for a stage that .chalice/config.json does not have, or that says otherwise.
    """
    stages = json.loads(config.read_text("utf-8"))["stages"]
    if name not in stages:
        known = ", ".join(stages)
        raise DeployError(
            f".chalice/config.json has no stage {name!r}, only {known}: add it, as dev is there."
        )
    parameters = _parameters(files / f"{name}.json")
    _check({"Stage": name, **parameters})
    environment = stages[name]["environment_variables"]
    for parameter, variable in _NAMES.items():
        named = parameters.get(parameter, "")
        if named != environment.get(variable, ""):
            raise DeployError(
                f"{parameter} is {named!r}: set {variable} of {name} in .chalice/config.json."
            )
    return Stage(name, parameters, _api(name, environment))


def _api(name: str, environment: dict[str, str]) -> Api:
    try:
        return read_api(environment)
    except InvalidInputError as error:
        raise DeployError(f"Stage {name} in .chalice/config.json: {error}") from error


def _parameters(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DeployError(f"{_shown(path.stem)} is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise DeployError(f"{_shown(path.stem)} must be an object, as example.json there is.")
    return {key: _text(value) for key, value in found.items()}


def _text(value: Any) -> str:
    """As CloudFormation takes it: true is not True."""
    return value if isinstance(value, str) else json.dumps(value)


def _check(parameters: dict[str, str]) -> None:
    """Hold the values to the template; CloudFormation would, but a package is not shown to it."""
    where = _shown(parameters["Stage"])
    known = _known()
    for name, value in parameters.items():
        if name not in known:
            raise DeployError(f"{where}: there is no parameter {name!r} in our templates.")
        wrong = _objection(known[name], value)
        if wrong:
            raise DeployError(f"{where}: {name} can't be {value!r}; {wrong}.")


@cache
def _known() -> dict[str, Any]:
    """The parameters of all templates; what several have is the same in each."""
    templates = (
        rendering.FUNCTIONS_TEMPLATE,
        rendering.JOBS_TEMPLATE,
        rendering.STATE_TEMPLATE,
        rendering.TEMPLATE,
    )
    return {
        name: parameter
        for path in templates
        for name, parameter in rendering.load(path)["Parameters"].items()
    }


def _objection(parameter: dict[str, Any], value: str) -> str:
    """What the parameter takes instead; empty if it takes the value."""
    is_list = parameter["Type"] == "CommaDelimitedList"
    parts = [part.strip() for part in value.split(",")] if is_list else [value]
    pattern = parameter.get("AllowedPattern", ".*")
    if not all(re.fullmatch(pattern, part) for part in parts):
        return str(parameter["ConstraintDescription"]).rstrip(".")
    allowed = [str(each) for each in parameter.get("AllowedValues", ())]
    if allowed and value not in allowed:
        return f"one of {', '.join(allowed)}"
    if parameter["Type"] == "Number":
        return _number_objection(parameter, value)
    return ""


def _number_objection(parameter: dict[str, Any], value: str) -> str:
    least, most = parameter.get("MinValue"), parameter.get("MaxValue")
    if not value.isdecimal():
        return "a whole number"
    if least is not None and most is not None and not least <= int(value) <= most:
        return f"{least} to {most}"
    return ""


def _shown(name: str) -> str:
    return f"cloudformation/parameters/{name}.json"
