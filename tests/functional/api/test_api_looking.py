"""Looking at runs over HTTP, and acting on them."""

from datetime import timedelta

import pytest

from chalicelib.core.access import Role
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.run import Change
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.local.memory_store import MemoryStore
from tests.functional.api.desks import HttpDesk, memory_desk
from tests.functional.api.test_api_schedules import pages
from tests.unit.runs import NOW, after, header, spec, state
from tests.unit.served import MemoryEdition
from tests.unit.stores import record_run, world

J = JobStatus
START = "2026-11-23T11:00:00.000000Z"
RUN = f"/runs/etl/{START}"
RUN_ID = f"etl/{START}"


@pytest.fixture
def edition() -> MemoryEdition:
    return MemoryEdition()


@pytest.fixture
def desk(edition: MemoryEdition) -> HttpDesk:
    """A failed run: `load` has failed, `clean` never ran, `count` is done."""
    ended = header(
        run_id=RUN_ID, started_at=NOW - timedelta(hours=1), status=RunStatus.FAILED, ended_at=NOW
    )
    record_run(
        edition.ports,
        spec("load"),
        spec("clean", "load"),
        spec("count"),
        run=ended,
        load=state("load", J.FAILED, started_at=after(-60), stopped_at=NOW, exit_code=3),
        clean=state("clean", J.UPSTREAM_FAILED),
        count=state("count", J.SUCCEEDED),
    )
    edition.written.lines["id-load", 1] = ["one", "two", "three"]
    return memory_desk(edition)


def test_jobs_are_listed_by_page_status_and_name(desk: HttpDesk) -> None:
    assert pages(desk, f"{RUN}/jobs?limit=2", "jobs", "jobName") == [["load", "clean"], ["count"]]
    assert pages(desk, f"{RUN}/jobs?limit=1&job=c*", "jobs", "jobName") == [["clean"], ["count"]]
    named = f"{RUN}/jobs?job=load&job=count&job=none&status=failed"
    assert pages(desk, named, "jobs", "jobName") == [["load"]]
    of_status = f"{RUN}/jobs?status=failed&status=SUCCEEDED"
    assert pages(desk, of_status, "jobs", "jobName") == [["load", "count"]]
    desk.get(f"{RUN}/jobs?status=tired", 400)


def test_history_is_read_on_from_where_one_was(desk: HttpDesk) -> None:
    desk.post(f"{RUN}/mark", {"jobs": ["load"], "as": "succeeded", "reason": "seen"})
    whole = desk.get(f"{RUN}/events")
    assert [each["act"] for each in whole["events"]] == ["START", "MARK_SUCCEEDED"]
    assert whole["events"][1]["actor"] == "ada"
    assert (whole["more"], desk.get(f"{RUN}/events?limit=1")["more"]) == (False, True)
    later = desk.get(f"{RUN}/events?after=1&job=load")["events"]
    assert [each["sequence"] for each in later] == [2]
    told = desk.get(f"{RUN}/events?job=laod", 404)
    assert "Did you mean 'load'?" in told["detail"]


def test_logs_are_read_from_the_beginning_on_or_from_the_end(desk: HttpDesk) -> None:
    first = desk.get(f"{RUN}/logs?job=load")
    assert (first["lines"], first["nextOffset"]) == (["one", "two", "three"], 3)
    assert desk.get(f"{RUN}/logs?job=load&offset=1")["lines"] == ["two", "three"]
    assert desk.get(f"{RUN}/logs?job=load&tail=1&attempt=1.1")["lines"] == ["three"]
    none = desk.get(f"{RUN}/logs?job=clean")
    assert (none["exists"], none["lines"], none["nextOffset"]) == (False, [], None)
    desk.get(f"{RUN}/logs?job=load&offset=0&tail=1", 400)
    told = desk.get(f"{RUN}/logs?job=load&attempt=x", 400)
    assert told["problems"][0]["path"] == "?attempt"
    desk.get(f"{RUN}/logs?job=load&attempt=7", 404)
    desk.get(f"{RUN}/logs", 400)


def test_a_run_and_its_jobs_are_explained(desk: HttpDesk) -> None:
    whole = desk.get(f"{RUN}/explain")
    assert whole["cause"]["because"][0]["jobName"] == "load"
    assert whole["logs"] == {"load": ["one", "two", "three"]}
    why = desk.get(f"{RUN}/explain?job=clean")["cause"]
    assert why["sentence"] == "never ran, because of load"
    desk.get(f"{RUN}/explain?job=none", 404)


