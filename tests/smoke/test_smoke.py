"""The smoke test itself, on a stage of the strict fake: what it sees, says and cleans up."""

from collections.abc import Callable
from typing import Any

import pytest

from smoke import command
from smoke.checks import CHECKS, Verdict, findings
from smoke.command import run
from smoke.trial import Trial
from tests.aws.tables import BUCKET
from tests.smoke.stage import Stage
from tests.strict.answers import AwsError, Fault

_LONGEST = 15 * 60  # s that a trial may take, cleaning included


def said(stage: Stage, only: str = "") -> tuple[bool, list[str], Trial]:
    trial, lines = stage.trial(), list[str]()
    return run(trial, only, lines.append), lines, trial


def verdict(stage: Stage, name: str) -> Verdict:
    trial = stage.trial()
    ((_, finding),) = findings(trial, {name: CHECKS[name]})
    return finding.verdict


def test_on_a_stage_that_behaves_everything_is_as_expected() -> None:
    stage = Stage()
    fine, lines, trial = said(stage)
    assert lines[-1].startswith(f"{len(CHECKS)} OK, 0 NOT AS EXPECTED, 0 NOT SEEN")
    assert len(lines) == len(CHECKS) + 2
    assert fine
    assert trial.seconds() < _LONGEST


def test_nothing_is_left_of_a_trial_but_what_aws_forgets_by_itself() -> None:
    stage = Stage()
    before = left(stage)
    said(stage)
    assert left(stage) == before
    assert not any(stage.functions.letters.values())
    assert not stage.machine.running()
    statuses = {job["status"] for job in jobs(stage)}
    assert statuses == {"SUCCEEDED", "FAILED"}


def left(stage: Stage) -> list[object]:
    """The keys of all items and objects, without the budget of submissions."""
    items = [
        key
        for table in stage.dynamodb.tables.values()
        for key in table.items
        if b"#account" not in key
    ]
    return [*items, *(key for bucket in stage.s3.buckets.values() for key in bucket.objects)]


def jobs(stage: Stage) -> list[dict[str, Any]]:
    ids, client = list(stage.batch.submissions), stage.aws.client("batch")
    parts = [ids[first : first + 100] for first in range(0, len(ids), 100)]
    return [job for part in parts for job in client.describe_jobs(jobs=part)["jobs"]]


def test_a_trial_that_is_cut_off_cleans_up_as_well() -> None:
    stage = Stage()
    before, trial = left(stage), stage.trial()
    pauses = iter(range(100))

    def sleep(seconds: float) -> None:
        if next(pauses) == 8:
            raise KeyboardInterrupt
        stage.live(seconds)

    trial.sleep = sleep
    with pytest.raises(KeyboardInterrupt):
        run(trial, "", lambda _: None)
    assert left(stage) == before
    assert not stage.machine.running()


def test_where_nothing_answers_nothing_is_believed() -> None:
    stage = Stage()
    trial, lines = stage.trial(), list[str]()
    stage.aws.faults = lambda *_: Fault.SERVER_ERROR
    assert not run(trial, "", lines.append)
    assert lines[-1].startswith("0 OK, ")
    assert [line for line in lines if line.startswith("Not cleaned up: delete objects: ")]


def test_jobs_that_never_start_are_waited_for_no_longer_than_promised() -> None:
    stage = Stage()
    stage.instead("batch", "DescribeJobs", forever_runnable)
    fine, lines, trial = said(stage, "batch-u")
    assert not fine
    assert {line.split("  ")[0] for line in lines[1:5]} == {"NOT SEEN"}
    assert "SUCCEEDED or FAILED of job" in lines[1]
    assert trial.seconds() < _LONGEST


def forever_runnable(answer: dict[str, Any]) -> dict[str, Any]:
    return {"jobs": [{**job, "status": "RUNNABLE"} for job in answer["jobs"]]}


