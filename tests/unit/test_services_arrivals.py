"""What AWS tells of by events: each wakes or mends something, and none is believed further."""

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import pytest

from chalicelib.core.naming import execution_name
from chalicelib.services import arrivals, steps
from chalicelib.services.ticking import tick
from tests.unit.runs import spec
from tests.unit.stage import RUN, Stage, driven, plenty
from tests.unit.triggered import put, runs

FIRST, SECOND = (execution_name(RUN, 1, number) for number in range(2))
SCHEDULE = b'{"scheduleId": "nightly", "jobList": [{"jobName": "a", "command": ["true"]}]}'


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_an_event_of_a_job_wakes_the_driver_of_its_run(stage: Stage) -> None:
    leg = stage.record()
    steps.submit_jobs(stage.ports, leg, plenty)
    steps.wait_for_change(stage.ports, leg, "token")
    [submission] = stage.queue.submissions.values()
    assert arrivals.job_state_changed(stage.ports, {"tags": dict(submission.tags)})
    assert stage.executions.woken == ["token"]


def test_an_event_without_the_jobs_tags_wakes_the_run_that_its_container_knows(
    stage: Stage,
) -> None:
    steps.wait_for_change(stage.ports, stage.record(), "token")
    variables = [{"name": "TEAM", "value": "ada"}, {"name": "BATCH_SCHEDULER_RUN", "value": RUN}]
    detail = {"tags": {"resourceArn": "arn"}, "container": {"environment": variables}}
    assert arrivals.job_state_changed(stage.ports, detail)
    assert stage.executions.woken == ["token"]


def test_of_a_run_that_no_tag_can_name_the_container_is_believed(stage: Stage) -> None:
    steps.wait_for_change(stage.ports, stage.record(), "token")
    variables = [{"name": "BATCH_SCHEDULER_RUN", "value": RUN}]
    tags = {"batch-scheduler:run": f"_{RUN[1:]}"}
    detail = {"tags": tags, "container": {"environment": variables}}
    assert arrivals.job_state_changed(stage.ports, detail)
    assert stage.executions.woken == ["token"]


@pytest.mark.parametrize(
    "detail",
    [
        {},
        {"tags": None},
        {"tags": []},
        {"tags": {}},
        {"tags": {"team": "ada"}},
        {"tags": {"batch-scheduler:run": ""}},
        {"tags": {"batch-scheduler:run": 7}},
        {"tags": {}, "container": {"environment": [{"name": "TEAM", "value": "ada"}]}},
        {"container": {"environment": [{"name": "BATCH_SCHEDULER_RUN"}, 7]}},
        {"container": {"environment": None}},
    ],
    ids=str,
)
def test_an_event_of_a_job_that_is_not_ours_wakes_nobody(
    stage: Stage, detail: Mapping[str, Any]
) -> None:
    steps.wait_for_change(stage.ports, stage.record(), "token")
    written = stage.marks.writes
    assert not arrivals.job_state_changed(stage.ports, detail)
    assert stage.executions.woken == []
    assert stage.marks.writes == written


def test_f44_events_of_many_jobs_or_one_event_many_times_wake_once(stage: Stage) -> None:
    steps.wait_for_change(stage.ports, stage.record(), "token")
    for _ in range(10):
        arrivals.job_state_changed(stage.ports, {"tags": {"batch-scheduler:run": RUN}})
    assert stage.executions.woken == ["token"]
    assert stage.marks.writes == 3, "the wait, the wake, and one mark that more has moved"


def test_f44_an_event_that_comes_late_changes_nothing_of_the_run(stage: Stage) -> None:
    stage.record(spec("a"))
    before = stage.store.load_run(RUN).versions
    arrivals.job_state_changed(stage.ports, {"tags": {"batch-scheduler:run": RUN}})
    assert stage.store.load_run(RUN).versions == before


def test_f20_an_execution_that_was_aborted_is_followed_by_another(stage: Stage) -> None:
    stage.record(run=driven(driver=FIRST))
    assert arrivals.execution_ended(stage.ports, {"name": FIRST, "status": "ABORTED"}) == 1
    assert list(stage.executions.started) == [SECOND]


