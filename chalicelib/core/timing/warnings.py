"""What is allowed in triggers, and yet is hardly meant: told when a schedule is stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import islice, pairwise

from chalicelib.core.timing.calendars import Calendar
from chalicelib.core.timing.durations import spoken
from chalicelib.core.timing.fire_times import calendar_for, fire_times
from chalicelib.core.timing.trigger import (
    At,
    CatchUp,
    FireTime,
    Overlap,
    Trigger,
    Window,
)
from chalicelib.core.timing.waiting import opening
from chalicelib.core.timing.wall_time import Dst
from chalicelib.core.timing.zones import zone
from chalicelib.core.wording import json_path, quoted
from chalicelib.errors import NotFoundError, Problem

_GAPS_AHEAD = timedelta(days=2 * 365)
_WITH_CALENDAR = timedelta(days=10 * 366)  # farther, holidays are guesses
_DAY = timedelta(days=1)
_LOOKED_AT = 100  # fire times whose intervals are compared


def trigger_warnings(
    triggers: Sequence[Trigger], calendars: Mapping[str, Calendar] | None, now: datetime
) -> list[Problem]:
    """One for each thing that is hardly meant; `triggers` in the order of their document.

    `calendars` is None where nobody knows which there are: then of a trigger that goes by one only
    what does not depend on its days is told.
    """
    return [
        problem
        for index, trigger in enumerate(triggers)
        for problem in _warnings(json_path(("triggers", index)), trigger, calendars, now)
    ]


def _warnings(
    path: str, trigger: Trigger, calendars: Mapping[str, Calendar] | None, now: datetime
) -> Iterator[Problem]:
    yield from _of_policies(path, trigger)
    yield from _of_deadline(path, trigger, now)
    calendar = (calendars or {}).get(trigger.days.calendar) if trigger.days else None
    try:
        calendar = calendar_for(trigger, calendar)
    except NotFoundError as error:
        if calendars is None:
            return
        reason = "there is no such calendar yet: it does not fire until there is"
        yield Problem(f"{path}.calendar", reason, quoted(error.id))
        return
    if trigger.clock is None:
        return
    until = now + _WITH_CALENDAR if trigger.days else None
    soon = list(islice(fire_times(trigger, calendar, now, until), _LOOKED_AT))
    if not soon:
        yield _never(path, trigger, calendar, now)
        return
    yield from _of_intervals(path, trigger, soon)
    yield from _of_gaps(path, trigger, calendar, now)


def _of_policies(path: str, trigger: Trigger) -> Iterator[Problem]:
    if trigger.catch_up is CatchUp.ALL and trigger.overlap is Overlap.SKIP:
        reason = "skips most of what catchUp: all starts: those starts come at once"
        yield Problem(f"{path}.overlap", reason, "skip", "queue or allow")
    if trigger.deadline is not None and trigger.deadline < trigger.jitter:
        reason = "is over before the longest jitter: some fire times would always be missed"
        found = f"{spoken(trigger.deadline)}, jitter {spoken(trigger.jitter)}"
        yield Problem(f"{path}.deadline", reason, found)


def _of_deadline(path: str, trigger: Trigger, now: datetime) -> Iterator[Problem]:
    """Tell of a window that opens only after the deadline."""
    window, deadline = trigger.window, trigger.deadline
    if window is None or deadline is None:
        return
    late = ""
    if trigger.clock is None:
        length = _closed(window)
        if length > timedelta(seconds=deadline):
            late = f"what comes more than {spoken(deadline)} before that"
    else:
        # The days that a calendar leaves out don't change when a window opens.
        bare = replace(trigger, days=None)
        soon = islice(fire_times(bare, None, now), _LOOKED_AT)
        allowed = timedelta(seconds=deadline)
        first = next((it for it in soon if opening(trigger, it.at) > it.at + allowed), None)
        late = f"the fire time {first.local:%H:%M on %Y-%m-%d}" if first else ""
    if late:
        reason = f"is over before startBetween opens: {late} misses its deadline"
        found = f"{spoken(deadline)}, startBetween {window.begin:%H:%M} to {window.end:%H:%M}"
        yield Problem(f"{path}.deadline", reason, found)


def _closed(window: Window) -> timedelta:
    """For how long a window is closed, on a day of 24 hours."""
    return (_on_a_day(window.begin) - _on_a_day(window.end)) % _DAY


def _on_a_day(moment: time) -> timedelta:
    return timedelta(hours=moment.hour, minutes=moment.minute)


def _never(path: str, trigger: Trigger, calendar: Calendar, now: datetime) -> Problem:
    if isinstance(trigger.kind, At):
        reason = "is past, or moved to what is past: it does not fire"
        if any(True for _ in fire_times(replace(trigger, dst=Dst.NEXT), calendar, now)):
            reason = "does not exist, clocks are put forward over it: with dst: skip it never fires"
        return Problem(f"{path}.at", reason)
    if trigger.days is not None:
        bare = replace(trigger, days=None)
        if any(True for _ in fire_times(bare, None, now)):
            reason = "leaves no day to fire on within 10 years"
            return Problem(f"{path}.calendar", reason, quoted(calendar.name))
    if any(True for _ in fire_times(replace(trigger, dst=Dst.NEXT), calendar, now)):
        reason = "skips each time there is: they do not exist in this zone"
        return Problem(f"{path}.dst", reason, "skip", "next")
    return Problem(f"{path}.cron", "does not fire within 50 years")


def _of_intervals(path: str, trigger: Trigger, soon: Sequence[FireTime]) -> Iterator[Problem]:
    shortest = min((after.at - before.at for before, after in pairwise(soon)), default=None)
    if shortest is None:
        return
    if timedelta(seconds=trigger.jitter) > shortest:
        reason = "is longer than the shortest interval: starts wait for those before them"
        found = f"{spoken(trigger.jitter)}, interval {spoken(int(shortest.total_seconds()))}"
        yield Problem(f"{path}.jitter", reason, found)
    window = trigger.window
    if window is None:
        return
    outside = [fire for fire in soon if not window.has(fire.local.time())]
    by_opening = len(outside) - len({_opening_day(fire, trigger) for fire in outside})
    if by_opening:
        reason = "makes several fire times wait for the same moment, and then start together"
        yield Problem(f"{path}.startBetween", reason, "", "a cron that fires within it")


def _opening_day(fire: FireTime, trigger: Trigger) -> date:
    """The day on which the window opens next after a fire time outside of it."""
    window = trigger.window
    is_today = window is not None and fire.local.time() < window.begin
    return fire.local.date() if is_today else fire.local.date() + _DAY


def _of_gaps(path: str, trigger: Trigger, calendar: Calendar, now: datetime) -> Iterator[Problem]:
    """Tell of the first time within two years that clocks are put forward over."""
    for begin in _changes(trigger, now):
        with_gap, without = (
            {fire.at: fire for fire in fire_times(each, calendar, begin, begin + 2 * _DAY)}
            for each in (replace(trigger, dst=Dst.NEXT), replace(trigger, dst=Dst.SKIP))
        )
        for at, fire in with_gap.items():
            if at not in without:
                yield _gap(path, trigger, fire)
                return


def _gap(path: str, trigger: Trigger, fire: FireTime) -> Problem:
    skips = trigger.dst is Dst.SKIP
    outcome = "it does not fire" if skips else f"it fires at {fire.local:%H:%M on %Y-%m-%d}"
    reason = f"clocks are put forward over it: {fire.note.partition(';')[0]}, and {outcome}"
    word = "at" if isinstance(trigger.kind, At) else "cron"
    return Problem(f"{path}.{word}", reason)


def _changes(trigger: Trigger, now: datetime) -> Iterator[datetime]:
    """For each change of the zone's clocks within two years an instant less than a day before."""
    place = zone(trigger.timezone)
    moments = (now + count * _DAY for count in range(_GAPS_AHEAD // _DAY))
    for before, after in pairwise(moments):
        if before.astimezone(place).utcoffset() != after.astimezone(place).utcoffset():
            yield before
