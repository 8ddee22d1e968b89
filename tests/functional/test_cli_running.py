"""Starting, leaving, ending, repairing runs: the real terminal, engines and hosts, and signals."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.exits import Exit
from tests.functional.hosts import gone, runs

PROGRAM = [sys.executable, "-m", "chalicelib.cli.main"]
TWO = [
    {"jobName": "make", "command": ["sh", "-c", "echo made >> made.txt"]},
    {"jobName": "use", "command": ["sh", "-c", "test -e allowed"], "jobDependencies": ["make"]},
    {"jobName": "tell", "command": ["echo", "told"], "jobDependencies": ["use"]},
]


class Desk:
    """Types verbs in a folder of its own, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.environment = {
            **os.environ,
            "BATCH_SCHEDULER_STATE": str(self.state),
            "BATCH_SCHEDULER_HOST_IDLE": "0.1",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }

    def schedule(self, jobs: list[dict[str, Any]], **members: Any) -> str:
        """Write a document and give its name."""
        document = {"scheduleId": "etl", "jobList": jobs, **members}
        (self.folder / "etl.json").write_text(json.dumps(document))
        return "etl.json"

    def type(self, *words: str) -> tuple[int, str, str]:
        """The exit code, what was printed, what was said beside it."""
        done = subprocess.run(
            [*PROGRAM, *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Type a verb and go on without waiting for its end."""
        return subprocess.Popen(
            [*PROGRAM, *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def status(self) -> dict[str, Any]:
        code, printed, said = self.type("status", "--all", "--json")
        assert code == Exit.DONE, said
        shown: dict[str, Any] = json.loads(printed)
        return shown

    def jobs(self) -> dict[str, str]:
        """The status of each job of the latest run."""
        code, printed, said = self.type("export", "latest")
        assert code == Exit.DONE, said
        return {job["jobName"]: job["jobStatus"] for job in json.loads(printed)["jobList"]}

    def await_line(self, name: str) -> str:
        """Wait until a job has written a file; its text."""
        path = self.folder / name
        for _ in range(3000):
            if path.exists() and path.read_text().endswith("\n"):
                return path.read_text()
            self.pause()
        raise AssertionError(f"{name} was never written")

    def pause(self) -> None:
        """Let other processes run for a hundredth of a second."""
        subprocess.run(["sleep", "0.01"], check=True)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    lock = desk.state / "engine.lock"
    if lock.exists() and (found := re.search(r"process (\d+)", lock.read_text())):
        end(int(found[1]))


def end(pid: int) -> None:
    """Kill a process that may have gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    gone(pid)


def engine_pid(desk: Desk) -> int:
    """The process that holds the lease."""
    for _ in range(3000):
        lock = desk.state / "engine.lock"
        if lock.exists() and (found := re.search(r"process (\d+)", lock.read_text())):
            return int(found[1])
        desk.pause()
    raise AssertionError("no engine took the lease")


def host_pid(desk: Desk) -> int:
    """The host of the state directory, found by its command line."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words = (process / "cmdline").read_text().split("\0")
            except OSError:
                continue
            if "chalicelib.local.host" in words and str(desk.state) in words:
                return int(process.name)
    raise AssertionError("no host runs")


def test_a_failed_run_goes_on_where_it_stopped_once_the_cause_is_gone(desk: Desk) -> None:
    code, printed, _ = desk.type("run", desk.schedule(TWO))
    assert code == Exit.RUN_FAILED
    assert "1 SUCCEEDED, 1 FAILED, 1 UPSTREAM_FAILED" in printed
    (desk.folder / "allowed").touch()
    code, printed, _ = desk.type("restart", "etl", "--plan")
    assert "run again (2): use, tell" in printed
    assert "keep as done (1): make" in printed
    assert desk.jobs()["use"] == "FAILED"
    code, printed, _ = desk.type("restart", "etl", "--reason", "allowed it")
    assert code == Exit.DONE, printed
    assert set(desk.jobs().values()) == {"SUCCEEDED"}
    assert (desk.folder / "made.txt").read_text() == "made\n"


def test_a_restart_tells_of_its_own_generation_only(desk: Desk) -> None:
    desk.type("run", desk.schedule(TWO))
    _, printed, _ = desk.type("restart", "etl")
    ends = [line.split()[1:3] for line in printed.splitlines() if line[2:3] == ":"]
    assert ends == [["FAILED", "use:"], ["UPSTREAM_FAILED", "tell:"]]
    _, printed, _ = desk.type("watch", "etl")
    assert [line for line in printed.splitlines() if line[2:3] == ":"] == []


def test_a_passed_job_lets_a_restart_end_well_without_running_it(desk: Desk) -> None:
    desk.type("run", desk.schedule(TWO))
    code, printed, _ = desk.type("pass", "use", "--reason", "done by hand")
    assert (code, "FAILED -> PASS" in printed) == (Exit.DONE, True)
    code, _, _ = desk.type("restart")
    assert code == Exit.DONE
    assert desk.jobs() == {"make": "SUCCEEDED", "use": "PASS", "tell": "SUCCEEDED"}


def test_a_run_whose_last_open_job_was_passed_ends_well_without_running_anything(
    desk: Desk,
) -> None:
    desk.type("run", desk.schedule(TWO[:2]))
    desk.type("pass", "use")
    assert desk.type("restart")[0] == Exit.DONE
    assert desk.status()["run"]["scheduleStatus"] == "SUCCEEDED"


def test_every_act_is_in_the_history_with_who_and_why(desk: Desk) -> None:
    desk.type("run", desk.schedule(TWO))
    desk.type("mark", "use", "succeeded", "--reason", "seen with my own eyes")
    _, printed, _ = desk.type("history", "--json", "--job", "use")
    last = json.loads(printed)[-1]
    assert (last["act"], last["before"], last["after"]) == ("MARK_SUCCEEDED", "FAILED", "SUCCEEDED")
    assert last["reason"].endswith("seen with my own eyes")
    assert last["actor"] not in ("", "engine")


def test_what_the_status_forbids_is_refused_with_what_is_possible(desk: Desk) -> None:
    desk.type("run", desk.schedule(TWO[:1]))
    code, _, said = desk.type("hold", "make")
    assert code == Exit.REFUSED
    assert said == "'make' is SUCCEEDED, so hold is not possible; possible: mark failed, rerun.\n"


def test_one_verb_takes_many_jobs_by_glob_and_by_status(desk: Desk) -> None:
    jobs = [{"jobName": f"part-{n}", "command": ["false"]} for n in range(3)]
    desk.type("run", desk.schedule([*jobs, {"jobName": "other", "command": ["false"]}]))
    code, printed, _ = desk.type("mark", "part-*", "succeeded", "--status", "FAILED", "--json")
    assert code == Exit.DONE
    changed = [change["jobName"] for change in json.loads(printed)["changed"]]
    assert changed == ["part-0", "part-1", "part-2"]
    assert desk.jobs()["other"] == "FAILED"


def test_a_rerun_with_downstream_runs_what_had_succeeded_once_more(desk: Desk) -> None:
    (desk.folder / "allowed").touch()
    desk.type("run", desk.schedule(TWO))
    desk.type("rerun", "make", "--downstream")
    desk.type("watch")
    assert (desk.folder / "made.txt").read_text() == "made\nmade\n"
    _, printed, _ = desk.type("history", "--json", "--job", "tell")
    assert [each["attempt"] for each in json.loads(printed)][-1] == 2


def test_a_cancelled_run_ends_what_runs_and_starts_nothing_more(desk: Desk) -> None:
    jobs = [
        {"jobName": "long", "command": ["sh", "-c", "echo on > on.txt; exec sleep 600"]},
        {"jobName": "next", "command": ["true"], "jobDependencies": ["long"]},
    ]
    desk.type("run", desk.schedule(jobs), "--detach")
    desk.await_line("on.txt")
    code, _, said = desk.type("cancel", "etl", "--reason", "wrong day")
    assert code == Exit.DONE, said
    assert set(desk.jobs().values()) == {"CANCELLED"}
    assert desk.status()["run"]["scheduleStatus"] == "CANCELLED"


def test_an_engine_killed_at_work_is_replaced_and_its_jobs_are_adopted(desk: Desk) -> None:
    script = "echo $$ >> on.txt; while [ ! -e go ]; do sleep 0.02; done; exit 7"
    jobs = [{"jobName": "long", "command": ["sh", "-c", script]}]
    desk.type("run", desk.schedule(jobs), "--detach")
    started = desk.await_line("on.txt")
    end(engine_pid(desk))
    (desk.folder / "go").touch()
    code, printed, said = desk.type("resume")
    assert code == Exit.RUN_FAILED, said
    assert desk.await_line("on.txt") == started
    _, printed, _ = desk.type("status", "--all", "--json")
    assert '"exitCode": 7' in printed


def test_a_detached_resume_can_be_told_as_json(desk: Desk) -> None:
    jobs = [{"jobName": "long", "command": ["sh", "-c", "echo $$ >> on.txt; exec sleep 600"]}]
    _, printed, _ = desk.type("run", desk.schedule(jobs), "--detach", "--json")
    run = json.loads(printed)["runId"]
    desk.await_line("on.txt")
    end(engine_pid(desk))
    code, printed, said = desk.type("resume", "--detach", "--json")
    assert code == Exit.DONE, said
    assert json.loads(printed) == {"resumed": {run: "RUNNING"}}
    desk.type("cancel", run)


def test_a_job_whose_host_was_killed_has_failed_with_the_host(desk: Desk) -> None:
    jobs = [{"jobName": "long", "command": ["sh", "-c", "echo $$ > on.txt; exec sleep 600"]}]
    desk.type("run", desk.schedule(jobs), "--detach")
    pid = int(desk.await_line("on.txt"))
    end(host_pid(desk))
    desk.type("watch")
    assert desk.jobs() == {"long": "FAILED"}
    _, printed, _ = desk.type("explain", "long")
    assert re.search(r"Host .*terminated", printed)
    assert not runs(pid)


def test_control_c_once_leaves_the_run_to_go_on(desk: Desk) -> None:
    jobs = [
        {"jobName": "long", "command": ["sh", "-c", "echo on > on.txt; cat fifo"]},
        {"jobName": "next", "command": ["true"], "jobDependencies": ["long"]},
    ]
    os.mkfifo(desk.folder / "fifo")
    process = desk.begin("run", desk.schedule(jobs))
    desk.await_line("on.txt")
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=60)
    assert process.returncode == Exit.DETACHED, said
    assert "batch-scheduler watch etl/" in printed
    (desk.folder / "fifo").write_text("")
    assert desk.type("watch")[0] == Exit.DONE


def test_control_c_twice_cancels_the_run(desk: Desk) -> None:
    jobs = [{"jobName": "long", "command": ["sh", "-c", "echo on > on.txt; exec sleep 600"]}]
    process = desk.begin("run", desk.schedule(jobs))
    desk.await_line("on.txt")
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    while "Once more" not in process.stdout.readline():
        continue
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == Exit.RUN_CANCELLED
    assert desk.jobs() == {"long": "CANCELLED"}


def test_a_second_engine_follows_the_first_and_says_so(desk: Desk) -> None:
    os.mkfifo(desk.folder / "fifo")
    jobs = [{"jobName": "long", "command": ["sh", "-c", "echo on > on.txt; cat fifo"]}]
    first = desk.begin("run", desk.schedule(jobs))
    desk.await_line("on.txt")
    second = desk.begin("watch", "etl")
    assert second.stdout is not None
    while "following" not in second.stdout.readline():
        continue
    (desk.folder / "fifo").write_text("")
    for process in (first, second):
        process.communicate(timeout=60)
        assert process.returncode == Exit.DONE


def test_parameters_reach_the_commands_and_wrong_ones_start_nothing(desk: Desk) -> None:
    declared = {"date": {"type": "date", "required": True}}
    jobs = [{"jobName": "say", "command": ["echo", "${date}"]}]
    desk.schedule(jobs, parameters=declared)
    code, _, said = desk.type("run", "etl.json", "--param", "dat=2026-11-23")
    assert code == Exit.INVALID
    assert "did you mean 'date'?" in said
    assert desk.type("runs", "--json")[1].count("runId") == 0
    assert desk.type("run", "etl.json", "--param", "date=2026-11-23")[0] == Exit.DONE
    assert desk.type("logs", "say")[1] == "2026-11-23\n"


def test_a_job_that_this_machine_could_never_run_is_told_before_anything_starts(
    desk: Desk,
) -> None:
    jobs = [{"jobName": "load", "jobDefinition": "arn:aws:batch:x:1:job-definition/load:1"}]
    code, _, said = desk.type("run", desk.schedule(jobs))
    assert code == Exit.INVALID
    assert said.startswith("$.jobList[0]: job 'load' can't run here: it needs a command")
    assert desk.type("runs", "--json")[1].count("runId") == 0


def test_a_database_of_a_newer_program_is_left_alone_with_one_sentence(desk: Desk) -> None:
    desk.type("run", desk.schedule(TWO[:1]))
    with sqlite3.connect(desk.state / "batch-scheduler.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    code, printed, said = desk.type("runs")
    assert (code, printed) == (Exit.BACKEND, "")
    assert said.count("\n") == 1
    assert "99" in said
