"""Whole runs on the strict stage: from a document to the end, by the functions as deployed."""

import json
from typing import Any, NamedTuple

import pytest

from chalicelib.core.batch import Submission
from chalicelib.core.claims import Told
from chalicelib.core.lifecycle import Act
from chalicelib.core.operating import Order
from chalicelib.core.schedule import JobSpec
from chalicelib.services import operations
from tests.strict.acting import CHAIN, JOBS, begun, by_hand, meant
from tests.strict.answers import Call
from tests.strict.resources import DEFINITION, QUEUE, check_policy
from tests.strict.stage import Setup, StrictStage


def document(*jobs: tuple[str, ...]) -> dict[str, object]:
    """A schedule of jobs, each with what is upstream of it."""
    listed = [
        {
            "jobName": name,
            "jobDependencies": upstream,
            "parameters": {"script": "true"},
        }
        for name, *upstream in jobs
    ]
    return {"scheduleId": "etl", "scheduleName": "etl", "jobList": listed}


def statuses(stage: StrictStage, run_id: str) -> dict[str, str]:
    run = stage.look(run_id)
    return {name: str(state.status) for name, state in run.states.items()}


def jobs_of(stage: StrictStage, job_id: str) -> str:
    return stage.batch.submissions[job_id].tags["batch-scheduler:job"]


def first_b_fails(submission: Submission, _attempt: int) -> tuple[float, int]:
    tags = submission.tags
    is_first = tags["batch-scheduler:attempt"] == "1"
    return 30.0, int(tags["batch-scheduler:job"] == "b" and is_first)


@pytest.mark.parametrize("is_warm", [True, False], ids=["warm", "fresh"])
def test_a_chain_runs_from_its_document_to_its_end(is_warm: bool) -> None:
    stage = StrictStage(Setup(is_warm=is_warm))
    stage.put(document(("a",), ("b", "a"), ("c", "b")))
    header = stage.start("etl")
    stage.drive()
    assert statuses(stage, header.run_id) == dict.fromkeys("abc", "SUCCEEDED")
    assert [jobs_of(stage, start.job_id) for start in stage.batch.starts] == ["a", "b", "c"]


@pytest.mark.parametrize("is_warm", [True, False], ids=["warm", "fresh"])
def test_a_run_that_failed_is_restarted_and_ends(is_warm: bool) -> None:
    stage = StrictStage(Setup(script=first_b_fails, is_warm=is_warm))
    stage.put(document(("a",), ("b", "a"), ("c", "b"), ("d",)))
    header = stage.start("etl")
    stage.drive()
    assert statuses(stage, header.run_id) == {
        "a": "SUCCEEDED", "b": "FAILED", "c": "UPSTREAM_FAILED", "d": "SUCCEEDED",
    }  # fmt: skip
    order = Order(act=Act.RESTART, actor="ada", reason="", at=stage.clock())
    operations.restart(stage.ports, header.run_id, order)
    stage.drive()
    assert set(statuses(stage, header.run_id).values()) == {"SUCCEEDED"}


def test_a_kind_of_work_runs_as_the_definition_of_the_stage_and_is_told_what_to_do() -> None:
    stage = StrictStage()
    job = {"jobName": "load", "uses": "glue", "with": {"job": "${job}"}}
    parameters = {"job": {"default": "load-orders"}}
    stage.put({"scheduleId": "etl", "jobList": [job], "parameters": parameters})
    header = stage.start("etl")
    stage.drive()
    assert statuses(stage, header.run_id) == {"load": "SUCCEEDED"}
    (sent,) = stage.batch.submissions.values()
    assert sent.request["jobDefinition"].endswith("job-definition/batch-scheduler-dev-glue:1")
    command = sent.request["containerOverrides"]["command"]
    assert command == ["batch-job", "glue", "--job=load-orders"]


def test_jobs_run_without_a_document_too() -> None:
    stage = StrictStage()
    request = {"containerOverrides": {"command": ["true"]}}
    header = stage.begin([JobSpec(name="a", request=request)])
    stage.drive()
    assert statuses(stage, header.run_id) == {"a": "SUCCEEDED"}


