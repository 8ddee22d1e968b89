"""The real host: what jobs get, what survives its death, what it does with a broken state."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.batch import Accepted, Deferred, JobDetail, Submission
from chalicelib.core.lifecycle import FINAL, JobStatus
from chalicelib.errors import BackendError
from chalicelib.local.host_client import HostClient
from chalicelib.local.host_logs import HostLogs
from chalicelib.local.host_protocol import HostSettings, address, inherited

Connect = Callable[..., HostClient]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def connect(state: Path) -> Iterator[Connect]:
    """Make clients of one host, which is ended with all its jobs after the test."""
    clients: list[HostClient] = []

    def make(fence: int | None = None, **members: Any) -> HostClient:
        settings = {"vcpus": 2, "memory_mib": 512, "idle_seconds": 0.05} | members
        clients.append(HostClient(state, settings=HostSettings(**settings), fence=fence))
        return clients[-1]

    yield make
    for client in clients:
        if client.host_pid and runs(client.host_pid):
            os.kill(client.host_pid, signal.SIGTERM)
            gone(client.host_pid)
        client.close()


def runs(pid: int) -> bool:
    """Say whether the process is there, and more than a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """Wait for something that another process does; what it gave."""
    limit = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < limit, "it does not happen"
        time.sleep(0.005)
    return result


def gone(pid: int) -> None:
    """Wait until the process is there no more."""
    until(lambda: not runs(pid))


def job(name: str, command: Sequence[str], directory: str = "", **request: Any) -> Submission:
    members = {"containerOverrides": {"command": list(command)}, **request}
    return Submission(job_name=name, request=members, working_directory=directory)


def accept(client: HostClient, submission: Submission) -> str:
    [outcome] = client.submit([submission])
    assert isinstance(outcome, Accepted), outcome
    return outcome.job_id


def end(client: HostClient, job_id: str) -> JobDetail:
    def ended() -> JobDetail | None:
        [detail] = client.describe([job_id])
        return detail if detail.status in FINAL else None

    detail: JobDetail = until(ended)
    return detail


def running(client: HostClient, job_id: str) -> None:
    until(lambda: client.describe([job_id])[0].status is JobStatus.RUNNING)


def kill_host(client: HostClient) -> int:
    pid = client.host_pid
    os.kill(pid, signal.SIGKILL)
    gone(pid)
    return pid


def written(path: Path, lines: int = 1) -> list[str]:
    """The lines of a file, once it has that many."""
    until(lambda: path.exists() and path.read_text().count("\n") >= lines)
    return path.read_text().splitlines()


# What a job gets


def test_a_job_is_told_who_it_is(connect: Connect, state: Path) -> None:
    client = connect(environment={"PATH": "/usr/bin:/bin", "LANG": "C"})
    submission = job("who", ["env"], jobQueue="mine", arrayProperties={"size": 2})
    job_id = accept(client, submission)
    end(client, job_id)
    lines = HostLogs(state).read(f"{job_id}:1", 1).lines
    expected = {
        f"AWS_BATCH_JOB_ID={job_id}:1",
        "AWS_BATCH_JOB_ATTEMPT=1",
        "AWS_BATCH_JOB_ARRAY_INDEX=1",
        "AWS_BATCH_JQ_NAME=mine",
        "AWS_BATCH_CE_NAME=batch-scheduler-host",
        "LANG=C",
    }
    assert expected <= set(lines)
    assert not [line for line in lines if line.startswith("PYTHON")]


def test_a_job_runs_where_it_was_told_to(connect: Connect, state: Path, tmp_path: Path) -> None:
    client = connect()
    job_id = accept(client, job("where", ["pwd"], str(tmp_path)))
    end(client, job_id)
    assert HostLogs(state).read(job_id, 1).lines == (str(tmp_path),)


def test_a_jobs_own_environment_wins(connect: Connect, state: Path) -> None:
    client = connect()
    overrides = {
        "command": ["sh", "-c", "echo $LANG $ODD"],
        "environment": [{"name": "LANG", "value": "fr"}, {"name": "ODD", "value": "é=ü"}],
    }
    job_id = accept(client, job("own", [], containerOverrides=overrides))
    end(client, job_id)
    assert HostLogs(state).read(job_id, 1).lines == ("fr é=ü",)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["no-such-program"], "command not found"),
        (["/no/such/program"], "/no/such/program"),
        (["/etc/passwd"], "/etc/passwd"),
    ],
)
def test_a_command_that_is_none_fails_with_127(
    connect: Connect, command: list[str], words: str
) -> None:
    client = connect()
    detail = end(client, accept(client, job("none", command)))
    assert (detail.status, detail.exit_code) == (JobStatus.FAILED, 127)
    assert detail.container_reason.startswith("CannotStartContainerError: ")
    assert words in detail.container_reason


