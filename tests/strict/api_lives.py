"""Lives of a stage whose people ask by HTTP alone: between them they ask for everything."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from chalicelib.core.access import Role
from chalicelib.core.run import RunHeader
from chalicelib.local.slots import Capacity
from tests.simulation.faults import Crash
from tests.strict.acting import (
    BUCKET,
    CHAIN,
    FULL,
    HISTORY,
    MANY,
    Jobs,
    befall,
    document,
    ends,
    old_record,
    own_events,
    wide,
)
from tests.strict.answers import Fault
from tests.strict.front import Reply
from tests.strict.stage import Setup, StrictStage

Json = Any
OLD = "2018-09-24T22:01:52.337998"
NIGHTLY = {"name": "nightly", "cron": "0 2 * * *", "calendar": "ours"}


class Caller:
    """Somebody with a token of a stage; every answer must have the status that is expected."""

    def __init__(self, stage: StrictStage, role: Role = Role.ADMIN, *scopes: str) -> None:
        self.stage = stage
        self.token = stage.token(role, *scopes)

    def ask(
        self, method: str, target: str, value: Json = None, status: int = 200, **headers: str
    ) -> Reply:
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        reply = self.stage.ask(method, target, value, token=self.token, headers=sent)
        assert reply.status == status, f"{method} {target}: {reply.status} {reply.text}"
        return reply

    def get(self, target: str, status: int = 200) -> Json:
        return self.ask("GET", target, status=status).json

    def post(self, target: str, value: Json = None, status: int = 200, **headers: str) -> Json:
        return self.ask("POST", target, {} if value is None else value, status, **headers).json

    def put_schedule(self, jobs: Jobs, schedule_id: str = "etl", **members: Any) -> Json:
        path = f"/schedules/{schedule_id}"
        value = document(jobs, **{"scheduleId": schedule_id, **members})
        existing = self.stage.ask("GET", path, token=self.token).status == 200
        return self.ask("PUT", path, value, 200 if existing else 201).json

    def start(self, schedule_id: str = "etl", **headers: str) -> str:
        """The path of a new run."""
        started = self.post("/runs", {"scheduleId": schedule_id}, 202, **headers)
        return f"/runs/{started['runId']}"


def caller(jobs: Jobs = CHAIN, setup: Setup | None = None, **members: Any) -> Caller:
    """Somebody who has just put a schedule."""
    made = Caller(StrictStage(setup or Setup(script=ends())))
    made.put_schedule(jobs, **members)
    return made


def header(asking: Caller, run: str) -> RunHeader:
    return asking.stage.ports.runs.get_header(run.removeprefix("/runs/"))


def keeps_schedules() -> StrictStage:
    """Puts, reads, compares, pauses and deletes."""
    asking = caller()
    asking.put_schedule(CHAIN, triggers=[NIGHTLY, {"onRun": {"schedule": "load"}}])
    asking.put_schedule(CHAIN, triggers=[NIGHTLY])
    asking.put_schedule({"a": ()}, "other")
    asking.get("/health")
    asking.get("/openapi.json")
    asking.post("/validate", document(CHAIN))
    asking.get("/schedules?limit=1")
    for what in ("", "?version=1", "/versions", "/diff?before=1&after=2", "/graph"):
        asking.ask("GET", f"/schedules/etl{what}")
    asking.ask("PUT", "/calendars/ours", {"name": "ours", "country": "DE"}, 201)
    for target in ("/calendars", "/calendars/ours", "/schedules/etl/next", "/preview"):
        asking.get(target)
    for verb in ("pause", "resume"):
        asking.post(f"/schedules/etl/{verb}", Idempotency_Key=verb)
    asking.ask("DELETE", "/schedules/etl")
    asking.ask("DELETE", "/calendars/ours")
    asking.get("/schedules/etl", 404)
    return asking.stage


def keeps_tokens() -> StrictStage:
    asking = caller()
    made = asking.post("/tokens", {"name": "ci", "role": "viewer", "days": 7}, 201)
    asking.get("/tokens")
    asking.ask("DELETE", f"/tokens/{made['tokenId']}")
    assert asking.stage.ask("GET", "/runs", token=made["token"]).status == 401
    return asking.stage


def looks_at_everything(jobs: Jobs = CHAIN) -> StrictStage:
    """While a run goes on, and when it has failed."""
    failing = list(jobs)[:1]
    asking = caller(jobs, Setup(script=ends(*failing, seconds=120.0)))
    run = asking.start()
    for seconds in (100.0, 1000.0):
        asking.stage.advance(seconds)
        look(asking, run, failing[0])
    return asking.stage


def look(asking: Caller, run: str, job: str) -> None:
    for target in ("/runs?limit=1", "/runs?scheduleId=etl", "/runs?status=FAILED"):
        asking.get(target)
    of_job = (f"/jobs?job={job}", f"/events?job={job}", f"/explain?job={job}", f"/logs?job={job}",
              f"/logs?job={job}&attempt=1&tail=5")  # fmt: skip
    views = ("", "/jobs", "/jobs?status=FAILED", "/events", "/timeline", "/graph", "/explain")
    for view in (*views, *of_job):
        asking.ask("GET", run + view)


def acts_on_jobs(jobs: Jobs) -> StrictStage:
    """Every verb, while some jobs run and others wait for room."""
    setup = Setup(script=ends(seconds=3600.0), capacity=Capacity(1, 4096))
    asking = caller(jobs, setup)
    run, last = asking.start(Idempotency_Key="first"), list(jobs)[-1]
    asking.post(f"{run}/hold", {"jobs": [last], "reason": "wait"}, Idempotency_Key="hold")
    asking.stage.advance(120.0)
    for verb in ("release", "pass"):
        asking.post(f"{run}/{verb}", {"jobs": [last]})
    asking.post(f"{run}/terminate", {"jobs": [next(iter(jobs))]})
    asking.stage.advance(120.0)
    asking.post(f"{run}/cancel", {}, 202, Idempotency_Key="cancel")
    asking.stage.advance(600.0)
    asking.post(f"{run}/mark", {"jobs": [next(iter(jobs))], "as": "succeeded"})
    asking.ask("GET", f"{run}/restart")
    asking.post(f"{run}/restart", {}, 202, Idempotency_Key="restart")
    asking.stage.advance(600.0)
    return asking.stage


def acts_on_all_jobs(verb: str) -> StrictStage:
    """An order over more jobs than one transaction holds."""
    jobs = wide(MANY)
    setup = Setup(script=ends(*jobs, seconds=300.0), capacity=Capacity(1000, 10_000_000))
    asking = caller(jobs, setup)
    run = asking.start()
    asking.stage.advance(120.0 if verb in ("terminate", "cancel") else 900.0)
    match verb:
        case "restart" | "cancel":
            asking.post(f"{run}/{verb}", {}, 202)
        case "mark":
            asking.post(f"{run}/mark", {"jobs": ["*"], "as": "succeeded"})
        case _:
            asking.post(f"{run}/{verb}", {"jobs": ["*"]})
    asking.stage.advance(900.0)
    return asking.stage


def goes_on_with_an_order() -> StrictStage:
    """Whoever gave it was cut off; the next one carries it out, and then does his own."""
    jobs = wide(MANY)
    asking = caller(jobs, Setup(script=ends(*jobs), is_warm=False))
    run = asking.start()
    asking.stage.advance(900.0)
    befall(asking.stage, Fault.CRASH_AFTER, "api_handler", "PutItem")
    try:
        asking.post(f"{run}/rerun", {"jobs": ["*"]})
    except Crash:
        told = asking.post(f"{run}/hold", {"jobs": ["*"]})
        assert len(told["changed"]) == MANY
    else:
        raise AssertionError("the order was carried out")
    return asking.stage


def acts_on_an_old_record() -> StrictStage:
    asking = caller()
    item = old_record(OLD, "FAILED")
    asking.stage.aws.client("dynamodb").put_item(TableName=HISTORY, Item=item)
    run = f"/runs/etl/{quote(OLD)}Z"
    for view in ("", "/jobs", "/events", "/timeline", "/explain"):
        asking.ask("GET", run + view)
    message = {"scheduleId": "etl", "startDateTime": OLD, "scheduleStatus": "RESTART"}
    asking.post("/runs", message, 202)
    asking.stage.advance(600.0)
    return asking.stage


def acts_on_a_run_with_much_history() -> StrictStage:
    asking = caller({"a": ()}, Setup(script=ends(seconds=36_000.0), turns=1))
    run = asking.start()
    while own_events(asking.stage, header(asking, run)) < FULL:
        if not asking.stage.step():
            asking.stage.pass_time()
    asking.post(f"{run}/cancel", {}, 202)
    asking.ask("GET", f"{run}/events?limit=1000")
    return asking.stage


def finds_no_documents() -> StrictStage:
    """Somebody emptied the bucket."""
    asking = caller(CHAIN, Setup(script=ends("a")))
    run = asking.start()
    asking.stage.advance(600.0)
    for key in list(asking.stage.s3.buckets[BUCKET].objects):
        asking.stage.s3.delete(BUCKET, key)
    asking.get("/schedules/etl", 404)
    asking.get(run)
    asking.get(f"{run}/jobs", 404)
    return asking.stage


API_LIVES: Sequence[Callable[[], StrictStage]] = (
    keeps_schedules,
    keeps_tokens,
    looks_at_everything,
    partial(looks_at_everything, wide(MANY)),
    *(partial(acts_on_jobs, wide(count)) for count in (3, MANY)),
    *(partial(acts_on_all_jobs, verb)
      for verb in ("restart", "rerun", "mark", "pass", "cancel", "terminate")),
    goes_on_with_an_order,
    acts_on_an_old_record,
    acts_on_a_run_with_much_history,
    finds_no_documents,
)  # fmt: skip
