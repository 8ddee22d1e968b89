"""What users of the first version have, unchanged: documents, messages, records, habits."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

import app
from chalicelib.bootstrap import serving
from chalicelib.cli.exits import Exit
from chalicelib.core.lifecycle import RunStatus
from chalicelib.errors import InvalidInputError, NotFoundError
from tests.aws import on_moto, tables
from tests.functional.aws_desk import AwsDesk, Lambda, desk_on_aws, make_queue

SEED = Path(__file__).parents[1] / "seed"
REGION = "us-east-1"  # where the sample was
QUEUE, DEFINITION = "SampleJobQueue-5da08f800c56cd4", "SampleJobDefinition-49e0468e4a867f5"
BUCKET = f"batch-scheduler-{tables.STAGE}-{tables.ACCOUNT}-{REGION}"
OLD_TABLES = {
    "BatchSchedules": ("scheduleId",),
    "BatchScheduleHistory": ("scheduleId", "startDateTime"),
}
JOBS = [f"job{number}" for number in range(1, 6)]


def seed(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((SEED / f"{name}.json").read_text(encoding="utf-8"))
    return value


@pytest.fixture
def desk(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[AwsDesk]:
    """A stage beside what the sample had: its queue and its job definition."""
    monkeypatch.chdir(tmp_path)
    with desk_on_aws(capsys, monkeypatch, REGION) as opened:
        make_queue(opened.clients, QUEUE)
        on_moto.register(opened.clients, DEFINITION)
        yield opened


def event(source: str, detail: dict[str, Any]) -> dict[str, Any]:
    """As EventBridge delivers it."""
    return {
        "version": "0",
        "id": "0",
        "detail-type": "",
        "source": source,
        "account": tables.ACCOUNT,
        "time": "2026-11-23T12:00:00Z",
        "region": REGION,
        "resources": [],
        "detail": detail,
    }


def upload(desk: AwsDesk, name: str, **members: Any) -> None:
    """Put a document into the bucket, and let EventBridge tell of it."""
    document = {**seed(name), **members}
    desk.clients["s3"].put_object(
        Bucket=BUCKET, Key=f"mine/{name}.json", Body=json.dumps(document).encode()
    )
    detail = {"bucket": {"name": BUCKET}, "object": {"key": f"mine/{name}.json"}}
    with serving(desk.ports):
        app.schedule_uploaded(event("aws.s3", detail), None)


def put_record(desk: AwsDesk, name: str, **members: Any) -> str:
    """Put a history record into the stage's table, as the first version wrote it."""
    record = seed(name)
    record = {**record.get("output", record), **members}
    item = TypeSerializer().serialize(record)["M"]
    desk.clients["dynamodb"].put_item(TableName=tables.TABLES.history, Item=item)
    return f"{record['scheduleId']}/{record['startDateTime']}Z"


def statuses(desk: AwsDesk, run_id: str) -> dict[str, str]:
    records = desk.runs.find_jobs(run_id)
    return {record.spec.name: record.state.status.value for record in records}


# Documents


@pytest.mark.parametrize("name", ["sample_schedule", "sample_edw_schedule"])
def test_an_old_schedule_that_is_uploaded_is_stored_and_can_be_started(
    desk: AwsDesk, name: str
) -> None:
    upload(desk, name)
    [stored] = desk.json("list")
    assert (stored["version"], stored["jobs"]) == (1, 5)
    assert stored["storedBy"] == f"upload mine/{name}.json"
    run = desk.json("start", stored["scheduleId"], "--detach")
    assert desk.drive(run["runId"]).status is RunStatus.SUCCEEDED
    submitted = desk.clients["batch"].list_jobs(jobQueue=QUEUE, jobStatus="SUCCEEDED")
    assert len(submitted["jobSummaryList"]) == 5


def test_uploaded_again_unchanged_it_stays_one_version(desk: AwsDesk) -> None:
    upload(desk, "sample_schedule")
    upload(desk, "sample_schedule")
    assert desk.json("show", "daily-pm-load")["version"] == 1
    upload(desk, "sample_schedule", scheduleName="Another name")
    assert desk.json("show", "daily-pm-load")["version"] == 2


