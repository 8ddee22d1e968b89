"""Starting the local server: its options, its token, the clients it waits for."""

import json
import os
import pty
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from chalicelib.cli.exits import Exit
from chalicelib.cli.main import main
from tests.functional.serving.conftest import Serve
from tests.functional.serving.servers import PROGRAM, LocalServer

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", ""])  # noqa: S104
def test_only_addresses_of_this_machine_alone_are_listened_at(
    host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--host", host, "--state", str(tmp_path / "state")]) == Exit.INVALID
    said = capsys.readouterr().err
    assert f"--host: {host!r} is no loopback address" in said
    assert "127.0.0.1, localhost, ::1" in said
    assert not (tmp_path / "state").exists()


def test_a_stage_on_aws_is_not_served_from_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--edition", "aws", "--stage", "dev"]) == Exit.INVALID
    assert "a stage on AWS is served by AWS" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(server: LocalServer, tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "serve", "--port", str(server.port), "--state", str(tmp_path / "state")],
        env=server.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == Exit.BACKEND
    assert f"127.0.0.1, port {server.port}: Address already in use" in done.stderr
    assert "choose another with --port" in done.stderr


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720])
def test_a_state_directory_that_others_can_write_into_is_warned_of(
    serve: Serve, tmp_path: Path, mode: int
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(mode)
    said = serve().said.read_text()
    assert said == (
        f"Others can write into {tmp_path / 'state'}, and so run anything as you: chmod go-w it.\n"
    )


def test_a_state_directory_of_another_user_is_warned_of(serve: Serve, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives directories away")
    (tmp_path / "state").mkdir()
    os.chown(tmp_path / "state", 12345, -1)
    said = serve().said.read_text()
    assert said == f"{tmp_path / 'state'} belongs to another user, who can run anything as you.\n"


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_of_any_other_state_directory_nothing_is_said(
    serve: Serve, tmp_path: Path, mode: int
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(mode)
    assert serve().said.read_text() == ""


def test_it_says_where_it_is_and_where_its_token_is(serve: Serve) -> None:
    server = serve()
    assert server.process.stdout is not None
    printed = server.printed + server.process.stdout.readline()
    assert printed == (f"Listening on {server.url}\nThe token is in {server.state / 'api-token'}\n")


def test_only_a_terminal_is_told_the_token_and_only_when_it_is_new(
    server: LocalServer, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    first, second = (printed_on_a_terminal(server, state) for _ in range(2))
    token = (state / "api-token").read_text().strip()
    assert re.search(rf"^Open http://127\.0\.0\.1:[0-9]+/#token={token}\r$", first, re.MULTILINE)
    assert "abs_" not in second
    for printed in (first, second):
        assert re.match(r"Listening on http://127\.0\.0\.1:[0-9]+\r\n", printed)
        assert printed.endswith(f"The token is in {state / 'api-token'}\r\n")


def printed_on_a_terminal(server: LocalServer, state: Path) -> str:
    """What another server prints at its start to somebody who sits before it."""
    screen, end = pty.openpty()
    command = [*PROGRAM, "serve", "--port", "0", "--state", str(state)]
    with subprocess.Popen(command, env=server.environment, stdout=end) as process:
        os.close(end)
        printed = b""
        while b"api-token\r\n" not in printed:
            printed += os.read(screen, 4096)
        process.terminate()
    os.close(screen)
    return printed.decode()


def test_a_program_reads_where_it_is(serve: Serve) -> None:
    environment = serve().environment
    command = [*PROGRAM, "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads("".join(process.stdout.readline() for _ in range(4)))
        assert told["url"].startswith("http://127.0.0.1:")
        assert Path(told["tokenFile"]).read_text().startswith("abs_")
        process.terminate()
    assert process.returncode == 0


def test_it_listens_at_the_loopback_address_of_ipv6_too(serve: Serve) -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
    server = serve("--host", "::1")
    assert server.url == f"http://[::1]:{server.port}"
    with socket.create_connection(("::1", server.port), timeout=20) as channel:
        channel.sendall(f"GET /health HTTP/1.1\r\nHost: [::1]:{server.port}\r\n\r\n".encode())
        assert channel.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_copy_of_the_package_alone_can_serve(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "chalicelib", tmp_path / "installed" / "chalicelib")
    path = {"PYTHONPATH": str(tmp_path / "installed")}
    server = LocalServer(tmp_path, **path)
    try:
        assert server.get("/runs") == {"runs": [], "nextCursor": None}
    finally:
        server.close()


def test_nothing_but_its_health_is_told_without_a_token(server: LocalServer) -> None:
    answer = server.request("GET", "/health", headers={})
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    wrong = server.token[:-1] + ("a" if server.token[-1] != "a" else "b")
    for header in ("", server.token, f"Bearer {wrong}", "Basic YTpi"):
        answer = server.request("GET", "/runs", headers={"Authorization": header})
        assert (answer.status, answer.json["title"]) == (401, "Unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/", 404),
        ("PATCH", "/runs", 405),
        ("OPTIONS", "/runs", 405),
    ],
)
def test_what_is_not_there_is_a_problem_document(
    server: LocalServer, method: str, path: str, status: int
) -> None:
    answer = server.request(method, path)
    assert (answer.status, answer.json["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 405:
        assert answer.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/health", "PATCH is not taken here; GET and HEAD are."),
        ("/runs", "PATCH is not taken here; GET, HEAD and POST are."),
        ("/schedules/etl", "PATCH is not taken here; DELETE, GET, HEAD and PUT are."),
        ("/validate", "PATCH is not taken here; POST is."),
    ],
)
def test_a_method_that_is_not_taken_is_told_with_those_that_are(
    server: LocalServer, path: str, told: str
) -> None:
    assert server.request("PATCH", path).json["detail"] == told


@pytest.mark.parametrize(
    ("path", "status"),
    [("/health", 200), ("/runs?limit=1", 200), ("/metrics", 200), ("/nothing", 404),
     ("/runs/etl/none", 404), ("/validate", 405)],
)  # fmt: skip
def test_head_is_answered_as_get_is_but_for_the_body(
    server: LocalServer, path: str, status: int
) -> None:
    head, get = (server.request(method, path) for method in ("HEAD", "GET"))
    assert (head.status, get.status, head.text) == (status, status, "")
    names = ("content-type", "etag", "allow")
    assert [head.headers.get(name) for name in names] == [get.headers.get(name) for name in names]
    if status != 405 and path != "/metrics":  # whose words name the method, and whose counts move
        assert head.headers["content-length"] == str(len(get.text))
    assert server.request("HEAD", "/runs", headers={}).status == 401


def test_a_store_that_fails_is_a_problem_of_the_request_alone(serve: Serve) -> None:
    server = serve()
    away = server.folder / "away"
    away.mkdir()
    for path in server.state.glob("batch-scheduler.db*"):
        path.rename(away / path.name)
    (server.state / "batch-scheduler.db").write_bytes(b"no database" * 1000)
    for page in ("/runs", "/metrics"):
        answer = server.request("GET", page)
        assert (answer.status, answer.headers["content-type"]) == (502, "application/problem+json")
        assert "it is damaged or no SQLite database" in answer.json["detail"]
    assert server.request("GET", "/health", headers={}).status == 200
    for path in away.iterdir():
        path.rename(server.state / path.name)
    assert server.get("/runs")["runs"] == []


def test_only_the_owner_of_the_token_can_read_it(server: LocalServer) -> None:
    assert (server.state / "api-token").stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(server.state / "batch-scheduler.db")) as database:
        assert server.token.split("_")[2] not in "\n".join(database.iterdump())


def test_the_token_stays_over_a_restart(serve: Serve) -> None:
    first = serve()
    first.stop()
    second = serve()
    assert second.token == first.token
    assert second.get("/runs")["runs"] == []


def test_a_token_that_others_could_read_is_replaced_and_worth_nothing(serve: Serve) -> None:
    first = serve()
    first.stop()
    (first.state / "api-token").chmod(0o644)
    second = serve()
    assert second.token != first.token
    assert (second.state / "api-token").stat().st_mode & 0o777 == 0o600
    assert second.request("GET", "/runs", headers=first.bearer).status == 401


def test_a_lost_token_is_replaced_as_often_as_it_is_lost(serve: Serve) -> None:
    tokens = set()
    for _ in range(4):
        server = serve()
        tokens.add(server.token)
        server.stop()
        (server.state / "api-token").unlink()
    assert len(tokens) == 4


def test_clients_that_only_hold_connections_give_way(server: LocalServer) -> None:
    with ExitStack() as held:
        idle = [held.enter_context(server.socket()) for _ in range(100)]
        for channel in idle[:10]:
            channel.sendall(b"GET /hea")
        assert server.request("GET", "/health").status == 200


@pytest.mark.parametrize(
    "sent",
    [
        "POST /runs HTTP/1.1\r\nHost: localhost:{}\r\nContent-Length: 50\r\n\r\n",
        "POST /no HTTP/1.1\r\nHost: localhost:{}\r\nContent-Length: 9\r\n\r\nabc",
        "POST /runs HTTP/1.1\r\nHost: localhost:{}\r\n",
    ],
)
def test_nobody_without_a_token_keeps_others_out(server: LocalServer, sent: str) -> None:
    with ExitStack() as held:
        for _ in range(100):
            channel = held.enter_context(server.socket())
            channel.sendall(sent.format(server.port).encode())
        assert server.get("/runs") == {"runs": [], "nextCursor": None}


@pytest.mark.parametrize("header", ["", "Authorization: Bearer abs_x\r\n"])
def test_a_body_is_not_awaited_of_whoever_has_no_token(server: LocalServer, header: str) -> None:
    head = f"POST /runs HTTP/1.1\r\nHost: localhost:{server.port}\r\n{header}Content-Length: 50\r\n"
    with server.socket() as channel, channel.makefile("rb") as answers:
        channel.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
        assert answers.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
        assert b'"Unauthorized"' in answers.read()


def test_requests_follow_each_other_over_one_connection(server: LocalServer) -> None:
    request = f"GET /health HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode()
    with server.socket() as channel, channel.makefile("rb") as answers:
        channel.sendall(request * 3)
        for _ in range(3):
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            while answers.readline() != b"\r\n":
                pass
            assert answers.read(16) == b'{"status": "ok"}'


def test_each_of_many_who_ask_at_once_gets_his_own_answer(serve: Serve) -> None:
    server = serve()
    server.put("one", {"jobName": "load", "command": ["true"]})
    runs = [server.start("one") for _ in range(8)]

    def ask(run: str) -> set[str]:
        with closing(server.connect()) as connection:
            found = set()
            for _ in range(50):
                connection.request("GET", f"/runs/{run}", headers=server.bearer)
                found.add(json.loads(connection.getresponse().read())["runId"])
            return found

    with ThreadPoolExecutor(len(runs)) as clients:
        assert list(clients.map(ask, runs)) == [{run} for run in runs]


def test_a_terminated_server_ends_at_once_though_clients_hold_connections(serve: Serve) -> None:
    server = serve()
    with server.socket() as channel:
        channel.sendall(f"GET /health HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode())
        assert channel.recv(15) == b"HTTP/1.1 200 OK"
        assert server.stop(signal.SIGTERM) == 0