def test_a_graph_has_the_statuses(desk: HttpDesk) -> None:
    drawn = desk.request("GET", f"{RUN}/graph").body.decode()
    assert "FAILED" in drawn.splitlines()[1]


def test_a_timeline_tells_of_each_attempt(desk: HttpDesk, edition: MemoryEdition) -> None:
    first = desk.get(f"{RUN}/timeline")
    assert [each["attempts"] for each in first["jobs"]] == [[], [], []]  # before our history
    runs = edition.ports.runs
    before = runs.load_run(RUN_ID)
    waiting = state("load", J.WAITING, version=1, attempt=1)
    reserved = state("load", J.RESERVED, version=2, attempt=2)
    running = state("load", J.RUNNING, version=3, attempt=2, job_id="id-2", started_at=after(9))
    states = [before.states["load"], waiting, reserved, running]
    acts = [Act.RERUN, Act.RESERVE, Act.ACCEPT]
    for number, act in enumerate(acts):
        change = Change("load", act, states[number], states[number + 1], after(number))
        runs.record(before.header, [change])
    [load] = desk.get(f"{RUN}/timeline?limit=1")["jobs"]
    assert load["attempts"] == [
        {
            "attempt": 2,
            "jobId": "id-2",
            "handedOverAt": "2026-11-23T12:00:01.000000Z",
            "startedAt": "2026-11-23T12:00:09.000000Z",
            "stoppedAt": None,
            "status": None,
            "exitCode": None,
        }
    ]


def test_runs_are_listed_newest_first_whatever_is_started_meanwhile(desk: HttpDesk) -> None:
    runs = desk.edition.ports.runs
    for number in range(5):
        moment = after(number)
        runs.create_run(
            header(run_id=f"b/2026-11-23T12:00:0{number}.000000Z", schedule_id="b",
                   started_at=moment), (), {},
        )  # fmt: skip
    page = desk.get("/runs?limit=2")
    assert [each["scheduleId"] for each in page["runs"]] == ["b", "b"]
    late = header(run_id="b/2026-11-23T12:00:09.000000Z", schedule_id="b", started_at=after(9))
    runs.create_run(late, (), {})
    rest = desk.get(f"/runs?limit=9&cursor={page['nextCursor']}")
    assert [each["startDateTime"][17:19] for each in rest["runs"]] == ["02", "01", "00", "00"]
    assert rest["nextCursor"] is None
    assert [each["runId"] for each in desk.get("/runs?status=FAILED")["runs"]] == [RUN_ID]
    assert [each["runId"] for each in desk.get("/runs?scheduleId=etl")["runs"]] == [RUN_ID]


def test_runs_of_others_are_not_listed(desk: HttpDesk) -> None:
    assert desk.as_(Role.VIEWER, "b-", "c-").get("/runs")["runs"] == []
    assert desk.as_(Role.VIEWER, "b").get("/runs")["runs"] == []
    assert desk.as_(Role.VIEWER, "b").get("/runs?scheduleId=etl")["runs"] == []
    assert len(desk.as_(Role.VIEWER, "b", "e").get("/runs")["runs"]) == 1


def test_a_restart_is_planned_and_done(desk: HttpDesk) -> None:
    plan = desk.as_(Role.VIEWER).get(f"{RUN}/restart")
    assert (plan["again"], plan["keep"]) == (["load", "clean"], ["count"])
    done = desk.post(f"{RUN}/restart", {"reason": "disk is there"}, 202)
    assert (done["scheduleStatus"], done["generation"]) == ("RUNNING", 2)
    assert done["reason"] == "restart by ada: disk is there"
    told = desk.post(f"{RUN}/restart", None, 409)
    assert "nothing to restart" in told["detail"]
    assert desk.post(f"{RUN}/cancel", {}, 202)["cancelling"] == "cancel by ada"
    desk.post(f"{RUN}/cancel", {}, 409)


def test_the_calls_of_the_first_version_work(desk: HttpDesk) -> None:
    order = {"scheduleId": "etl", "startDateTime": START[:-1], "scheduleStatus": "RESTART"}
    assert desk.post("/runs", order, 202)["generation"] == 2
    other = {**order, "scheduleStatus": "CONTINUE"}
    desk.post("/runs", other, 400)
    desk.as_(Role.OPERATOR, "b").post("/runs", order, 404)
    desk.post("/runs", {"input": "{"}, 400)


