"""Fire times about a change of clocks, as the product finds them and as the oracle does."""

from datetime import datetime, time, timedelta

from chalicelib.core.timing.fire_times import fire_times
from chalicelib.core.timing.trigger import Cron, Trigger
from chalicelib.core.timing.wall_time import Dst
from tests.fire_oracle import WallClock, days_of, zone_of

_NEAR = timedelta(hours=26)  # a gap is at most a day, an overlap less
FAR = timedelta(hours=80)
_QUARTERS = [time(hour, minute) for hour in range(24) for minute in (0, 15, 30, 45)]


def check_change(name: str, change: datetime) -> None:
    """Compare fixed times, of all kinds of days, and real time. Raises AssertionError."""
    zone = zone_of(name)
    clock = WallClock(zone, change - FAR, change + FAR)
    begin, end = change - _NEAR, change + _NEAR
    days = days_of(
        (begin - timedelta(hours=6)).astimezone(zone), (end + timedelta(hours=30)).astimezone(zone)
    )

    def found(cron: str, dst: Dst = Dst.NEXT) -> list[datetime]:
        trigger = Trigger(name="t", kind=Cron(cron), timezone=name, dst=dst)
        return [fire.at for fire in fire_times(trigger, None, begin, end)]

    def near(moments: list[datetime]) -> list[datetime]:
        return [moment for moment in moments if begin < moment <= end]

    for skipped in (0, 23):
        hours = "1-23" if skipped == 0 else "0-22"
        walls = [wall for wall in _QUARTERS if wall.hour != skipped]
        expected = near(clock.at_walls(days, walls))
        assert found(f"*/15 {hours} * * *") == expected, (name, change, hours)
    for wall in _walls_about(change, clock):
        cron = f"{wall.minute} {wall.hour} * * *"
        assert found(cron) == near(clock.at_walls(days, [wall])), (name, change, cron)
        skipping = near(clock.at_walls(days, [wall], is_next=False))
        assert found(cron, Dst.SKIP) == skipping, (name, change, cron)
    expected = near(clock.in_real_time(lambda wall: wall.minute in {0, 20, 45}))
    assert found("0,20,45 * * * *") == expected, (name, change)


def _walls_about(change: datetime, clock: WallClock) -> list[time]:
    """Times before, in and after what is skipped or comes twice."""
    shown = dict(clock.shown)
    last, first = shown[change - timedelta(minutes=1)], shown[change]
    low, high = min(last, first), max(last, first)
    some = (low, low + (high - low) / 2, high, high + timedelta(minutes=1), last, first)
    return sorted({each.time().replace(second=0, microsecond=0) for each in some})
