"""Every schedule of examples/ through the real terminal, engine and host."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from chalicelib.cli.exits import Exit
from chalicelib.cli.main import main

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
# Nothing to type on one machine, or not to a terminal.
ELSEWHERE = {
    "deploy-on-aws.md",
    "drive-other-services.md",  # typed by tests/jobs/test_driving_page.py
    "keep-secrets-out.md",
    "query-history-with-athena.md",
    "use-a-server-from-elsewhere.md",  # typed by tests/functional/remote
    "use-the-http-api.md",
    "use-ready-made-kinds.md",
}
TOLD_BELOW = {"edw", "fan-out"}  # pages of examples that have a test of their own
PAPERS = [
    ROOT / "README.md",
    *sorted(p for p in (ROOT / "docs" / "how-to").glob("*.md") if p.name not in ELSEWHERE),
    *sorted(p for p in EXAMPLES.glob("*/README.md") if p.parent.name not in TOLD_BELOW),
]
PROGRAMS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


class Terminal:
    """Types verbs over a state directory of its own."""

    def __init__(self, state: Path, screen: pytest.CaptureFixture[str]) -> None:
        self._state = state
        self._screen = screen

    def type(self, *words: str | Path) -> str:
        """What a verb prints; it must end with DONE."""
        code, said = self.try_(*words)
        assert code == Exit.DONE, said
        return said

    def try_(self, *words: str | Path) -> tuple[int, str]:
        """The exit code of a verb and what it prints."""
        code = main([*map(str, words), "--state", str(self._state)])
        return code, self._screen.readouterr().out


@pytest.fixture
def terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    monkeypatch.setenv("BATCH_SCHEDULER_HOST_IDLE", "0.1")
    return Terminal(tmp_path / "state", capsys)


def test_three_jobs_say_hello(terminal: Terminal) -> None:
    assert "3 SUCCEEDED" in terminal.type("run", EXAMPLES / "hello.yaml")
    assert terminal.type("logs", "goodbye") == "Goodbye.\n"


def test_children_of_an_array_job_do_each_their_part(terminal: Terminal, tmp_path: Path) -> None:
    terminal.type("run", EXAMPLES / "array" / "array.yaml", "--param", f"folder={tmp_path}")
    assert terminal.type("logs", "sum") == "sum 30\n"


def test_a_flaky_job_succeeds_at_the_attempt_its_policy_still_allows(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.type("run", EXAMPLES / "retry.yaml", "--param", f"folder={tmp_path}")
    assert terminal.type("logs", "flaky") == "attempt 3\n"
    assert terminal.type("history", "--job", "flaky").count("RETRY") == 2


def test_the_queue_tries_again_only_for_the_exit_code_that_asks_for_it(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.type("run", EXAMPLES / "retry.yaml", "--param", f"folder={tmp_path}")
    assert terminal.type("logs", "busy") == "done at the queue's attempt 2\n"


def test_a_gate_opens_when_a_person_releases_it(terminal: Terminal) -> None:
    terminal.type("run", EXAMPLES / "rules.yaml", "--detach")
    terminal.type("release", "approve", "--reason", "the price is right")
    assert "5 SUCCEEDED, 1 PASS, 1 SKIPPED" in terminal.type("watch")
    assert terminal.type("logs", "publish") == "published at 12\n"


def test_a_failure_is_answered_by_the_jobs_that_wait_for_one(terminal: Terminal) -> None:
    terminal.type("run", EXAMPLES / "rules.yaml", "--detach", "--param", "price=cheap")
    terminal.type("release", "approve")
    code, end = terminal.try_("watch")
    assert code == Exit.RUN_FAILED
    for count in ("4 SUCCEEDED", "1 FAILED", "1 UPSTREAM_FAILED", "1 PASS"):
        assert count in end
    assert terminal.type("logs", "apologise") == "not today\n"


def test_a_fan_out_restarts_only_the_file_that_was_no_text(tmp_path: Path) -> None:
    said = typed(EXAMPLES / "fan-out" / "README.md", tmp_path)
    assert "199 SUCCEEDED, 1 FAILED, 1 UPSTREAM_FAILED" in said
    assert "text-113.txt is no text in UTF-8" in said
    assert said.count("run again (2): text-113.txt, total\n") == 2  # planned, then done
    assert "201 SUCCEEDED" in said
    texts = (tmp_path / "examples" / "fan-out" / "texts").glob("*.txt")
    total = sum(len(path.read_text().split()) for path in texts)
    assert said.endswith(f"{total} words in 200 files\n")


def test_a_night_of_business_starts_on_business_days_only(terminal: Terminal) -> None:
    folder = EXAMPLES / "nightly"
    terminal.type("calendar", "put", folder / "de-by.yaml")
    terminal.type("put", folder / "nightly.yaml")
    said = json.loads(
        terminal.type("preview", "--from", "2026-12-23", "--to", "2027-01-08", "--json")
    )
    days = [each["localTime"][:10] for each in said]
    assert days == [
        "2026-12-23", "2026-12-28", "2026-12-29", "2026-12-30", "2027-01-04", "2027-01-05",
        "2027-01-07",
    ]  # fmt: skip


def test_a_failure_leaves_nothing_lying_about(terminal: Terminal, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    document = EXAMPLES / "clean-up" / "clean-up.yaml"
    code, end = terminal.try_("run", document, "--param", f"scratch={scratch}")
    assert (code, "3 SUCCEEDED, 1 FAILED, 1 UPSTREAM_FAILED" in end) == (Exit.RUN_FAILED, True)
    assert "remove-scratch" in terminal.type("history")
    assert not scratch.exists()


def test_the_demo_repairs_what_failed_and_leaves_nothing_behind(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("demo")
    printed = _run_demo("etl", folder)
    assert "convert-to-euro failed: exit 1" in printed
    assert "| no rates: rates-2026-11-23.csv is not there" in printed
    kept = "keep as done (4): make-customers, make-orders, clean-customers, clean-orders"
    assert kept in printed
    assert "11 SUCCEEDED" in printed
    assert list(folder.iterdir()) == []
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(folder) not in processes.stdout
    _, by_day, by_region, *_ = printed.partition("report.txt\n")[2].split("\n\n")
    assert _orders(by_day) == _orders(by_region) > 0


def test_the_warehouse_has_what_was_cleaned_and_has_it_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("demo")
    printed = _run_demo("edw", folder)
    assert len(re.findall(r"SUCCEEDED after .*: 5 SUCCEEDED$", printed, re.MULTILINE)) == 2
    [(kept, _)] = set(re.findall(r"^output +rows +([0-9]+)$()", printed, re.MULTILINE))
    assert f"{kept} orders of 2026-11-23 are in warehouse.duckdb" in printed
    counted = re.findall(r"│ 2026-11-23 │ [A-Z]{2} +│ +([0-9]+) │", printed)
    assert sum(map(int, counted)) == int(kept) > 0
    assert list(folder.iterdir()) == []


def _run_demo(act: str, folder: Path) -> str:
    done = subprocess.run(
        ["sh", EXAMPLES / act / "demo.sh"],
        env={"PATH": PROGRAMS, "TMPDIR": str(folder), "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _orders(table: str) -> int:
    """The sum of the second column of a part of the report."""
    return sum(int(line.split()[1]) for line in table.splitlines()[1:])


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: f"{paper.parent.name}-{paper.stem}")
def test_what_a_paper_tells_to_type_works_in_that_order(paper: Path, tmp_path: Path) -> None:
    typed(paper, tmp_path)


def typed(paper: Path, folder: Path) -> str:
    """What the commands of a page print, typed one after the other; each must be good."""
    text = paper.read_text(encoding="utf-8")
    shutil.copytree(EXAMPLES, folder / "examples", ignore=shutil.ignore_patterns("work"))
    for name, document in re.findall(
        r"^ *```(?:yaml|crontab)\n *# (\S+)\n(.*?)^ *```", text, _BLOCK
    ):
        (folder / name).write_text(textwrap.dedent(document), encoding="utf-8")
    lines = re.findall(r"^ *\$ (.+)$", text, re.MULTILINE)
    # A run that is to fail ends with 1; every other code says that the line itself was wrong.
    script = "\n".join(f"{line}; test $? -le 1 || exit 99" for line in lines)
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env={"PATH": PROGRAMS, "HOME": str(folder), "BATCH_SCHEDULER_HOST_IDLE": "0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )
    assert lines
    assert done.returncode == 0, done.stdout
    return done.stdout


_BLOCK = re.DOTALL | re.MULTILINE
