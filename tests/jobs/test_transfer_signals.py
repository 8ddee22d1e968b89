"""Real processes of batch-job that move files, and signals that end them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count, takewhile
from pathlib import Path

import pytest

from tests.jobs.file_servers import FileServer, ftp_server, sftp_server, some_bytes
from tests.jobs.transfer_world import jobs_in

MIB = 1_048_576
SALES = some_bytes(3 * MIB)


@pytest.fixture(params=[sftp_server, ftp_server], ids=["sftp", "ftp"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileServer]:
    root = tmp_path / "server"
    root.mkdir()
    with request.param(root) as running:
        yield running


def begun(server: FileServer, tmp_path: Path, *argv: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "fetch_and_run.main", server.scheme, *argv, *server.login],
        env={
            **server.environment,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "BATCH_SCHEDULER_RUN": "edw#7",
            "BATCH_SCHEDULER_JOB": "load",
            "BATCH_SCHEDULER_ATTEMPT": "1",
            "AWS_BATCH_JOB_ID": "batch-1",
            "BATCH_SCHEDULER_CLAIMS": f"directory:{tmp_path}/claims",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]", number: signal.Signals) -> tuple[int, str]:
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    return process.returncode, err


def test_sigterm_in_the_middle_ends_it_and_the_next_process_goes_on(
    server: FileServer, tmp_path: Path
) -> None:
    (server.root / "sales.csv").write_bytes(SALES)
    here = tmp_path / "here"
    here.mkdir()
    server.traffic.stalls_after = 2 * MIB
    argv = ("get", server.address("sales.csv"), str(here))
    process = begun(server, tmp_path, *argv)
    assert server.traffic.stalled.wait(20)
    assert ended(process, signal.SIGTERM) == (143, "batch-job: get: SIGTERM came\n")
    (part,) = here.iterdir()
    assert part.name.endswith(".part")
    server.traffic.go_on.set()
    process = begun(server, tmp_path, *argv)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert (here / "sales.csv").read_bytes() == SALES
    assert [each.name for each in here.iterdir()] == ["sales.csv"]


@pytest.fixture
def harmless() -> Iterator[None]:
    """A signal that comes too late for batch-job does not end the tests."""
    former = signal.signal(signal.SIGTERM, lambda *_: None)
    yield
    signal.signal(signal.SIGTERM, former)


@pytest.mark.usefixtures("harmless")
@pytest.mark.parametrize("action", ["get", "put"])
def test_sigterm_with_any_request_leaves_all_of_a_file_or_none_under_its_name(
    server: FileServer, tmp_path: Path, action: str
) -> None:
    jobs = jobs_in(tmp_path, server.environment)
    here = tmp_path / "here"
    here.mkdir()
    (here / "out.csv").write_bytes(b"a,b")
    (server.root / "in.csv").write_bytes(b"a,b")
    codes: list[int] = []
    for number in takewhile(lambda _: 0 not in codes, count(1)):
        target = (here if action == "get" else server.root) / f"{number}.csv"
        ends = {
            "get": (server.address("in.csv"), str(target)),
            "put": (str(here / "out.csv"), server.address(target.name)),
        }
        argv = [server.scheme, action, *ends[action], *server.login]
        server.traffic.requests, server.traffic.signal_at = 0, number
        codes.append(jobs.run(argv))
        assert (target.read_bytes() if target.exists() else b"a,b") == b"a,b"
        server.traffic.signal_at = 0
        assert jobs.run(argv) == 0
        assert not list(target.parent.glob("*.part"))
    assert codes == [143] * (len(codes) - 1) + [0]
    assert len(codes) > 5


def test_sigint_while_it_waits_ends_it(server: FileServer, tmp_path: Path) -> None:
    process = begun(server, tmp_path, "wait", server.address("none.csv"))
    assert server.traffic.looked.wait(20)
    assert ended(process, signal.SIGINT) == (130, "batch-job: wait: SIGINT came\n")
