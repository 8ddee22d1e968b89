"""The pages as a terminal shows them, and what needs somebody at the keyboard."""

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from chalicelib.cli import drawing, looking
from chalicelib.cli.exits import Exit
from chalicelib.cli.log_page import LogRequest, show_log
from chalicelib.cli.session import Session
from chalicelib.config import read_settings
from tests.functional.recorded import RUN, Desk

RED = "\x1b[1;31m"


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    made = Desk(tmp_path / "state", capsys)
    made.record_run(reason="the monthly load")
    return made


@pytest.fixture
def screen() -> StringIO:
    return StringIO()


@pytest.fixture
def session(desk: Desk, screen: StringIO) -> Iterator[Session]:
    """A session at a terminal of 70 columns."""
    with Session(read_settings(state=desk.directory), as_json=False) as opened:
        opened.console = Console(
            file=screen, width=70, force_terminal=True, color_system="standard", highlight=False
        )
        yield opened


def plain(screen: StringIO) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())


def test_status_colours_what_failed(session: Session, screen: StringIO) -> None:
    assert looking.status(session) is Exit.DONE
    assert f"{RED}FAILED" in screen.getvalue()
    assert f"{RED}NO ENGINE DRIVES IT" in screen.getvalue()
    assert "the monthly load" in plain(screen)


def test_an_explanation_is_wrapped_below_its_beginning(session: Session, screen: StringIO) -> None:
    looking.explain(session, "report")
    lines = plain(screen).splitlines()
    wrapped = next(i for i, line in enumerate(lines) if "mostly for want" in line)
    assert lines[wrapped + 1].startswith("      after a time-out")
    assert f"{RED}load" in screen.getvalue()


def test_a_graph_of_a_run_colours_statuses_and_nothing_else(
    session: Session, screen: StringIO
) -> None:
    drawing.graph(session, RUN)
    assert re.search(r"3  load    .*\x1b\[1;31m  FAILED\x1b\[0m", screen.getvalue())
    assert screen.getvalue().count(RED) == 1


def test_a_graph_at_a_terminal_says_the_same_as_piped(
    session: Session, screen: StringIO, desk: Desk
) -> None:
    drawing.graph(session, RUN)
    assert [line.rstrip() for line in plain(screen).splitlines()] == (
        desk.read("graph", RUN).splitlines()
    )


def test_ctrl_c_ends_the_following_and_not_the_job(session: Session, desk: Desk) -> None:
    def type_ctrl_c() -> None:
        raise KeyboardInterrupt

    request = LogRequest(job="crunch", follow=True)
    assert show_log(session, request, type_ctrl_c) is Exit.DETACHED
    assert desk.json("status")["running"][0]["jobName"] == "crunch"


def test_the_log_of_an_array_tells_of_the_child_that_failed(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCH_SCHEDULER_HOST_IDLE", "0.1")
    path = tmp_path / "many.yaml"
    path.write_text(
        """
        scheduleId: many
        jobList:
          - jobName: parts
            arrayProperties: {size: 3}
            shell: true
            command: "echo part $AWS_BATCH_JOB_ARRAY_INDEX; [ $AWS_BATCH_JOB_ARRAY_INDEX != 1 ]"
          - {jobName: sum, jobDependencies: [parts], command: ["true"]}
        """
    )
    fresh = desk.beside("fresh")
    assert fresh.type("run", str(path))[0] == Exit.RUN_FAILED
    page = fresh.read("explain").splitlines()
    assert "      array of 3: 2 SUCCEEDED, 1 FAILED" in page
    assert "      failed children: 1" in page
    assert page[page.index("      | (child 1)") + 1] == "      | part 1"
    assert any("logs parts:1 " in line for line in page)
    assert fresh.read("logs", "parts:2") == "part 2\n"
