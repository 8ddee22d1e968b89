"""The clocks: the machine's says the time with its zone, the virtual one moves only when told."""

from datetime import UTC, datetime, timedelta

from chalicelib.local.clock import SystemClock, VirtualClock

START = datetime(2026, 11, 23, tzinfo=UTC)


def test_the_machines_clock_says_the_time_in_utc() -> None:
    assert SystemClock()().utcoffset() == timedelta(0)


def test_a_virtual_clock_stands_still_until_it_is_advanced() -> None:
    clock = VirtualClock(START)
    assert clock() == clock() == START
    clock.advance(1.5)
    assert clock() == START + timedelta(seconds=1.5)
