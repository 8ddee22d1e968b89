"""SSM's Run Command, strict in what `batch-job ec2 run` asks of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.strict.answers import ACCOUNT, REGION, AwsError, Params, Permission, Service

_MAX_OUTPUT, _MAX_ERRORS = 24_000, 8_000  # characters (API_GetCommandInvocation)
_PARAMETERS = {"commands", "workingDirectory", "executionTimeout"}  # of AWS-RunShellScript
_MAX_EXECUTION = 172_800  # seconds (AWS-RunShellScript)
_TOKEN = "page"  # noqa: S105

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What becomes of a command on an instance, so many seconds after it was sent."""

    after: float = 10.0
    code: int = 0
    out: str = ""
    err: str = ""
    details: str = ""  # where it is not what the code says: Undeliverable, Terminated …


@dataclass(slots=True)
class Command:
    """A command that was sent."""

    id: str
    request: Params
    at: datetime
    instances: list[str]
    cancelled: datetime | None = None


@dataclass(slots=True)
class RunCommand:
    """One Region's. `managed` has the tags of each instance whose agent is there.

    `late` is how many seconds a command stays unseen by whoever lists or describes.
    """

    clock: Callable[[], datetime]
    managed: Mapping[str, Mapping[str, str]]
    ends: dict[str, Ends] = field(default_factory=dict)
    late: float = 0.0
    page: int = 50
    commands: list[Command] = field(default_factory=list)

    def service(self) -> Service:
        return Service(
            operations={
                "SendCommand": self.send_command,
                "ListCommands": self.list_commands,
                "ListCommandInvocations": self.list_command_invocations,
                "GetCommandInvocation": self.get_command_invocation,
                "CancelCommand": self.cancel_command,
            },
            permissions=_permissions,
        )

    def send_command(self, params: Params) -> Fields:
        if ("InstanceIds" in params) == ("Targets" in params):
            raise AwsError("ValidationException", "InstanceIds or Targets, one of them")
        if params["DocumentName"] != "AWS-RunShellScript":
            raise AwsError("InvalidDocument", "The specified document does not exist.")
        _check_parameters(params["Parameters"])
        command = Command(
            id=f"00000000-0000-4000-a000-{len(self.commands):012x}",
            request=params,
            at=self.clock(),
            instances=self._targets(params),
        )
        self.commands.append(command)
        return {"Command": self._command(command)}

    def list_commands(self, params: Params) -> Fields:
        """Newest first."""
        commands = [each for each in reversed(self.commands) if self._is_seen(each)]
        if "CommandId" in params:
            commands = [each for each in commands if each.id == params["CommandId"]]
            if not commands:
                raise AwsError("InvalidCommandId", "The command ID is not valid.")
        for each in params.get("Filters", ()):
            if each["key"] == "InvokedAfter":
                since = datetime.fromisoformat(each["value"])
                commands = [command for command in commands if command.at >= since]
            elif each["key"] == "DocumentName":
                name = each["value"]
                commands = [c for c in commands if c.request["DocumentName"] == name]
            else:
                raise NotImplementedError(each["key"])
        page, token = self._paged(commands, params)
        return {"Commands": [self._command(each) for each in page], **token}

    def list_command_invocations(self, params: Params) -> Fields:
        known = {each.id: each for each in self.commands if self._is_seen(each)}
        command = known.get(params["CommandId"])
        instances = [] if command is None else sorted(command.instances)
        page, token = self._paged(instances, params)
        told: list[Fields] = []
        for instance in page:
            assert command is not None
            status, details, _ = self._outcome(command, instance)
            told.append(
                {
                    "CommandId": command.id,
                    "InstanceId": instance,
                    "Comment": command.request.get("Comment", ""),
                    "Status": status,
                    "StatusDetails": details,
                }
            )
        return {"CommandInvocations": told, **token}

    def get_command_invocation(self, params: Params) -> Fields:
        known = {each.id: each for each in self.commands if self._is_seen(each)}
        command = known.get(params["CommandId"])
        if command is None or params["InstanceId"] not in command.instances:
            raise AwsError("InvocationDoesNotExist", "")
        status, details, code = self._outcome(command, params["InstanceId"])
        ends = self.ends.get(params["InstanceId"], Ends())
        ran = status in ("Success", "Failed") and not ends.details
        return {
            "CommandId": command.id,
            "InstanceId": params["InstanceId"],
            "PluginName": "aws:runShellScript",
            "ResponseCode": code,
            "Status": status,
            "StatusDetails": details,
            "StandardOutputContent": ends.out[:_MAX_OUTPUT] if ran else "",
            "StandardErrorContent": ends.err[:_MAX_ERRORS] if ran else "",
        }

    def cancel_command(self, params: Params) -> Fields:
        known = {each.id: each for each in self.commands}
        if params["CommandId"] not in known:
            raise AwsError("InvalidCommandId", "The command ID is not valid.")
        command = known[params["CommandId"]]
        command.cancelled = command.cancelled or self.clock()
        return {}

    def _targets(self, params: Params) -> list[str]:
        if "InstanceIds" in params:
            asked = list(params["InstanceIds"])
            if len(set(asked)) < len(asked):
                raise AwsError("DuplicateInstanceId", "")
            if not set(asked) <= set(self.managed):
                raise AwsError("InvalidInstanceId", "Instances not in a valid state for account")
            return asked
        return [
            instance
            for instance, tags in self.managed.items()
            if all(tags.get(_tag(each["Key"])) in each["Values"] for each in params["Targets"])
        ]

    def _is_seen(self, command: Command) -> bool:
        return self.clock() >= command.at + timedelta(seconds=self.late)

    def _paged(self, found: list[Any], params: Params) -> tuple[list[Any], Fields]:
        first = int(params["NextToken"].removeprefix(_TOKEN)) if "NextToken" in params else 0
        last = first + min(self.page, params.get("MaxResults", self.page))
        token = {"NextToken": f"{_TOKEN}{last}"} if last < len(found) else {}
        return found[first:last], token

    def _outcome(self, command: Command, instance: str) -> tuple[str, str, int]:
        """The status on an instance, its details and the exit code."""
        ends = self.ends.get(instance, Ends())
        limit = float(command.request["Parameters"].get("executionTimeout", ["3600"])[0])
        until = command.at + timedelta(seconds=min(ends.after, limit))
        if command.cancelled is not None and command.cancelled < until:
            return "Cancelled", "Cancelled", -1
        if self.clock() < until:
            return "InProgress", "InProgress", -1
        if ends.after > limit:
            return "TimedOut", "ExecutionTimedOut", -1
        if ends.details:
            return ("TimedOut" if "TimedOut" in ends.details else "Failed"), ends.details, -1
        status = "Success" if ends.code == 0 else "Failed"
        return status, status, ends.code

    def _command(self, command: Command) -> Fields:
        outcomes = [self._outcome(command, instance) for instance in command.instances]
        done = [status for status, _, _ in outcomes if status != "InProgress"]
        bad = [details for status, details, _ in outcomes if status in ("Failed", "TimedOut")]
        status = details = "InProgress"
        if len(done) == len(outcomes):
            status = details = "Success"
            if not outcomes:
                details = "NoInstancesInTag"
            elif "Cancelled" in done:
                status = details = "Cancelled"
            elif bad and set(bad) <= {"Undeliverable", "DeliveryTimedOut"}:
                status, details = "Failed", "Incomplete"
            elif bad:
                status = details = "Failed"
        return {
            "CommandId": command.id,
            "DocumentName": command.request["DocumentName"],
            "Comment": command.request.get("Comment", ""),
            "InstanceIds": list(command.request.get("InstanceIds", ())),
            "Targets": list(command.request.get("Targets", ())),
            "RequestedDateTime": command.at,
            "Status": status,
            "StatusDetails": details,
            "TargetCount": len(command.instances),
            "CompletedCount": len(done),
            "ErrorCount": len(bad),
        }


def _tag(key: str) -> str:
    if not key.startswith("tag:"):
        raise AwsError("ValidationException", f"{key} is no target key")
    return key.removeprefix("tag:")


def _check_parameters(parameters: Mapping[str, list[str]]) -> None:
    wrong = set(parameters) - _PARAMETERS
    limit = parameters.get("executionTimeout", ["3600"])
    if wrong or "commands" not in parameters:
        raise AwsError("InvalidParameters", f"Document takes {sorted(_PARAMETERS)}")
    if len(limit) != 1 or not limit[0].isdigit() or not 1 <= int(limit[0]) <= _MAX_EXECUTION:
        raise AwsError("InvalidParameters", f"executionTimeout can't be {limit}")


def _permissions(operation: str, params: Params) -> tuple[Permission, ...]:
    if operation != "SendCommand":
        return ((f"ssm:{operation}", "*"),)
    document = f"arn:aws:ssm:{REGION}::document/{params['DocumentName']}"
    instances = [
        f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{i}" for i in params.get("InstanceIds", "*")
    ]
    return tuple(("ssm:SendCommand", arn) for arn in (document, *instances))
