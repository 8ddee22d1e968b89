"""The same verbs with the same answers, typed at a stage on AWS that moto stands for."""

import gzip
import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto.core import set_initial_no_auth_action_count

from chalicelib.cli.exits import Exit
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.services import driving
from tests.aws import tables
from tests.contract.store_contents import change
from tests.functional.aws_desk import ARCHIVE, STAGE, AwsDesk, desk_on_aws

ON_STAGE = " ".join(STAGE)  # which commands to paste say again

JOB = {"jobQueue": "daily", "jobDefinition": "extract"}
NIGHTLY = {
    "scheduleId": "nightly",
    "scheduleName": "Nightly load",
    "jobList": [
        {"jobName": "extract", **JOB},
        {"jobName": "load", "jobDependencies": ["extract"], **JOB},
        {"jobName": "gate", "jobDependencies": ["load"], "hold": True},
        {"jobName": "report", "jobDependencies": ["gate"], **JOB},
    ],
}


@pytest.fixture
def desk(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[AwsDesk]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nightly.json").write_text(json.dumps(NIGHTLY), encoding="utf-8")
    with desk_on_aws(capsys, monkeypatch) as opened:
        yield opened


@pytest.fixture
def run_id(desk: AwsDesk) -> str:
    """A run that has just been started, and that nobody has driven yet."""
    return started(desk)


def started(desk: AwsDesk) -> str:
    run: dict[str, Any] = desk.json("run", "nightly.json", "--detach", "--reason", "by hand")
    return str(run["runId"])


def statuses(desk: AwsDesk) -> dict[str, str]:
    jobs = desk.json("status", "--all")["jobs"]
    return {job["jobName"]: job["jobStatus"] for job in jobs}


# Schedules


def test_a_schedule_is_checked_put_listed_and_shown(desk: AwsDesk) -> None:
    assert desk.json("validate", "nightly.json")["valid"] is True
    assert desk.read("put", "nightly.json") == "nightly: version 1, 4 jobs\n"
    assert desk.read("put", "nightly.json") == "nightly: version 1, 4 jobs\n"
    [listed] = desk.json("list")
    assert (listed["scheduleId"], listed["version"], listed["jobs"]) == ("nightly", 1, 4)
    assert desk.json("show", "nightly")["document"]["jobList"][0]["jobName"] == "extract"
    assert "2  load     <- extract" in desk.read("graph", "nightly")


def test_a_document_that_is_wrong_is_told_whole_and_nothing_is_stored(
    desk: AwsDesk, tmp_path: Path
) -> None:
    bad = {**NIGHTLY, "jobList": [{"jobName": "a", "jobDependencies": ["b"]}, {"jobName": "a"}]}
    (tmp_path / "bad.json").write_text(json.dumps(bad), encoding="utf-8")
    code, out, err = desk.type("put", "bad.json")
    assert (code, out) == (Exit.INVALID, "")
    assert "things are wrong" in err
    assert desk.json("list") == []


def test_what_there_is_not_is_said_with_code_4(desk: AwsDesk) -> None:
    assert "no schedule 'daily'" in desk.refused(Exit.NOT_FOUND, "show", "daily")
    assert "no schedule 'daily'" in desk.refused(Exit.NOT_FOUND, "start", "daily", "--detach")
    sentence = desk.refused(Exit.NOT_FOUND, "status", "daily")
    assert (
        sentence == f"There is no run 'daily'. The runs there are: batch-scheduler runs {ON_STAGE}"
    )
    code, _, err = desk.type("status", "daily", "--json")
    assert (code, json.loads(err)["error"]["message"]) == (Exit.NOT_FOUND, sentence)
    assert desk.read("runs") == f"No such runs. Start one: batch-scheduler run FILE {ON_STAGE}\n"


def test_a_job_definition_that_batch_has_not_is_refused_before_anything_is_stored(
    desk: AwsDesk, tmp_path: Path
) -> None:
    job = {**JOB, "jobName": "a", "jobDefinition": "nobody"}
    document = {**NIGHTLY, "jobList": [job]}
    (tmp_path / "nobody.json").write_text(json.dumps(document), encoding="utf-8")
    code, _, err = desk.type("run", "nobody.json", "--detach")
    assert code == Exit.INVALID
    assert "nobody" in err
    assert desk.json("runs") == []


# Runs


def test_a_started_run_has_an_execution_and_says_who_started_it(desk: AwsDesk) -> None:
    desk.read("put", "nightly.json")
    code, out, err = desk.type("start", "nightly", "--detach", "--reason", "by hand")
    [run] = desk.json("runs", "nightly")
    assert (code, out) == (Exit.DONE, f"Run {run['runId']}\n")
    assert err == f"Watch it: batch-scheduler watch {run['runId']} {ON_STAGE}\n"
    assert (run["scheduleStatus"], run["reason"]) == ("RUNNING", "by hand")
    assert run["startedBy"]
    [execution] = executions(desk)
    assert execution["name"].startswith("nightly-")


def executions(desk: AwsDesk) -> list[dict[str, Any]]:
    client = desk.clients["stepfunctions"]
    [machine] = client.list_state_machines()["stateMachines"]
    found: list[dict[str, Any]] = client.list_executions(
        stateMachineArn=machine["stateMachineArn"]
    )["executions"]
    return found


def test_where_a_run_stands_is_told_as_on_one_machine(desk: AwsDesk, run_id: str) -> None:
    assert f"{run_id}  RUNNING" in desk.read("status")
    assert "driven by the state machine batch-scheduler-dev" in desk.read("status", run_id)
    desk.drive(run_id)
    told = desk.json("status", "nightly")
    assert told["run"]["counts"] == {"WAITING": 1, "HELD": 1, "SUCCEEDED": 2}
    assert [job["jobName"] for job in told["waiting"]] == ["gate", "report"]
    assert "gate is held" in desk.read("explain", "report")
    events = desk.json("history", "--job", "load")
    assert [event["act"] for event in events][:2] == ["RESERVE", "ACCEPT"]
    assert desk.json("history")[0]["act"] == "START"


def test_a_run_that_has_ended_is_watched_for_its_exit_code(desk: AwsDesk, run_id: str) -> None:
    desk.drive(run_id)
    desk.read("pass", "gate", "--reason", "not today")
    assert desk.drive(run_id).status is RunStatus.SUCCEEDED
    code, out, _ = desk.type("watch", run_id)
    assert code == Exit.DONE
    assert "SUCCEEDED" in out
    assert desk.read("resume") == "Nothing is unfinished.\n"


def test_a_run_whose_driver_failed_says_so_and_how_it_gets_another_at_once(
    desk: AwsDesk, run_id: str
) -> None:
    desk.drive(run_id)
    header = desk.runs.get_header(run_id)
    driving.give_up(desk.ports, header, "InvalidInputError: is no status")
    status, explained = desk.read("status"), desk.read("explain")
    assert "ITS DRIVER FAILED" in status
    assert "InvalidInputError: is no status" in status
    assert f"at once by: batch-scheduler resume --detach {ON_STAGE}\n" in status
    assert f"no engine drives it: batch-scheduler resume {ON_STAGE}\n" in explained
    assert desk.json("status")["drivenBy"] is None
    desk.read("resume", "--detach")
    assert len(executions(desk)) == 2
    desk.drive(run_id)
    assert "driven by the state machine" in desk.read("status")


def test_a_run_without_its_execution_is_given_one_by_resume(desk: AwsDesk) -> None:
    run = desk.runs.get_header(started(desk))
    client = desk.clients["stepfunctions"]
    [execution] = executions(desk)
    client.stop_execution(executionArn=execution["executionArn"])
    after = replace(run, revision=run.revision + 1, driver=execution["name"])
    desk.runs.record(run, [], after=after)
    assert "1 of 1 runs" in desk.read("resume", "--detach")
    assert len(executions(desk)) == 2
    assert desk.runs.get_header(run.run_id).handovers == 1


# Logs


def test_a_job_that_never_ran_has_no_log_and_batchs_reason_is_told(
    desk: AwsDesk, run_id: str
) -> None:
    before = desk.runs.load_run(run_id)
    reason = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
    stuck = change(before.states["extract"], Act.OBSERVE, "extract", status=JobStatus.RUNNABLE,
                   job_id="gone", attempt=1, reason=reason)  # fmt: skip
    desk.runs.record(before.header, [stuck])
    code, out, err = desk.type("logs", "extract")
    assert (code, out) == (Exit.DONE, "")
    assert err.splitlines()[0] == f"extract has no log yet; it is RUNNABLE: {reason}"
    assert desk.json("logs", "extract")["exists"] is False


def test_what_a_job_wrote_is_read_from_its_stream(desk: AwsDesk, run_id: str) -> None:
    desk.drive(run_id)
    [job] = desk.clients["batch"].describe_jobs(
        jobs=[desk.runs.get_jobs(run_id, ["extract"])[0].state.job_id]
    )["jobs"]
    stream = job["container"].get("logStreamName")
    started_at = desk.runs.get_header(run_id).started_at
    logs = desk.clients["logs"]
    logs.create_log_group(logGroupName="/aws/batch/job")
    logs.create_log_stream(logGroupName="/aws/batch/job", logStreamName=stream)
    logs.put_log_events(
        logGroupName="/aws/batch/job",
        logStreamName=stream,
        logEvents=[{"timestamp": int(started_at.timestamp() * 1000), "message": "42 rows"}],
    )
    assert "42 rows" in desk.read("logs", "extract")


def test_of_a_job_that_batch_has_forgotten_it_is_not_said_that_it_wrote_nothing(
    desk: AwsDesk, run_id: str
) -> None:
    before = desk.runs.load_run(run_id)
    ended = change(before.states["extract"], Act.OBSERVE, "extract", status=JobStatus.SUCCEEDED,
                   job_id="gone", attempt=1)  # fmt: skip
    desk.runs.record(before.header, [ended])
    code, out, err = desk.type("logs", "extract")
    assert (code, out) == (Exit.DONE, "")
    assert err.startswith(
        "extract has no log that can be found: the queue has forgotten the job, and where it wrote;"
        " it is SUCCEEDED\n"
    )


def test_the_log_of_an_array_is_that_of_a_child_and_only_of_one_there_is(
    desk: AwsDesk, tmp_path: Path
) -> None:
    array = {**JOB, "jobName": "-parts", "arrayProperties": {"size": 4}}
    document = {"scheduleId": "wide", "jobList": [array]}
    (tmp_path / "wide.json").write_text(json.dumps(document), encoding="utf-8")
    run_id = desk.json("run", "wide.json", "--detach")["runId"]
    desk.drive(run_id)
    _, _, err = desk.type("logs", *STAGE, "--", "-parts", stage=())
    said, one = err.splitlines()
    assert said == "-parts is an array: each of its 4 children has a log."
    assert one == f"One: batch-scheduler logs --run {run_id} {ON_STAGE} -- -parts:0"
    assert desk.type(*shlex.split(one)[2:], stage=())[0] == Exit.DONE
    refusal = desk.refused(Exit.NOT_FOUND, "logs", *STAGE, "--", "-parts:4", stage=())
    assert refusal == "There is no child '4'. -parts has 4, from 0 to 3."


# Operators


def test_jobs_are_held_released_passed_and_told_of_one_by_one(desk: AwsDesk, run_id: str) -> None:
    assert desk.read("hold", "load", "--reason", "wait").startswith("load: WAITING -> HELD")
    desk.drive(run_id)
    assert statuses(desk) == {
        "extract": "SUCCEEDED", "load": "HELD", "gate": "HELD", "report": "WAITING"
    }  # fmt: skip
    code, out, err = desk.type("release", "load", "extract", "gate")
    assert code == Exit.REFUSED
    assert out.splitlines()[0].startswith("load: HELD -> WAITING")
    assert err.splitlines()[0].startswith("'extract' is SUCCEEDED, so release is not possible")
    assert desk.drive(run_id).status is RunStatus.SUCCEEDED
    assert statuses(desk)["gate"] == "PASS"


def test_a_failed_run_is_marked_restarted_and_run_again(desk: AwsDesk, run_id: str) -> None:
    desk.drive(run_id)
    desk.read("terminate", "gate", "--reason", "enough")
    assert desk.drive(run_id).status is RunStatus.FAILED
    plan = desk.json("restart", "--plan")
    assert (plan["again"], plan["keep"]) == (["gate", "report"], ["extract", "load"])
    assert desk.runs.get_header(run_id).generation == 1
    assert "gate: CANCELLED -> SUCCEEDED" in desk.read("mark", "gate", "succeeded")
    again = desk.json("restart", run_id, "--detach", "--reason", "repaired")
    assert (again["generation"], again["scheduleStatus"]) == (2, "RUNNING")
    assert len(executions(desk)) == 2
    assert desk.drive(run_id).status is RunStatus.SUCCEEDED
    refusal = desk.refused(Exit.REFUSED, "restart", run_id)
    assert "nothing to restart" in refusal
    desk.read("rerun", "report", "--reason", "once more")
    assert desk.drive(run_id).generation == 3


def test_a_cancelled_run_says_so_by_its_exit_code(desk: AwsDesk, run_id: str) -> None:
    code, out, _ = desk.type("cancel", run_id, "--detach", "--reason", "wrong day")
    assert (code, out) == (Exit.DONE, f"Run {run_id}\n")
    assert desk.drive(run_id).status is RunStatus.CANCELLED
    code, out, _ = desk.type("watch", run_id)
    assert code == Exit.RUN_CANCELLED
    assert "wrong day" in desk.read("status")
    assert "nothing to cancel" in desk.refused(Exit.REFUSED, "cancel", run_id)


# Archive


def archived(desk: AwsDesk, address: str) -> list[dict[str, Any]]:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    body = desk.clients["s3"].get_object(Bucket=bucket, Key=key)["Body"].read()
    return [json.loads(line) for line in gzip.decompress(body).decode().splitlines()]


def ended(desk: AwsDesk, run_id: str) -> None:
    desk.drive(run_id)
    desk.read("release", "gate")
    assert desk.drive(run_id).status is RunStatus.SUCCEEDED


def test_a_run_that_goes_on_is_not_archived_and_it_is_said_how_to_see_it(
    desk: AwsDesk, run_id: str
) -> None:
    sentence = desk.refused(Exit.REFUSED, "export")
    assert sentence.endswith(f"As it is now: batch-scheduler export {run_id} -o - {ON_STAGE}")
    assert json.loads(desk.read("export", "-o", "-"))["runId"] == run_id


def test_an_ended_run_is_in_the_archive_and_export_says_where(desk: AwsDesk, run_id: str) -> None:
    ended(desk, run_id)
    address = desk.runs.get_header(run_id).archive
    assert address.startswith(f"s3://{ARCHIVE}/runs/schedule_id=nightly/year=")
    assert desk.read("export", run_id) == f"{run_id}: archived in {address}\n"
    assert desk.json("export", run_id)["archive"] == address
    lines = archived(desk, address)
    assert [line["kind"] for line in lines[:5]] == ["run", "job", "job", "job", "job"]
    assert lines[0]["scheduleStatus"] == "SUCCEEDED"


def test_export_archives_what_nobody_has_archived_yet(desk: AwsDesk, run_id: str) -> None:
    ended(desk, run_id)
    desk.read("mark", "report", "failed", "--reason", "wrong numbers")
    assert desk.runs.get_header(run_id).archive == ""
    address = desk.json("export", run_id)["archive"]
    jobs = {line["jobName"]: line for line in archived(desk, address) if line["kind"] == "job"}
    assert jobs["report"]["jobStatus"] == "FAILED"


def test_a_file_that_is_asked_for_is_written_as_on_one_machine(
    desk: AwsDesk, run_id: str, tmp_path: Path
) -> None:
    ended(desk, run_id)
    code, out, err = desk.type("export", run_id, "-o", "run.json")
    assert (code, out, err) == (Exit.DONE, "", "Wrote run.json\n")
    content = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert [job["jobName"] for job in content["jobList"]] == ["extract", "load", "gate", "report"]


@pytest.fixture
def expired(desk: AwsDesk, run_id: str) -> str:
    """A run whose details expired an hour ago, sealed with its archive."""
    ended(desk, run_id)
    desk.read("mark", "report", "failed")  # so that it is not sealed any more
    desk.read("export", run_id)
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    desk.ports.retention.seal(desk.runs.get_header(run_id), "s3://archive/run", hour_ago)
    return run_id


def test_an_expired_run_is_listed_and_its_status_says_where_the_rest_is(
    desk: AwsDesk, expired: str
) -> None:
    [run] = desk.json("runs")
    assert (run["runId"], run["archive"]) == (expired, "s3://archive/run")
    told = desk.read("status", expired)
    assert told.splitlines()[0].startswith(f"{expired}  SUCCEEDED after")
    assert told.splitlines()[-1].endswith("the whole run is archived in s3://archive/run")
    assert desk.json("status")["run"]["detailsUntil"] == run["detailsUntil"]
    assert desk.json("status")["possible"] == []


NEED_DETAILS = ("history", "explain", "logs report --run nightly", "restart", "restart --plan",
                "rerun report --run nightly", "export -o -")  # fmt: skip


def test_what_needs_the_details_of_an_expired_run_says_in_one_sentence_where_they_are(
    desk: AwsDesk, expired: str
) -> None:
    for words in NEED_DETAILS:
        sentence = desk.refused(Exit.NOT_FOUND, *words.split())
        assert sentence.startswith(f"The jobs and the history of run '{expired}' expired on ")
        assert sentence.endswith("the whole run is archived in s3://archive/run")


def test_export_of_an_expired_run_says_where_it_is(desk: AwsDesk, expired: str) -> None:
    assert desk.read("export") == f"{expired}: archived in s3://archive/run\n"


# Notices


def mailbox(desk: AwsDesk) -> str:
    """A queue that gets what the stage's topic is told."""
    queue = str(desk.clients["sqs"].create_queue(QueueName="mailbox")["QueueUrl"])
    place = f"{tables.REGION}:{tables.ACCOUNT}"
    desk.clients["sns"].subscribe(
        TopicArn=f"arn:aws:sns:{place}:batch-scheduler-dev",
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:{place}:mailbox",
    )
    return queue


def test_what_a_notice_says_to_type_can_be_pasted_where_nothing_is_set(
    desk: AwsDesk, run_id: str
) -> None:
    queue = mailbox(desk)
    desk.read("terminate", "gate", "--reason", "enough")
    assert desk.drive(run_id).status is RunStatus.FAILED
    [received] = desk.clients["sqs"].receive_message(QueueUrl=queue)["Messages"]
    message = json.loads(received["Body"])["Message"]
    assert "- gate: terminate by user/moto: enough" in message
    lines = [line for line in message.splitlines() if "batch-scheduler " in line]
    assert len(lines) == 3
    for line in lines[:2]:
        _, *words = shlex.split(line.partition(": ")[2])
        assert desk.type(*words, stage=())[0] == Exit.DONE, words


# Settings


def test_the_stage_may_be_said_before_the_verb(desk: AwsDesk) -> None:
    for words in ("--edition aws --stage dev", "--edition=aws --stage=dev"):
        code, out, _ = desk.type(*words.split(), "runs", "--json", stage=())
        assert (code, json.loads(out)) == (Exit.DONE, [])


def test_the_stage_may_be_said_by_variables(desk: AwsDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_SCHEDULER_EDITION", "aws")
    monkeypatch.setenv("BATCH_SCHEDULER_STAGE", "dev")
    assert desk.type("runs", stage=())[0] == Exit.DONE


def test_the_stage_and_the_region_may_be_said_by_the_nearest_file(
    desk: AwsDesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_REGION")
    file = f'edition = "aws"\nstage = "dev"\nregion = "{tables.REGION}"\n'
    (tmp_path / ".batch-scheduler.toml").write_text(file, encoding="utf-8")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert desk.type("runs", stage=())[0] == Exit.DONE


# Trouble


EVERY_VERB = ("list", "runs", "status", "start nightly", "logs x", "restart", "put nightly.json",
              "migrate --from-files .", "pass x", "cancel", "export")  # fmt: skip


def test_a_stage_that_is_not_there_is_named_in_one_sentence(desk: AwsDesk) -> None:
    prod = ("--edition", "aws", "--stage", "prod")
    for words in EVERY_VERB:
        sentence = desk.refused(Exit.BACKEND, *words.split(), stage=prod)
        assert "-prod" in sentence
        assert sentence.endswith("in this account and region: is the stage deployed there?")


def test_a_stage_must_be_named_and_named_well(desk: AwsDesk) -> None:
    edition = ("--edition", "aws")
    assert "which stage on AWS?" in desk.refused(Exit.INVALID, "runs", stage=edition)
    wrong = desk.refused(Exit.INVALID, "runs", stage=(*edition, "--stage", "Prod"))
    assert wrong.startswith("--stage: bad value; found 'Prod'")


def test_no_region_no_credentials_and_no_profile_are_one_sentence_each(
    desk: AwsDesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert "no region is set" in desk.refused(Exit.BACKEND, "runs")
    monkeypatch.setenv("AWS_REGION", tables.REGION)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "")
    assert "no credentials were found" in desk.refused(Exit.BACKEND, "runs")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "profile (nobody) could not be found" in desk.refused(Exit.BACKEND, "runs")


def test_who_may_not_is_told_what_he_may_not(
    desk: AwsDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam = desk.clients["iam"]
    iam.create_user(UserName="guest")
    statement = {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="guest", PolicyName="who", PolicyDocument=document)
    key = iam.create_access_key(UserName="guest")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])

    @set_initial_no_auth_action_count(0)
    def ask() -> None:
        sentence = desk.refused(Exit.BACKEND, "runs")
        assert sentence.startswith("DynamoDB Query: ")
        assert "user/guest is not authorized to perform: dynamodb:Query" in sentence
        assert "S3 ListObjectsV2: AccessDenied: " in desk.refused(Exit.BACKEND, "list")
        wrong = desk.refused(Exit.BACKEND, "put", "nightly.json")
        assert "is not authorized to perform: dynamodb:GetItem" in wrong
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        assert "STS GetCallerIdentity: InvalidClientTokenId" in desk.refused(Exit.BACKEND, "runs")

    ask()
