"""When triggers fire, found by walking UTC minute by minute; calls nothing of chalicelib.

Slow and plain: what the wall clock shows at each minute is all it knows.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def zone_of(name: str) -> ZoneInfo:
    """The zone as the tzdata package has it, not as this machine has it."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


def zone_names() -> list[str]:
    return sorted(files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


def changes(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The minutes at which the offset of a zone changes."""
    step = timedelta(hours=8)
    moments = (begin + count * step for count in range((end - begin) // step))
    for before, after in pairwise(moments):
        if before.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            yield from _exactly(zone, before, after)


def _exactly(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    moments = (begin + count * MINUTE for count in range((end - begin) // MINUTE + 1))
    for before, after in pairwise(moments):
        if before.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            yield after


class WallClock:
    """What a clock on the wall shows at each minute of a span of UTC."""

    def __init__(self, zone: ZoneInfo, begin: datetime, end: datetime) -> None:
        self.shown = [
            (moment, moment.astimezone(zone).replace(tzinfo=None, fold=0))
            for moment in (begin + count * MINUTE for count in range((end - begin) // MINUTE + 1))
        ]
        self.first: dict[datetime, datetime] = {}
        for moment, wall in self.shown:
            self.first.setdefault(wall, moment)

    def in_real_time(self, is_wanted: Callable[[datetime], bool]) -> list[datetime]:
        """Each minute at which it shows what is wanted."""
        return [moment for moment, wall in self.shown if is_wanted(wall)]

    def at_walls(self, days: list[date], walls: list[time], is_next: bool = True) -> list[datetime]:
        """For each time of each day the first minute that shows it, or else shows a later time."""
        found = set()
        for day in days:
            for wall in walls:
                wanted = datetime.combine(day, wall)
                if wanted in self.first:
                    found.add(self.first[wanted])
                elif is_next:
                    found.add(next(moment for moment, shown in self.shown if shown > wanted))
        return sorted(found)


def days_of(begin: datetime, end: datetime) -> list[date]:
    return [begin.date() + count * DAY for count in range((end - begin) // DAY + 1)]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # the parts of a date come first
