"""The engine that the server keeps: it drives, is followed, ends with the server, comes again."""

import os
import signal
from pathlib import Path

import pytest

from chalicelib.cli.exits import Exit
from tests.functional.hosts import gone, runs, until
from tests.functional.serving.conftest import Serve
from tests.functional.serving.servers import LocalServer

# Counts its starts, and waits for a file.
WAIT = "echo started >> starts.txt; until test -e open; do sleep 0.02; done"


def starts(folder: Path) -> int:
    path = folder / "starts.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


def begin(server: LocalServer) -> str:
    """Start a run whose first job waits, and wait until that has started."""
    after = {"jobName": "after", "command": ["true"], "jobDependencies": ["wait"]}
    server.put("gated", {"jobName": "wait", "command": ["sh", "-c", WAIT]}, after)
    run_id = server.start("gated")
    until(lambda: starts(server.folder), 20)
    return run_id


def test_what_is_started_over_http_is_driven_to_its_end(serve: Serve) -> None:
    server = serve()
    server.put("one", {"jobName": "load", "command": ["true"]})
    found = server.ended(server.start("one"))
    assert found["counts"] == {"SUCCEEDED": 1}
    assert found["startedBy"]


def test_a_start_from_the_terminal_follows_the_engine_of_the_server(serve: Serve) -> None:
    server = serve()
    server.driven()
    server.put("one", {"jobName": "load", "command": ["true"]})
    code, printed, said = server.type("start", "one")
    assert code == Exit.DONE, said
    assert f"Driven by serve (process {server.engine})" in printed + said


def test_verbs_of_the_terminal_act_on_runs_of_the_server(serve: Serve) -> None:
    server = serve()
    run_id = begin(server)
    assert server.type("hold", "after")[0] == Exit.DONE
    code, _, said = server.type("cancel", run_id)
    assert code == Exit.DONE, said
    assert server.get(f"/runs/{run_id}")["scheduleStatus"] == "CANCELLED"


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_end_leaves_its_jobs_running_for_the_next(
    serve: Serve, by: int
) -> None:
    server = serve()
    run_id, engine, host = begin(server), server.engine, server.host
    assert server.stop(by) == 0
    assert (runs(engine), runs(host)) == (False, True)
    following = serve()
    (server.folder / "open").touch()
    following.ended(run_id)
    assert starts(server.folder) == 1
    assert server.said.read_text() == ""


def test_resume_takes_up_what_a_server_left(serve: Serve) -> None:
    server = serve()
    run_id = begin(server)
    assert server.stop() == 0
    (server.folder / "open").touch()
    code, printed, said = server.type("resume")
    assert (code, f"SUCCEEDED  {run_id}" in printed) == (Exit.DONE, True), said
    assert starts(server.folder) == 1


def test_the_engine_ends_with_a_server_that_is_killed(serve: Serve) -> None:
    server = serve()
    server.driven()
    engine = server.engine
    server.stop(signal.SIGKILL)
    gone(engine)


def test_an_engine_that_is_killed_is_started_again_and_no_job_twice(serve: Serve) -> None:
    server = serve()
    run_id, engine = begin(server), server.engine
    os.kill(engine, signal.SIGKILL)
    gone(engine)
    (server.folder / "open").touch()
    server.ended(run_id)
    assert (starts(server.folder), server.engine != engine) == (1, True)
    told = f"The engine (process {engine}) ended by signal 9; another starts in 0.5 s."
    assert told in server.said.read_text()


def test_the_server_follows_another_engine_and_takes_over_when_that_ends(serve: Serve) -> None:
    server = serve()
    server.driven()
    assert server.stop() == 0
    server.put("gated", {"jobName": "wait", "command": ["sh", "-c", WAIT]})
    with server.begin("start", "gated") as terminal:
        until(lambda: starts(server.folder), 20)
        following = serve()
        assert "run gated/" in following.holder
        [run] = following.get("/runs")["runs"]
        terminal.kill()
    following.driven()
    (server.folder / "open").touch()
    following.ended(run["runId"])
    assert starts(server.folder) == 1


def test_what_was_asked_is_answered_before_the_server_ends(serve: Serve) -> None:
    server = serve()
    server.put("one", {"jobName": "load", "command": ["true"]})
    body = b'{"scheduleId": "one"}'
    head = (
        f"POST /runs HTTP/1.1\r\nHost: localhost:{server.port}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: application/json\r\nAuthorization: Bearer {server.token}\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    with server.socket() as channel, channel.makefile("rb") as answers:
        channel.sendall(head.encode())
        assert answers.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert answers.readline() == b"\r\n"
        server.process.send_signal(signal.SIGTERM)
        until(lambda: not _listens(server))
        channel.sendall(body)
        assert answers.readline() == b"HTTP/1.1 202 Accepted\r\n"
        assert b"\r\nConnection: close\r\n" in answers.read()
    assert server.process.wait(20) == 0


def _listens(server: LocalServer) -> bool:
    try:
        server.socket().close()
    except ConnectionError:
        return False
    return True