@pytest.mark.parametrize(
    ("verb", "body", "changed"),
    [
        ("rerun", {"jobs": ["count"], "downstream": True}, {"count": "WAITING"}),
        ("pass", {"jobs": ["load"]}, {"load": "PASS"}),
        ("mark", {"status": ["failed"], "as": "succeeded"}, {"load": "SUCCEEDED"}),
        ("mark", {"jobs": ["count"], "as": "failed"}, {"count": "FAILED"}),
    ],
)
def test_a_verb_tells_of_each_job(
    desk: HttpDesk, verb: str, body: dict[str, object], changed: dict[str, str]
) -> None:
    done = desk.post(f"{RUN}/{verb}", body)
    assert {each["jobName"]: each["after"] for each in done["changed"]} == changed
    assert done["refused"] == []


def test_a_verb_that_can_do_nothing_is_a_conflict_and_one_that_can_do_some_is_not(
    desk: HttpDesk,
) -> None:
    told = desk.post(f"{RUN}/hold", {"jobs": ["load", "count"]}, 409)
    assert [each["path"] for each in told["problems"]] == ["load", "count"]
    done = desk.post(f"{RUN}/pass", {"jobs": ["load", "count"]})
    assert (len(done["changed"]), len(done["refused"])) == (1, 1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"jobs": ["none"]}, 404),
        ({"status": ["tired"]}, 400),
        ({"jobs": "load"}, 400),
        ({"jobs": ["load"], "resaon": "x"}, 400),
        ([], 400),
    ],
    ids=str,
)
def test_jobs_that_are_not_named_well_are_told_of(
    desk: HttpDesk, body: object, status: int
) -> None:
    told = desk.post(f"{RUN}/hold", body, status)
    if "resaon" in str(body):
        assert told["problems"][0]["suggestion"] == "reason"


def test_held_jobs_are_released_and_running_ones_ended(edition: MemoryEdition) -> None:
    running = header(run_id=RUN_ID, started_at=NOW - timedelta(hours=1))
    record_run(edition.ports, spec("a"), spec("b", "a"), run=running, a=state("a", J.RUNNING))
    desk = memory_desk(edition)
    assert desk.post(f"{RUN}/hold", {"jobs": ["b"]})["changed"][0]["after"] == "HELD"
    assert desk.post(f"{RUN}/release", {"jobs": ["b"]})["changed"][0]["after"] == "WAITING"
    ended = desk.post(f"{RUN}/terminate", {"jobs": ["a"]})
    assert ended["changed"][0]["reason"] == "terminate by ada"


def test_what_has_expired_is_told_of_as_gone() -> None:
    store = MemoryStore(clock=VirtualClock(after(99)))
    old = MemoryEdition(world(store=store))
    ended = header(run_id=RUN_ID, started_at=NOW - timedelta(hours=1), status=RunStatus.FAILED)
    record_run(old.ports, spec("a"), run=ended)
    store.seal(store.get_header(RUN_ID), "s3://a", after(1))
    gone = memory_desk(old)
    assert gone.get(RUN)["archive"] == "s3://a"
    for view in ("jobs", "events", "timeline", "logs?job=a", "graph", "explain", "restart"):
        assert "s3://a" in gone.get(f"{RUN}/{view}", 410)["detail"]


def test_jobs_are_told_whole_to_whoever_asks_for_that(desk: HttpDesk) -> None:
    [clean] = desk.get(f"{RUN}/jobs?job=clean&whole=true")["jobs"]
    assert (clean["position"], clean["triggerRule"], clean["isFinally"]) == (
        1,
        "all succeeded",
        False,
    )
    assert "request" not in desk.get(f"{RUN}/jobs?job=clean")["jobs"][0]


def test_the_history_of_the_run_itself_is_read_without_that_of_its_jobs(desk: HttpDesk) -> None:
    desk.post(f"{RUN}/mark", {"jobs": ["load"], "as": "succeeded", "reason": "seen"})
    own = desk.get(f"{RUN}/events?own=true")["events"]
    assert {each["jobName"] for each in own} == {None}
    assert len(own) < len(desk.get(f"{RUN}/events")["events"])
    desk.get(f"{RUN}/events?own=true&job=load", 400)


def test_runs_are_found_by_the_beginning_of_their_ids(desk: HttpDesk) -> None:
    assert [each["runId"] for each in desk.get("/runs?prefix=etl/2026-11")["runs"]] == [RUN_ID]
    assert desk.get("/runs?prefix=etl/2027")["runs"] == []


def test_who_looks_at_a_run_sees_who_drives(desk: HttpDesk, edition: MemoryEdition) -> None:
    assert desk.get(RUN)["drivenBy"] == "a test"
    edition.driver = None
    assert desk.get(RUN)["drivenBy"] is None
