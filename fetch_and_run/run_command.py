"""A command on instances by SSM's Run Command, as work that is followed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from fetch_and_run.aws import beginning, client, code_of, console, looking
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.work import LINK, AgainError, InDoubtError, Outcome, Remote
from fetch_and_run.world import World

_DOCUMENT = "AWS-RunShellScript"
_MAX_EXECUTION = 172_800  # seconds that the document lets a command take; 3,600 unless it is told
_AFTER_US = 60  # seconds after our own time-out that SSM ends a command by itself
_MAX_OUTPUT, _MAX_ERRORS = 24_000, 8_000  # characters that SSM keeps (API_GetCommandInvocation)
_PAGE, _MAX_PAGES = 50, 20  # commands in an answer (API_ListCommands); answers of one search
_CLOCKS = timedelta(minutes=5)  # by which SSM's clock may be behind that of the claim
_ENDED = frozenset({"Success", "Cancelled", "TimedOut", "Failed"})

COMMAND = "command"  # a member of `remote`


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a command runs: on these instances, or on all that have all these tags."""

    instances: Sequence[str] = ()
    tags: Sequence[tuple[str, str]] = ()

    def __str__(self) -> str:
        if self.instances:
            return ", ".join(self.instances)
        return "instances with " + " and ".join(f"{key}={value}" for key, value in self.tags)

    @property
    def request(self) -> Mapping[str, object]:
        """How SendCommand is told."""
        if self.instances:
            return {"InstanceIds": list(self.instances)}
        return {"Targets": [{"Key": f"tag:{key}", "Values": [value]} for key, value in self.tags]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to run, and where."""

    place: Place
    text: str
    directory: str = ""  # empty: where the agent runs
    log_group: str = ""  # empty: SSM keeps the beginning of the output alone
    timeout: float | None = None  # seconds

    @property
    def request(self) -> Mapping[str, object]:
        """What SendCommand is asked, but for the comment.

        The text goes as a whole: AWS-RunShellScript writes it to a file and runs that, so that a
        first line `#!/bin/bash` has its way.
        """
        most = min((self.timeout or _MAX_EXECUTION) + _AFTER_US, _MAX_EXECUTION)
        parameters = {"commands": [self.text], "executionTimeout": [str(int(most))]}
        if self.directory:
            parameters["workingDirectory"] = [self.directory]
        request = {**self.place.request, "DocumentName": _DOCUMENT, "Parameters": parameters}
        if self.log_group:
            request["CloudWatchOutputConfig"] = {
                "CloudWatchLogGroupName": self.log_group,
                "CloudWatchOutputEnabled": True,
            }
        return request


@dataclass(frozen=True, slots=True, kw_only=True)
class _Invocation:
    """What became of the command on one instance."""

    instance: str
    details: str
    code: int
    out: str
    err: str

    @property
    def fault(self) -> str:
        """Why it is no success; empty when it is one."""
        if self.details == "Success":
            return ""
        if self.details == "Failed":
            return f"exit code {self.code} on {self.instance}"
        return f"{self.details} on {self.instance}"


class CommandRun:
    """One command. SSM knows no client token: the comment has it."""

    settling = 60.0

    def __init__(self, order: Order, world: World) -> None:
        self._order = order
        self._world = world
        self._began = world.now()

    @property
    def what(self) -> str:
        return f"the command on {self._order.place}"

    def start(self, token: str) -> Remote:
        with beginning("SSM"):
            try:
                answer = self._ssm.send_command(Comment=_comment(token), **self._order.request)
            except ClientError as error:
                if code_of(error) == "InvalidInstanceId":
                    raise AgainError(
                        f"SSM manages not all of {self._order.place}: is each running, with SSM's "
                        "agent and a role for it?"
                    ) from error
                raise
        return self._remote(answer["Command"])

    def find(self, token: str) -> Remote | None:
        """Raises InDoubtError when there are too many to look at: none can be asked for by name."""
        since = (self._claimed_at() - _CLOCKS).strftime("%Y-%m-%dT%H:%M:%SZ")
        filters = [
            {"key": "InvokedAfter", "value": since},
            {"key": "DocumentName", "value": _DOCUMENT},
        ]
        with looking("SSM"):
            for page in _pages(self._ssm.list_commands, Filters=filters):
                for command in page["Commands"]:
                    if command.get("Comment") == _comment(token):
                        return self._remote(command)
        return None

    def look(self, remote: Remote) -> Outcome | None:
        with looking("SSM"):
            command = self._command(remote)
            if command["Status"] not in _ENDED:
                return None
            if command["TargetCount"] == 0:
                reason = f"ran nowhere ({command['StatusDetails']}): SSM manages no such instance"
                return Outcome(succeeded=False, reason=reason)
            statuses = self._statuses(remote)
            missing = command["TargetCount"] - len(statuses)
            if not set(statuses.values()) <= _ENDED or (missing and command["Status"] == "Success"):
                return None
            ended = [self._invocation(remote, instance) for instance in sorted(statuses)]
        self._print(ended)
        return _outcome(ended, missing)

    def cancel(self, remote: Remote) -> None:
        with looking("SSM"):
            self._ssm.cancel_command(CommandId=remote[COMMAND])

    def describe(self) -> Mapping[str, object]:
        told = {**self._order.request, "Comment": _comment("<token>")}
        return {"service": "ssm", "operation": "SendCommand", "parameters": told}

    @cached_property
    def _ssm(self) -> Any:
        return client(self._world, "ssm")

    def _remote(self, command: Mapping[str, Any]) -> Remote:
        command_id = command["CommandId"]
        link = console(self._ssm, f"systems-manager/run-command/{command_id}")
        return {COMMAND: command_id, LINK: link}

    def _claimed_at(self) -> datetime:
        """When the attempt began: none of its commands is older."""
        claims, who = self._world.claims, self._world.who
        if claims is None or who is None:
            return self._began
        try:
            return claims.take(who, self._world.now()).claimed_at
        except JobError as error:
            raise AgainError(error.reason) from error

    def _command(self, remote: Remote) -> Mapping[str, Any]:
        """Raises AgainError while SSM does not know what it has just taken (API_SendCommand)."""
        try:
            found = self._ssm.list_commands(CommandId=remote[COMMAND])["Commands"]
        except ClientError as error:
            if code_of(error) != "InvalidCommandId":
                raise
            found = []
        if not found:
            raise AgainError("SSM does not tell of it yet")
        command: Mapping[str, Any] = found[0]
        return command

    def _statuses(self, remote: Remote) -> Mapping[str, str]:
        """How the command stands on each instance that SSM tells of."""
        pages = _pages(self._ssm.list_command_invocations, CommandId=remote[COMMAND])
        return {
            each["InstanceId"]: each["Status"]
            for page in pages
            for each in page["CommandInvocations"]
        }

    def _invocation(self, remote: Remote, instance: str) -> _Invocation:
        try:
            told = self._ssm.get_command_invocation(CommandId=remote[COMMAND], InstanceId=instance)
        except ClientError as error:
            if code_of(error) != "InvocationDoesNotExist":
                raise
            raise AgainError(f"SSM does not tell of {instance} yet") from error
        return _Invocation(
            instance=instance,
            details=told["StatusDetails"],
            code=told["ResponseCode"],
            out=told.get("StandardOutputContent", ""),
            err=told.get("StandardErrorContent", ""),
        )

    def _print(self, ended: Sequence[_Invocation]) -> None:
        for each in ended:
            if len(ended) > 1:
                print(f"--- {each.instance}", file=self._world.out)
            for text, most, file in (
                (each.out, _MAX_OUTPUT, self._world.out),
                (each.err, _MAX_ERRORS, self._world.err),
            ):
                if text:
                    print(text.rstrip("\n"), file=file, flush=True)
                if len(text) >= most:
                    line = f"(SSM keeps {most} characters; --log-group has the rest written)"
                    print(line, file=file, flush=True)


def _comment(token: str) -> str:
    return f"batch-job {token}"


def _pages(ask: Callable[..., Mapping[str, Any]], **request: object) -> Iterator[Mapping[str, Any]]:
    """Raises InDoubtError when there is no end of them."""
    for _ in range(_MAX_PAGES):
        page = ask(MaxResults=_PAGE, **request)
        yield page
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]
    raise InDoubtError(
        f"SSM took more than {_MAX_PAGES * _PAGE} commands since the attempt began, and its is not "
        "among those: look in Run Command's history for its comment"
    )


def _outcome(ended: Sequence[_Invocation], missing: int) -> Outcome:
    """What the command came to: every instance must have succeeded."""
    faults = [each.fault for each in ended if each.fault]
    if missing:
        faults.append(f"{missing} instances were not reached")
    if not faults:
        return Outcome(succeeded=True, reason="has succeeded")
    codes = [each.code for each in ended if each.details == "Failed"]
    code = codes[0] if codes else Exit.FAILED
    reason = f"has failed: {', '.join(faults)}"
    if code != _told(code):
        reason += f" (told as {_told(code)}: {code} has a meaning of its own here, or none)"
    return Outcome(succeeded=False, reason=reason, code=_told(code))


def _told(code: int) -> int:
    """A command's exit code as ours: what batch-job says of itself must not come from elsewhere."""
    is_ours = code in set(Exit) - {Exit.OK, Exit.FAILED, Exit.USAGE}
    return code if 1 <= code <= 255 and not is_ours else Exit.FAILED
