"""Who is told of runs on one machine: real programs, a real receiver, and engines that are gone."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.exits import Exit
from tests.functional.receivers import Receiver, is_silent, listening, status

PROGRAM = [sys.executable, "-m", "chalicelib.cli.main"]
TOKEN = "T0CANARY9"  # noqa: S105 - what must never be seen
SECRET = "s3cr3tC4N4RY"  # noqa: S105 - what must never be seen
JOBS = [
    {"jobName": "use", "command": ["test", "-e", "allowed"]},
    {"jobName": "tell", "command": ["true"], "jobDependencies": ["use"]},
]
ALL = ["jobFailed", "failed", "succeeded", "recovered"]


class Desk:
    """Types verbs in a folder of its own, each a process of its own."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        self.folder = folder
        self.receiver = receiver
        self.state = folder / "state"
        self.seen = ""  # all that was printed

    def schedule(self, *on: str, jobs: list[dict[str, Any]] | None = None, **more: Any) -> str:
        """A document that tells the receiver of these, signed; its name."""
        webhook = {"url": self.receiver.url(f"/{TOKEN}"), "secret": "HOOK"}
        rule = {"on": list(on), "webhook": webhook}
        document = {"scheduleId": "etl", "jobList": jobs or JOBS, "notify": [rule], **more}
        (self.folder / "etl.json").write_text(json.dumps(document))
        return "etl.json"

    def type(self, *words: str) -> tuple[int, str]:
        """The exit code, and what was printed and said."""
        environment = {
            **os.environ,
            "BATCH_SCHEDULER_STATE": str(self.state),
            "BATCH_SCHEDULER_HOST_IDLE": "0.1",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HOOK": SECRET,
        }
        done = subprocess.run(
            [*PROGRAM, *words],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.seen += done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr

    @property
    def told(self) -> list[str]:
        return [got.json["kind"] for got in self.receiver.received]

    def by_hand(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.state / "batch-scheduler.db")) as connection, connection:
            return connection.execute(statement).fetchall()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with listening() as receiver:
        yield Desk(tmp_path, receiver)


def test_a_failure_its_end_and_the_recovery_are_told(desk: Desk) -> None:
    code, _ = desk.type("run", desk.schedule(*ALL))
    assert code == Exit.RUN_FAILED
    assert sorted(desk.told) == ["failed", "jobFailed"]
    failed = next(got.json for got in desk.receiver.received if got.json["kind"] == "failed")
    run = failed["run"]
    assert failed["id"] == f"{run}/1/failed"
    assert failed["subject"] == "etl: run FAILED"
    assert "- use: exit 1" in failed["message"]
    (desk.folder / "allowed").touch()
    words = next(line for line in failed["commands"] if line.split()[1] == "restart")
    assert words == f"batch-scheduler restart {run} --plan --state {desk.state}"
    assert desk.type("restart", run)[0] == Exit.DONE
    assert desk.receiver.received[-1].json["id"] == f"{run}/2/recovered"
    assert desk.type("start", "etl")[0] == Exit.DONE
    assert desk.told[2:] == ["recovered", "succeeded"]


def test_nobody_who_did_not_ask_is_told_and_nothing_is_kept(desk: Desk) -> None:
    desk.type("run", desk.schedule("failed", jobs=JOBS[1:] and [{"jobName": "a",
                                                                "command": ["true"]}]))  # fmt: skip
    assert desk.told == []
    assert desk.by_hand("SELECT count(*) FROM outbox") == [(0,)]
    assert desk.by_hand("SELECT count(*) FROM runs WHERE untold = 1") == [(0,)]


def test_f37_who_can_t_be_told_changes_nothing_and_is_told_by_the_next_engine(
    desk: Desk,
) -> None:
    desk.receiver.answers = [status(503)]
    code, said = desk.type("run", desk.schedule("failed"))
    assert code == Exit.RUN_FAILED
    assert "1 notice could not be delivered yet" in said
    assert desk.told == ["failed"]
    desk.by_hand("UPDATE outbox SET next_at = '2026-01-01T00:00:00.000000Z'")
    code, said = desk.type("resume")
    assert (code, said) == (Exit.DONE, "Nothing is unfinished.\n")
    first, second = desk.receiver.received
    assert first.headers["X-Batch-Scheduler-Id"] == second.headers["X-Batch-Scheduler-Id"]
    assert first.body == second.body
    assert desk.type("resume")[1] == "Nothing is unfinished.\n"
    assert len(desk.receiver.received) == 2


def test_f37_a_silent_receiver_holds_the_program_up_for_seconds_and_no_longer(
    desk: Desk,
) -> None:
    desk.receiver.answers = [is_silent]
    code, said = desk.type("run", desk.schedule("failed"))
    assert code == Exit.RUN_FAILED
    assert "1 notice could not be delivered yet" in said


