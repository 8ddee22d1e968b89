import pytest

from chalicelib.core.advising import (
    advise_job,
    advise_run,
    advise_untold,
    as_commands,
    as_routes,
    placed,
)
from chalicelib.core.lifecycle import JobStatus, RunStatus
from tests.unit.runs import header


def verbs(status: JobStatus, **members: object) -> list[str]:
    """The verbs for a job, with their words behind its name."""
    advice = advise_job(header(**members), "a", status)
    return [" ".join(word for word in each.words if word != "a") for each in advice]


def words(run_status: RunStatus, **members: object) -> list[tuple[str, ...]]:
    return [each.words for each in advise_run(header(status=run_status, **members))]


def test_a_failed_run_is_restarted_after_a_look_at_the_plan() -> None:
    assert words(RunStatus.FAILED) == [("restart", "etl/2026", "--plan"), ("restart", "etl/2026")]


def test_a_cancelled_run_is_restarted_too() -> None:
    assert ("restart", "etl/2026") in words(RunStatus.CANCELLED, cancelling="by ada")


@pytest.mark.parametrize(("failed", "told"), [(1, "1 job"), (2, "2 jobs")])
def test_a_restart_tells_how_many_jobs_it_would_run(failed: int, told: str) -> None:
    counts = {"FAILED": failed, "SUCCEEDED": 5, "PASS": 1}
    restart = advise_run(header(status=RunStatus.FAILED, counts=counts))[1]
    assert restart.effect == f"run again what is not done: {told}"


def test_a_run_that_goes_well_can_be_watched_or_cancelled() -> None:
    assert words(RunStatus.RUNNING) == [("watch", "etl/2026"), ("cancel", "etl/2026")]


def test_a_running_run_with_failures_can_be_restarted_at_once() -> None:
    assert ("restart", "etl/2026") in words(RunStatus.RUNNING, counts={"NOTFOUND": 1})


def test_a_run_that_is_being_cancelled_can_only_be_watched() -> None:
    told = words(RunStatus.RUNNING, cancelling="by ada", counts={"FAILED": 1})
    assert told == [("watch", "etl/2026")]


def test_a_run_that_succeeded_leaves_its_history() -> None:
    assert words(RunStatus.SUCCEEDED) == [("history", "etl/2026")]


def test_every_command_for_a_job_names_job_and_run() -> None:
    advice = advise_job(header(), "a", JobStatus.FAILED)
    assert advice[0].in_full == ("rerun", "a", "--run", "etl/2026")
    assert advice[-1].in_full == ("mark", "a", "succeeded", "--run", "etl/2026")


def test_a_command_for_a_job_can_leave_out_the_run_where_no_other_is_meant() -> None:
    advice = advise_job(header(), "a", JobStatus.FAILED)[0]
    assert (advice.words, advice.job, advice.run) == (("rerun", "a"), "a", "etl/2026")


@pytest.mark.parametrize("name", ["-x", "--all"])
def test_a_job_s_name_is_never_taken_for_an_option(name: str) -> None:
    told = {each.words[0]: each.in_full for each in advise_job(header(), name, JobStatus.FAILED)}
    assert told["rerun"] == ("rerun", "--downstream", "--run", "etl/2026", "--", name)
    assert told["mark"] == ("mark", "--run", "etl/2026", "--", name, "succeeded")


def test_a_command_for_a_run_is_in_full_as_it_is() -> None:
    advice = advise_run(header(status=RunStatus.FAILED))[0]
    assert (advice.in_full, advice.run) == (advice.words, "")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (JobStatus.HELD, ["release", "pass", "terminate"]),
        (JobStatus.WAITING, ["pass", "hold", "terminate"]),
        (JobStatus.RUNNING, ["terminate"]),
        (JobStatus.SUCCEEDED, ["rerun", "rerun --downstream", "mark failed"]),
        (
            JobStatus.NOTFOUND,
            ["rerun", "rerun --downstream", "pass", "mark succeeded", "mark failed"],
        ),
    ],
)
def test_a_job_is_offered_what_its_status_allows(status: JobStatus, expected: list[str]) -> None:
    assert verbs(status) == expected


def test_no_job_is_touched_while_its_run_is_being_cancelled() -> None:
    assert verbs(JobStatus.RUNNING, cancelling="by ada") == []


def test_the_jobs_of_a_cancelled_run_can_be_run_again() -> None:
    ended = header(status=RunStatus.CANCELLED, cancelling="by ada")
    assert advise_job(ended, "a", JobStatus.CANCELLED)[0].words[0] == "rerun"


STAGE = ("--edition", "aws", "--stage", "dev")
ON_STAGE = " ".join(STAGE)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("There are: batch-scheduler runs.", f"There are: batch-scheduler runs {ON_STAGE}"),
        ("Do: batch-scheduler rerun JOB.", f"Do: batch-scheduler rerun JOB {ON_STAGE}"),
        (
            "See: batch-scheduler list, batch-scheduler runs.",
            f"See: batch-scheduler list {ON_STAGE}, batch-scheduler runs {ON_STAGE}",
        ),
        (
            "Revoke one: batch-scheduler token revoke k3",
            f"Revoke one: batch-scheduler token revoke {ON_STAGE} k3",
        ),
        (f"batch-scheduler runs {ON_STAGE}", f"batch-scheduler runs {ON_STAGE}"),
        ("no table batch-scheduler-dev.", "no table batch-scheduler-dev."),
    ],
    ids=["end", "word", "two", "token", "placed", "name"],
)
def test_commands_in_a_sentence_mean_the_stage_that_was_typed(sentence: str, expected: str) -> None:
    assert placed(sentence, STAGE) == expected
    assert placed(sentence, ()) == sentence


def test_a_job_that_did_not_tell_an_output_is_rerun_with_everything_downstream() -> None:
    [advice] = advise_untold(header(), ["-load"])
    assert advice.in_full == ("rerun", "--downstream", "--run", "etl/2026", "--", "-load")
    assert advise_untold(header(cancelling="by ada"), ["load"]) == []


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        (
            "The schedules there are: batch-scheduler list.",
            "The schedules there are: GET /schedules.",
        ),
        ("batch-scheduler token list", "GET /tokens"),
        ("the oldest by batch-scheduler token revoke 0a1b", "the oldest by DELETE /tokens/0a1b"),
        ("batch-scheduler rerun JOB.", "POST /runs/{schedule}/{start}/rerun."),
        ("There is no run 'a'.", "There is no run 'a'."),
    ],
)
def test_who_asks_over_http_is_advised_routes_and_who_types_commands(
    typed: str, asked: str
) -> None:
    assert as_routes(typed) == asked
    assert as_commands(asked) == typed
