"""docs/batch-job.md says what batch-job does: its exit codes, its commands, its variables."""

import io
import re
from pathlib import Path

import pytest

from fetch_and_run import archives, claim_form, fetching, identity, places, scripts, telling
from fetch_and_run import main as main_module
from fetch_and_run.claims import WHERE
from fetch_and_run.exits import Exit
from fetch_and_run.main import main
from tests.jobs.processes import ROOT
from tests.jobs.worlds import world_of

PAGE = (ROOT / "docs" / "batch-job.md").read_text("utf-8")


def test_every_exit_code_is_in_the_table_once_and_no_other() -> None:
    rows = re.findall(r"^\| (\d+) \| (\w+) \| \S", PAGE, re.MULTILINE)
    assert rows == [(str(int(code)), code.name) for code in Exit]


def test_every_command_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"], world_of({}))
    commands = re.findall(r"^    (\w+)", capsys.readouterr().out, re.MULTILINE)
    assert len(commands) > 10
    for command in commands:
        assert re.search(rf"`(batch-job )?{command}\b", PAGE), command


def test_every_variable_that_is_read_is_on_the_page_and_no_other() -> None:
    read = {
        *(scripts.TYPE, scripts.URL, scripts.VERSION, scripts.SHA256, scripts.KEEP),
        *(scripts.FETCHED, places.ALLOWED, WHERE),
        *(identity.RUN, identity.JOB, identity.ATTEMPT, identity.OWNER, identity.INDEX),
        *("TMPDIR", "AWS_REGION", main_module.TRACEBACK),
    }
    shown = set(re.findall(r"`([A-Z][A-Z0-9_]{3,})`", PAGE)) - {"FROM", "PATH", "TABLE"}
    assert shown == read


def test_every_limit_is_on_the_page() -> None:
    for limit in (
        f"up to {fetching.MAX_BYTES // 1024**3} GiB",
        f"more than {archives.MAX_FILES:,} entries or {archives.MAX_BYTES // 1024**3} GiB",
        f"{archives.MAX_RATIO} times its own size once it is over",
        f"over {archives.FREE_BYTES // 1024**2} MiB",
        f"up to {telling.MAX_TEXT} characters",
        f"at most {claim_form.MOST_NAMES} of each",
        f"up to {claim_form.MAX_VALUE:,} characters",
        f"{claim_form.MAX_TOLD // 1024} KiB in all",
    ):
        assert limit in PAGE.replace("\n  ", " ").replace("\n", " "), limit
    assert fetching.MAX_BREAKS - 1 == 5
    assert "at most five times" in PAGE


def test_what_the_page_tells_a_job_to_say_is_understood(tmp_path: Path) -> None:
    said = re.findall(r"^batch-job (.*)$", PAGE, re.MULTILINE)
    assert len(said) == 3
    world = world_of({})
    for line in said:
        words = re.findall(r'"[^"]*"|\S+', line)
        assert main([word.strip('"') for word in words], world) in (Exit.OK, Exit.NO_CLAIMS)
    assert isinstance(world.out, io.StringIO)
    assert world.out.getvalue() == "40% loading\n"
