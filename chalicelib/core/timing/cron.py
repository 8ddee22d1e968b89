"""Cron expressions: five fields as cron has them, six as EventBridge Scheduler has them.

cronsim reads and matches five fields. Ours is only what six have besides: days of the week from
1 (SUN), `?`, the nearest weekday `W`, years.
"""

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from cronsim import CronSim, CronSimError

FIRST_YEAR, LAST_YEAR = 1970, 2199  # those that EventBridge Scheduler knows
MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_LONGEST = 256  # characters
_ANY_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 - days of the calendar, nowhere
_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_SIX = re.compile(r"cron\((.*)\)", re.IGNORECASE)
_NEAREST = re.compile(r"([1-9]|[12][0-9]|3[01])W")
_SPECIAL_DAY = re.compile(r"([0-9]|[A-Z]{3})(?:(L)|#([1-5]))")
_ONE_TO_ITSELF = re.compile(r"\b(\w+)-\1/0*[1-9][0-9]*", re.ASCII)
_TERM = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/([0-9]{1,4}))?", re.ASCII)


class CronError(ValueError):
    """The text is no cron expression; the message says which part, and what is allowed there."""


@dataclass(frozen=True, slots=True)
class CronRule:
    """Times of the day, the same on each day that matches; numbers ascend."""

    minutes: tuple[int, ...]
    months: frozenset[int]
    years: frozenset[int] | None  # None is each of them
    is_day: Callable[[date], bool]  # within a month and a year that match
    walls: tuple[time, ...]  # the times of a day, ascending; empty if it is hourly

    @property
    def is_hourly(self) -> bool:
        """Whether it fires in each hour, so that it goes by real time where clocks change."""
        return not self.walls

    def matches(self, day: date) -> bool:
        return (
            day.month in self.months
            and (self.years is None or day.year in self.years)
            and self.is_day(day)
        )

    def days(self, first: date, last: date) -> Iterator[date]:
        """The days that match within [first, last], ascending; what can't match is jumped over."""
        day = first
        while day <= last:
            if self.years is not None and day.year not in self.years:
                day = date(day.year + 1, 1, 1)
            elif day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
            else:
                if self.is_day(day):
                    yield day
                day += timedelta(days=1)


@lru_cache(maxsize=20_000)
def cron_rule(text: str) -> CronRule:
    """What an expression means. Raises CronError."""
    plain, fields = cron_fields(text)
    match len(fields):
        case 5:
            return _five(fields, None)
        case 6:
            return _six(fields)
        case count:
            allowed = "5 fields, or the 6 of EventBridge Scheduler"
            raise CronError(f"{plain!r} has {count} fields; allowed: {allowed}")


def cron_fields(text: str) -> tuple[str, list[str]]:
    """The expression without `cron(…)` and needless blanks, and its fields. Raises CronError."""
    if len(text) > _LONGEST:
        raise CronError(f"it is longer than {_LONGEST} characters")
    wrapped = _SIX.fullmatch(text.strip())
    plain = " ".join((wrapped[1] if wrapped else text).split())
    fields = plain.upper().split()
    if wrapped and len(fields) != 6:
        raise CronError(f"cron(…) has 6 fields: {_SIX_FIELDS}; found {len(fields)}")
    if plain.startswith("@"):
        if plain.lower() not in MACROS:
            raise CronError(f"{plain!r} is none of {', '.join(MACROS)}")
        fields = MACROS[plain.lower()].split()
    return plain, fields


_FIVE_FIELDS = "minute, hour, day of month, month, day of week"
_SIX_FIELDS = f"{_FIVE_FIELDS}, year"


def fields_allowed(text: str) -> str:
    """The form that was meant by an expression that is none, with an example."""
    is_six = text.strip().lower().startswith("cron(") or len(text.split()) == 6
    if is_six:
        return f"{_SIX_FIELDS}: cron(30 2 ? * MON-FRI *)"
    return f"{_FIVE_FIELDS}: 30 2 * * 1-5"


