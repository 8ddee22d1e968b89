"""The documents of the first version, which users still have."""

from pathlib import Path

import pytest

from chalicelib.core.document import ScheduleDocument
from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.loading import load
from chalicelib.core.reading import parse
from chalicelib.core.resolving import resolve
from chalicelib.core.schedule import JobSpec, TriggerRule
from chalicelib.errors import InvalidInputError
from tests.builders import old_document

SEED = Path(__file__).parents[1] / "seed"


def seed(name: str) -> ScheduleDocument:
    path = SEED / f"{name}.json"
    return load(parse(path.read_bytes(), path.name))


@pytest.mark.parametrize(
    "name",
    ["sample_schedule", "sample_edw_schedule", "failed_example_schedule",
     "running_history_record", "successful_final_document"],
)  # fmt: skip
def test_an_old_document_becomes_a_schedule_that_can_run(name: str) -> None:
    schedule, values = resolve(seed(name), {})
    assert [len(job.upstream) for job in schedule.jobs] == [0, 1, 1, 2, 3]
    assert all(job.request["jobQueue"].startswith("arn:aws:batch:") for job in schedule.jobs)
    assert all(":job-definition/" in job.request["jobDefinition"] for job in schedule.jobs)
    assert schedule.policy.wait_time == 60
    assert values == {}


def test_a_skipped_job_of_an_old_history_counts_as_done() -> None:
    schedule, _ = resolve(seed("successful_final_document"), {})
    assert [job.name for job in schedule.jobs if job.passed] == ["Cleanse"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("api_start_message", "its `input` is no schedule"),
     ("api_restart_message", "its `input` is no schedule"),
     ("start_input", "starts a run of a stored schedule"),
     ("restart_input", "starts a run of a stored schedule")],
)  # fmt: skip
def test_an_old_message_is_told_from_a_schedule(name: str, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        seed(name)


def test_blank_texts_are_as_good_as_nothing() -> None:
    document = load(old_document())
    assert document.schedule_status is None
    assert document.start_date_time is None
    assert document.job_list[2].job_status is None
    assert document.job_list[2].job_id is None


def test_statuses_and_ids_of_old_runs_stay_readable() -> None:
    ftp, cleanse, _ = load(old_document()).job_list
    assert (ftp.job_status, cleanse.job_status) == (JobStatus.SUCCEEDED, JobStatus.PASS)
    assert (ftp.job_id, cleanse.job_id) == (
        "802d951d-6393-48ab-96f1-86fd1fd5ac80",
        "0404d370-6df6-4ed9-93ff-3a514c9f30d9",
    )


def test_only_pass_means_something_to_a_new_run() -> None:
    schedule, _ = resolve(load(old_document()), {})
    assert [job.passed for job in schedule.jobs] == [False, True, False]


def test_an_old_job_asks_the_queue_for_just_what_it_says() -> None:
    schedule, _ = resolve(load(old_document()), {})
    assert schedule.jobs[2] == JobSpec(
        name="Load",
        upstream=("FTP", "Cleanse Data"),
        trigger_rule=TriggerRule.ALL_SUCCEEDED,
        request={"jobDefinition": "definition:1", "jobQueue": "queue"},
    )


@pytest.mark.parametrize("word", ["PASS", "pass", "Skip", " SKIP "])
def test_pass_and_skip_are_the_same_in_any_case(word: str) -> None:
    document = old_document()
    document["jobList"][0]["jobStatus"] = word
    assert load(document).job_list[0].job_status is JobStatus.PASS


@pytest.mark.parametrize("empty", [{"jobId": " "}, {"jobId": None}, {}, "", None])
def test_an_empty_job_id_is_none_in_any_form(empty: object) -> None:
    document = old_document()
    document["jobList"][0]["jobId"] = empty
    assert load(document).job_list[0].job_id is None


@pytest.mark.parametrize("extra", [{}, {"name": "Schedule Succeeded", "input": "{}"}])
def test_the_output_of_an_old_run_is_unwrapped(extra: dict[str, object]) -> None:
    assert load({"output": old_document(), **extra}) == load(old_document())


def test_problems_in_an_output_have_its_path() -> None:
    document = old_document()
    document["jobList"][0]["jobQueue"] = 5
    with pytest.raises(InvalidInputError) as caught:
        load({"output": document})
    assert caught.value.path == "$.output.jobList[0].jobQueue"


def test_an_output_that_is_a_text_is_no_schedule() -> None:
    with pytest.raises(InvalidInputError, match="output as a text"):
        load({"output": "{}"})
