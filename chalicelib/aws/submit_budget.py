"""How fast all runs of the account together may submit: a leaky bucket in one item.

The generic cell rate algorithm: the item says how far ahead submissions are reserved. It is kept
as a length of time, with the moment at which it was that long, because the clocks of writers
differ: one that is ahead makes nobody wait for its clock, only for what it has reserved.
"""

from chalicelib.aws.clients import Clients
from chalicelib.aws.dynamo_calls import ConditionFailedError, DynamoCalls, Write
from chalicelib.aws.names import Tables
from chalicelib.core.records import Record
from chalicelib.errors import BackendError
from chalicelib.ports import Clock

_KEY = {"run": "#account", "jobName": "#submissions"}
_TRIES = 20  # while other runs take from it too


class AccountBudget:
    """ports.SubmitBudget."""

    def __init__(self, clients: Clients, tables: Tables, clock: Clock, rate: float) -> None:
        """`rate` is in submissions a second; AWS allows 50 in an account and Region."""
        self._calls = DynamoCalls(clients)
        self._table = tables.jobs
        self._clock = clock
        self._rate = rate

    def take(self, count: int) -> float:
        """Reserve `count` submissions; gives the seconds to wait before the first may be sent.

        Raises BackendError, with nothing reserved, when too many others reserve at once.
        """
        found = self._calls.get(self._table, _KEY) or {}
        for _ in range(_TRIES):
            now = round(self._clock().timestamp() * 1000)
            wait = _left(found, now)
            try:
                self._calls.write(self._reservation(found, now, wait + self._length(count)))
            except ConditionFailedError as error:
                found = error.items[0]
            else:
                return wait / 1000
        reason = "too many reserve submissions at once"
        raise BackendError("DynamoDB", "UpdateItem", reason, retryable=True)

    def _length(self, count: int) -> int:
        return round(count * 1000 / self._rate)

    def _reservation(self, found: Record, now: int, length: int) -> Write:
        turn = found.get("turn", 0)
        is_same = "#turn = :turn" if found else "attribute_not_exists(#turn)"
        return Write(
            table=self._table,
            key=_KEY,
            update="SET #turn = :next, #at = :at, #length = :length",
            condition=is_same,
            values={":next": turn + 1, ":at": now, ":length": length}
            | ({":turn": turn} if found else {}),
        )


def _left(found: Record, now: int) -> int:
    """What is left of the reserved time, in ms."""
    if not found:
        return 0
    passed = max(0, now - int(found["at"]))
    return max(0, int(found["length"]) - passed)
