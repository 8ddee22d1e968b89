"""The times of a crontab line, as strict as cron is about them.

Triggers know more than cron does (`L`, `MON#1`, `5/15`): a line that cron refuses, or that two
crons read in two ways, must not become a schedule that starts.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from chalicelib.core.timing.cron import MACROS, CronError, CronRule, cron_fields, cron_rule
from chalicelib.core.timing.wall_time import change_between
from chalicelib.core.timing.zones import zone
from chalicelib.core.wording import quoted

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEK = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_TERM = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/([0-9]{1,4}))?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,4}")
_WEEKS = 53  # that hold each change of clocks of a year
_MINUTE = timedelta(minutes=1)


class TimesError(ValueError):
    """No times that can be carried over; the message says which part, and why."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _WEEK),
)


def times_of(words: Sequence[str]) -> str:
    """The cron expression of a trigger that fires when cron starts these. Raises TimesError."""
    if len(words) == 1:
        if words[0] == "@reboot":
            raise TimesError("no trigger fires at the start of a machine")
        if words[0] not in MACROS:
            raise TimesError(f"{quoted(words[0])} is none of {', '.join(MACROS)}")
        return words[0]
    times = " ".join(_field(text, field) for text, field in zip(words, _FIELDS, strict=True))
    try:
        cron_rule(times)
    except CronError as error:
        raise TimesError(f"no trigger can have its times: {error}") from error
    return times


def differs_where_clocks_change(times: str, timezone: str, now: datetime) -> bool:
    """Whether cron starts it otherwise than a trigger fires, when clocks change in the next year.

    Cron goes by the wall clock for what begins with `*` (MIN_STAR and HR_STAR of its source), a
    trigger in real time for what fires in every hour. Of fixed times that are left out cron makes
    up for each, a trigger fires once.
    """
    minute, hour, *_ = cron_fields(times)[1]
    has_star = minute.startswith("*") or hour.startswith("*")
    rule = cron_rule(times)
    if has_star and rule.is_hourly:
        return False
    is_fixed = not (has_star or rule.is_hourly)
    return any(
        _count(rule, change) > (1 if is_fixed else 0)
        for change in _changes(timezone, now)
        if change.is_gap or not is_fixed
    )


class _Change(NamedTuple):
    """Times of the wall clock that are left out, or come twice; `end` is excluded."""

    begin: datetime
    end: datetime
    is_gap: bool


def _changes(timezone: str, now: datetime) -> Iterator[_Change]:
    """Those of a year; a zone changes its clocks once a week at most."""
    place = zone(timezone)
    weekly = [now + timedelta(weeks=count) for count in range(_WEEKS + 1)]
    for low, high in pairwise(weekly):
        if low.astimezone(place).utcoffset() != high.astimezone(place).utcoffset():
            at = change_between(low, high, place)
            new = at.astimezone(place).replace(tzinfo=None)
            old = (at - _MINUTE).astimezone(place).replace(tzinfo=None) + _MINUTE
            yield _Change(min(old, new), max(old, new), is_gap=old < new)


def _count(rule: CronRule, change: _Change) -> int:
    """How many times of a rule are among those of a change, were each day one of its days."""
    minutes = (change.end - change.begin) // _MINUTE
    walls = (change.begin + count * _MINUTE for count in range(minutes))
    if rule.is_hourly:
        return sum(wall.minute in rule.minutes for wall in walls)
    return sum(wall.time() in rule.walls for wall in walls)


def _field(text: str, field: _Field) -> str:
    return ",".join(_term(term, field) for term in text.split(","))


def _term(text: str, field: _Field) -> str:
    if "~" in text:
        raise TimesError(
            f"its {field.name}, {quoted(text)}, is picked at random: write one that is fixed;"
            " `jitter` of a trigger spreads starts"
        )
    parts = _TERM.fullmatch(text)
    if parts is None or (parts[4] and not int(parts[4])):
        raise _none(text, field)
    everything, first, last, step = parts.groups()
    if everything:
        return text
    begin = _number(first, field)
    if last is None:
        if step:
            ways = f"{first}-{field.high}/{step}, or {first}"
            raise TimesError(f"crons differ about {quoted(text)}: write {ways}")
        return text
    end = _number(last, field)
    if end < begin:
        raise TimesError(f"its {field.name}, {quoted(text)}, goes backwards, which cron refuses")
    return first if begin == end else text


def _number(text: str, field: _Field) -> int:
    if text.upper() in field.words:
        return field.words.index(text.upper()) + field.low
    if not _NUMBER.fullmatch(text) or not field.low <= int(text) <= field.high:
        raise _none(text, field)
    return int(text)


def _none(text: str, field: _Field) -> TimesError:
    return TimesError(f"cron knows no {field.name} {quoted(text)}: {field.low} to {field.high}")
