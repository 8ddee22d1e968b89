"""Makes triggers for tests: only what a test speaks of has to be written there."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core.timing.calendars import Calendar
from chalicelib.core.timing.due import Due, MissReason, due
from chalicelib.core.timing.fire_times import fire_times
from chalicelib.core.timing.trigger import FireTime, Trigger
from chalicelib.core.timing.trigger_reading import triggers_of
from tests.builders import loaded

TICK = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def trigger(cron: str = "", **fields: Any) -> Trigger:
    """The trigger that a document says; `cron` is that field, None leaves a field out."""
    given = {"cron": cron or None, **fields}
    document = loaded(triggers=[{key: each for key, each in given.items() if each is not None}])
    (made,) = triggers_of(document.triggers)
    return made


def fires(
    cron: str, after: datetime, until: datetime, days: Any = None, **fields: Any
) -> list[FireTime]:
    """All fire times within (after, until]; `days` is the calendar."""
    return list(fire_times(trigger(cron, **fields), days, after, until))


def instants(found: list[FireTime]) -> list[datetime]:
    return [fire.at for fire in found]


def walls(found: list[FireTime]) -> list[str]:
    """What the wall clock shows, with its offset."""
    return [fire.local.isoformat(" ", "minutes") for fire in found]


def tick(
    made: Trigger, mark: datetime, now: datetime, calendars: Mapping[str, Calendar] | None = None
) -> Due:
    return due("nightly", [made], calendars or {}, {made.name: mark}, now)


def started(found: Due) -> list[datetime]:
    return [start.fire.at for start in found.starts]


def missed(found: Due) -> list[tuple[MissReason, int]]:
    return [(each.reason, each.count) for each in found.missed]