def test_an_end_that_an_engine_left_untold_is_told_by_the_next(desk: Desk) -> None:
    desk.type("run", desk.schedule("failed"))
    desk.by_hand("DELETE FROM outbox")  # as if it had been killed before it posted
    desk.by_hand("UPDATE runs SET untold = 1")
    assert desk.type("resume")[0] == Exit.DONE
    first, second = (got.json for got in desk.receiver.received)
    assert first == second
    assert desk.by_hand("SELECT untold FROM runs") == [(0,)]


def test_what_others_post_is_delivered_by_the_engine_that_lives(desk: Desk) -> None:
    post = (
        "from pathlib import Path; from chalicelib.config import read_settings;"
        "from chalicelib.bootstrap import open_edition;"
        "from chalicelib.services.announcing import NoStart, tell_missed\n"
        "with open_edition(read_settings()) as edition:\n"
        "    at = edition.ports.clock()\n"
        "    start = NoStart(trigger='cron', fire_time=at, why='nothing ran')\n"
        "    tell_missed(edition.ports, 'etl', start)"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(desk.folder),
                   "BATCH_SCHEDULER_STATE": str(desk.state)}  # fmt: skip
    command = [sys.executable, "-c", post]
    jobs = [{"jobName": "other", "command": command, "environment": environment}]
    code, said = desk.type("run", desk.schedule("missed", jobs=jobs))
    assert code == Exit.DONE, said
    [got] = desk.receiver.received
    assert got.json["subject"].startswith("etl: the run of")
    assert got.json["commands"] == [f"batch-scheduler start etl --state {desk.state}"]


def test_runs_from_before_there_were_notices_are_not_told(desk: Desk) -> None:
    version_1 = Path(__file__).with_name("version_1.sql").read_text()
    desk.state.mkdir(mode=0o700)
    with closing(sqlite3.connect(desk.state / "batch-scheduler.db")) as connection:
        connection.executescript(version_1.replace("'RUNNING',0,'{", "'FAILED',0,'{"))
    desk.type("resume")
    assert desk.by_hand("SELECT status, untold FROM runs") == [("FAILED", 0)]
    assert desk.told == []


def test_the_log_gets_a_line_of_json(desk: Desk) -> None:
    rules = [{"on": ["failed"], "log": True}]
    desk.type("run", desk.schedule(jobs=JOBS, notify=rules))
    [line] = (desk.state / "notices.log").read_text().splitlines()
    assert json.loads(line)["subject"] == "etl: run FAILED"
    assert (desk.state / "notices.log").stat().st_mode & 0o077 == 0


def test_a_topic_is_for_aws(desk: Desk) -> None:
    topic = "arn:aws:sns:eu-central-1:123456789012:nights"
    desk.type("run", desk.schedule(notify=[{"on": ["failed"], "topic": topic}]))
    assert desk.by_hand("SELECT is_told, next_at FROM outbox") == [(0, None)]


def test_t11_neither_the_url_nor_the_secret_is_ever_seen(desk: Desk) -> None:
    desk.receiver.answers = [status(404), status(503)]
    desk.type("run", desk.schedule(*ALL))
    for words in (
        ["show", "etl"],
        ["show", "etl", "--document"],
        ["show", "etl", "--json"],
        ["list", "--json"],
        ["status", "--all", "--json"],
        ["runs", "--json"],
        ["history", "--json"],
        ["explain", "--json"],
        ["export", "latest"],
        ["graph", "etl"],
        ["validate", "etl.json", "--json"],
        ["put", "etl.json", "--json"],
    ):
        code, said = desk.type(*words)
        assert code == Exit.DONE, said
    broken = json.loads((desk.folder / "etl.json").read_text())
    broken["notify"][0]["webhook"]["url"] = f"http://example.com/{TOKEN}"
    broken["notify"][0]["webhook"]["secret"] = SECRET + "!"
    (desk.folder / "broken.json").write_text(json.dumps(broken))
    assert desk.type("validate", "broken.json")[0] == Exit.INVALID
    desk.type("put", "broken.json", "--json")
    assert desk.seen
    for canary in (TOKEN, SECRET):
        assert canary not in desk.seen
        for path in desk.state.rglob("*.log"):
            assert canary not in path.read_text()
    assert SECRET not in "".join(map(str, desk.by_hand("SELECT * FROM outbox")))
    assert TOKEN not in "".join(map(str, desk.by_hand("SELECT reason, actor FROM events")))
    assert TOKEN not in "".join(map(str, desk.by_hand("SELECT error FROM outbox")))
    assert all(SECRET not in got.body.decode() for got in desk.receiver.received)
