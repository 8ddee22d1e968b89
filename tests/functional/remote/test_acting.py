"""Acting by a real server: a scene with every verb that moves something, in both editions."""

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chalicelib.cli.exits import Exit
from tests.functional.hosts import until
from tests.functional.serving.servers import PROGRAM, LocalServer

# `load` waits for a file and then fails until another is there.
LOAD = "echo on >> on.txt; until test -e open; do sleep 0.02; done; echo loading; test -e fixed"
ETL = {
    "scheduleId": "etl",
    "scheduleName": "Evening load",
    "parameters": {"day": {"type": "string", "default": "mon"}},
    "jobList": [
        {"jobName": "load", "command": ["sh", "-c", LOAD]},
        {"jobName": "clean", "command": ["true"], "jobDependencies": ["load"]},
        {"jobName": "gate", "hold": True, "jobDependencies": ["clean"]},
        {"jobName": "publish", "command": ["echo", "out"], "jobDependencies": ["gate"]},
    ],
    "finally": [{"jobName": "tidy", "command": ["true"]}],
    "triggers": [{"name": "night", "cron": "30 2 * * *"}],
}
LONG = {
    "scheduleId": "long",
    "jobList": [
        {"jobName": "wait", "command": ["sh", "-c", "echo on >> long.txt; exec sleep 600"]}
    ],
}
HELLO = {"scheduleId": "hello", "jobList": [{"jobName": "greet", "command": ["echo", "hello"]}]}
TIMES = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?|\d\d:\d\d:\d\d|\d+\.\d+ s|\d+\.\d+"
)
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\(process \d+\)|\b[0-9a-f]{64}\b")


class Elsewhere:
    """One server with a folder of files, and the way its verbs are typed."""

    def __init__(self, folder: Path, *, is_local: bool = False) -> None:
        folder.mkdir()
        for document in (ETL, LONG, HELLO):
            (folder / f"{document['scheduleId']}.json").write_text(json.dumps(document))
        (folder / "de.json").write_text(json.dumps({"name": "de", "country": "DE"}))
        self.server = LocalServer(folder)
        self.server.driven()
        self.options = ["--state", str(self.server.state)] if is_local else self.http
        self.folder = folder

    @property
    def http(self) -> list[str]:
        return ["--edition", "http", "--url", self.server.url]

    def type(self, *words: str) -> tuple[int, str, str]:
        code, out, err = self.server.type(*words, *self.options)
        return code, self.plain(out), self.plain(err)

    def plain(self, text: str) -> str:
        """Without times, ids, the options that say where, and who drives."""
        text = text.replace(" " + " ".join(self.options), "").replace(str(self.folder), "FOLDER")
        text = re.sub(r"^Driven by .*; following\.\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"^driven by .*$", "driven", text, flags=re.MULTILINE)
        text = re.sub(r'"drivenBy": ".*"', '"drivenBy": "somebody"', text)
        text = IDS.sub("ID", TIMES.sub("TIME", text))
        return re.sub(r"[ ]+", " ", text)

    def await_lines(self, name: str, count: int) -> None:
        path = self.folder / name
        until(lambda: path.exists() and len(path.read_text().splitlines()) >= count, 20)


@pytest.fixture
def both(tmp_path: Path) -> Iterator[list[Elsewhere]]:
    made = [Elsewhere(tmp_path / "here", is_local=True), Elsewhere(tmp_path / "there")]
    yield made
    for each in made:
        each.server.close()


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Elsewhere]:
    made = Elsewhere(tmp_path / "there")
    yield made
    made.server.close()


Same = Callable[..., str]


@pytest.fixture
def same(both: list[Elsewhere]) -> Same:
    """Types a verb in both editions, which must say the same, and gives that."""

    def type_(*words: str, code: int = 0) -> str:
        here, there = (each.type(*words) for each in both)
        assert here == there
        assert here[0] == code, here
        return here[1] + here[2]

    return type_


