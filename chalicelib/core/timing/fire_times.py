"""The instants at which a trigger fires: a pure function of the trigger, its calendar and tzdata.

Whether an instant is one does not depend on where the search began, so that intervals may be cut
anywhere. Each instant is in UTC and comes once.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple, assert_never
from zoneinfo import ZoneInfo

from chalicelib.core.timing.calendars import BUILT_IN, WEEKDAYS_ONLY, Calendar
from chalicelib.core.timing.cron import FIRST_YEAR, LAST_YEAR, CronRule, cron_rule
from chalicelib.core.timing.trigger import (
    At,
    Clock,
    Cron,
    DayRule,
    FireTime,
    Rate,
    Roll,
    Trigger,
)
from chalicelib.core.timing.wall_time import Dst, day_begin, instant_of
from chalicelib.core.timing.zones import zone
from chalicelib.errors import NotFoundError

# The longest interval of an expression without years is 40 years: 29 February on a given weekday.
HORIZON = timedelta(days=50 * 365)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_MICROSECOND = timedelta(microseconds=1)
_LAST = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - _MICROSECOND


class _Day(NamedTuple):
    """A day on which a trigger fires, and why it is another day than the trigger says."""

    day: date
    note: str = ""


def fire_times(
    trigger: Trigger,
    calendar: Calendar | None,
    after: datetime,
    until: datetime | None = None,
) -> Iterator[FireTime]:
    """The fire times within (after, until], strictly ascending; none for what no clock starts.

    `until` is 50 years later unless given, and years end with 2199: who asks on gets an end.
    `calendar` is the one that the trigger names. Raises NotFoundError when it is another.
    """
    begin = max(after, _FIRST - _MICROSECOND)
    end = min(_LAST - HORIZON, begin) + HORIZON if until is None else min(until, _LAST)
    clock = trigger.clock
    if clock is None or begin >= end:
        return
    last = begin
    for fire in _fires(clock, trigger, calendar_for(trigger, calendar), (begin, end)):
        if fire.at > end:
            return
        if fire.at > last:
            yield fire
            last = fire.at


def calendar_for(trigger: Trigger, calendar: Calendar | None) -> Calendar:
    """The calendar that a trigger goes by; Monday to Friday if it names none.

    Raises NotFoundError when `calendar` is not the one that it names.
    """
    wanted = trigger.days.calendar if trigger.days else BUILT_IN
    found = WEEKDAYS_ONLY if wanted == BUILT_IN else calendar
    if found is None or found.name != wanted:
        raise NotFoundError("calendar", wanted, f"Trigger {trigger.name!r} needs it.")
    return found


def _fires(
    clock: Clock, trigger: Trigger, calendar: Calendar, span: tuple[datetime, datetime]
) -> Iterator[FireTime]:
    """Ascending; those of the span, and perhaps some just before and after it."""
    place = zone(trigger.timezone)
    after = span[0].astimezone(place).replace(tzinfo=None)
    # The day after: its beginning may come before the end of this one, when that comes twice.
    last = span[1].astimezone(place).date() + _DAY
    match clock:
        case Rate(seconds):
            return _rate(seconds, trigger.days, calendar, span, place)
        case At(local):
            days = _days(_Once(local.date()), trigger.days, calendar, after.date(), last)
            return _at_walls(days, (local.time(),), after, trigger.dst, place)
        case Cron(text):
            rule = cron_rule(text)
            if rule.is_hourly:
                days = _days(rule, trigger.days, calendar, after.date() - _DAY, last)
                return _in_real_time(days, rule, span[0], place)
            days = _days(rule, trigger.days, calendar, after.date(), last)
            return _at_walls(days, rule.walls, after, trigger.dst, place)
        case _:
            assert_never(clock)


class _Once(NamedTuple):
    """The day of what fires once, asked as a CronRule is."""

    day: date

    def days(self, first: date, last: date) -> Iterator[date]:
        if first <= self.day <= last:
            yield self.day

    def matches(self, day: date) -> bool:
        return day == self.day


def _days(
    rule: CronRule | _Once, policy: DayRule | None, calendar: Calendar, first: date, last: date
) -> Iterator[_Day]:
    """The days on which it fires within [first, last], ascending, each once."""
    if policy is not None and policy.roll is not Roll.SKIP:
        yield from _rolled(rule, policy.roll, calendar, first, last)
        return
    for day in rule.days(first, last):
        if policy is None or _is_allowed(day, policy, calendar):
            yield _Day(day)


def _rolled(
    rule: CronRule | _Once, roll: Roll, calendar: Calendar, first: date, last: date
) -> Iterator[_Day]:
    before = None
    for day in rule.days(*_sources(roll, calendar, first, last)):
        target = _target(day, roll, calendar)
        if target is None or target == before or not first <= target <= last:
            continue
        before = target
        note = "" if rule.matches(target) else _moved(day, calendar)
        yield _Day(target, note)


def _sources(roll: Roll, calendar: Calendar, first: date, last: date) -> tuple[date, date]:
    """The days whose fire times may be moved into [first, last]."""
    if roll is Roll.FORWARD:
        before = calendar.previous_business_day(first)
        return (before + _DAY if before else first), last
    beyond = calendar.next_business_day(last)
    return first, (beyond - _DAY if beyond else last)


def _target(day: date, roll: Roll, calendar: Calendar) -> date | None:
    if calendar.is_business_day(day):
        return day
    if roll is Roll.FORWARD:
        return calendar.next_business_day(day)
    return calendar.previous_business_day(day)


def _moved(day: date, calendar: Calendar) -> str:
    return f"moved from {day:%a %Y-%m-%d}, not a business day of {calendar.name}"


def _at_walls(
    days: Iterator[_Day], walls: Sequence[time], after: datetime, dst: Dst, place: ZoneInfo
) -> Iterator[FireTime]:
    """At times of the wall clock later than the naive `after`: once each, whatever clocks do."""
    for day, note in days:
        # No later time of the wall comes to an earlier instant: what is skipped is past.
        first = bisect_right(walls, after.time()) if day == after.date() else 0
        for wall in walls[first:]:
            at, exists = instant_of(datetime.combine(day, wall), place)
            if exists:
                yield FireTime(at, at.astimezone(place), note)
            elif dst is Dst.NEXT:
                gap = f"{wall:%H:%M} does not exist on {day}; first valid instant"
                yield FireTime(at, at.astimezone(place), f"{note}; {gap}" if note else gap)


def _in_real_time(
    days: Iterator[_Day], rule: CronRule, after: datetime, place: ZoneInfo
) -> Iterator[FireTime]:
    """In every hour: whenever the wall clock shows it, so twice in an hour that comes twice."""
    rest: list[FireTime] = []  # of a day whose last hour comes again when the next has begun
    for day, note in days:
        begin, end, beyond = (day_begin(day + count * _DAY, place) for count in range(3))
        if not rest and end - begin == _DAY and beyond - end == _DAY:
            yield from _on_even_day(begin, rule, after, note, place)
            continue
        fires = [*rest, *_minute_by_minute(day, (begin, beyond), rule, note, place)]
        fires.sort(key=lambda fire: fire.at)
        yield from (fire for fire in fires if fire.at < end)
        rest = [fire for fire in fires if fire.at >= end]
    yield from rest


def _on_even_day(
    begin: datetime, rule: CronRule, after: datetime, note: str, place: ZoneInfo
) -> Iterator[FireTime]:
    """Those after `after` of a day of 24 hours, before and behind which clocks don't change."""
    for hour in range(max(0, (after - begin) // _HOUR), 24):
        for minute in rule.minutes:
            at = begin + timedelta(hours=hour, minutes=minute)
            yield FireTime(at, at.astimezone(place), note)


def _minute_by_minute(
    day: date, span: tuple[datetime, datetime], rule: CronRule, note: str, place: ZoneInfo
) -> Iterator[FireTime]:
    at, end = span
    while at < end:
        local = at.astimezone(place)
        if local.date() == day and local.minute in rule.minutes and not local.second:
            yield FireTime(at, local, note)
        at += _MINUTE


def _rate(
    seconds: int,
    policy: DayRule | None,
    calendar: Calendar,
    span: tuple[datetime, datetime],
    place: ZoneInfo,
) -> Iterator[FireTime]:
    """Multiples of the rate since the epoch; of those on other days only the days are looked at."""
    step = timedelta(seconds=seconds)
    at = _multiple(span[0], step) + step
    while at <= span[1]:
        local = at.astimezone(place)
        if policy is None or _is_allowed(local.date(), policy, calendar):
            yield FireTime(at, local)
            at += step
        else:
            tomorrow = day_begin(local.date() + _DAY, place)
            at = max(at, _multiple(tomorrow - _MICROSECOND, step)) + step


def _multiple(moment: datetime, step: timedelta) -> datetime:
    """The last multiple of the step that is not after the moment."""
    return _EPOCH + (moment - _EPOCH) // step * step


def _is_allowed(day: date, policy: DayRule, calendar: Calendar) -> bool:
    if policy.ordinal is None:
        return calendar.is_business_day(day)
    return calendar.business_day_of_month(day, policy.ordinal) == day