# Messages


@pytest.mark.parametrize("message", ["start_input", "api_start_message"])
def test_an_old_message_starts_a_run(desk: AwsDesk, message: str) -> None:
    upload(desk, "sample_schedule", scheduleId="daily-am-load")
    run_id = desk.execute("started-by-hand", seed(message))
    assert run_id.startswith("daily-am-load/2026-11-23T12:00:00")
    header = desk.runs.get_header(run_id)
    assert (header.status, header.started_by) == (RunStatus.SUCCEEDED, "execution started-by-hand")
    assert set(statuses(desk, run_id).values()) == {"SUCCEEDED"}


def test_a_state_machine_started_twice_by_the_same_execution_makes_one_run(desk: AwsDesk) -> None:
    upload(desk, "sample_schedule", scheduleId="daily-am-load")
    for _ in range(2):
        desk.execute("by-hand", seed("start_input"))
    assert len(desk.json("runs")) == 1


@pytest.mark.parametrize(
    ("message", "start"),
    [("restart_input", "2018-09-24T22:01:52.337998"),
     ("api_restart_message", "2018-09-07T04:20:00.884784")],
)  # fmt: skip
def test_an_old_message_restarts_a_run_of_the_first_version(
    desk: AwsDesk, message: str, start: str
) -> None:
    run_id = put_record(desk, "failed_example_schedule", startDateTime=start)
    assert desk.execute("restarted-by-hand", seed(message)) == run_id
    header = desk.runs.get_header(run_id)
    assert (header.status, header.generation) == (RunStatus.SUCCEEDED, 2)
    assert set(statuses(desk, run_id).values()) == {"SUCCEEDED"}
    submitted = desk.clients["batch"].list_jobs(jobQueue=QUEUE, jobStatus="SUCCEEDED")
    assert len(submitted["jobSummaryList"]) == 2, "what had succeeded was submitted again"


def test_a_message_for_a_run_that_there_is_not_starts_nothing(desk: AwsDesk) -> None:
    with pytest.raises(NotFoundError, match="no run 'daily-am-load/2018-09-24T22"):
        desk.execute("by-hand", seed("restart_input"))
    with pytest.raises(InvalidInputError, match="names a run, but scheduleStatus"):
        desk.execute("by-hand", {**seed("restart_input"), "scheduleStatus": " "})
    assert desk.json("runs") == []


# Records


def test_an_old_record_in_the_table_is_listed_shown_and_restarted(desk: AwsDesk) -> None:
    run_id = put_record(desk, "failed_example_schedule")
    [run] = desk.json("runs")
    assert (run["runId"], run["scheduleStatus"]) == (run_id, "FAILED")
    assert f"{run_id}  FAILED" in desk.read("status")
    plan = desk.json("restart", "--plan")
    assert (plan["again"], plan["keep"]) == (["job3", "job5"], ["job1", "job2", "job4"])
    desk.read("restart", "--detach", "--reason", "repaired")
    assert desk.drive(run_id).status is RunStatus.SUCCEEDED
    assert [event["actor"] for event in desk.json("history") if event["act"] == "RESTART"]


def test_an_old_record_of_a_running_run_is_driven_on_and_lost_jobs_are_told(desk: AwsDesk) -> None:
    run_id = put_record(desk, "running_history_record")
    header = desk.drive(run_id)
    assert header.run_id == run_id
    # Batch knows none of their ids any more, and nobody has seen them end.
    assert statuses(desk, run_id)["job1"] == "NOTFOUND"
    assert "NOTFOUND" in desk.read("status")


@pytest.mark.parametrize("text", ["PASS", "SKIP", "pass"])
def test_a_status_set_by_hand_in_an_old_record_counts_as_done(desk: AwsDesk, text: str) -> None:
    jobs = seed("failed_example_schedule")["jobList"]
    jobs[2]["jobStatus"] = text
    run_id = put_record(desk, "failed_example_schedule", jobList=jobs)
    assert desk.json("restart", "--plan")["again"] == ["job5"]
    desk.read("restart", "--detach")
    assert desk.drive(run_id).status is RunStatus.SUCCEEDED
    assert statuses(desk, run_id)["job3"] == "PASS"


