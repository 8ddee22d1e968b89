"""Makes what AWS and Chalice take from what is written here: templates and policies, as text."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parent.parent
TEMPLATE = PROJECT / "cloudformation" / "template.yaml"
STATE_TEMPLATE = PROJECT / "cloudformation" / "state.yaml"
FUNCTIONS_TEMPLATE = PROJECT / "cloudformation" / "functions.yaml"
POLICIES = PROJECT / ".chalice" / "policies"
CONFIG = PROJECT / ".chalice" / "config.json"

# TemplateBody of CreateChangeSet, bytes (CloudFormation quotas); more would have to go through S3.
MAX_TEMPLATE = 51_200

# What calls a function, in SAM's words: the kind of event and the member that names its rule.
_RULES = {
    "job_state_changed": ("EventBridgeRule", "RuleName"),
    "execution_ended": ("EventBridgeRule", "RuleName"),
    "schedule_uploaded": ("EventBridgeRule", "RuleName"),
    "reconcile": ("Schedule", "Name"),
}

_OWN_ARN = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
_NAME = re.compile(r"\$\{([A-Za-z:]+)\}")


class TemplateError(Exception):
    """What keeps a template from being taken, in one sentence."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage lives on AWS."""

    partition: str
    account: str
    region: str

    def names(self) -> dict[str, str]:
        return {
            "AWS::Partition": self.partition,
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
        }


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage, and the parameters of its companion stack that differ from the defaults."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def stack(self) -> str:
        return f"batch-scheduler-{self.name}"

    @property
    def state_stack(self) -> str:
        return f"{self.stack}-state"

    @property
    def functions_stack(self) -> str:
        return f"{self.stack}-functions"

    def listed(self, parameter: str) -> list[str]:
        return [
            part.strip() for part in self.parameters.get(parameter, "").split(",") if part.strip()
        ]

    def names(self) -> dict[str, str | list[str]]:
        """What policies may put in by `${…}`; a list takes the place of the whole string."""
        own = "${AWS::AccountId}-${AWS::Region}"
        queues = self.listed("ExistingJobQueues") or [self.stack, f"{self.stack}-*"]
        definitions = [f"{self.stack}-*", *self.listed("JobDefinitions")]
        return {
            "Stage": self.name,
            "SchedulesBucket": self.parameters.get("SchedulesBucketName")
            or f"batch-scheduler-{self.name}-{own}",
            "ArchiveBucket": self.parameters.get("ArchiveBucketName")
            or f"batch-scheduler-archive-{self.name}-{own}",
            "JobQueueArns": [_OWN_ARN % ("batch", f"job-queue/{name}") for name in queues],
            # SubmitJob is checked against the ARN with the revision (Batch guide, "Restrict to job
            # definition prefix on job submission").
            "JobDefinitionArns": [
                _OWN_ARN % ("batch", f"job-definition/{name}{'' if name.endswith('*') else ':*'}")
                for name in definitions
            ],
            "TopicArns": [
                _OWN_ARN % ("sns", self.stack),
                *(_OWN_ARN % ("sns", topic) for topic in self.listed("NoticeTopics")),
            ],
        }


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if suffix in {"Ref", "Condition"}:
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


# Reads CloudFormation's short forms as the long ones. PyYAML may be built without libyaml.
_Loader: type[yaml.SafeLoader] = type(
    "_Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {}
)
_Loader.add_multi_constructor("!", _short_form)


def load(path: Path) -> dict[str, Any]:
    """A template of CloudFormation, with the long forms of its functions."""
    loaded: dict[str, Any] = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    return loaded


def companion(definition: str | None = None) -> dict[str, Any]:
    """The companion template with the state machine's definition in it; None takes the file's.

    The comments of states are left out: they would take a fiftieth of all that a template may have.
    """
    template = load(TEMPLATE)
    properties = template["Resources"]["StateMachine"]["Properties"]
    path = properties["DefinitionString"]["Fn::Sub"].removeprefix("@")
    text = (PROJECT / path).read_text("utf-8") if definition is None else definition
    machine = json.loads(text)
    for state in machine["States"].values():
        state.pop("Comment", None)
    properties["DefinitionString"] = {"Fn::Sub": _compact(machine)}
    return template


