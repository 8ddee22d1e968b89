"""Secrets that a server was given are in nothing that it tells: no answer, no log, no notice."""

import json
from pathlib import Path

from tests.functional.hosts import until
from tests.functional.serving.conftest import Serve
from tests.functional.serving.servers import LocalServer

CANARIES = {kind: f"canary{number}{kind}" for number, kind in enumerate(("env", "param", "hook"))}
DOCUMENT = {
    "scheduleId": "etl",
    "parameters": {"dbPassword": {"default": CANARIES["param"]}, "day": {"default": "monday"}},
    "jobList": [
        {
            "jobName": "load",
            "command": ["sh", "-c", 'test "$DB_PASSWORD" && exit 3'],
            "environment": {"DB_PASSWORD": CANARIES["env"], "GIVEN_TOKEN": "${dbPassword}"},
        }
    ],
    "notify": [
        {"on": ["failed"], "log": True},
        {"on": ["failed"], "webhook": {"url": f"http://127.0.0.1:9/{CANARIES['hook']}"}},
    ],
}
RUN_VIEWS = (
    "",
    "/jobs",
    "/events",
    "/timeline",
    "/logs?job=load",
    "/graph",
    "/explain",
    "/restart",
)
VIEWS = (
    "/schedules",
    "/schedules/etl",
    "/schedules/etl/versions",
    "/schedules/etl/diff",
    "/schedules/etl/graph",
    "/schedules/etl/next",
    "/runs",
    "/tokens",
    "/metrics",
)


def logs(state: Path) -> str:
    """What is written down for people: all but databases and the token's own file."""
    files = [*state.glob("*.log"), *state.glob("logs/**/*"), *state.parent.glob("*.txt")]
    return "\n".join(file.read_text("utf-8", "replace") for file in files if file.is_file())


def answers(server: LocalServer, run_id: str) -> str:
    views = (*VIEWS, *(f"/runs/{run_id}{view}" for view in RUN_VIEWS))
    return "\n".join(str(server.request("GET", view)) for view in views)


def test_no_secret_is_in_any_answer_log_or_notice(serve: Serve) -> None:
    server = serve()
    given = server.request("POST", "/tokens", {"name": "ci", "role": "viewer"}).json["token"]
    assert server.request("PUT", "/schedules/etl", DOCUMENT).status == 201
    changed = {**DOCUMENT, "description": "changed"}
    assert server.request("PUT", "/schedules/etl", changed).status == 200
    run_id = server.start("etl")
    server.ended(run_id, "FAILED")
    until(lambda: "etl: run FAILED" in logs(server.state), 30)
    refused = server.request("POST", "/runs", {"scheduleId": "etl", "parameters": {"x": given}})
    told = answers(server, run_id) + logs(server.state) + str(refused)
    for verb in (("show", "etl"), ("status",), ("explain",), ("history",), ("runs", "--json")):
        told += "".join(map(str, server.type(*verb)))
    assert "exit code 3" in told or "exit 3" in told
    secret = given.split("_")[2]
    found = [name for name, canary in {**CANARIES, "token": secret}.items() if canary in told]
    assert found == []
    assert json.dumps("(hidden)") in told
