"""Waiting at the terminal for a run that the state machine drives."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from chalicelib.cli.exits import Exit
from chalicelib.core.run import RunHeader
from tests.functional.aws_desk import STAGE, AwsDesk, desk_on_aws
from tests.functional.hosts import until

JOB = {"jobQueue": "daily", "jobDefinition": "extract"}
CHAIN = {
    "scheduleId": "nightly",
    "jobList": [{"jobName": "a", **JOB}, {"jobName": "b", "jobDependencies": ["a"], **JOB}],
}
_SOON = 12.0  # s; a second Ctrl-C is waited for three of them


@pytest.fixture
def desk(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[AwsDesk]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nightly.json").write_text(json.dumps(CHAIN), encoding="utf-8")
    with desk_on_aws(capsys, monkeypatch) as opened:
        yield opened


@contextmanager
def meanwhile(deed: Callable[[], object]) -> Iterator[Future[object]]:
    """Do something while a verb waits."""
    with ThreadPoolExecutor(1) as hand:
        done = hand.submit(deed)
        yield done
        done.result()


def the_run(desk: AwsDesk) -> RunHeader:
    headers: list[RunHeader] = until(desk.runs.find_headers)
    return headers[0]


def test_a_run_is_waited_for_until_it_ends(desk: AwsDesk) -> None:
    with meanwhile(lambda: desk.drive(the_run(desk).run_id)):
        code, out, err = desk.type("run", "nightly.json")
    assert (code, err) == (Exit.DONE, "")
    assert "Driven by the state machine batch-scheduler-dev; following." in out
    assert "SUCCEEDED" in out.splitlines()[-1]


def test_control_c_leaves_the_run_within_seconds_and_says_how_to_come_back(desk: AwsDesk) -> None:
    def type_control_c() -> None:
        the_run(desk)
        until(lambda: signal.getsignal(signal.SIGINT) is not signal.default_int_handler)
        os.kill(os.getpid(), signal.SIGINT)

    began = monotonic()
    with meanwhile(type_control_c):
        code, out, _ = desk.type("run", "nightly.json")
    assert code == Exit.DETACHED
    assert monotonic() - began < _SOON
    run_id = the_run(desk).run_id
    *_, left, stands = out.splitlines()
    assert left.endswith(f"Come back: batch-scheduler watch {run_id} {' '.join(STAGE)}")
    told = re.fullmatch(rf"Run {run_id} RUNNING after (\d+\.\d) s: 2 WAITING", stands)
    assert told
    assert float(told[1]) >= 3.0
    assert the_run(desk).status == "RUNNING"
