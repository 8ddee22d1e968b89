"""What AWS tells of by events: each wakes or mends something, and none is believed further."""

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.core.naming import execution_name
from chalicelib.services import arrivals, steps
from tests.unit.runs import spec
from tests.unit.stage import RUN, Stage, driven, plenty

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
