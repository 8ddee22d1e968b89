"""Jobs that tell, and jobs that read what was told: real processes, and the real `batch-job`."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.functional.hosts import until
from tests.functional.recorded import Desk

# This `batch-job`, whatever is installed; and claims nowhere, which is not for a document to say.
OURS = {
    "PYTHONPATH": str(Path(__file__).parents[2]),
    "BATCH_SCHEDULER_CLAIMS": "directory:/nowhere",
}
ODD = """1 2'3 "$HOME" ; $(touch hacked)"""
REPORT = {
    "jobName": "report",
    "jobDependencies": ["load"],
    "environment": {"ROWS": "${jobs.load.outputs.rows}"},
    "command": ["sh", "-c", 'printf "%s|" "$ROWS" "$@"', "sh", "n=${jobs.load.outputs.rows}"],
}


@pytest.fixture
def desk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    monkeypatch.setenv("BATCH_SCHEDULER_HOST_IDLE", "0.1")
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path / "state", capsys)


def document(load: list[str], *others: dict[str, Any]) -> str:
    """Write a document whose job `load` does this, and give its name."""
    first = {"jobName": "load", "command": load, "environment": OURS}
    content = {"scheduleId": "etl", "jobList": [first, *others]}
    Path("etl.json").write_text(json.dumps(content))
    return "etl.json"


def test_what_a_job_tells_goes_to_the_jobs_after_it_and_to_people(desk: Desk) -> None:
    script = 'batch-job output "rows=$1" && batch-job link report=https://example.org/r'
    code, out, err = desk.type("run", document(["sh", "-c", script, "sh", ODD], REPORT))
    assert code == 0, out + err
    assert desk.read("logs", "report") == f"{ODD}|n={ODD}|\n"
    assert not Path("hacked").exists()
    page = desk.read("history", "--job", "load")
    told = page[page.index("Attempt 1 told") :].splitlines()[1:]
    assert [line.split(maxsplit=2) for line in told] == [
        ["KIND", "NAME", "VALUE"],
        ["output", "rows", ODD],
        ["link", "report", "https://example.org/r"],
    ]
    last = desk.json("history", "--job", "load")[-1]
    shown = desk.json("status", "--all")["jobs"][0]
    links = {"report": "https://example.org/r"}
    assert (last["outputs"], last["links"]) == ({"rows": ODD}, links)
    assert (shown["outputs"], shown["links"]) == ({"rows": ODD}, links)


def test_a_job_that_runs_shows_how_far_it_is(desk: Desk) -> None:
    script = "batch-job progress 40 loading && touch told && exec sleep 60"
    desk.read("run", "--detach", document(["sh", "-c", script]))
    until(Path("told").exists)
    [shown] = until(lambda: desk.json("status")["running"])
    pages = [desk.read("status"), desk.read("status", "--all")]
    desk.read("cancel", "etl")
    assert (shown["progress"]["percent"], shown["progress"]["text"]) == (40, "loading")
    assert all("40 % loading" in page for page in pages)
    desk.type("watch", "etl")


def test_a_job_that_did_not_tell_is_named_by_the_one_that_needs_it(desk: Desk) -> None:
    assert desk.type("run", document(["true"], REPORT))[0] == 1
    page = desk.read("explain", "report")
    assert 'output "rows" of "load" is missing: it succeeded without telling it' in page
    assert "batch-scheduler rerun --downstream load" in page
    assert not (desk.directory / "claims").exists()
