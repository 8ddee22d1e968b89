"""Lengths of time as documents write them: seconds, `30m`, `15 minutes`."""

import re

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}  # seconds; a day has 24 hours
_SHORT = re.compile(r"([0-9]{1,9})([smhd]?)")
_RATE = re.compile(r"([0-9]{1,6})\s+(minute|hour|day)s?", re.IGNORECASE)
_WRAPPED = re.compile(r"rate\((.*)\)", re.IGNORECASE)

DURATION_PATTERN = r"^\s*[0-9]{1,9}[smhd]?\s*$"
_LARGEST_FIRST = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
_RATE_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60))

MAX_RATE = 366 * 86_400  # seconds


def seconds_of(text: str) -> int:
    """Seconds of `30m`, `2h`, `1d`, `90s`, `90`. Raises ValueError for other texts."""
    found = _SHORT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no length of time")
    return int(found[1]) * _UNITS[found[2]]


def rate_of(text: str) -> int:
    """Seconds of `15 minutes` and `rate(15 minutes)`. Raises ValueError for other texts."""
    wrapped = _WRAPPED.fullmatch(text.strip())
    found = _RATE.fullmatch((wrapped[1] if wrapped else text).strip())
    seconds = int(found[1]) * _UNITS[found[2][0].lower()] if found else 0
    if not 0 < seconds <= MAX_RATE:
        raise ValueError(f"{text!r} is no rate")
    return seconds


def rate_text(seconds: int) -> str:
    """What `rate_of` reads, in the largest unit that it is a whole number of."""
    unit, size = next(each for each in _RATE_UNITS if seconds % each[1] == 0)
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"


def spoken(seconds: int) -> str:
    """`90s`, `5m`, `2h`, `1d`: what `seconds_of` reads, in the largest unit."""
    unit, size = next(each for each in _LARGEST_FIRST if seconds % each[1] == 0)
    return f"{seconds // size}{unit}"
