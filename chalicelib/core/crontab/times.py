"""The times of a crontab line, as strict as cron is about them.

Triggers know more than cron does (`L`, `MON#1`, `5/15`): a line that cron refuses, or that two
crons read in two ways, must not become a schedule that starts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.core.timing.cron import MACROS, CronError, cron_fields, cron_rule
from chalicelib.core.timing.zones import zone
from chalicelib.core.wording import quoted

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEK = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_TERM = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/([0-9]{1,4}))?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,4}")
_WEEKS = 53  # that hold each change of clocks of a year


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


def differs_where_clocks_change(times: str) -> bool:
    """Whether cron goes by the wall clock in an hour that comes twice or never, and a trigger not.

    Cron does for what begins with `*` (MIN_STAR and HR_STAR of its source), a trigger for what
    fires in every hour.
    """
    minute, hour, *_ = cron_fields(times)[1]
    has_star = minute.startswith("*") or hour.startswith("*")
    return has_star is not cron_rule(times).is_hourly


def has_changes(timezone: str, now: datetime) -> bool:
    """Whether clocks are changed there in the year from now."""
    place = zone(timezone)
    weekly = (now + timedelta(weeks=count) for count in range(_WEEKS))
    return len({moment.astimezone(place).utcoffset() for moment in weekly}) > 1


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