@pytest.mark.rehearse
@pytest.mark.parametrize("text", ["PASS", "SKIP", "pass"])
def test_a_pass_set_by_hand_on_a_jobs_item_is_honoured_by_the_next_restart(
    desk: AwsDesk, text: str
) -> None:
    run_id = put_record(desk, "failed_example_schedule")
    desk.read("mark", "job1", "failed")  # from now on it is a run of today, an item a job
    desk.clients["dynamodb"].update_item(
        TableName=tables.TABLES.jobs,
        Key={"run": {"S": run_id}, "jobName": {"S": "job3"}},
        UpdateExpression="SET jobStatus = :status",
        ExpressionAttributeValues={":status": {"S": text}},
    )
    assert desk.execute("by-hand", {**seed("restart_input"), "startDateTime": start_of(run_id)})
    assert desk.runs.get_header(run_id).status is RunStatus.SUCCEEDED
    assert statuses(desk, run_id) == {**dict.fromkeys(JOBS, "SUCCEEDED"), "job3": "PASS"}
    submitted = desk.clients["batch"].list_jobs(jobQueue=QUEUE, jobStatus="SUCCEEDED")
    assert {job["jobName"][:4] for job in submitted["jobSummaryList"]} == {"job1", "job5"}


def start_of(run_id: str) -> str:
    return run_id.partition("/")[2]


# Migrating


@pytest.fixture
def old_tables(desk: AwsDesk) -> AwsDesk:
    """The two tables of the first version, with what it kept."""
    for table, keys in OLD_TABLES.items():
        kinds = zip(keys, ("HASH", "RANGE"), strict=False)
        desk.clients["dynamodb"].create_table(
            TableName=table,
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in kinds],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            BillingMode="PAY_PER_REQUEST",
        )
    for table, name in (
        ("BatchSchedules", "sample_schedule"),
        ("BatchScheduleHistory", "failed_example_schedule"),
    ):
        item = TypeSerializer().serialize(seed(name))["M"]
        desk.clients["dynamodb"].put_item(TableName=table, Item=item)
    return desk


def test_the_old_tables_are_taken_over_after_a_dry_run(old_tables: AwsDesk) -> None:
    desk = old_tables
    told = desk.read("migrate").splitlines()
    started = "2018-09-22T19:55:26.747498"
    place = f"BatchScheduleHistory: daily-am-load, {started}"
    assert told == [
        "take over: schedule daily-pm-load (BatchSchedules: daily-pm-load)",
        f"take over: run daily-am-load/{started}Z ({place})",
        "",
        "take over: schedules 1, runs 1",
        "Nothing was written. To do it: the same with --apply.",
    ]
    assert desk.json("list") == desk.json("runs") == []
    assert desk.read("migrate", "--apply").endswith("taken over: schedules 1, runs 1\n")
    assert desk.json("restart", "--plan")["again"] == ["job3", "job5"]
    assert desk.read("migrate", "--apply").endswith("there already: schedules 1, runs 1\n")


def test_a_run_that_was_taken_over_is_archived_by_reconcile_and_is_there_already(
    old_tables: AwsDesk,
) -> None:
    desk = old_tables
    desk.read("migrate", "--apply")
    with serving(desk.ports):
        reconciled = app.reconcile(event("aws.events", {}), Lambda())
    assert reconciled == {"found": 1}
    [run] = desk.json("runs")
    assert run["archive"]
    assert desk.read("migrate", "--apply").endswith("there already: schedules 1, runs 1\n")


def test_old_tables_of_other_names_are_named(desk: AwsDesk) -> None:
    sentence = desk.refused(Exit.NOT_FOUND, "migrate")
    assert sentence == (
        "There is no table 'BatchSchedules'. Other names: --schedules-table and --history-table."
    )
    other = desk.refused(Exit.NOT_FOUND, "migrate", "--schedules-table", "Old-Schedules")
    assert "'Old-Schedules'" in other