def state() -> dict[str, Any]:
    """The companion's second half."""
    return load(STATE_TEMPLATE)


def resources() -> dict[str, dict[str, Any]]:
    """All that is there before the functions, by logical id."""
    return {**companion()["Resources"], **state()["Resources"]}


def body(template: Mapping[str, Any]) -> str:
    """The template as CloudFormation takes it. Raises TemplateError if it is too large."""
    text = _compact(template)
    if len(text.encode()) > MAX_TEMPLATE:
        size = len(text.encode())
        raise TemplateError(f"The template has {size} bytes, and {MAX_TEMPLATE} are allowed.")
    return text


def policy(source: Mapping[str, Any], stage: Stage, place: Place | None) -> dict[str, Any]:
    """A function's policy with the names of the stage in it.

    Without a place it is for a template: CloudFormation puts in account, region and partition.
    """
    known: dict[str, str | list[str]] = stage.names()
    filled = _filled(dict(source), known)
    if place is None:
        return dict(_as_functions(filled))
    return dict(_filled(filled, dict(place.names())))


def policies(stage: Stage, place: Place | None) -> dict[str, dict[str, Any]]:
    """The policy of each function."""
    return {
        path.stem: policy(json.loads(path.read_text("utf-8")), stage, place)
        for path in sorted(POLICIES.glob("*.json"))
    }


def parameters(stage: Stage, template: Mapping[str, Any] | None = None) -> list[dict[str, str]]:
    """The parameters of a template, as `aws cloudformation deploy` takes them from a file.

    None takes those of the companion, which knows all that a stage may be given.
    """
    given = {**stage.parameters, "Stage": stage.name}
    taken = given.keys() & template["Parameters"].keys() if template else given
    return [{"ParameterKey": key, "ParameterValue": given[key]} for key in sorted(taken)]


def merge_template(stage: Stage) -> dict[str, Any]:
    """What `chalice package` can't say: fixed names, and where failed events go."""
    resources: dict[str, Any] = {}
    for function in sorted(path.stem for path in POLICIES.glob("*.json")):
        name = f"{stage.stack}-{function}"
        events = {}
        if function in _RULES:
            kind, member = _RULES[function]
            # The name that `chalice deploy` gives; alarms know it.
            rule = {"Type": kind, "Properties": {member: f"{name}-event"}}
            events = {"Events": {f"{logical_id(function)}Event": rule}}
        resources[logical_id(function)] = {"Properties": {"FunctionName": name, **events}}
    for name, resource in load(FUNCTIONS_TEMPLATE)["Resources"].items():
        resources[name] = _filled(resource, {"Stage": stage.name}) | {
            "DependsOn": name.removesuffix("Failures")
        }
    return {"Resources": resources}


def logical_id(function: str) -> str:
    """The logical id that Chalice gives a function."""
    return "".join(part.title() for part in function.split("_"))


def _filled(value: Any, names: Mapping[str, str | list[str]]) -> Any:
    match value:
        case str():
            return put_in(value, names)
        case list():
            filled = [_filled(item, names) for item in value]
            return [
                part for item in filled for part in (item if isinstance(item, list) else [item])
            ]
        case dict():
            return {key: _filled(item, names) for key, item in value.items()}
        case _:
            return value


def put_in(text: str, names: Mapping[str, str | list[str]]) -> str | list[str]:
    """The text with each `${…}` that is known; a list takes the place of the whole text."""
    whole = _NAME.fullmatch(text)
    if whole and isinstance(several := names.get(whole[1]), list):
        return list(several)
    return _NAME.sub(lambda found: str(names.get(found[1], found[0])), text)


def _as_functions(value: Any) -> Any:
    match value:
        case str() if _NAME.search(value):
            return {"Fn::Sub": value}
        case list():
            return [_as_functions(item) for item in value]
        case dict():
            return {key: _as_functions(item) for key, item in value.items()}
        case _:
            return value


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