@pytest.mark.parametrize("skew", [300.0, 900.0])
def test_a_run_ends_although_the_clocks_of_its_functions_are_wrong(skew: float) -> None:
    stage = StrictStage(Setup(skew=skew, is_warm=False, script=first_b_fails))
    stage.put(document(("a",), ("b", "a"), ("c",)))
    header = stage.start("etl")
    stage.drive()
    ended = {"a": "SUCCEEDED", "b": "FAILED", "c": "SUCCEEDED"}
    assert statuses(stage, header.run_id) == ended


def test_a_run_goes_on_through_many_executions() -> None:
    stage = StrictStage(Setup(turns=1))
    stage.put(document(("a",), ("b", "a"), ("c", "b")))
    header = stage.start("etl")
    stage.drive()
    assert set(statuses(stage, header.run_id).values()) == {"SUCCEEDED"}
    assert len(stage.machine.executions) > 1


def test_a_run_whose_events_are_all_lost_ends_by_the_poll_of_last_resort() -> None:
    stage = StrictStage()
    stage.bus.delays = lambda _event: ()
    stage.put(document(("a",), ("b", "a")))
    header = stage.start("etl")
    stage.drive()
    assert set(statuses(stage, header.run_id).values()) == {"SUCCEEDED"}


def test_a_file_that_people_put_into_the_bucket_becomes_a_schedule() -> None:
    stage = StrictStage()
    [bucket] = [each.name for each in stage.s3.buckets.values() if each.tells]
    placed = {"jobName": "a", "jobDefinition": DEFINITION, "jobQueue": QUEUE}
    text = json.dumps({**document(), "jobList": [placed]})
    stage.s3.put(bucket, "schedules/etl.json", text.encode())
    stage.drive()
    assert [each.schedule_id for each in stage.ports.schedules.list_schedules()] == ["etl"]


def test_an_execution_that_is_stopped_by_hand_is_followed_by_another() -> None:
    stage = StrictStage(Setup(script=first_b_fails))
    stage.put(document(("a",), ("c", "a")))
    header = stage.start("etl")
    stage.advance(10)
    [execution] = stage.machine.running()
    stage.machine.abort(execution.name)
    stage.drive()
    assert set(statuses(stage, header.run_id).values()) == {"SUCCEEDED"}
    assert len(stage.machine.executions) == 2


def test_a_restart_of_a_run_that_has_nothing_left_fails_soon_and_changes_nothing() -> None:
    stage, header = begun(CHAIN)
    stage.drive()
    before = stage.look(header.run_id).header
    by_hand(stage, "again", meant(header, "RESTART"))
    stage.advance(20)
    execution = stage.machine.executions["again"]
    assert (execution.status, execution.error) == ("FAILED", "ConflictError")
    assert "nothing" in execution.cause
    assert stage.look(header.run_id).header == before


def test_a_run_that_does_not_end_is_told() -> None:
    stage = StrictStage(Setup(script=lambda *_: (100_000.0, 0)))
    stage.put(document(("a",)))
    stage.start("etl")
    with pytest.raises(AssertionError, match=r"no end after 3600 s: \['etl/"):
        stage.drive(3600)


@pytest.mark.parametrize(("seconds", "crashes"), [(299.5, 0), (301.0, 1)], ids=["nearly", "up"])
def test_a_function_whose_time_is_up_while_it_submits_loses_and_doubles_nothing(
    seconds: float, crashes: int
) -> None:
    stage = StrictStage()
    names = [f"j{number}" for number in range(50)]
    stage.put(document(*[(name,) for name in names]))
    header = stage.start("etl")

    def too_slow(_index: int, _service: str, operation: str) -> None:
        if operation == "SubmitJob" and stage.aws.count(operation) == 1:
            stage.spend(seconds)

    stage.aws.faults = too_slow
    stage.drive()
    assert stage.crashes == crashes
    assert len(stage.batch.submissions) == 50
    assert statuses(stage, header.run_id) == dict.fromkeys(names, "SUCCEEDED")


