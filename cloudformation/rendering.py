"""Makes what AWS and Chalice take from what is written here: templates and policies, as text."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from chalicelib.api.gateway import additions
from chalicelib.config import Api

PROJECT = Path(__file__).resolve().parent.parent
TEMPLATE = PROJECT / "cloudformation" / "template.yaml"
STATE_TEMPLATE = PROJECT / "cloudformation" / "state.yaml"
JOBS_TEMPLATE = PROJECT / "cloudformation" / "jobs.yaml"
FUNCTIONS_TEMPLATE = PROJECT / "cloudformation" / "functions.yaml"
POLICIES = PROJECT / ".chalice" / "policies"
CONFIG = PROJECT / ".chalice" / "config.json"

# TemplateBody of CreateChangeSet, bytes (CloudFormation quotas); more would have to go through S3.
MAX_TEMPLATE = 51_200

# Requests a second of all callers together, then 429: /health is open to everybody, and who floods
# the API must neither cost much nor take the account's functions from those that drive runs.
RATE, BURST = 50, 100

# What calls a function, in SAM's words: the kind of event and the member that names its rule.
RULES = {
    "job_state_changed": ("EventBridgeRule", "RuleName"),
    "execution_ended": ("EventBridgeRule", "RuleName"),
    "schedule_uploaded": ("EventBridgeRule", "RuleName"),
    "reconcile": ("Schedule", "Name"),
    "tick": ("Schedule", "Name"),
}

# The name that Chalice has for the function behind all routes, and its logical id.
API_HANDLER = "api_handler"
_API_LOGICAL_ID = "APIHandler"

_OWN_ARN = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
# What names of the functions' stack have after the logical id of their function.
_OF_FUNCTION = re.compile(r"(Failures|Rule|Permission)$")
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
    """A stage, the parameters of its companion stack that differ from the defaults, and its API."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    api: Api = field(default_factory=Api)

    @property
    def stack(self) -> str:
        return f"batch-scheduler-{self.name}"

    @property
    def state_stack(self) -> str:
        return f"{self.stack}-state"

    @property
    def jobs_stack(self) -> str:
        return f"{self.stack}-jobs"

    @property
    def functions_stack(self) -> str:
        return f"{self.stack}-functions"

    def function(self, name: str) -> str:
        """The name that a function has on AWS, as Chalice gives it."""
        return self.stack if name == API_HANDLER else f"{self.stack}-{name}"

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


def jobs() -> dict[str, Any]:
    """What the ready-made kinds of work run as."""
    return load(JOBS_TEMPLATE)


def resources() -> dict[str, dict[str, Any]]:
    """All that is there before the functions, by logical id."""
    return {**companion()["Resources"], **state()["Resources"], **jobs()["Resources"]}


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


def parameters_of(stage: Stage, template: Mapping[str, Any]) -> dict[str, str]:
    """Those of the stage's parameters that a template has."""
    given = {**stage.parameters, "Stage": stage.name}
    return {name: given[name] for name in sorted(given.keys() & template["Parameters"].keys())}


def parameters(stage: Stage, template: Mapping[str, Any]) -> list[dict[str, str]]:
    """The same as `aws cloudformation deploy` takes them from a file."""
    given = parameters_of(stage, template)
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]


def merge_template(stage: Stage) -> dict[str, Any]:
    """What `chalice package` can't say: fixed names, where failed events go, what the API adds."""
    limits = {"ThrottlingRateLimit": RATE, "ThrottlingBurstLimit": BURST}
    api = {
        "DefinitionBody": additions(stage.api),
        "MethodSettings": [{"HttpMethod": "*", "ResourcePath": "/*", **limits}],
        "Tags": {"BatchSchedulerStage": stage.name},
        "TracingEnabled": True,  # which `chalice deploy` does by itself, for `xray`
    }
    resources: dict[str, Any] = {"RestAPI": {"Properties": api}}
    for function in functions():
        name = stage.function(function)
        events = {}
        if function in RULES:
            kind, member = RULES[function]
            # The name that `chalice deploy` gives; alarms know it.
            rule = {"Type": kind, "Properties": {member: f"{name}-event"}}
            events = {"Events": {f"{logical_id(function)}Event": rule}}
        resources[logical_id(function)] = {"Properties": {"FunctionName": name, **events}}
    return {"Resources": {**resources, **_after_functions(stage)}}


def _after_functions(stage: Stage) -> dict[str, Any]:
    """The resources of the functions' stack, for a template in which the functions are as well."""
    buckets = stage.listed("FileBuckets")
    made = {}
    for name, resource in load(FUNCTIONS_TEMPLATE)["Resources"].items():
        if resource.pop("Condition", "") and not buckets:
            continue
        filled = _filled(_listing(resource, buckets), {"Stage": stage.name})
        made[name] = filled | {"DependsOn": _OF_FUNCTION.sub("", name)}
    return made


def _listing(value: Any, buckets: list[str]) -> Any:
    """With the buckets themselves where the template names its parameter."""
    match value:
        case {"Ref": "FileBuckets"}:
            return buckets
        case dict():
            return {key: _listing(item, buckets) for key, item in value.items()}
        case _:
            return value


def functions() -> list[str]:
    """Every function that has a policy, which is every function."""
    return sorted(path.stem for path in POLICIES.glob("*.json"))


def logical_id(function: str) -> str:
    """The logical id that Chalice gives a function."""
    if function == API_HANDLER:
        return _API_LOGICAL_ID
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
