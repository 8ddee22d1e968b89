"""What a tick does: which fire times start runs now, which are missed, and when to look again.

The mark of a trigger is the last fire time that was decided. A tick decides the fire times after
it in their order, up to the first that still waits for its jitter or its window: that one, and
whatever is behind it, stays after the mark for a later tick. So no fire time is lost, and none
comes twice, however ticks are cut, doubled or late; marks are stored before, or with, the starts
that they stand for, and a start that is made twice names the same run (run_starts).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.core.timing.calendars import Calendar
from chalicelib.core.timing.fire_times import fire_times
from chalicelib.core.timing.trigger import At, CatchUp, FireTime, Trigger
from chalicelib.core.timing.waiting import delayed, opened, opening, ready_at
from chalicelib.errors import NotFoundError

_MICROSECOND = timedelta(microseconds=1)
ON_TIME = timedelta(minutes=5)  # ticks come once a minute, and may be late
MOST_CAUGHT_UP = 100
LOOK_AHEAD = timedelta(days=366)  # farther fire times are looked for when a year has passed
_KEPT = {CatchUp.NONE: 0, CatchUp.LATEST: 1, CatchUp.ALL: MOST_CAUGHT_UP}


class MissReason(StrEnum):
    """Why no run was started for a fire time."""

    DEADLINE = "deadline"  # it was looked at after its deadline
    WAIT = "wait"  # its jitter or its window would have let it start after its deadline only
    CATCH_UP = "catchUp"  # it was late, and its policy starts only newer ones, or none


@dataclass(frozen=True, slots=True)
class Start:
    """A run to start now; `is_late` says that it catches up."""

    trigger: Trigger
    fire: FireTime
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Missed:
    """The fire times of a trigger that were missed for one reason: their number, first and last."""

    trigger: str
    reason: MissReason
    count: int
    first: FireTime
    last: FireTime


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done at a tick.

    `starts` in the order of their fire times. `marks` has the new and the changed ones only.
    `next_at` is the first instant at which another tick would do something, at most a year ahead;
    None when no trigger ever fires again. `stuck` says which triggers could not be decided, and
    why; their marks stay.
    """

    starts: tuple[Start, ...] = ()
    missed: tuple[Missed, ...] = ()
    marks: Mapping[str, datetime] = field(default_factory=dict)
    next_at: datetime | None = None
    stuck: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Tick:
    """One trigger at one tick."""

    schedule_id: str
    trigger: Trigger
    calendar: Calendar | None
    now: datetime

    def fires(self, mark: datetime) -> Iterator[FireTime]:
        # What happens once is found at any distance at no cost.
        until = None if isinstance(self.trigger.kind, At) else self.now + LOOK_AHEAD
        return fire_times(self.trigger, self.calendar, mark, until)

    def ready(self, fire: FireTime) -> datetime:
        return ready_at(self.schedule_id, self.trigger, fire.at)

    def possible(self) -> Callable[[datetime], datetime]:
        """From when a start may be made, now or later, that was ready at an instant.

        Those that an earlier window has missed all have the jitter with which this one opens: so
        the policy for missed ones sees them together.
        """
        open_at = opening(self.trigger, self.now)
        begin = opened(self.trigger, open_at)
        if begin is None:
            return lambda ready: max(ready, open_at)
        anew = max(open_at, delayed(self.schedule_id, self.trigger, begin))
        return lambda ready: anew if ready < begin else max(ready, open_at)


def due(
    schedule_id: str,
    triggers: Iterable[Trigger],
    calendars: Mapping[str, Calendar],
    marks: Mapping[str, datetime],
    now: datetime,
) -> Due:
    """What the clock triggers of one schedule ask for at `now`.

    A trigger without a mark begins now. Fire times of a trigger that is not enabled pass by.
    """
    found: list[Due] = []
    for trigger in triggers:
        if trigger.clock is None:
            continue
        calendar = calendars.get(trigger.days.calendar) if trigger.days else None
        tick = _Tick(schedule_id, trigger, calendar, now)
        try:
            found.append(_due(tick, marks.get(trigger.name)))
        except NotFoundError as error:
            found.append(Due(stuck={trigger.name: str(error)}))
    return _joined(found)


def carried_over(
    before: Iterable[Trigger],
    after: Iterable[Trigger],
    marks: Mapping[str, datetime],
    now: datetime,
) -> dict[str, datetime]:
    """The marks of a schedule's triggers when its document was changed at `now`.

    A trigger that fires as it did keeps its mark; one that is new or fires otherwise begins now,
    so that it does not catch up with what it never was.
    """
    known = {trigger.name: _timing(trigger) for trigger in before}
    return {
        trigger.name: marks.get(trigger.name, now)
        if known.get(trigger.name) == _timing(trigger)
        else now
        for trigger in after
        if trigger.clock is not None
    }


