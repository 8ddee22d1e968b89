"""The JSON of what verbs did: values that a program reads without knowing our code."""

import json
from datetime import timedelta, timezone

from pydantic import TypeAdapter

from chalicelib.core.access import Role
from chalicelib.core.claims import Progress, Told
from chalicelib.core.drawing import measure, nodes_of_document
from chalicelib.core.explaining import Cause
from chalicelib.core.granting import TokenRecord
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.operating import operate
from chalicelib.core.restarting import plan_restart
from chalicelib.core.run import Intent
from chalicelib.core.schedule import TriggerRule
from chalicelib.core.timeline import Bar
from chalicelib.ports import JobRecord
from chalicelib.services import schedules
from chalicelib.services.archiving import lines as archive_lines
from chalicelib.services.shape_types import JobShape
from chalicelib.services.shapes import (
    cause_shape,
    difference_shape,
    graph_shape,
    job_shape,
    operation_shape,
    restart_shape,
    run_shape,
    schedule_shape,
    seconds_between,
    timeline_job_shape,
    token_shape,
    validation_shape,
    whole_job_shape,
)
from tests.builders import job, loaded
from tests.unit.runs import NOW, after, header, order, run_of, spec, state
from tests.unit.stores import driving_world, record_run, world

J = JobStatus


def test_times_are_utc_with_a_z_wherever_they_were_taken() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-8)))
    assert run_shape(header(ended_at=elsewhere))["lastDateTime"] == "2026-11-23T12:00:00.000000Z"


def test_what_is_absent_is_null_and_what_is_counted_is_not_zero() -> None:
    shape = run_shape(header(counts={"FAILED": 0, "WAITING": 2}))
    assert (shape["lastDateTime"], shape["reason"], shape["cancelling"]) == (None, None, None)
    assert shape["counts"] == {"WAITING": 2}
    waiting = job_shape(spec("a"), state("a", J.WAITING))
    assert [waiting[key] for key in ("jobId", "startedAt", "seconds", "exitCode")] == [None] * 4


def test_a_job_tells_how_long_it_ran() -> None:
    ran = state("a", J.SUCCEEDED, started_at=NOW, stopped_at=after(90.1234))
    assert job_shape(spec("a"), ran)["seconds"] == 90.123
    assert seconds_between(None, NOW) is None


def test_a_version_of_a_schedule_is_told_without_its_document() -> None:
    stored = schedules.put(world(), loaded(job("a"), scheduleName="Evening load"), "ada")
    assert schedule_shape(stored) == {
        "scheduleId": "nightly",
        "scheduleName": "Evening load",
        "version": 1,
        "digest": stored.digest,
        "jobs": 1,
        "storedAt": "2026-11-23T12:00:00.000000Z",
        "storedBy": "ada",
    }


def test_a_verb_over_jobs_tells_of_each_what_became_of_it_or_why_nothing_did() -> None:
    run = run_of(spec("a"), spec("b"), b=J.SUCCEEDED)
    shape = operation_shape(operate(run, ["a", "b"], order(Act.HOLD, reason="late data")))
    [changed], [refused] = shape["changed"], shape["refused"]
    assert changed == {
        "jobName": "a",
        "act": "HOLD",
        "before": "WAITING",
        "after": "HELD",
        "reason": "hold by ada: late data",
        "asked": None,
    }
    assert refused["jobName"] == "b"
    assert refused["reason"].startswith("'b' is SUCCEEDED, so hold is not possible")


def test_a_restart_tells_what_runs_again_what_stays_and_what_may_have_been_done() -> None:
    run = run_of(*map(spec, "abcd"), a=J.SUCCEEDED, b=J.NOTFOUND, c=J.RUNNING)
    assert restart_shape(plan_restart(run, order(Act.RESTART))) == {
        "runId": "etl/2026",
        "generation": 2,
        "again": ["b"],
        "adopt": ["c"],
        "keep": ["a"],
        "inDoubt": ["b"],
        "atEnd": [],
    }


def test_a_restart_tells_apart_the_finally_jobs_that_end_it_again() -> None:
    run = run_of(
        spec("a"),
        spec("tidy", is_finally=True, trigger_rule=TriggerRule.ALL_DONE),
        run=header(status=RunStatus.FAILED),
        a=J.FAILED,
        tidy=J.SUCCEEDED,
    )
    shape = restart_shape(plan_restart(run, order(Act.RESTART)))
    assert (shape["again"], shape["atEnd"]) == (["a", "tidy"], ["tidy"])


def test_a_whole_job_tells_what_it_froze_and_what_is_asked_of_it() -> None:
    froze = spec("a", "b", hold=True, description="loads", request={"jobQueue": "q"})
    held = state("a", J.RUNNABLE, intent=Intent.HOLD, not_before=after(60))
    shape = whole_job_shape(JobRecord(spec=froze, state=held, position=3))
    told = job_shape(froze, held)
    assert {key: value for key, value in shape.items() if key not in told} == {
        "position": 3,
        "triggerRule": "all succeeded",
        "isFinally": False,
        "hold": True,
        "description": "loads",
        "request": {"jobQueue": "q"},
        "asked": "HOLD",
        "notBefore": "2026-11-23T12:01:00.000000Z",
    }


