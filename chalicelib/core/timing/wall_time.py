"""Which instant a time on a clock on the wall means, where clocks are put forward and back."""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)


class Dst(StrEnum):
    """What becomes of a fire time that does not exist, because clocks are put forward over it."""

    NEXT = "next"  # the first instant after the gap
    SKIP = "skip"


def instant_of(wall: datetime, zone: ZoneInfo) -> tuple[datetime, bool]:
    """The instant in UTC of a naive local time, and whether that time exists.

    Of a time that exists twice it is the first; for one that does not exist, the first instant
    after the gap.
    """
    before = _with_offset(wall, wall.replace(tzinfo=zone, fold=0).utcoffset())
    after = _with_offset(wall, wall.replace(tzinfo=zone, fold=1).utcoffset())
    if before <= after:
        return before, True
    return change_between(after, before, zone), False


def instants_of(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first and the last instant that a naive local time means; nearly always the same."""
    first, exists = instant_of(wall, zone)
    if not exists:
        return first, first
    return first, _with_offset(wall, wall.replace(tzinfo=zone, fold=1).utcoffset())


@lru_cache(maxsize=4096)  # thousands of triggers ask for the same few days
def day_begin(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, or what follows it if the day does not exist; UTC."""
    return instant_of(datetime.combine(day, time()), zone)[0]


def _with_offset(wall: datetime, offset: timedelta | None) -> datetime:
    assert offset is not None  # noqa: S101 - a ZoneInfo always has one
    return wall.replace(tzinfo=UTC) - offset


def change_between(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The instant within (low, high] at which clocks are changed, once; `high` if they are not."""
    old = low.astimezone(zone).utcoffset()
    if high.astimezone(zone).utcoffset() == old:
        return high
    low = low.replace(microsecond=0)  # clocks are changed at whole seconds
    while high - low > _SECOND:
        middle = low + max(_SECOND, (high - low) // 2 // _SECOND * _SECOND)
        if middle.astimezone(zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return high
