"""EventBridge: the rules of app.py, and events on their way to the functions that they call."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.local.memory_queue import VirtualClock
from tests.simulation.faults import Crash
from tests.strict.resources import patterns

RECONCILE, TICK = timedelta(minutes=5), timedelta(minutes=1)  # as in app.py
# Lambda calls a function that failed on an event twice more (invocation-async-error-handling).
_AGAIN = (60.0, 120.0)  # s

Event = dict[str, Any]
Delays = Callable[[Event], Sequence[float]]
Invoke = Callable[[str, Event], object]


def at_once(_event: Event) -> Sequence[float]:
    """Deliver each event once, and without delay."""
    return (0.0,)


@dataclass(frozen=True, slots=True, order=True)
class Delivery:
    """An event that a function is to be called with."""

    at: datetime
    number: int
    function: str
    event: Event
    tries: int = 0


class Bus:
    """What EventBridge has still to deliver.

    `delays` says for each event after how many seconds it comes: once for each number, so none
    loses it and two double it. `dead` are those that a function has failed on three times.
    """

    def __init__(
        self,
        clock: VirtualClock,
        invoke: Invoke,
        delays: Delays = at_once,
        *,
        ticks: bool = False,
        file_buckets: Sequence[str] = (),
    ) -> None:
        """Call `tick` only if it `ticks`: few tests have anything that is due."""
        self.delays = delays
        self.calls_tick: Sequence[float] = (0.0,)  # s after each minute; two double it
        self.dead: list[Delivery] = []
        self._clock = clock
        self._invoke = invoke
        self._waiting: list[Delivery] = []
        self._number = 0
        self._patterns = patterns(tuple(file_buckets))
        self._rates = {"reconcile": RECONCILE, **({"tick": TICK} if ticks else {})}
        self._next = {name: clock() + rate for name, rate in self._rates.items()}

    def take(self, events: list[Event]) -> None:
        """Take what the services have told, and find what listens to it."""
        for event in events:
            listening = [name for name, each in self._patterns.items() if matches(each, event)]
            delays = self.delays(event) if listening else ()
            for function in listening:
                for delay in delays:
                    self._put(delay, function, event)
        events.clear()

    @property
    def is_empty(self) -> bool:
        return not self._waiting

    @property
    def next_at(self) -> datetime:
        """When the next is delivered; the schedule's come for ever."""
        return min([*self._next.values(), *(each.at for each in self._waiting[:1])])

    def deliver(self) -> bool:
        """Call the functions whose events are due; False when none was."""
        now = self._clock()
        for name, rate in self._rates.items():
            if self._next[name] <= now:
                self._call_by_schedule(name)
            while self._next[name] <= now:  # a schedule does not make up for what it missed
                self._next[name] += rate
        due = []
        while self._waiting and self._waiting[0].at <= now:
            due.append(heapq.heappop(self._waiting))
        for delivery in due:
            self._call(delivery)
        return bool(due)

    def _call_by_schedule(self, function: str) -> None:
        delays = self.calls_tick if function == "tick" else (0.0,)
        for delay in delays:
            self._put(delay, function, scheduled(self._clock(), self._number))

    def _call(self, delivery: Delivery) -> None:
        try:
            self._invoke(delivery.function, delivery.event)
        except (Exception, Crash) as error:
            if isinstance(error, AssertionError):
                raise
            if delivery.tries == len(_AGAIN):
                self.dead.append(delivery)
                return
            again = _AGAIN[delivery.tries]
            self._put(again, delivery.function, delivery.event, delivery.tries + 1)

    def _put(self, delay: float, function: str, event: Event, tries: int = 0) -> None:
        self._number += 1
        at = self._clock() + timedelta(seconds=delay)
        heapq.heappush(self._waiting, Delivery(at, self._number, function, event, tries))


def scheduled(at: datetime, number: int) -> Event:
    """The event of a rule with a schedule."""
    return {
        "version": "0",
        "id": f"00000000-0000-4000-d000-{number:012x}",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "eu-central-1",
        "resources": [],
        "detail": {},
    }


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether an event fits a pattern of exact values, of members and of $or."""
    for member, wanted in pattern.items():
        if member == "$or":
            if not any(matches(each, event) for each in wanted):
                return False
        elif isinstance(wanted, Mapping):
            if not isinstance(event.get(member), Mapping) or not matches(wanted, event[member]):
                return False
        elif not _is_one_of(wanted, event.get(member)):
            return False
    return True


def _is_one_of(wanted: Sequence[Any], found: Any) -> bool:
    return any(_fits(each, found) for each in wanted)


def _fits(wanted: Any, found: Any) -> bool:
    match wanted:
        case {"suffix": str(end)}:
            return isinstance(found, str) and found.endswith(end)
        case {"prefix": str(beginning)}:
            return isinstance(found, str) and found.startswith(beginning)
        case {"exists": bool(is_there)}:
            return (found is not None) == is_there
        case {"anything-but": [*others]}:
            return found is not None and found not in others
        case dict():
            raise NotImplementedError(f"patterns with {wanted} aren't faked")
    return bool(wanted == found)