def test_a_working_directory_that_is_none_fails_the_attempt(connect: Connect) -> None:
    client = connect()
    detail = end(client, accept(client, job("lost", ["true"], "/no/such/place")))
    assert "/no/such/place" in detail.container_reason


def test_an_end_by_a_signal_is_128_and_its_number(connect: Connect) -> None:
    client = connect()
    detail = end(client, accept(client, job("shot", ["sh", "-c", "kill -9 $$"])))
    assert detail.exit_code == 137


def test_sigpipe_ends_a_job_as_anywhere_else(connect: Connect) -> None:
    client = connect()
    detail = end(client, accept(client, job("pipe", ["sh", "-c", "kill -PIPE $$"])))
    assert detail.exit_code == 141


def test_what_a_job_leaves_behind_ends_with_it(connect: Connect, tmp_path: Path) -> None:
    client = connect()
    pid_file = tmp_path / "pid"
    script = f"sleep 300 & echo $! > {pid_file}"
    end(client, accept(client, job("leaves", ["sh", "-c", script])))
    [pid] = written(pid_file)
    gone(int(pid))


def test_a_job_that_takes_more_memory_than_it_said_is_ended(connect: Connect) -> None:
    client = connect()
    overrides = {"command": ["sh", "-c", "x=$(head -c 60000000 /dev/zero | tr '\\0' x); sleep 60"]}
    needs = [{"type": "MEMORY", "value": "16"}]
    submission = job("eats", [], containerOverrides=overrides | {"resourceRequirements": needs})
    detail = end(client, accept(client, submission))
    assert detail.exit_code == 137
    assert detail.container_reason.startswith("OutOfMemoryError")


def test_the_unfinished_last_line_of_a_log_can_be_read(connect: Connect, state: Path) -> None:
    client = connect()
    job_id = accept(client, job("talks", ["printf", r"one\ntwo \377"]))
    end(client, job_id)
    assert HostLogs(state).read(job_id, 1).lines == ("one", "two �")


def test_the_log_of_a_running_job_can_be_followed(connect: Connect, state: Path) -> None:
    client, logs = connect(), HostLogs(state)
    job_id = accept(client, job("talks", ["sh", "-c", "echo early; exec sleep 300"]))
    chunk = until(lambda: (c := logs.read(job_id, 1)).lines and c)
    assert chunk.lines == ("early",)
    assert logs.read(job_id, 1, chunk.offset).lines == ()


def test_each_attempt_has_a_log(connect: Connect, state: Path) -> None:
    client, logs = connect(), HostLogs(state)
    script = "echo $AWS_BATCH_JOB_ATTEMPT; exit 1"
    job_id = accept(client, job("again", ["sh", "-c", script], retryStrategy={"attempts": 2}))
    end(client, job_id)
    assert [logs.tail(job_id, attempt, 5).lines for attempt in (1, 2)] == [("1",), ("2",)]


def test_a_log_that_does_not_exist_says_so(state: Path) -> None:
    assert not HostLogs(state).read("../../etc/passwd", 1).exists
    assert not HostLogs(state).tail("unknown", 1, 5).exists


def test_the_end_of_a_huge_log_is_read_without_the_rest(connect: Connect, state: Path) -> None:
    client = connect()
    job_id = accept(client, job("huge", ["seq", "1000000"]))
    end(client, job_id)
    tail = HostLogs(state).tail(job_id, 1, 2)
    assert tail.lines == ("999999", "1000000")


# Its death


def test_a_job_that_ran_when_the_host_died_has_failed_with_it(
    connect: Connect, tmp_path: Path
) -> None:
    client = connect()
    pid_file = tmp_path / "pid"
    script = f"echo $$ >> {pid_file}; exec sleep 300"
    job_id = accept(client, job("dies", ["sh", "-c", script]))
    [pid] = written(pid_file)
    dead = kill_host(client)
    detail = end(client, job_id)
    assert detail.status is JobStatus.FAILED
    assert detail.status_reason == f"Host (pid {dead}) terminated."
    assert not runs(int(pid))


