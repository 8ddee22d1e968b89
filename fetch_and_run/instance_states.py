"""Instances of EC2 started or stopped, as work that is followed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from fetch_and_run.aws import beginning, client, code_of, console, looking
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.work import LINK, AgainError, Outcome, Remote
from fetch_and_run.world import World

_SETTLING = timedelta(seconds=60)  # for which EC2 may tell of an older state
_NOT_NOW = frozenset({"IncorrectInstanceState", "InsufficientInstanceCapacity"})


@dataclass(frozen=True, slots=True)
class _Action:
    """What is asked, the state it is to lead to, and those on the way there."""

    operation: str
    goal: str
    ways: frozenset[str]
    done: str


_ACTIONS = {
    "start": _Action("StartInstances", "running", frozenset({"pending"}), "started"),
    "stop": _Action("StopInstances", "stopped", frozenset({"stopping"}), "stopped"),
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """An instance as EC2 describes it."""

    id: str
    state: str
    why: str


class StateChange:
    """Instances on their way to running or stopped. To ask twice is to ask once."""

    settling = 0.0

    def __init__(self, action: str, instances: Sequence[str], world: World) -> None:
        self._name = action
        self._action = _ACTIONS[action]
        self._instances = list(instances)
        self._world = world
        self._first_look: datetime | None = None
        self._is_left = False

    @property
    def what(self) -> str:
        return f"the {self._name} of {', '.join(self._instances)}"

    def start(self, token: str) -> Remote:
        with beginning("EC2"):
            try:
                self._ask()
            except ClientError as error:
                if code_of(error) not in _NOT_NOW:
                    raise
                self._check_alive()
                raise AgainError(error.response["Error"]["Message"]) from error
        first = self._instances[0]
        link = console(self._ec2, f"ec2/home#InstanceDetails:instanceId={first}")
        return {"action": self._name, "instances": " ".join(self._instances), LINK: link}

    def find(self, token: str) -> Remote | None:
        """Nothing: it may be asked again."""
        return None

    def look(self, remote: Remote) -> Outcome | None:
        if self._is_left:
            reason = f"EC2 can't take back a {self._name}, and it goes on"
            return Outcome(succeeded=False, reason=reason)
        seen = self._seen()
        now = self._world.now()
        self._first_look = self._first_look or now
        is_settled = now - self._first_look >= _SETTLING
        lost = [each for each in seen if self._is_lost(each, is_settled=is_settled)]
        if lost:
            told = ", ".join(f"{each.id} is {each.state}{each.why}" for each in lost)
            return Outcome(succeeded=False, reason=f"has failed: {told}")
        if any(each.state != self._action.goal for each in seen):
            return None
        return Outcome(succeeded=True, reason=f"has succeeded: {self._action.goal}")

    def cancel(self, remote: Remote) -> None:
        self._is_left = True

    def describe(self) -> Mapping[str, object]:
        parameters = {"InstanceIds": self._instances}
        return {"service": "ec2", "operation": self._action.operation, "parameters": parameters}

    @cached_property
    def _ec2(self) -> Any:
        return client(self._world, "ec2")

    def _ask(self) -> None:
        if self._name == "start":
            self._ec2.start_instances(InstanceIds=self._instances)
        else:
            self._ec2.stop_instances(InstanceIds=self._instances)

    def _check_alive(self) -> None:
        gone = [each for each in self._seen() if each.state in ("shutting-down", "terminated")]
        if gone:
            told = ", ".join(f"{each.id} is {each.state}" for each in gone)
            raise JobError(Exit.NOT_STARTED, f"{self.what} is not possible: {told}")

    def _seen(self) -> list[_Seen]:
        with looking("EC2"):
            answer = self._ec2.describe_instances(InstanceIds=self._instances)
        return [
            _Seen(each["InstanceId"], each["State"]["Name"], _why(each))
            for reservation in answer["Reservations"]
            for each in reservation["Instances"]
        ]

    def _is_lost(self, seen: _Seen, *, is_settled: bool) -> bool:
        if seen.state in ("shutting-down", "terminated"):
            return True
        return is_settled and seen.state not in (self._action.goal, *self._action.ways)


def _why(instance: Mapping[str, Any]) -> str:
    message = instance.get("StateReason", {}).get("Message", "")
    return f" ({message})" if message else ""
