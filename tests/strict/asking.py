"""How the tests of the fakes ask: one service alone, and what an error answer was."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.local.memory_queue import VirtualClock
from tests.strict.answers import Service
from tests.strict.aws import StrictAws

Answer = dict[str, Any]
Act = Callable[..., object]


def client_of(name: str, service: Service, clock: VirtualClock | None = None) -> Any:
    """A client of the only service there is."""
    aws = StrictAws(clock or VirtualClock())
    aws.serve(name, service)
    return aws.client(name)


def refused(act: Act, *given: Any, **named: Any) -> tuple[str, str]:
    """The code and the message of the error that this is answered with; both empty for none."""
    try:
        act(*given, **named)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return "", ""


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit: `act` of the size `allowed` is answered, of the next beyond it is refused."""

    name: str
    act: Callable[[Any, int], object]  # (client, size)
    allowed: int
    beyond: int
    code: str = "ValidationException"

    def hold(self, client: Any) -> None:
        assert refused(self.act, client, self.allowed) == ("", "")
        assert refused(self.act, client, self.beyond)[0] == self.code


def most(name: str, act: Callable[[Any, int], object], size: int, code: str = "") -> Bound:
    """At most that many."""
    return Bound(name, act, size, size + 1, code or "ValidationException")


def least(name: str, act: Callable[[Any, int], object], size: int, code: str = "") -> Bound:
    """At least that many."""
    return Bound(name, act, size, size - 1, code or "ValidationException")


def name_of(row: Any) -> str:
    """What a row of a table of cases is called."""
    return str(row.name)