def test_a_retry_after_the_hosts_death_starts_when_the_first_attempt_is_gone(
    connect: Connect, tmp_path: Path
) -> None:
    client = connect()
    started = tmp_path / "started"
    script = f"echo $$ >> {started}; test $AWS_BATCH_JOB_ATTEMPT = 2 || exec sleep 300"
    job_id = accept(client, job("again", ["sh", "-c", script], retryStrategy={"attempts": 2}))
    [first] = written(started)
    kill_host(client)
    detail = end(client, job_id)
    assert detail.status is JobStatus.SUCCEEDED
    assert [attempt.exit_code for attempt in detail.attempts] == [None, 0]
    assert not runs(int(first))


def test_a_process_that_left_its_group_dies_with_the_host_too(
    connect: Connect, tmp_path: Path
) -> None:
    client = connect()
    pid_file = tmp_path / "pid"
    script = f"setsid sh -c 'echo $$ >> {pid_file}; exec sleep 300' & sleep 300"
    accept(client, job("escapes", ["sh", "-c", script]))
    [pid] = written(pid_file)
    kill_host(client)
    client.describe([])
    client.find("escapes", "default")
    assert not runs(int(pid))


def test_what_was_accepted_outlives_the_host(connect: Connect) -> None:
    client = connect()
    ids = [accept(client, job(f"full-{number}", ["sleep", "300"])) for number in range(2)]
    waiting = accept(client, job("waits", ["true"], retryStrategy={"attempts": 2}))
    [outcome] = client.submit(
        [
            Submission(
                job_name="after",
                request={"containerOverrides": {"command": ["true"]}},
                depends_on=(waiting,),
            )
        ]
    )
    assert isinstance(outcome, Accepted)
    running(client, ids[1])
    kill_host(client)
    assert end(client, outcome.job_id).status is JobStatus.SUCCEEDED
    assert [len(end(client, each).attempts) for each in ids] == [1, 1]


def test_children_of_an_array_job_that_ended_are_not_run_again(
    connect: Connect, tmp_path: Path
) -> None:
    client = connect()
    started = tmp_path / "started"
    script = (
        f"echo $AWS_BATCH_JOB_ARRAY_INDEX >> {started}; test ${{AWS_BATCH_JOB_ARRAY_INDEX}} = 0"
    )
    script += " || test $AWS_BATCH_JOB_ATTEMPT = 2 || exec sleep 300"
    job_id = accept(
        client,
        job(
            "array",
            ["sh", "-c", script],
            arrayProperties={"size": 3},
            retryStrategy={"attempts": 2},
        ),
    )
    assert sorted(written(started, 3)) == ["0", "1", "2"]
    end(client, f"{job_id}:0")
    kill_host(client)
    assert end(client, job_id).status is JobStatus.SUCCEEDED
    assert sorted(written(started, 5)) == ["0", "1", "1", "2", "2"]


def test_what_was_terminated_before_the_host_died_is_not_retried(connect: Connect) -> None:
    client = connect()
    script = "trap '' TERM; echo deaf; while :; do sleep 0.05; done"
    job_id = accept(client, job("deaf", ["sh", "-c", script], retryStrategy={"attempts": 5}))
    running(client, job_id)
    client.terminate(job_id, "enough")
    kill_host(client)
    detail = end(client, job_id)
    assert (detail.status_reason, len(detail.attempts)) == ("enough", 1)


def test_a_wait_that_loses_the_host_names_all_that_may_have_changed(connect: Connect) -> None:
    client = connect()
    job_id = accept(client, job("long", ["sleep", "300"]))
    running(client, job_id)
    client.wait(0)
    kill_host(client)
    assert job_id in client.wait(5)


def test_sigterm_ends_the_host_and_what_it_runs(connect: Connect, tmp_path: Path) -> None:
    client = connect()
    pid_file = tmp_path / "pid"
    accept(client, job("long", ["sh", "-c", f"echo $$ >> {pid_file}; exec sleep 300"]))
    [pid] = written(pid_file)
    os.kill(client.host_pid, signal.SIGTERM)
    gone(client.host_pid)
    gone(int(pid))


# Clients


def test_a_host_without_clients_and_jobs_leaves(connect: Connect, state: Path) -> None:
    client = connect()
    end(client, accept(client, job("short", ["true"])))
    client.close()
    gone(client.host_pid)
    assert not (state / "host.sock").exists()


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


def test_only_what_jobs_need_is_inherited() -> None:
    given = {"PATH": "/bin", "LC_ALL": "C", "AWS_SECRET_ACCESS_KEY": "x", "PYTHONPATH": "y"}
    assert inherited(given) == {"PATH": "/bin", "LC_ALL": "C"}


# A broken state


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
