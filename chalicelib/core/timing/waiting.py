"""How long a start waits after its fire time: for its jitter, and for its window to open."""

from datetime import datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from chalicelib.core.naming import start_text
from chalicelib.core.timing.trigger import Trigger, Window
from chalicelib.core.timing.wall_time import change_between, instants_of
from chalicelib.core.timing.zones import zone

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)


def ready_at(schedule_id: str, trigger: Trigger, fire_time: datetime) -> datetime:
    """The first instant at which the start for a fire time may be made, in UTC."""
    return delayed(schedule_id, trigger, opening(trigger, fire_time))


def opened(trigger: Trigger, moment: datetime) -> datetime | None:
    """Since when the window is open that is open then; None for a trigger without one."""
    if trigger.window is None:
        return None
    place, begin = zone(trigger.timezone), trigger.window.begin
    today = moment.astimezone(place).date()
    begins = (
        at
        for count in range(3)
        for at in instants_of(datetime.combine(today - count * _DAY, begin), place)
    )
    return max(at for at in begins if at <= moment)


def delayed(schedule_id: str, trigger: Trigger, moment: datetime) -> datetime:
    """The moment, at which runs may start, with its jitter; never beyond the window's end."""
    found = moment + jitter_of(schedule_id, trigger, moment)
    return found if opening(trigger, found) == found else moment


def jitter_of(schedule_id: str, trigger: Trigger, moment: datetime) -> timedelta:
    """A delay of at most the trigger's jitter: always the same for the same moment."""
    if not trigger.jitter:
        return timedelta()
    most = trigger.jitter
    if trigger.window is not None:
        room = _closing(trigger.window, zone(trigger.timezone), moment) - moment
        most = min(most, (room - _MICROSECOND) // _SECOND)
    return timedelta(seconds=hashed(schedule_id, trigger.name, moment) % (most + 1))


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


def _closing(window: Window, place: ZoneInfo, moment: datetime) -> datetime:
    """The end of the window that is open then, as far as its clock shows it."""
    today = moment.astimezone(place).date()
    ends = (
        at
        for count in range(3)
        for at in instants_of(datetime.combine(today + count * _DAY, window.end), place)
    )
    return min(at for at in ends if at > moment)


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