def _five(fields: list[str], years: frozenset[int] | None) -> CronRule:
    # cronsim reads 5-5/2 as 5/2.
    fields = [_ONE_TO_ITSELF.sub(r"\1", field) for field in fields]
    minute, hour, day, month, week_day = fields
    try:
        # Without a zone it only reads the fields and says whether a day matches. Days and months
        # apart, for cronsim refuses 30 February: that is warned of (warnings), as it never fires.
        rule = CronSim(f"{minute} {hour} {day} * {week_day}", _ANY_DAY)
        months = CronSim(f"0 0 * {month} *", _ANY_DAY).months
    except (CronSimError, AssertionError) as error:
        reason = str(error).removeprefix("Bad ") or "day"
        raise CronError(f"its {reason} is not one that can be") from error
    hours = () if len(rule.hours) == 24 else sorted(rule.hours)
    minutes = tuple(sorted(rule.minutes))
    return CronRule(
        minutes,
        frozenset(months),
        years,
        rule.match_day,
        tuple(time(hour, minute) for hour in hours for minute in minutes),
    )


def _six(fields: list[str]) -> CronRule:
    minute, hour, day, month, week_day, year = fields
    if (day == "?") is (week_day == "?"):
        raise CronError("of day of month and day of week exactly one must be ?")
    years = None if year == "*" else frozenset(_numbers(year, FIRST_YEAR, LAST_YEAR, "year"))
    nearest = _NEAREST.fullmatch(day)
    five = [
        minute,
        hour,
        "*" if nearest or day == "?" else day,
        month,
        "*" if week_day == "?" else _week_days(week_day),
    ]
    rule = _five(five, years)
    if not nearest:
        return rule
    wanted = int(nearest[1])
    return replace(rule, is_day=lambda day: _is_nearest(day, wanted))


def _week_days(field: str) -> str:
    """Days of the week as cron has them, 0 (SUN) to 6, from 1 (SUN) to 7."""
    if field == "L":
        return "6"  # alone it is the last day of the week, which ends with SAT
    special = _SPECIAL_DAY.fullmatch(field)
    if special:
        day = _number(special[1], 1, 7, "day-of-week") - 1
        return f"{day}L" if special[2] else f"{day}#{special[3]}"
    return ",".join(str(number - 1) for number in _numbers(field, 1, 7, "day-of-week"))


def _numbers(field: str, low: int, high: int, name: str) -> list[int]:
    """All that `*`, `1`, `1-3`, `1/2` and lists of them stand for, ascending."""
    found: set[int] = set()
    for term in field.split(","):
        parts = _TERM.fullmatch(term)
        if parts is None:
            raise CronError(f"its {name} is not one that can be")
        everything, first, last, step = parts.groups()
        start = low if everything else _number(first, low, high, name)
        open_end = everything or (step and not last)
        end = high if open_end else _number(last or first, low, high, name)
        if end < start or step == "0":
            raise CronError(f"its {name} is not one that can be")
        found.update(range(start, end + 1, int(step or 1)))
    return sorted(found)


def _number(text: str, low: int, high: int, name: str) -> int:
    if name == "day-of-week" and text in _NAMES:
        return _NAMES.index(text) + 1
    if not text.isdecimal() or len(text) > 4 or not low <= int(text) <= high:
        raise CronError(f"its {name} is not one that can be; allowed: {low} to {high}")
    return int(text)


def _is_nearest(day: date, wanted: int) -> bool:
    """Whether it is the weekday nearest to a day of its month, never in another month."""
    last = calendar.monthrange(day.year, day.month)[1]
    if wanted > last:
        return False
    target = day.replace(day=wanted)
    match target.weekday():
        case 5:
            shift = -1 if wanted > 1 else 2
        case 6:
            shift = 1 if wanted < last else -2
        case _:
            shift = 0
    return day.day == wanted + shift
