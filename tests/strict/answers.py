"""What a faked service may say to a call, and what is kept of each call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

REGION = "eu-central-1"
ACCOUNT = "123456789012"

Params = Mapping[str, Any]
Handler = Callable[[Params], dict[str, Any]]
Permission = tuple[str, str]  # (action as a policy spells it, ARN or *)


class AwsError(Exception):
    """An error answer; the caller sees botocore's ClientError, `members` beside `Error`."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members


class Fault(Enum):
    """What happens to one call."""

    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"  # it was done, and nobody is there to hear of it
    LOST_REPLY = "lost reply"  # it was done, and the caller sees a time-out
    LOST_REQUEST = "lost request"  # it was not done: no connection within the time
    UNREACHABLE = "unreachable"  # it was not done: no connection at all
    LOST_ON_THE_WAY = "lost on the way"  # it was not done, and looks like a lost reply
    THROTTLE = "throttle"
    SERVER_ERROR = "server error"  # 500, not done
    SERVER_ERROR_AFTER = "server error after"  # 500, although it was done
    STALE_READ = "stale read"  # of reads that aren't consistent, and of all on a GSI
    PARTIAL_BATCH = "partial batch"  # part of a batch comes back unprocessed
    CONFLICT = "conflict"  # of a transaction or a conditional put: another one is going on


@dataclass(slots=True)
class Call:
    """One call: what it was, what it needed and what AWS would count for it."""

    service: str
    operation: str
    at: datetime
    caller: str = ""  # the function that made it; empty for people
    permissions: tuple[Permission, ...] = ()
    read_units: float = 0.0
    write_units: float = 0.0
    written: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)  # (table, key)
    fault: Fault | None = None
    error: str = ""  # the code of the error answer; empty without one

    @property
    def iam_action(self) -> str:
        """The action that a policy must allow; of several, the first."""
        return self.permissions[0][0] if self.permissions else ""

    @property
    def resources(self) -> tuple[str, ...]:
        """ARNs that a policy must name, each once."""
        return tuple(dict.fromkeys(arn for _, arn in self.permissions))


def no_permissions(_operation: str, _params: Params) -> tuple[Permission, ...]:
    """What a call needs that anybody may make."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A faked service: what answers each operation, and the words that it has for errors."""

    operations: Mapping[str, Handler]
    permissions: Callable[[str, Params], tuple[Permission, ...]] = no_permissions
    refusal: str = "ValidationException"  # of a request that breaks the model
    throttled: tuple[str, int] = ("ThrottlingException", 400)
    broken: str = "InternalServerError"
