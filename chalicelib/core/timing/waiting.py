"""How long a start waits after its fire time: for its jitter, and for its window to open."""

from datetime import datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from chalicelib.core.naming import start_text
from chalicelib.core.timing.trigger import Trigger, Window
from chalicelib.core.timing.wall_time import change_between, instants_of
from chalicelib.core.timing.zones import zone

_DAY = timedelta(days=1)


def ready_at(schedule_id: str, trigger: Trigger, fire_time: datetime) -> datetime:
    """The first instant at which the start for a fire time may be made, in UTC."""
    moment = fire_time + jitter_of(schedule_id, trigger, fire_time)
    return opening(trigger, moment)


def jitter_of(schedule_id: str, trigger: Trigger, fire_time: datetime) -> timedelta:
    """A delay of at most the trigger's jitter: always the same for the same fire time."""
    if not trigger.jitter:
        return timedelta()
    return timedelta(seconds=hashed(schedule_id, trigger.name, fire_time) % (trigger.jitter + 1))


def opening(trigger: Trigger, moment: datetime) -> datetime:
    """The moment itself if runs may start then, else the next at which they may."""
    if trigger.window is None:
        return moment
    return _opening(trigger.window, zone(trigger.timezone), moment)


def hashed(schedule_id: str, *parts: str | datetime) -> int:
    """A number that is the same for the same parts, on every machine."""
    texts = (start_text(part) if isinstance(part, datetime) else part for part in parts)
    digest = sha256("\n".join((schedule_id, *texts)).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def _opening(window: Window, place: ZoneInfo, moment: datetime) -> datetime:
    def is_open(at: datetime) -> bool:
        return window.has(at.astimezone(place).time())

    if is_open(moment):
        return moment
    today = moment.astimezone(place).date()
    # Three days: what opens in an hour that is skipped may not open on that day.
    begins = (
        at
        for count in range(3)
        for at in instants_of(datetime.combine(today + count * _DAY, window.begin), place)
    )
    found = min(at for at in begins if at > moment and is_open(at))
    # Clocks that are put back may show a time within the window again.
    change = change_between(moment, found, place)
    return change if is_open(change) else found