def test_an_explanation_is_told_down_to_its_last_link() -> None:
    below = Cause("a", J.FAILED, "'a' failed.", facts=("exit code 3",))
    shape = cause_shape(Cause("b", J.UPSTREAM_FAILED, "'b' never ran.", because=(below,)))
    [link] = shape["because"]
    assert (shape["status"], shape["facts"], shape["more"]) == ("UPSTREAM_FAILED", [], 0)
    assert (link["jobName"], link["facts"], link["because"]) == ("a", ["exit code 3"], [])


def test_a_token_is_told_of_without_its_secret_or_the_digest_of_it() -> None:
    record = TokenRecord(
        id="k3abcdefgh",
        digest="d" * 64,
        name="ann",
        role=Role.OPERATOR,
        scopes=("etl-",),
        created_at=NOW,
        created_by="root",
        expires_at=after(60),
    )
    assert token_shape(record, NOW) == {
        "tokenId": "k3abcdefgh",
        "name": "ann",
        "role": "operator",
        "scopes": ["etl-"],
        "standing": "active",
        "createdAt": "2026-11-23T12:00:00.000000Z",
        "createdBy": "root",
        "expiresAt": "2026-11-23T12:01:00.000000Z",
        "revokedAt": None,
        "revokedBy": None,
        "lastUsedAt": None,
    }


def test_a_graph_and_its_size_are_told_of() -> None:
    document = loaded(job("a"), job("b", "a", hold=True))
    nodes = nodes_of_document(document)
    [_, second] = graph_shape("nightly", nodes)["jobs"]
    assert second == {
        "jobName": "b",
        "jobDependencies": ["a"],
        "layer": 2,
        "jobStatus": None,
        "note": "held",
    }
    size = validation_shape("nightly", measure(nodes))
    assert (size["jobs"], size["dependencies"], size["depth"]) == (2, 1, 2)


def test_an_attempt_that_lasts_has_neither_an_end_nor_a_status() -> None:
    ports = world()
    record_run(ports, spec("a"), a=state("a", J.RUNNING))
    [record] = ports.runs.find_jobs("etl/2026")
    shape = timeline_job_shape(record, [Bar(attempt=1, handed_over_at=NOW)])
    assert (shape["jobName"], shape["jobStatus"]) == ("a", "RUNNING")
    assert shape["attempts"][0]["handedOverAt"] == "2026-11-23T12:00:00.000000Z"
    assert (shape["attempts"][0]["stoppedAt"], shape["attempts"][0]["status"]) == (None, None)


def test_a_difference_is_told_of_with_its_versions() -> None:
    ports = world()
    schedules.put(ports, loaded(job("a")), "ada")
    schedules.put(ports, loaded(job("b")), "ada")
    shape = difference_shape(schedules.compare(ports, "nightly", None, None))
    assert (shape["before"], shape["after"]) == (1, 2)
    assert (shape["added"], shape["removed"], shape["changed"]) == (["b"], ["a"], [])


def test_pydantic_is_told_the_words_of_a_status() -> None:
    described = TypeAdapter(JobShape).json_schema()["properties"]["jobStatus"]
    assert described["enum"] == list(JobStatus)


def test_a_job_tells_its_outputs_and_links_and_how_far_it_is() -> None:
    told = Told(outputs={"rows": "5"}, links={"report": "s3://bucket/key"})
    shape = job_shape(spec("a"), state("a", J.SUCCEEDED, told=told))
    assert (shape["outputs"], shape["links"]) == ({"rows": "5"}, {"report": "s3://bucket/key"})
    assert shape["progress"] is None
    progress = Progress(percent=40.0, at=NOW)
    running = job_shape(spec("a"), state("a", J.RUNNING), progress)
    assert (running["outputs"], running["links"]) == ({}, {})
    assert running["progress"] == {
        "percent": 40.0,
        "text": None,
        "at": "2026-11-23T12:00:00.000000Z",
    }


def test_an_archived_job_has_its_outputs_and_no_progress() -> None:
    ports = driving_world()
    told = Told(outputs={"rows": "5"})
    ended = header(status=RunStatus.SUCCEEDED, ended_at=NOW)
    record_run(ports, spec("a"), run=ended, a=state("a", J.SUCCEEDED, told=told))
    found = [json.loads(line) for line in archive_lines(ports, ports.runs.get_header("etl/2026"))]
    [line] = [each for each in found if each["kind"] == "job"]
    assert (line["outputs"], line["links"], "progress" in line) == ({"rows": "5"}, {}, False)
