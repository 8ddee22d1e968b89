"""Times ticks over 10,000 schedules, and writes its section of benchmarks/RESULTS.md.

usage: python -m benchmarks.ticking [--repeats N]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.results import write_section
from chalicelib.core.loading import load
from chalicelib.local.memory_queue import MemoryQueue, VirtualClock
from chalicelib.local.sqlite_store import SqliteStore
from chalicelib.ports import Ports
from chalicelib.services import schedules, triggers
from chalicelib.services.ticking import Ticked, tick

HEADING = "## Ticks"
SCHEDULES, DUE = 10_000, 100
MOST = 5.0  # s
_START = datetime(2026, 11, 23, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


def measured(act: Callable[[], Ticked]) -> tuple[float, Ticked]:
    began = time.perf_counter()
    ticked = act()
    return time.perf_counter() - began, ticked


def fill(ports: Ports) -> None:
    """Store schedules, of which so many are due at each minute, each once in a while."""
    for number in range(SCHEDULES):
        minute = number % (SCHEDULES // DUE)
        at = _START + minute * _MINUTE + _MINUTE
        cron = f"{at.minute} {at.hour} * * *"
        document = {
            "scheduleId": f"schedule-{number:05}",
            "jobList": [{"jobName": "a", "command": ["true"]}],
            "triggers": [{"name": "daily", "cron": cron, "timezone": "Europe/London"}],
        }
        schedules.put(ports, load(document), "bench")


def times(repeats: int) -> dict[str, list[float]]:
    """Seconds of a tick with nothing due, with 100 due and started, and with all due and paused."""
    clock = VirtualClock(_START)
    found: dict[str, list[float]] = {"nothing": [], "due": [], "all": []}
    with TemporaryDirectory() as folder, closing(SqliteStore.open(Path(folder))) as store:
        ports = Ports(
            schedules=store,
            runs=store,
            queue=MemoryQueue(clock),
            clock=clock,
            triggers=store,
            calendars=store,
        )
        fill(ports)
        for number in range(repeats):
            clock.at = _START + (number + 1) * _MINUTE + timedelta(seconds=1)
            seconds, ticked = measured(lambda: tick(ports))
            assert ticked == Ticked(started=DUE), ticked
            found["due"].append(seconds)
            seconds, ticked = measured(lambda: tick(ports))
            assert ticked == Ticked(), ticked
            found["nothing"].append(seconds)
        clock.at = _START + timedelta(days=3)
        seconds, ticked = measured(lambda: tick(replace(ports, runs=store)))
        assert ticked.started + ticked.refused >= SCHEDULES, ticked
        found["all"].append(seconds)
        begun = time.perf_counter()
        assert triggers.follow_all(ports) == 0
        found["follow"] = [time.perf_counter() - begun]
    return found


def report(found: dict[str, list[float]]) -> str:
    rows = [
        ("nothing is due", statistics.median(found["nothing"])),
        (f"{DUE} are due, each starts a run", statistics.median(found["due"])),
        (f"all {SCHEDULES:,} are due, each starts a run or is refused", found["all"][0]),
    ]
    table = "\n".join(f"| {what} | {seconds:.3f} |" for what, seconds in rows)
    is_met = "yes" if rows[1][1] <= MOST else "**no**"
    return f"""{HEADING}

Made by `python -m benchmarks.ticking`: {SCHEDULES:,} schedules with one trigger each in SQLite, one
commit a decision and one a run ({len(found["due"])} repeats, medians). What there is no time for is
left to the next tick.

| a tick when | seconds |
|---|---|
{table}

| target | figure | met |
|---|---|---|
| {DUE} of {SCHEDULES:,} schedules due: at most {MOST:g} s | {rows[1][1]:.2f} s | {is_met} |
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    section = report(times(parser.parse_args().repeats))
    write_section(HEADING, section)
    print(section)


if __name__ == "__main__":
    main()
