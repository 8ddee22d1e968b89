"""What a job of the real host gets: its environment, its place, its log, its end."""

import sys
from pathlib import Path

import pytest

from chalicelib.core.lifecycle import JobStatus
from chalicelib.local.host_logs import HostLogs
from tests.functional.hosts import Connect, accept, end, gone, job, until, written


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


def test_what_has_only_just_ended_can_be_waited_for(connect: Connect) -> None:
    client = connect()
    ended = [accept(client, job(f"first-{number}", ["true"])) for number in range(5)]
    for job_id in ended:
        end(client, job_id)
    after = job("after", ["true"], dependsOn=[{"jobId": job_id} for job_id in ended])
    assert end(client, accept(client, after)).status is JobStatus.SUCCEEDED


def test_a_job_is_told_where_to_tell_and_finds_what_does_it(connect: Connect, state: Path) -> None:
    client = connect(environment={"PATH": "/usr/bin:/bin"})
    own = [
        {"name": "PATH", "value": "/bin"},
        {"name": "BATCH_SCHEDULER_CLAIMS", "value": "directory:/nowhere"},
    ]
    overrides = {"command": ["/usr/bin/env"], "environment": own}
    ids = [
        accept(client, job("usual", ["env"])),
        accept(client, job("own", [], containerOverrides=overrides)),
    ]
    commands = str(Path(sys.executable).parent)
    for job_id, path in zip(ids, (f"/usr/bin:/bin:{commands}", "/bin"), strict=True):
        end(client, job_id)
        lines = HostLogs(state).read(job_id, 1).lines
        assert f"PATH={path}" in lines
        assert f"BATCH_SCHEDULER_CLAIMS=directory:{state}/claims" in lines


def test_a_path_that_has_our_commands_already_stays_as_it_is(connect: Connect, state: Path) -> None:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    client = connect(environment={"PATH": path})
    job_id = accept(client, job("path", ["env"]))
    end(client, job_id)
    assert f"PATH={path}" in HostLogs(state).read(job_id, 1).lines
