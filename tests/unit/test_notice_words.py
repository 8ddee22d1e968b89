"""What notices say of things that have no test with the services: stuck jobs and fire times."""

import shlex
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.notice_words import (
    SHOWN,
    Failed,
    NoStart,
    of_missed,
    of_overlap_skipped,
    of_stuck,
    stuck_jobs,
)
from chalicelib.core.run import Intent
from tests.unit.runs import EARLIER, NOW, header, run_of, spec, state

J = JobStatus
WHERE = ("--stage", "prod")
NIGHT = NoStart(trigger="cron 0 2 * * *", fire_time=EARLIER, why="nothing ran the ticks")


def stuck_in(seconds: int, **members: object) -> list[str]:
    """Of a job that has been in RUNNABLE for so long."""
    since = NOW - timedelta(seconds=seconds)
    limit = members.pop("limit", None)
    runnable = state("a", J.RUNNABLE, **{"runnable_since": since, **members})
    run = run_of(spec("a", runnable_timeout=limit), spec("b"), a=runnable, b=J.RUNNING)
    return [each.name for each in stuck_jobs(run, NOW)]


def test_a_job_is_stuck_after_an_hour_in_runnable_or_after_its_own_limit() -> None:
    assert stuck_in(3599) == []
    assert stuck_in(3600) == ["a"]
    assert stuck_in(59, limit=60) == []
    assert stuck_in(60, limit=60) == ["a"]
    assert stuck_in(3601, limit=7200) == []


def test_a_job_that_is_ended_for_it_is_stuck() -> None:
    assert stuck_in(1, intent=Intent.EXPIRE) == ["a"]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - too much", ["a"]),
        ("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - none", ["a"]),
        ("UNDETERMINED - nobody knows", ["a"]),
        ("waiting", []),
    ],
)
def test_a_job_of_a_blocked_queue_is_stuck_at_once(reason: str, expected: list[str]) -> None:
    assert stuck_in(1, reason=reason) == expected


def test_one_of_which_nobody_knows_since_when_is_not_stuck() -> None:
    assert stuck_in(0, runnable_since=None) == []


def test_a_run_without_runnable_jobs_has_no_stuck_ones() -> None:
    assert stuck_jobs(run_of(spec("a"), a=J.RUNNING), NOW) == []


def test_stuck_jobs_are_told_with_how_many_and_why() -> None:
    jobs = [Failed(f"j{number}", state("a", J.RUNNABLE)) for number in range(SHOWN + 2)]
    words = of_stuck(header(), jobs, WHERE)
    assert words.subject == "etl: j0 is stuck"
    assert words.lines[0] == "In RUNNABLE for too long in run etl/2026: 12 jobs."
    assert words.lines[1] == "- j0: RUNNABLE"
    assert words.lines[10:12] == ("- j9: RUNNABLE", "- and perhaps more")
    assert words.commands == (("Why:", "batch-scheduler explain j0 --run etl/2026 --stage prod"),)


def test_a_fire_time_without_a_run_is_told_with_how_to_start_one() -> None:
    missed = of_missed("etl", NIGHT, WHERE)
    assert missed.subject == "etl: the run of 2026-11-23T11:00:00.000000Z was missed"
    assert missed.lines[0].endswith(
        "should have started at 2026-11-23T11:00:00.000000Z (cron 0 2 * * *), and did not."
    )
    assert missed.lines[1] == "Why: nothing ran the ticks"
    skipped = of_overlap_skipped("etl", replace(NIGHT, why="run etl/1"), WHERE)
    assert skipped.subject == "etl: the run of 2026-11-23T11:00:00.000000Z was skipped"
    assert skipped.lines[1] == "Another run of it goes on: run etl/1"
    start = (("Start it now:", "batch-scheduler start etl --stage prod"),)
    assert missed.commands == skipped.commands == start


def test_a_start_that_an_event_asked_for_is_told_with_it_and_its_parameters() -> None:
    given = {"file": "in/it's.csv", "count": 3, "apiToken": "abc"}
    start = NoStart(
        trigger="csv", fire_time=EARLIER, why="x", event="in/a\nb.csv arrived", parameters=given
    )
    for words in (of_missed("etl", start, WHERE), of_overlap_skipped("etl", start, WHERE)):
        assert "(csv: in/a b.csv arrived)" in words.lines[0]
        ((_, typed),) = words.commands
        assert shlex.split(typed) == [
            "batch-scheduler", "start", "etl", "--param", "file=in/it's.csv", "--param", "count=3",
            "--param", "apiToken=(hidden)", "--stage", "prod",
        ]  # fmt: skip


def test_what_is_stuck_does_not_hang_on_the_order_of_other_statuses() -> None:
    old = state("a", J.RUNNABLE, runnable_since=NOW - timedelta(hours=2))
    run = run_of(spec("c"), spec("a"), spec("b"), a=old, b=replace(old, job_id="id-b"))
    assert [each.name for each in stuck_jobs(run, NOW)] == ["a", "b"]
