"""Clients of the real host: finding it, sharing it, and a state that is broken."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from chalicelib.core.batch import Deferred
from chalicelib.core.lifecycle import JobStatus
from chalicelib.errors import BackendError
from chalicelib.local.host_client import HostClient
from chalicelib.local.host_protocol import HostSettings, address, inherited
from tests.functional.hosts import (
    Connect,
    accept,
    end,
    gone,
    job,
    kill_host,
    running,
    until,
    written,
)


def test_a_host_without_clients_and_jobs_leaves(connect: Connect, state: Path) -> None:
    client = connect()
    end(client, accept(client, job("short", ["true"])))
    client.close()
    gone(client.host_pid)
    assert not (state / "host.sock").exists()


def test_a_host_that_leaves_takes_no_other_hosts_place_away(connect: Connect, state: Path) -> None:
    first = connect()
    first.find("x", "default")
    shutil.rmtree(state)
    second = connect()
    second.find("x", "default")
    first.close()
    gone(first.host_pid)
    third = connect()
    third.find("x", "default")
    assert third.host_pid == second.host_pid != first.host_pid


def test_a_host_stays_for_its_jobs(connect: Connect, tmp_path: Path) -> None:
    client = connect()
    done = tmp_path / "done"
    accept(client, job("slow", ["sh", "-c", f"sleep 0.3; echo done >> {done}"]))
    client.close()
    assert written(done) == ["done"]


def test_all_clients_of_a_state_directory_share_one_host(connect: Connect) -> None:
    clients = [connect() for _ in range(4)]
    for client in clients:
        client.describe([])
        client.find("x", "default")
    assert len({client.host_pid for client in clients}) == 1


def test_clients_that_start_together_end_up_with_one_host(connect: Connect, state: Path) -> None:
    pids = []
    for _ in range(4):
        read_end, write_end = os.pipe()
        pid = os.fork()
        if not pid:
            client = connect(idle_seconds=1)
            client.find("x", "default")
            os.write(write_end, f"{client.host_pid}".encode())
            os._exit(0)
        os.close(write_end)
        pids.append((pid, read_end))
    hosts = set()
    for pid, read_end in pids:
        hosts.add(int(os.read(read_end, 100)))
        os.close(read_end)
        os.waitpid(pid, 0)
    assert len(hosts) == 1
    for host in hosts:
        os.kill(host, signal.SIGTERM)
        gone(host)


def test_news_that_has_come_is_not_waited_for(connect: Connect) -> None:
    client, other = connect(), connect()
    job_id = accept(client, job("long", ["sleep", "300"]))
    running(client, job_id)
    while client.wait(0.1):
        pass
    other.terminate(job_id, "enough")
    end(other, job_id)
    end(other, accept(other, job("next", ["true"])))  # by then the news of the first has come
    began = time.monotonic()
    assert job_id in client.wait(5)
    assert time.monotonic() - began < 2


def test_an_engine_with_a_lower_fence_can_submit_nothing_any_more(connect: Connect) -> None:
    old, new, reader = connect(fence=1), connect(fence=2), connect()
    job_id = accept(old, job("first", ["sleep", "300"]))
    new.find("first", "default")
    assert isinstance(old.submit([job("second", ["true"])])[0], Deferred)
    with pytest.raises(BackendError, match="newer engine"):
        old.terminate(job_id, "mine")
    assert reader.find("second", "default") == []


def test_the_highest_fence_outlives_the_host(connect: Connect) -> None:
    new = connect(fence=7)
    new.find("x", "default")
    kill_host(new)
    assert isinstance(connect(fence=6).submit([job("late", ["true"])])[0], Deferred)


def test_a_long_path_of_the_state_directory_is_no_obstacle(tmp_path: Path) -> None:
    state = tmp_path / ("long" * 30)
    settings = HostSettings(vcpus=1, memory_mib=64, idle_seconds=0.05)
    client = HostClient(state, settings=settings, fence=None)
    detail = end(client, accept(client, job("far", ["true"])))
    client.close()
    assert detail.status is JobStatus.SUCCEEDED
    gone(client.host_pid)
    Path(address(state)).parent.rmdir()


def test_a_host_that_is_to_idle_for_no_time_waits_for_its_first_client(tmp_path: Path) -> None:
    settings = HostSettings(vcpus=1, memory_mib=64, idle_seconds=0)
    client = HostClient(tmp_path, settings=settings, fence=None)
    detail = end(client, accept(client, job("soon", ["true"])))
    client.close()
    assert detail.status is JobStatus.SUCCEEDED
    gone(client.host_pid)


def test_host_and_clients_meet_whatever_their_folders_for_temporary_files(tmp_path: Path) -> None:
    state = tmp_path / ("long" * 30)
    program = "import sys, pathlib; from chalicelib.local.host_protocol import address; "
    program += "print(address(pathlib.Path(sys.argv[1])))"
    folders = [tmp_path / "a", tmp_path / ("b" * 120)]
    found = set()
    for folder in folders:
        folder.mkdir()
        environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", program, str(state)]
        found.add(subprocess.check_output(command, env=environment, text=True).strip())
    [place] = found
    assert len(place) <= 100
    Path(place).parent.rmdir()


def test_a_meeting_place_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    state = tmp_path / ("long" * 30)
    place = Path(address(state)).parent
    place.chmod(0o755)
    with pytest.raises(BackendError, match="not ours alone"):
        address(state)
    place.rmdir()


def test_only_what_jobs_need_is_inherited() -> None:
    given = {"PATH": "/bin", "LC_ALL": "C", "AWS_SECRET_ACCESS_KEY": "x", "PYTHONPATH": "y"}
    assert inherited(given) == {"PATH": "/bin", "LC_ALL": "C"}


def test_a_state_directory_that_can_not_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = HostSettings(vcpus=1, memory_mib=64)
    client = HostClient(tmp_path / "file" / "state", settings=settings, fence=None)
    with pytest.raises(BackendError, match="host start"):
        client.find("x", "default")
    assert isinstance(client.submit([job("x", ["true"])])[0], Deferred)


def test_a_damaged_database_is_one_clear_error(connect: Connect, state: Path) -> None:
    state.mkdir()
    (state / "host.db").write_text("not a database " * 1000)
    with pytest.raises(BackendError, match="not a database"):
        connect().find("x", "default")


def test_a_newer_database_is_one_clear_error_and_left_alone(connect: Connect, state: Path) -> None:
    state.mkdir()
    database = sqlite3.connect(state / "host.db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(BackendError, match="version 99"):
        connect().find("x", "default")


def test_a_full_disk_accepts_nothing_and_works_again_with_room(connect: Connect) -> None:
    resource = pytest.importorskip("resource")
    client = connect()
    accept(client, job("before", ["true"]))
    unlimited = resource.prlimit(client.host_pid, resource.RLIMIT_FSIZE, (0, -1))
    [outcome] = client.submit([job("full", ["true"])])
    assert isinstance(outcome, Deferred)
    assert client.find("full", "default") == []
    resource.prlimit(client.host_pid, resource.RLIMIT_FSIZE, unlimited)
    assert end(client, accept(client, job("after", ["true"]))).status is JobStatus.SUCCEEDED


def test_a_job_that_is_terminated_while_a_full_disk_holds_back_its_start_is_asked_to_end(
    connect: Connect, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")
    client = connect(vcpus=1)
    script = f"until test -e {tmp_path}/go; do sleep 0.01; done"
    first = accept(client, job("first", ["sh", "-c", script]))
    second = accept(client, job("second", ["sleep", "60"]))
    running(client, first)
    unlimited = resource.prlimit(client.host_pid, resource.RLIMIT_FSIZE, (0, -1))
    (tmp_path / "go").touch()
    until(lambda: client.describe([second])[0].status is JobStatus.STARTING)
    with suppress(BackendError):  # the host can't keep it yet, and says so
        client.terminate(second, "enough")
    resource.prlimit(client.host_pid, resource.RLIMIT_FSIZE, unlimited)
    detail = end(client, second)
    assert (detail.status, detail.status_reason) == (JobStatus.FAILED, "enough")