def without(member: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Leave a member out of each job of an answer."""

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        return {"jobs": [{k: v for k, v in job.items() if k != member} for job in answer["jobs"]]}

    return change


def deaf(stage: Stage) -> None:
    stage.deafen()


def silent(stage: Stage) -> None:
    stage.has_a_clock = False


def losing(stage: Stage) -> None:
    stage.functions.loses = True


def open_to_all(stage: Stage) -> None:
    stage.functions.conditions = False


def untagged(stage: Stage) -> None:
    stage.instead("batch", "DescribeJobs", without("tags"))


def slow_to_list(stage: Stage) -> None:
    began = stage.clock.milliseconds

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        return {"jobSummaryList": []} if stage.clock.milliseconds < began + 400_000 else answer

    stage.instead("batch", "ListJobs", change)


def started_after_all(stage: Stage) -> None:
    def change(answer: dict[str, Any]) -> dict[str, Any]:
        return {"jobs": [{"startedAt": job["createdAt"], **job} for job in answer["jobs"]]}

    stage.instead("batch", "DescribeJobs", change)


def allowing(stage: Stage) -> None:
    def change(answer: dict[str, Any]) -> dict[str, Any]:
        (result,) = answer["EvaluationResults"]
        return {"EvaluationResults": [{**result, "EvalDecision": "allowed"}]}

    stage.instead("iam", "SimulatePrincipalPolicy", change)


def never_the_same(stage: Stage) -> None:
    def change(_: dict[str, Any]) -> dict[str, Any]:
        raise AwsError("ExecutionAlreadyExists", "Execution Already Exists")

    def later(answer: dict[str, Any]) -> dict[str, Any]:
        stage.instead("stepfunctions", "StartExecution", change)
        return answer

    stage.instead("stepfunctions", "StartExecution", later)


def refused_by_topic(stage: Stage) -> None:
    told = {"AlarmHistoryItems": [{"HistorySummary": "Failed to execute action arn"}]}
    stage.instead("cloudwatch", "DescribeAlarmHistory", lambda _: told)


def half_deployed(stage: Stage) -> None:
    stage.instead("lambda", "GetFunctionConfiguration", lambda _: {"State": "Pending"})


def counted_wrongly(stage: Stage) -> None:
    stage.instead("logs", "TestMetricFilter", lambda _: {"matches": []})


def not_expiring(stage: Stage) -> None:
    told = {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    stage.instead("dynamodb", "DescribeTimeToLive", lambda _: told)


def slow_to_index(stage: Stage) -> None:
    began = stage.clock.milliseconds

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        is_early = stage.clock.milliseconds < began + 90_000
        return {"Items": [], "Count": 0, "ScannedCount": 0} if is_early else answer

    stage.instead("dynamodb", "Query", change)


def replacing_anything(stage: Stage) -> None:
    stage.s3.heeds_tags = False


def unversioned(stage: Stage) -> None:
    stage.s3.create(BUCKET, is_versioned=False)


@pytest.mark.parametrize(
    ("disturb", "name", "expected"),
    [
        (deaf, "events-wake-runs", Verdict.UNSEEN),
        (deaf, "events-upload", Verdict.UNSEEN),
        (deaf, "events-take-up", Verdict.WRONG),  # reconcile did it
        (silent, "events-call-reconcile", Verdict.UNSEEN),
        (silent, "events-call-tick", Verdict.UNSEEN),
        (losing, "lambda-dead-letters", Verdict.UNSEEN),
        (open_to_all, "lambda-refuses-strangers", Verdict.WRONG),
        (untagged, "batch-keeps-tags", Verdict.WRONG),
        (slow_to_list, "batch-lists-soon", Verdict.WRONG),
        (started_after_all, "batch-upstream-fails", Verdict.WRONG),
        (started_after_all, "batch-cancel-unstarted", Verdict.WRONG),
        (allowing, "iam-claims-only", Verdict.WRONG),
        (never_the_same, "states-start-once", Verdict.WRONG),
        (refused_by_topic, "alarm-reaches-topic", Verdict.WRONG),
        (half_deployed, "stage-is-whole", Verdict.WRONG),
        (counted_wrongly, "logs-count-lines", Verdict.WRONG),
        (not_expiring, "dynamo-expiry", Verdict.WRONG),
        (slow_to_index, "dynamo-sparse-index", Verdict.WRONG),
        (replacing_anything, "s3-replaces-what-was-seen", Verdict.WRONG),
        (unversioned, "s3-names-versions", Verdict.WRONG),
    ],
)
def test_what_behaves_otherwise_is_told(
    disturb: Callable[[Stage], None], name: str, expected: Verdict
) -> None:
    stage = Stage()
    disturb(stage)
    assert verdict(stage, name) is expected


def test_only_the_checks_that_are_asked_for_are_made() -> None:
    fine, lines, _ = said(Stage(), "dynamo-")
    assert fine
    assert {line.split()[1].partition("-")[0] for line in lines[1:-1]} == {"dynamo"}


def test_no_check_of_that_name_is_no_success() -> None:
    fine, lines, _ = said(Stage(), "nothing-")
    assert not fine
    assert lines[0].startswith("0 checks of stage dev")


def test_help_says_what_it_costs_and_how_long_it_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    said_by_help = capsys.readouterr().out
    assert "less than 0.10 US dollars" in said_by_help
    assert "cut off after 13" in said_by_help


def test_a_stage_that_can_not_be_asked_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert command.main(["--stage", "dev"]) == 2
    told = capsys.readouterr().err
    assert "no credentials were found" in told
    assert told.count("\n") == 1
