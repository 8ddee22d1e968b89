"""EC2's instances, strict in what `batch-job ec2 start` and `stop` ask of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.strict.answers import ACCOUNT, REGION, AwsError, Params, Permission, Service

_CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}

Fields = dict[str, Any]


@dataclass(slots=True)
class Instance:
    """One instance, and what becomes of it at `then`."""

    state: str
    next: str = ""
    then: datetime | None = None
    reason: tuple[str, str] | None = None  # code and message of its last change of state


@dataclass(slots=True)
class Instances:
    """One Region's. A change of state takes `takes` seconds.

    `lacks` are those for which there is no capacity: they fall back while they are pending.
    """

    clock: Callable[[], datetime]
    known: dict[str, Instance]
    takes: float = 30.0
    lacks: set[str] = field(default_factory=set)

    def service(self) -> Service:
        return Service(
            operations={
                "StartInstances": lambda params: self._change(params, "start"),
                "StopInstances": lambda params: self._change(params, "stop"),
                "DescribeInstances": self.describe_instances,
            },
            permissions=_permissions,
            throttled=("RequestLimitExceeded", 503),
            broken="InternalError",
        )

    def state_of(self, instance: str) -> str:
        self._let_pass()
        return self.known[instance].state

    def describe_instances(self, params: Params) -> Fields:
        told = [self._told(each) for each in self._found(params)]
        return {"Reservations": [{"ReservationId": "r-1", "Instances": [each]} for each in told]}

    def _change(self, params: Params, what: str) -> Fields:
        """All of them, or none (API_StartInstances, API_StopInstances)."""
        busy = {"start": ("stopping",), "stop": ()}[what]
        for name in self._found(params):
            state = self.known[name].state
            if state in ("terminated", "shutting-down", *busy):
                raise AwsError(
                    "IncorrectInstanceState",
                    f"The instance '{name}' is not in a state from which it can be {what}ed.",
                )
        changes = [self._changed(name, what) for name in params["InstanceIds"]]
        return {"StartingInstances" if what == "start" else "StoppingInstances": changes}

    def _changed(self, name: str, what: str) -> Fields:
        instance = self.known[name]
        before = instance.state
        then = self.clock() + timedelta(seconds=self.takes)
        if what == "start" and before == "stopped":
            instance.state, instance.next, instance.then = "pending", "running", then
            if name in self.lacks:
                instance.next = "stopped"
                instance.reason = (
                    "Server.InsufficientInstanceCapacity",
                    "Server.InsufficientInstanceCapacity: there was none for the request",
                )
        elif what == "stop" and before in ("pending", "running"):
            instance.state, instance.next, instance.then = "stopping", "stopped", then
        return {
            "InstanceId": name,
            "PreviousState": _state(before),
            "CurrentState": _state(instance.state),
        }

    def _found(self, params: Params) -> list[str]:
        self._let_pass()
        names: list[str] = params["InstanceIds"]
        missing = [name for name in names if name not in self.known]
        if missing:
            told = f"The instance IDs '{', '.join(missing)}' do not exist"
            raise AwsError("InvalidInstanceID.NotFound", told)
        return names

    def _let_pass(self) -> None:
        for instance in self.known.values():
            if instance.then is not None and self.clock() >= instance.then:
                instance.state, instance.then = instance.next, None

    def _told(self, name: str) -> Fields:
        instance = self.known[name]
        told: Fields = {"InstanceId": name, "State": _state(instance.state)}
        if instance.reason is not None and instance.state == "stopped":
            told["StateReason"] = dict(zip(("Code", "Message"), instance.reason, strict=True))
        return told


def _state(name: str) -> Fields:
    return {"Code": _CODES[name], "Name": name}


def _permissions(operation: str, params: Params) -> tuple[Permission, ...]:
    if operation == "DescribeInstances":
        return (("ec2:DescribeInstances", "*"),)
    arns = [f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{each}" for each in params["InstanceIds"]]
    return tuple((f"ec2:{operation}", arn) for arn in arns)
