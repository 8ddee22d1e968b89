"""The queries of the how-to, run as they are printed over what runs really leave in the archive.

SQLite stands for Athena: the three functions that it lacks are given to it.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.aws.archive import archive_key
from tests.simulation.driven_world import DrivenWorld
from tests.simulation.scenarios import BY_NAME

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "query-history-with-athena.md"
TEXT = PAGE.read_text(encoding="utf-8")
COLUMNS = re.findall(r"^  `?(\w+)`? [a-z]", TEXT.split("PARTITIONED BY")[0], re.MULTILINE)
PARTITIONS = re.findall(r"(\w+) (?:string|int)[,)]", TEXT.split("PARTITIONED BY")[1][:80])
JOBS, FAILURES, RUNS = re.findall(r"```sql\n(SELECT.*?);\n```", TEXT, re.DOTALL)


MARKS = ", ".join("?" * (len(COLUMNS) + len(PARTITIONS)))
INSERT = f"INSERT INTO batch_scheduler_history VALUES ({MARKS})"  # noqa: S608 - marks only


class Percentile:
    """Of values in order, the one that stands that far along."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._share = 0.0

    def step(self, value: float | None, share: float, /) -> None:
        self._share = share
        if value is not None:
            self._values.append(value)

    def finalize(self) -> float | None:
        ordered = sorted(self._values)
        return ordered[int(self._share * (len(ordered) - 1))] if ordered else None


def minutes(unit: str, start: str, end: str) -> int:
    assert unit == "minute"
    return int((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 60)


@pytest.fixture(scope="module")
def athena() -> Iterator[sqlite3.Connection]:
    """The table of the page, over the archive of two runs of the schedule `nightly`."""
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    database.create_aggregate("approx_percentile", 2, Percentile)  # type: ignore[arg-type]
    database.create_function("from_iso8601_timestamp", 1, lambda text: text)
    database.create_function("date_diff", 3, minutes)
    names = ", ".join(f'"{name}"' for name in (*COLUMNS, *PARTITIONS))
    database.execute(f"CREATE TABLE batch_scheduler_history ({names})")
    for scenario in ("engine-retry", "failure"):
        database.executemany(INSERT, archived(scenario))
    yield database
    database.close()


def archived(scenario: str) -> Iterator[list[Any]]:
    """The lines of one run as rows; what is no column of the table is not read by Athena."""
    world = DrivenWorld(BY_NAME[scenario])
    world.drive()
    world.rest(60)
    [lines] = world.archive.files.values()
    key = archive_key(world.header)
    parts = dict(part.split("=") for part in key.split("/")[1:-1])
    own = ["nightly", *(int(parts[name]) for name in PARTITIONS[1:])]
    for line in lines:
        members = json.loads(line)
        row = [members.get(name) for name in COLUMNS]
        yield [json.dumps(v) if isinstance(v, list | dict) else v for v in row] + own


def ask(athena: sqlite3.Connection, query: str) -> list[dict[str, Any]]:
    return [dict(row) for row in athena.execute(query)]


def test_the_table_is_partitioned_as_the_archive_is_laid_out() -> None:
    assert PARTITIONS == ["schedule_id", "year", "month", "day"]


def test_the_first_query_says_how_long_each_job_takes(athena: sqlite3.Connection) -> None:
    found = {row["jobName"]: row for row in ask(athena, JOBS)}
    assert {name: row["runs"] for name, row in found.items()} == {"a": 1, "b": 1, "c": 1}
    assert found["a"]["usual_seconds"] == found["a"]["slow_seconds"] == 2.0
    assert found["a"]["hours"] == pytest.approx(2 / 3600)


def test_the_second_query_counts_every_failed_attempt(athena: sqlite3.Connection) -> None:
    found = [(row["jobName"], row["exitCode"], row["failures"]) for row in ask(athena, FAILURES)]
    assert sum(count for *_, count in found) == 3  # two that a retry made good, and one more
    assert {(name, code) for name, code, _ in found} == {("a", 1)}


def test_the_third_query_says_when_runs_were_done(athena: sqlite3.Connection) -> None:
    found = ask(athena, RUNS)
    assert sorted(row["scheduleStatus"] for row in found) == ["FAILED", "SUCCEEDED"]
    assert all(row["minutes"] == 0 and row["generation"] == 1 for row in found)