def passed(
    triggers: Iterable[Trigger], calendar: Calendar, marks: Mapping[str, datetime], now: datetime
) -> dict[str, datetime]:
    """The marks when the calendar is about to change: its triggers have come as far as they can.

    To `now`, or to just before the first fire time that was not decided yet: so what the calendar
    kept from firing until now stays so, whatever it says later, and nothing is lost.
    """
    found = dict(marks)
    for trigger in triggers:
        mark, is_of_clock = marks.get(trigger.name), trigger.clock is not None
        wanted = trigger.days.calendar if trigger.days else ""
        if mark is None or not is_of_clock or wanted != calendar.name:
            continue
        first = next(fire_times(trigger, calendar, mark, now), None)
        come = now if first is None else first.at - _MICROSECOND
        found[trigger.name] = max(mark, come)
    return found


def _timing(trigger: Trigger) -> tuple[object, ...]:
    return trigger.kind, trigger.timezone, trigger.dst, trigger.days, trigger.enabled


def _due(tick: _Tick, mark: datetime | None) -> Due:
    name, now = tick.trigger.name, tick.now
    if not tick.trigger.enabled:
        passed = mark is None or any(
            True for _ in fire_times(tick.trigger, tick.calendar, mark, now)
        )
        return Due(marks={name: now} if passed else {})
    if mark is None:
        return replace(_decided(tick, now), marks={name: now})
    return _decided(tick, mark)


def _decided(tick: _Tick, mark: datetime) -> Due:
    ledger = _Ledger(tick.trigger)
    possible_of = tick.possible()
    held = mark  # the latest instant that one of those decided had to wait for
    for fire in tick.fires(mark):
        ready = tick.ready(fire)
        if fire.at > tick.now:
            return ledger.closed(next_at=fire.at if ledger.is_past(fire, ready) else ready)
        possible = possible_of(ready)
        if ledger.is_past(fire, possible):
            waits = ledger.is_past(fire, ready) or not ledger.is_past(fire, tick.now)
            ledger.miss(fire, MissReason.WAIT if waits else MissReason.DEADLINE)
        elif possible > tick.now:
            return ledger.closed(next_at=possible)
        else:
            held = max(held, ready)
            ledger.start(fire, is_late=tick.now - held > ON_TIME)
    is_over = isinstance(tick.trigger.kind, At)
    return ledger.closed(next_at=None if is_over else tick.now + LOOK_AHEAD)


class _Ledger:
    """The fire times of one trigger as they are decided, one after the other."""

    def __init__(self, trigger: Trigger) -> None:
        self._trigger = trigger
        self._starts: list[Start] = []
        self._late: deque[FireTime] = deque()
        self._missed: dict[MissReason, Missed] = {}
        self._mark: datetime | None = None

    def is_past(self, fire: FireTime, possible: datetime) -> bool:
        """Whether a start at `possible` is too late."""
        deadline = self._trigger.deadline
        return deadline is not None and possible > fire.at + timedelta(seconds=deadline)

    def start(self, fire: FireTime, *, is_late: bool) -> None:
        self._mark = fire.at
        if not is_late:
            self._starts.append(Start(self._trigger, fire))
            return
        self._late.append(fire)
        if len(self._late) > _KEPT[self._trigger.catch_up]:
            self.miss(self._late.popleft(), MissReason.CATCH_UP)

    def miss(self, fire: FireTime, reason: MissReason) -> None:
        self._mark = max(self._mark or fire.at, fire.at)
        known = self._missed.get(reason)
        self._missed[reason] = (
            replace(known, count=known.count + 1, last=fire)
            if known
            else Missed(self._trigger.name, reason, 1, fire, fire)
        )

    def closed(self, *, next_at: datetime | None) -> Due:
        late = [Start(self._trigger, fire, is_late=True) for fire in self._late]
        starts = sorted([*late, *self._starts], key=lambda start: start.fire.at)
        marks = {self._trigger.name: self._mark} if self._mark else {}
        return Due(tuple(starts), tuple(self._missed.values()), marks, next_at)


def _joined(parts: list[Due]) -> Due:
    starts = sorted(
        (start for part in parts for start in part.starts), key=lambda start: start.fire.at
    )
    return Due(
        tuple(starts),
        tuple(missed for part in parts for missed in part.missed),
        {name: mark for part in parts for name, mark in part.marks.items()},
        min((part.next_at for part in parts if part.next_at), default=None),
        {name: reason for part in parts for name, reason in part.stuck.items()},
    )