@pytest.mark.parametrize("seconds", [0.2, 1.0, 2.0, 6.0])
def test_f45_a_run_ends_however_slowly_aws_answers(seconds: float) -> None:
    stage = StrictStage()
    names = [f"j{number}" for number in range(120)]
    stage.put(document(*[(name,) for name in names]))
    header = stage.start("etl")

    def answers_late(call: Call) -> None:
        if call.caller:
            stage.spend(seconds)

    stage.aws.done = answers_late
    stage.drive()
    stage.aws.done = None
    assert stage.aws.count("SubmitJob") == 120
    assert statuses(stage, header.run_id) == dict.fromkeys(names, "SUCCEEDED")
    assert stage.crashes <= 1, "functions are cut off instead of splitting their work"


def test_f22_a_run_of_hundreds_carries_no_more_between_states_than_one_of_a_few() -> None:
    carried = []
    for count in (3, 300):
        stage = StrictStage()
        stage.put(document(*[(f"j{number}",) for number in range(count)]))
        stage.start("etl")
        stage.drive()
        carried.append(max(each.largest for each in stage.machine.executions.values()))
    few, many = carried
    assert many <= few + 1  # it settles for 15 s instead of 5


class Allowed(NamedTuple):
    """What a function may do, or not."""

    function: str
    action: str
    resource: str
    is_allowed: bool


_TABLE = "arn:aws:dynamodb:eu-central-1:123456789012:table/BatchScheduleJobs-dev"
ALLOWED = (
    Allowed("submit_jobs", "dynamodb:GetItem", _TABLE, True),
    Allowed("submit_jobs", "dynamodb:Query", _TABLE + "/index/open", True),
    Allowed("submit_jobs", "dynamodb:GetItem", _TABLE + "2", False),
    Allowed("submit_jobs", "dynamodb:DeleteTable", _TABLE, False),
    Allowed("notify", "batch:SubmitJob", "*", False),
)


@pytest.mark.parametrize("row", ALLOWED, ids=lambda row: f"{row.function} {row.action}")
def test_a_function_may_do_what_its_policy_says(row: Allowed) -> None:
    stage = StrictStage()
    needed = ((row.action, row.resource),)
    call = Call("x", "X", stage.clock(), row.function, needed)
    if row.is_allowed:
        check_policy(row.function, [call])
    else:
        with pytest.raises(AssertionError, match=f"{row.function} may not {row.action} on"):
            check_policy(row.function, [call])


@pytest.mark.parametrize("is_warm", [True, False], ids=["warm", "fresh"])
def test_what_a_job_told_is_kept_and_goes_to_the_jobs_after_it(is_warm: bool) -> None:
    stage = StrictStage(Setup(is_warm=is_warm))
    listed: Any = document(("load",), ("b", "load"), ("report", "b"))
    listed["jobList"][2]["environment"] = {"ROWS": "${jobs.load.outputs.rows}"}
    stage.put(listed)
    header = stage.start("etl")
    while not stage.batch.submissions:
        stage.step()
    [job_id, *_] = stage.batch.submissions
    claim = {
        "run": {"S": f"#claim#{header.run_id}"},
        "jobName": {"S": "load#1"},
        "owner": {"S": job_id},
        "outputs": {"M": {"rows": {"S": "123"}}},
    }
    stage.aws.client("dynamodb").put_item(TableName=JOBS, Item=claim)
    stage.drive()
    told = stage.look(header.run_id).states["load"].told
    assert told == Told(outputs={"rows": "123"})
    given = {
        jobs_of(stage, each): stage.batch.submissions[each] for each in stage.batch.submissions
    }
    environment = given["report"].request["containerOverrides"]["environment"]
    assert {"name": "ROWS", "value": "123"} in environment
    assert set(statuses(stage, header.run_id).values()) == {"SUCCEEDED"}
