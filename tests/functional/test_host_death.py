"""What the death of the real host leaves, and what the next one makes of it."""

import os
import signal
import sqlite3
import time
from pathlib import Path

from chalicelib.core.batch import Accepted, Submission, Unanswered
from chalicelib.core.lifecycle import JobStatus
from tests.functional.hosts import (
    Connect,
    accept,
    end,
    gone,
    job,
    kill_host,
    running,
    runs,
    written,
)


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


def test_f47_what_was_accepted_outlives_the_host(connect: Connect) -> None:
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


def test_a_reply_that_was_lost_is_not_asked_for_again(connect: Connect, tmp_path: Path) -> None:
    client = connect()
    started = tmp_path / "started"
    client.find("x", "default")
    os.kill(client.host_pid, signal.SIGSTOP)
    shell = ["/bin/sh", "-c", f"sleep 0.1; kill -9 {client.host_pid}"]
    killer = os.posix_spawn(shell[0], shell, {"PATH": os.defpath})
    [outcome] = client.submit([job("once", ["sh", "-c", f"echo >> {started}"])])
    os.waitpid(killer, 0)
    assert isinstance(outcome, Unanswered)
    assert client.find("once", "default") == []


def test_f47_no_attempt_starts_twice_however_often_the_host_dies(
    connect: Connect, tmp_path: Path
) -> None:
    client = connect()
    started = tmp_path / "started"
    script = f'echo "$AWS_BATCH_JOB_ID $AWS_BATCH_JOB_ATTEMPT" >> {started}'
    submissions = [
        job(f"job-{number}", ["sh", "-c", script], retryStrategy={"attempts": 10})
        for number in range(60)
    ]
    ids = [each.job_id for each in client.submit(submissions) if isinstance(each, Accepted)]
    for delay in (0.004, 0.021, 0.009, 0.027, 0.014):  # s: an instant among the starts each time
        time.sleep(delay)
        kill_host(client)
        client.find("x", "default")
    for job_id in ids:
        assert end(client, job_id).status is JobStatus.SUCCEEDED
    lines = started.read_text().splitlines()
    assert len(set(lines)) == len(lines)
    assert len({line.split()[0] for line in lines}) == 60


def test_sigterm_ends_the_host_and_what_it_runs(connect: Connect, tmp_path: Path) -> None:
    client = connect()
    pid_file = tmp_path / "pid"
    accept(client, job("long", ["sh", "-c", f"echo $$ >> {pid_file}; exec sleep 300"]))
    [pid] = written(pid_file)
    os.kill(client.host_pid, signal.SIGTERM)
    gone(client.host_pid)
    gone(int(pid))


def cut_power(state: Path) -> None:
    """Lose what a power cut may: the rounds since the last write to the disk itself."""
    with sqlite3.connect(state / "host.db") as database:
        database.execute("DELETE FROM progress")
        database.execute("UPDATE facts SET value = 'another' WHERE name = 'boot'")
    database.close()
    (state / "host.journal").unlink()


def test_f47_an_attempt_whose_start_a_power_cut_took_from_the_record_is_not_started_again(
    connect: Connect, state: Path, tmp_path: Path
) -> None:
    client = connect(vcpus=1)
    started = tmp_path / "started"
    job_id = accept(client, job("cut", ["sh", "-c", f"echo $$ >> {started}; exec sleep 300"]))
    [pid] = written(started)
    dead = kill_host(client)
    os.kill(int(pid), signal.SIGKILL)
    cut_power(state)
    detail = end(client, job_id)
    assert detail.status is JobStatus.FAILED
    words = f"Host (pid {dead}) terminated. Power was lost: it may have started."
    assert detail.status_reason == words
    assert written(started) == [pid]


def test_a_job_that_was_far_from_its_start_runs_after_a_power_cut(
    connect: Connect, state: Path, tmp_path: Path
) -> None:
    client = connect(vcpus=1)
    started = tmp_path / "started"
    first = accept(client, job("first", ["sh", "-c", f"echo $$ >> {started}; exec sleep 300"]))
    written(started)
    late = accept(client, job("late", ["true"]))
    kill_host(client)
    cut_power(state)
    assert end(client, first).status is JobStatus.FAILED
    assert end(client, late).status is JobStatus.SUCCEEDED


def test_after_a_death_without_a_power_cut_only_what_had_started_is_lost(
    connect: Connect, tmp_path: Path
) -> None:
    client = connect(vcpus=1)
    started = tmp_path / "started"
    submissions = [job("first", ["sh", "-c", f"echo $$ >> {started}; exec sleep 300"])]
    submissions += [job(f"next-{number}", ["true"]) for number in range(3)]
    ids = [out.job_id for out in client.submit(submissions) if isinstance(out, Accepted)]
    written(started)
    kill_host(client)
    ends = [end(client, job_id).status for job_id in ids]
    assert ends == [JobStatus.FAILED, *[JobStatus.SUCCEEDED] * 3]
