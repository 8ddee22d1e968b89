"""AWS Batch's job definitions and job queues, and what a SubmitJob inherits from a definition."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.strict.answers import ACCOUNT, REGION, AwsError, Params

_MOST_NAMED = 100  # names or ARNs of one describe (API_DescribeJobDefinitions)
_PAGE = 100  # API_DescribeJobDefinitions, API_DescribeJobQueues
_ARN = f"arn:aws:batch:{REGION}:{ACCOUNT}"

Fields = dict[str, Any]
Found = TypeVar("Found")


def refused(message: str) -> AwsError:
    return AwsError("ClientException", message)


@dataclass(slots=True, kw_only=True)
class JobDefinition:
    """One revision of a job definition."""

    name: str
    revision: int
    container: Mapping[str, Any]
    defaults: Mapping[str, Any]  # parameters, retryStrategy and timeout, as SubmitJob has them
    status: str = "ACTIVE"

    @property
    def arn(self) -> str:
        return f"{_ARN}:job-definition/{self.name}:{self.revision}"

    def shown(self) -> Fields:
        return {
            "jobDefinitionName": self.name,
            "jobDefinitionArn": self.arn,
            "revision": self.revision,
            "status": self.status,
            "type": "container",
            "containerProperties": dict(self.container),
            "containerOrchestrationType": "ECS",
            **self.defaults,
        }

    def inherited(self, request: Params) -> Fields:
        """The request with everything that it leaves to the definition."""
        overrides = request.get("containerOverrides") or {}
        container: Fields = dict(overrides)
        if not overrides.get("command") and self.container.get("command"):
            container["command"] = self.container["command"]
        for member, key in (("environment", "name"), ("resourceRequirements", "type")):
            mine, given = self.container.get(member, ()), overrides.get(member, ())
            merged = {entry[key]: entry for entry in (*mine, *given)}
            if merged:
                container[member] = list(merged.values())
        whole = {**self.defaults, **request, "containerOverrides": container}
        parameters = {**self.defaults.get("parameters", {}), **request.get("parameters", {})}
        if parameters:
            whole["parameters"] = parameters
        return whole


@dataclass(slots=True, kw_only=True)
class JobQueue:
    """A job queue that is up."""

    name: str
    state: str = "ENABLED"

    @property
    def arn(self) -> str:
        return f"{_ARN}:job-queue/{self.name}"

    def shown(self) -> Fields:
        environment = f"{_ARN}:compute-environment/{self.name}"
        return {
            "jobQueueName": self.name,
            "jobQueueArn": self.arn,
            "state": self.state,
            "status": "VALID",
            "statusReason": "JobQueue Healthy",
            "priority": 1,
            "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": environment}],
        }


class Registry:
    """The definitions and queues of the account. Revisions are newest first in answers."""

    def __init__(self) -> None:
        self._definitions: dict[str, list[JobDefinition]] = {}
        self._queues: dict[str, JobQueue] = {}

    def register(
        self, name: str, container: Params | None = None, **defaults: Any
    ) -> JobDefinition:
        """Add a revision: RegisterJobDefinition."""
        revisions = self._definitions.setdefault(name, [])
        properties = {"image": "busybox", **(container or {})}
        made = JobDefinition(
            name=name, revision=len(revisions) + 1, container=properties, defaults=defaults
        )
        revisions.append(made)
        return made

    def deregister(self, arn: str) -> None:
        for each in self._all():
            if each.arn == arn:
                each.status = "INACTIVE"

    def make_queue(self, name: str, state: str = "ENABLED") -> JobQueue:
        """Add a queue: CreateJobQueue."""
        self._queues[name] = JobQueue(name=name, state=state)
        return self._queues[name]

    def definition(self, name: str) -> JobDefinition:
        """The ACTIVE revision of that name or ARN, the newest if it names none."""
        found = [each for each in self._named(name) if each.status == "ACTIVE"]
        if not found:
            raise refused(f"JobDefinition {name} doesn't exist or is INACTIVE.")
        return found[-1]

    def queue(self, name: str) -> JobQueue | None:
        """The queue of that name or ARN."""
        return self._queues.get(name.removeprefix(f"{_ARN}:job-queue/"))

    def open_queue(self, name: str) -> JobQueue:
        """The queue, if it takes jobs."""
        found = self.queue(name)
        if found is None:
            raise refused(f"Job queue {name} doesn't exist.")
        if found.state != "ENABLED":
            raise refused(f"Job queue {name} is DISABLED.")
        return found

    def describe_job_definitions(self, params: Params) -> Fields:
        named = params.get("jobDefinitions", ())
        _check_count(named)
        family = params.get("jobDefinitionName")
        found = (
            [each for name in named for each in self._named(name)]
            if named
            else [each for each in self._all() if family in (None, each.name)]
        )
        if "status" in params:
            found = [each for each in found if each.status == params["status"]]
        found.sort(key=lambda each: (each.name, -each.revision))
        return _page(params, "jobDefinitions", found, JobDefinition.shown)

    def describe_job_queues(self, params: Params) -> Fields:
        named = params.get("jobQueues", ())
        _check_count(named)
        queues = [self.queue(name) for name in named] if named else list(self._queues.values())
        found = [each for each in queues if each is not None]
        return _page(params, "jobQueues", found, JobQueue.shown)

    def _all(self) -> list[JobDefinition]:
        return [each for revisions in self._definitions.values() for each in revisions]

    def _named(self, name: str) -> list[JobDefinition]:
        family, _, revision = name.removeprefix(f"{_ARN}:job-definition/").partition(":")
        found = self._definitions.get(family, [])
        return [each for each in found if revision in ("", str(each.revision))]


def _check_count(named: Sequence[str]) -> None:
    if len(named) > _MOST_NAMED:
        raise refused(f"At most {_MOST_NAMED} can be described, found {len(named)}.")


def _page(
    params: Params, member: str, found: Sequence[Found], shown: Callable[[Found], Fields]
) -> Fields:
    """One page of an answer; a token is the number of those that came before."""
    token, size = params.get("nextToken", "0"), params.get("maxResults", _PAGE)
    if not token.isdecimal() or not 1 <= size <= _PAGE:
        raise refused(f"nextToken isn't one of ours, or maxResults isn't in 1..{_PAGE}.")
    start = int(token)
    answer: Fields = {member: [shown(each) for each in found[start : start + size]]}
    if start + size < len(found):
        answer["nextToken"] = str(start + size)
    return answer
