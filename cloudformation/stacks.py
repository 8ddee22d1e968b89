"""CloudFormation stacks: brought to a template by change sets, which can be looked at first."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, WaiterError  # noqa: TID251 - deploys, is not deployed

_CHANGE_SET = "batch-scheduler"
_DELAY, _LOOKS = 5, 360  # s, and times: half an hour
_WAITING = {"Delay": _DELAY, "MaxAttempts": _LOOKS}
_REVIEWED = "REVIEW_IN_PROGRESS"  # what a change set makes of a stack that was not there
_UNBORN = frozenset({_REVIEWED, "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"})
_STUCK = "UPDATE_ROLLBACK_FAILED"
_NOTHING = ("didn't contain changes", "No updates are to be performed")


class StackError(Exception):
    """A stack did not become what was asked for; the message says what AWS said."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stack should be."""

    name: str
    body: str  # the template, JSON
    parameters: Mapping[str, str]
    tags: Mapping[str, str]


class Stacks:
    """The stacks of one account and region."""

    def __init__(self, client: Any, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._sleep = sleep

    def status(self, name: str) -> str:
        """Empty for a stack that does not exist."""
        found = self._found(name)
        return str(found["StackStatus"]) if found else ""

    def outputs(self, name: str) -> dict[str, str]:
        found = self._found(name) or {}
        return {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", ())}

    def has(self, name: str, kind: str) -> bool:
        """Say whether the stack exists and has a resource of that type."""
        if not self.status(name):
            return False
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=name)
        return any(
            each["ResourceType"] == kind
            for page in pages
            for each in page["StackResourceSummaries"]
        )

    def changes(self, wanted: Wanted) -> list[str]:
        """What `bring` would change, one line each; nothing is changed by asking."""
        was = self.status(wanted.name)
        if was in _UNBORN - {_REVIEWED}:
            return [f"It never became whole ({was}): it is deleted, and made anew."]
        changes = self._prepare(wanted)
        lines = [_line(change["ResourceChange"]) for change in changes]
        self._forget_change_set(wanted.name)
        if not was:  # the change set of a new stack makes an empty one, in review
            self._client.delete_stack(StackName=wanted.name)
        return lines

    def bring(self, wanted: Wanted) -> list[str]:
        """Make the stack what is wanted; the changes made, one line each.

        May be called again after any failure. Raises StackError.
        """
        was = self._settled(wanted.name)
        if was == _STUCK:
            raise StackError(self._stuck(wanted.name))
        if was in _UNBORN:  # never became whole: CloudFormation can only delete it
            self.delete(wanted.name)
            was = ""
        changes = self._prepare(wanted)
        if not changes:
            self._forget_change_set(wanted.name)
            return []
        self._client.execute_change_set(StackName=wanted.name, ChangeSetName=_CHANGE_SET)
        self._wait("stack_update_complete" if was else "stack_create_complete", wanted.name)
        return [_line(change["ResourceChange"]) for change in changes]

    def delete(self, name: str) -> bool:
        """Delete the stack; what the template retains stays. False if there is none."""
        if not self._settled(name):
            return False
        self._client.delete_stack(StackName=name)
        self._wait("stack_delete_complete", name)
        return True

    def _settled(self, name: str) -> str:
        """The status when nobody works at the stack any more.

        What a deploy began that was cut off goes on without it, and takes no other meanwhile.
        """
        for _ in range(_LOOKS):
            status = self.status(name)
            if status == _REVIEWED or not status.endswith("_IN_PROGRESS"):
                return status
            self._sleep(_DELAY)
        raise StackError(f"{name}: still {status} after {_DELAY * _LOOKS // 60} minutes")

    def _stuck(self, name: str) -> str:
        again = f"aws cloudformation continue-update-rollback --stack-name {name}"
        told = f"{name} is {_STUCK}: mend what its events name, then: {again}"
        return "\n".join([told, *self._failures(name)])

    def _prepare(self, wanted: Wanted) -> list[dict[str, Any]]:
        status = self.status(wanted.name)
        exists = status not in {"", _REVIEWED}
        if status:
            self._forget_change_set(wanted.name)
        try:
            self._create(wanted, "UPDATE" if exists else "CREATE")
        except (ClientError, WaiterError) as error:
            said = self._said(wanted.name, error)
            if any(words in said for words in _NOTHING):
                return []
            raise StackError(f"{wanted.name}: {said}") from error
        return list(self._pages(wanted.name))

    def _create(self, wanted: Wanted, kind: str) -> None:
        self._client.create_change_set(
            StackName=wanted.name,
            ChangeSetName=_CHANGE_SET,
            ChangeSetType=kind,
            TemplateBody=wanted.body,
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in sorted(wanted.parameters.items())
            ],
            Tags=[{"Key": key, "Value": value} for key, value in sorted(wanted.tags.items())],
            Capabilities=["CAPABILITY_NAMED_IAM"],
            # Tables and buckets that an earlier stack kept come back under this one.
            ImportExistingResources=True,
        )
        self._client.get_waiter("change_set_create_complete").wait(
            StackName=wanted.name, ChangeSetName=_CHANGE_SET, WaiterConfig=_WAITING
        )

    def _said(self, name: str, error: ClientError | WaiterError) -> str:
        """Why there is no change set: AWS makes one without changes, and tells so in its status."""
        if isinstance(error, ClientError):
            return str(error)
        found = self._client.describe_change_set(StackName=name, ChangeSetName=_CHANGE_SET)
        return str(found.get("StatusReason") or error)

    def _pages(self, name: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("describe_change_set")
        for page in pages.paginate(StackName=name, ChangeSetName=_CHANGE_SET):
            yield from page.get("Changes", ())

    def _forget_change_set(self, name: str) -> None:
        """Delete what an earlier call that was cut off has left."""
        pages = self._client.get_paginator("list_change_sets").paginate(StackName=name)
        for page in pages:
            for found in page["Summaries"]:
                if found["ChangeSetName"] == _CHANGE_SET:
                    self._client.delete_change_set(StackName=name, ChangeSetName=_CHANGE_SET)

    def _wait(self, waiter: str, name: str) -> None:
        try:
            self._client.get_waiter(waiter).wait(StackName=name, WaiterConfig=_WAITING)
        except WaiterError as error:
            raise StackError("\n".join([f"{name}: {error}", *self._failures(name)])) from error

    def _failures(self, name: str) -> list[str]:
        """What went wrong, as the stack's last events say."""
        try:
            events = self._client.describe_stack_events(StackName=name)["StackEvents"]
        except ClientError as error:
            return [str(error)]
        return [
            f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
            for event in events[:100]
            if event["ResourceStatus"].endswith("_FAILED")
        ]

    def _found(self, name: str) -> dict[str, Any] | None:
        try:
            stacks = self._client.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                return None
            raise
        return dict(stacks[0]) if stacks else None


def _line(change: Mapping[str, Any]) -> str:
    replaced = " (REPLACED)" if change.get("Replacement") == "True" else ""
    return f"{change['Action']:<7} {change['ResourceType']} {change['LogicalResourceId']}{replaced}"
