"""Whole runs on the strict stage: from a document to the end, by the functions as deployed."""

import pytest

from chalicelib.core.batch import Submission
from chalicelib.core.lifecycle import Act
from chalicelib.core.operating import Order
from chalicelib.services import operations
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