@pytest.mark.rehearse
def test_a_run_is_started_repaired_and_ended_alike_in_both_editions(
    both: list[Elsewhere], same: Same
) -> None:
    assert "version 1, 5 jobs" in same("put", "etl.json")
    same("put", "etl.json", "--json")
    same("start", "etl", "--param", "day=tue", "--reason", "late", "--detach")
    for each in both:
        each.await_lines("on.txt", 1)
    assert "driven" in same("status")
    same("hold", "publish", "--reason", "not yet")
    same("release", "publish", "--json")
    same("pass", "gate")
    same("pass", "gate", code=Exit.REFUSED)
    for each in both:
        (each.folder / "open").touch()
    assert "UPSTREAM_FAILED" in same("watch", code=Exit.RUN_FAILED)
    assert "loading" in same("logs", "load")
    assert "run again (" in same("restart", "--plan")
    for each in both:
        (each.folder / "fixed").touch()
    assert "and again at the end (1): tidy" in same("restart", "--reason", "fixed", "--detach")
    assert "SUCCEEDED" in same("watch", "etl", "--json")
    same("rerun", "publish", "--downstream", "--reason", "once more")
    same("watch", "etl")
    same("mark", "publish", "failed")
    assert "generation 3" in same("status")


@pytest.mark.rehearse
def test_schedules_and_calendars_are_kept_and_runs_cancelled_alike_in_both_editions(
    both: list[Elsewhere], same: Same
) -> None:
    same("put", "etl.json")
    same("calendar", "put", "de.json")
    same("calendar", "show", "de")
    same("pause", "etl", "--reason", "holidays")
    same("pause", "etl", code=Exit.REFUSED)
    same("next", "etl", "--count", "2")
    same("resume", "etl")
    assert "hello" in same("run", "hello.json") + same("logs", "greet")
    same("delete", "hello")
    same("show", "hello", code=Exit.NOT_FOUND)
    same("calendar", "delete", "de")
    assert "CANCELLED" in _cancelled(both)


def _cancelled(both: list[Elsewhere]) -> str:
    """Put, start, terminate a job of one run, and cancel another."""
    for each in both:
        assert each.type("run", "long.json", "--detach")[0] == 0
        each.await_lines("long.txt", 1)
        assert each.type("terminate", "wait", "--reason", "enough")[0] == 0
        assert each.type("watch", "long")[0] == Exit.RUN_FAILED
        assert each.type("start", "long", "--detach")[0] == 0
        each.await_lines("long.txt", 2)
    here, there = (each.type("cancel", "long", "--reason", "enough") for each in both)
    assert here == there
    return here[1]


def test_a_log_is_followed_to_the_end_of_its_job(there: Elsewhere) -> None:
    assert there.type("put", "etl.json")[0] == 0
    assert there.type("start", "etl", "--detach")[0] == 0
    there.await_lines("on.txt", 1)
    with there.server.begin("logs", "load", "--follow", *there.options) as following:
        (there.folder / "open").touch()
        assert following.wait(30) == Exit.DONE
    assert there.type("logs", "load", "--follow", "--json")[1].count('"line": "loading"') == 1


def following(there: Elsewhere) -> subprocess.Popen[str]:
    """A terminal that follows a run whose job has begun."""
    process = subprocess.Popen(
        [*PROGRAM, "run", "long.json", *there.options],
        cwd=there.folder,
        env=there.server.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    await_line(process, "Driven by")
    there.await_lines("long.txt", 1)
    return process


def await_line(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError("it has ended")


def test_control_c_once_leaves_the_run_to_the_server(there: Elsewhere) -> None:
    process = following(there)
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=60)
    assert process.returncode == Exit.DETACHED, said
    assert re.search(r"Come back: batch-scheduler watch long/\S+ --edition http --url", printed)
    assert there.server.get("/runs")["runs"][0]["scheduleStatus"] == "RUNNING"


def test_control_c_twice_cancels_the_run_of_the_server(there: Elsewhere) -> None:
    process = following(there)
    process.send_signal(signal.SIGINT)
    await_line(process, "Once more")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == Exit.RUN_CANCELLED
    [run] = there.server.get("/runs")["runs"]
    assert (run["scheduleStatus"], "Ctrl-C twice" in run["reason"]) == ("CANCELLED", True)


def test_a_token_given_by_the_server_works_and_ends_when_it_is_revoked(there: Elsewhere) -> None:
    code, out, _ = there.server.type("token", "create", "bo", "--role", "viewer", *there.http)
    assert code == 0
    (there.folder / "bo.token").write_text(out)
    as_bo = ["--token-file", "bo.token", *there.http]
    assert there.server.type("list", *as_bo)[0] == Exit.DONE
    code, _, told = there.server.type("put", "hello.json", *as_bo)
    assert (code, told) == (Exit.REFUSED, "This needs the role author; bo is viewer.\n")
    assert there.server.type("token", "revoke", out.strip(), *there.http)[0] == 0
    code, _, told = there.server.type("list", *as_bo)
    assert (code, "ask an admin for one: batch-scheduler token create" in told) == (2, True)
    assert out.strip().split("_")[2] not in told
