"""History records of the first version as runs of today's model."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.batch import QueueLimits
from chalicelib.core.lifecycle import LIVE, Act, JobStatus, RunStatus
from chalicelib.core.old_records import parse_old_record
from chalicelib.core.operating import Order
from chalicelib.core.planning import plan
from chalicelib.core.reserving import forget
from chalicelib.core.restarting import plan_restart
from chalicelib.core.run import JobState, Run
from chalicelib.errors import InvalidInputError
from tests.builders import old_document
from tests.unit.test_messages import json_values

SEED = Path(__file__).parents[1] / "seed"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STARTED = datetime(2018, 9, 22, 19, 55, 26, 747498, tzinfo=UTC)
J = JobStatus


def seed(name: str) -> Any:
    return json.loads((SEED / f"{name}.json").read_text(encoding="utf-8"))


def record(**members: object) -> dict[str, Any]:
    """A record of a run that failed, with these members besides."""
    ended = {
        "startDateTime": "2018-09-22T19:55:26.747498",
        "lastDateTime": "2018-09-22T19:57:28.446117",
        "scheduleStatus": "FAILED",
    }
    return {**old_document(), **ended, **members}


def with_job(index: int, **members: object) -> dict[str, Any]:
    value = record()
    value["jobList"][index].update(members)
    return value


def state_of(value: object, name: str) -> JobState:
    return parse_old_record(value)[2][name]


def statuses(name: str) -> dict[str, JobStatus]:
    return {job: state.status for job, state in parse_old_record(seed(name))[2].items()}


def wrong(value: object) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        parse_old_record(value)
    return [problem.path for problem in caught.value.problems]


def test_a_failed_record_is_a_failed_run() -> None:
    header, specs, states = parse_old_record(seed("failed_example_schedule"))
    assert header.run_id == "daily-am-load/2018-09-22T19:55:26.747498Z"
    assert (header.status, header.generation) == (RunStatus.FAILED, 1)
    assert header.started_at == STARTED
    assert header.ended_at == datetime(2018, 9, 22, 19, 57, 28, 446117, tzinfo=UTC)
    assert header.schedule_name == "Morning load and ETL for big data"
    assert [spec.name for spec in specs] == list(states) == ["job1", "job2", "job3", "job4", "job5"]
    assert [len(spec.upstream) for spec in specs] == [0, 1, 1, 2, 3]
    assert specs[4].upstream == ("job2", "job3", "job4")
    queue = "arn:aws:batch:us-east-1:123456789012:job-queue/SampleJobQueue-5da08f800c56cd4"
    assert {spec.request["jobQueue"] for spec in specs} == {queue}
    assert states["job3"] == JobState(
        status=J.FAILED, attempt=1, job_id="49f0cf39-68b4-4647-bd7a-b055ecf0a01d"
    )


def test_what_failed_because_of_upstream_stays_failed_as_it_was_written() -> None:
    done = {"job1": J.SUCCEEDED, "job2": J.SUCCEEDED, "job4": J.SUCCEEDED}
    assert statuses("failed_example_schedule") == {**done, "job3": J.FAILED, "job5": J.FAILED}


def test_a_succeeded_record_is_a_succeeded_run_with_its_skipped_job_passed() -> None:
    header, _, states = parse_old_record(seed("successful_final_document"))
    assert header.status is RunStatus.SUCCEEDED
    assert {name for name, state in states.items() if state.status is J.SUCCEEDED} == {
        "FTP",
        "ConvertParquet",
        "Aggregate",
        "LoadRedshift",
    }
    assert states["Cleanse"] == JobState(
        status=J.PASS, attempt=1, job_id="8797e76a-0950-4ac2-97a5-40f9caf9a453"
    )


def test_a_running_record_stays_live_with_its_ids() -> None:
    header, _, states = parse_old_record(seed("running_history_record"))
    assert (header.status, header.ended_at) == (RunStatus.RUNNING, None)
    assert statuses("running_history_record") == {
        "job1": J.RUNNABLE,
        "job2": J.PENDING,
        "job3": J.PENDING,
        "job4": J.PENDING,
        "job5": J.PENDING,
    }
    assert states["job2"].job_id == "ad533318-3aa9-4d14-81ad-ee67f2e21898"
    assert {state.attempt for state in states.values()} == {1}
    assert [state.queue_name for state in states.values()] == list(states)


def test_a_live_job_that_the_queue_has_forgotten_becomes_notfound_by_the_ordinary_rules() -> None:
    run = Run(*parse_old_record(seed("running_history_record")))
    limits = QueueLimits(fence=900.0, empty_lookups=2)
    for _ in range(limits.empty_lookups):
        change = forget(run, "job1", [], NOW, limits)
        assert change is not None
        run.apply([change])
    assert run.states["job1"].status is J.NOTFOUND


def test_a_failed_record_can_be_restarted_and_does_only_what_is_left() -> None:
    run = Run(*parse_old_record(seed("failed_example_schedule")))
    restart = plan_restart(run, Order(act=Act.RESTART, actor="ada", reason="", at=NOW))
    assert restart.keep == ("job1", "job2", "job4")
    assert restart.again == ("job3", "job5")


def test_a_job_that_was_passed_by_hand_can_be_run_again() -> None:
    run = Run(*parse_old_record(seed("successful_final_document")))
    assert not run.specs["Cleanse"].passed


def test_a_runnable_job_with_a_limit_on_that_was_seen_so_when_the_record_was_written() -> None:
    value = with_job(0, jobStatus="RUNNABLE", runnableTimeout=60)
    value |= {"scheduleStatus": "RUNNING"}
    run = Run(*parse_old_record(value))
    assert run.states["FTP"].runnable_since == datetime(2018, 9, 22, 19, 57, 28, 446117, tzinfo=UTC)
    assert plan(run, NOW, QueueLimits(fence=900.0, empty_lookups=2)).changes
    assert state_of({**value, "lastDateTime": " "}, "FTP").runnable_since == STARTED


def test_numbers_of_dynamodb_and_texts_are_the_same() -> None:
    policies = {
        parse_old_record(record(wait_time=value))[0].policy for value in (90, "90", Decimal(90))
    }
    assert [policy.wait_time for policy in policies] == [90]


def test_a_record_inside_an_output_is_the_same_record() -> None:
    assert parse_old_record({"output": record()}) == parse_old_record(record())


def test_a_time_with_a_zone_is_that_moment() -> None:
    moved = record(startDateTime="2018-09-22T21:55:26.747498+02:00")
    assert parse_old_record(moved)[0].started_at == STARTED


def test_a_run_that_ended_at_no_known_time_has_none() -> None:
    assert parse_old_record(record(lastDateTime=" "))[0].ended_at is None


@pytest.mark.parametrize("word", [" failed", "Failed", "FAILED"])
def test_statuses_of_runs_are_known_in_any_case(word: str) -> None:
    assert parse_old_record(record(scheduleStatus=word))[0].status is RunStatus.FAILED


@pytest.mark.parametrize(
    ("word", "status"),
    [(" ", J.WAITING), (None, J.WAITING), ("pass", J.PASS), ("SKIP", J.PASS),
     ("SUCCEEDED", J.SUCCEEDED), ("NOTFOUND", J.NOTFOUND), ("RUNNING", J.RUNNING)],
)  # fmt: skip
@pytest.mark.parametrize("job_id", ["id-1", {"jobId": "id-1"}])
def test_a_job_with_an_id_in_either_form_has_had_one_attempt(
    word: object, status: JobStatus, job_id: object
) -> None:
    state = state_of(with_job(0, jobStatus=word, jobId=job_id), "FTP")
    assert (state.status, state.job_id, state.attempt) == (status, "id-1", 1)


@pytest.mark.parametrize("job_id", [" ", None, {}, {"jobId": " "}])
def test_a_job_without_an_id_has_had_no_attempt(job_id: object) -> None:
    assert state_of(with_job(0, jobId=job_id), "FTP") == JobState(status=J.SUCCEEDED)


@pytest.mark.parametrize("status", sorted(LIVE))
def test_a_live_job_without_an_id_is_refused_since_nobody_can_ask_for_it(status: str) -> None:
    value = with_job(0, jobStatus=status, jobId=" ")
    assert wrong(value) == ["$.jobList[0].jobId"]


@pytest.mark.parametrize("job_id", [5, {"jobId": 5}, {"id": "x"}])
def test_an_id_that_is_none_is_told_of_once(job_id: object) -> None:
    assert wrong(with_job(0, jobStatus="RUNNING", jobId=job_id)) == ["$.jobList[0].jobId"]


def test_two_live_jobs_of_one_id_are_refused() -> None:
    value = with_job(0, jobStatus="RUNNING", jobId="same")
    value["jobList"][2] |= {"jobStatus": "PENDING", "jobId": "same"}
    assert wrong(value) == ["$.jobList[2].jobId"]


def test_a_reservation_can_not_be_taken_over() -> None:
    assert wrong(with_job(0, jobStatus="RESERVED")) == ["$.jobList[0].jobStatus"]


@pytest.mark.parametrize("key", ["startDateTime", "scheduleStatus"])
def test_a_schedule_that_was_never_started_is_no_record(key: str) -> None:
    assert wrong(record(**{key: " "})) == [f"$.{key}"]
    assert wrong({k: v for k, v in record().items() if k != key}) == [f"$.{key}"]


def test_everything_that_is_wrong_is_told_at_once_and_once() -> None:
    value = with_job(1, jobStatus="DONE", jobDependencies=["FPT"])
    value |= {"startDateTime": 5, "lastDateTime": "later", "scheduleStatus": "RESTART"}
    value["jobList"][0] |= {"jobStatus": "RUNNING", "jobId": " "}
    assert sorted(wrong({"output": value})) == [
        "$.output.jobList[0].jobId",
        "$.output.jobList[1].jobDependencies[0]",
        "$.output.jobList[1].jobStatus",
        "$.output.lastDateTime",
        "$.output.scheduleStatus",
        "$.output.startDateTime",
    ]


def test_parameters_without_a_value_are_told_where_the_record_is() -> None:
    value = record(parameters={"day": {"type": "date"}})
    assert all(path.startswith("$.output") for path in wrong({"output": value}))


@pytest.mark.parametrize(
    "name", ["start_input", "restart_input", "api_start_message", "api_restart_message",
             "sample_schedule", "sample_edw_schedule"],
)  # fmt: skip
def test_what_is_no_record_of_a_run_is_refused(name: str) -> None:
    assert wrong(seed(name))


@given(json_values)
def test_any_value_is_a_record_or_refused(value: object) -> None:
    for each in (value, {"output": value}, {"jobList": value}, {"output": {"jobList": value}}):
        assert wrong(each)


MEMBERS = sorted(record())
JOB_MEMBERS = ("jobName", "jobDependencies", "jobStatus", "jobId", "jobQueue", "jobDefinition")
LIKELY: st.SearchStrategy[Any] = st.sampled_from(
    [" ", "", None, 5, "RUNNING", "PASS", "FAILED", {"jobId": "x"}, {"jobId": 5}, [], "x", {},
     "2018-09-22T19:55:26", "0001-01-01T00:00:00+14:00", Decimal("NaN"), Decimal("60")]
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(MEMBERS), LIKELY | json_values, max_size=3),
    st.dictionaries(st.sampled_from(JOB_MEMBERS), LIKELY | json_values, max_size=3),
    st.integers(0, 2),
)
def test_any_change_of_a_record_gives_a_run_that_works_or_is_refused_by_paths(
    members: dict[str, object], job: dict[str, object], index: int
) -> None:
    value = record()
    value["jobList"][index].update(job)
    try:
        header, specs, states = parse_old_record({**value, **members})
    except InvalidInputError as error:
        paths = [problem.path for problem in error.problems]
        assert all(path.startswith("$") for path in paths)
        return
    run = Run(header, specs, states)
    assert list(run.states) == [spec.name for spec in specs]
    assert len(run.live) == sum(state.status in LIVE for state in states.values())
    assert all(state.attempt == bool(state.job_id) for state in states.values())
    plan(run, NOW + timedelta(days=1), QueueLimits(fence=900.0, empty_lookups=2))