@pytest.mark.parametrize(
    "detail",
    [{}, {"name": FIRST}, {"status": "ABORTED"}, {"name": 7, "status": "ABORTED"},
     {"name": FIRST, "status": None}, {"name": "foreign", "status": "ABORTED"}],
    ids=str,
)  # fmt: skip
def test_an_end_that_is_not_told_as_aws_tells_it_changes_nothing(
    stage: Stage, detail: Mapping[str, Any]
) -> None:
    stage.record(run=driven(driver=FIRST))
    assert arrivals.execution_ended(stage.ports, detail) == 0
    assert (stage.header.driver, dict(stage.executions.started)) == (FIRST, {})


@pytest.mark.parametrize("key", ["nightly.json", "team/etl/nightly.json"])
def test_a_schedule_that_is_put_into_the_bucket_is_stored(stage: Stage, key: str) -> None:
    stage.uploads.put(key, SCHEDULE)
    stored = arrivals.schedule_uploaded(stage.ports, {"object": {"key": key}})
    assert stored == stage.store.get_schedule("nightly")
    assert (stored.version, stored.stored_by) == (1, f"upload {key}")


@pytest.mark.parametrize(
    "key",
    ["notes.txt", "nightly.json.bak", "versions/nightly/1.json", "runs/etl/2026/jobs.json", "", 7,
     None],
    ids=repr,
)  # fmt: skip
def test_what_is_no_schedule_by_its_name_is_not_even_read(stage: Stage, key: object) -> None:
    if isinstance(key, str):
        stage.uploads.put(key, SCHEDULE)
    assert arrivals.schedule_uploaded(stage.ports, {"object": {"key": key}}) is None
    assert stage.store.list_schedules() == []
    assert stage.notices.published == []


@pytest.mark.parametrize("detail", [{}, {"object": None}, {"object": {}}], ids=str)
def test_an_upload_that_is_not_told_as_aws_tells_it_stores_nothing(
    stage: Stage, detail: Mapping[str, Any]
) -> None:
    assert arrivals.schedule_uploaded(stage.ports, detail) is None


# Objects

ON_CSV = {"name": "csv", "overlap": "allow"} | {"onFile": {"bucket": "incoming", "suffix": ".csv"}}
TIME = "2026-11-23T12:00:00Z"


def arrival(key: str = "a.csv", bucket: str = "incoming", **members: Any) -> dict[str, Any]:
    return {"bucket": {"name": bucket}, "object": {"key": key, "etag": "e", **members}}


def arrive(stage: Stage, *details: Mapping[str, Any]) -> int:
    """Tell of objects, and let a tick make what was decided; how many runs there are."""
    for detail in details:
        arrivals.object_arrived(stage.ports, detail, TIME)
    tick(stage.ports)
    return len(runs(stage.ports))


@pytest.fixture
def waiting(stage: Stage) -> Stage:
    """A stage with a schedule that waits for objects."""
    put(stage.ports, "etl", ON_CSV)
    return stage


def test_an_object_starts_what_waits_for_it_when_it_was_put_there(waiting: Stage) -> None:
    assert arrivals.object_arrived(waiting.ports, arrival(), TIME) == 1
    assert arrive(waiting) == 1
    [run] = runs(waiting.ports)
    assert (run.started_by, run.reason) == ("trigger csv", "s3://incoming/a.csv arrived")
    assert f"{run.started_at:%Y-%m-%dT%H:%M:%SZ}" == TIME


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_f35_events_of_an_object_twice_and_in_any_order_start_one_run_a_version(
    waiting: Stage, order: tuple[int, ...]
) -> None:
    versions = [arrival(**{"version-id": f"v{number}"}) for number in range(3)]
    told = [versions[number] for number in order]
    assert arrive(waiting, *told, *told) == 3


@pytest.mark.parametrize("version", [{}, {"version-id": "null"}, {"version-id": ""}])
def test_f35_without_versions_each_time_that_an_object_is_put_counts(
    waiting: Stage, version: dict[str, str]
) -> None:
    first, second = (arrival(sequencer=each, **version) for each in ("01", "02"))
    assert arrive(waiting, first, first, second, first) == 2


@pytest.mark.parametrize(
    "detail",
    [{}, {"bucket": None, "object": {"key": "a.csv"}}, {"bucket": {"name": "incoming"}},
     arrival(bucket="other"), arrival("a.txt")],
    ids=["nothing", "no bucket", "no key", "another bucket", "another name"],
)  # fmt: skip
def test_an_object_that_nobody_waits_for_starts_nothing(
    waiting: Stage, detail: Mapping[str, Any]
) -> None:
    assert arrive(waiting, detail) == 0
