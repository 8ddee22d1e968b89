import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.exits import Exit
from tests.builders import document, job
from tests.functional.recorded import Desk


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path / "state", capsys)


@pytest.fixture
def nightly(tmp_path: Path) -> Path:
    return written(
        tmp_path,
        document(
            job("extract", command=["./extract", "--all"]),
            job("load", "extract", description="into the warehouse", hold=True),
            job("report", "load", jobDefinition="report:3", command=None, triggerRule="all done"),
            scheduleName="Nightly load",
            description="Runs at night.",
            parameters={"date": {"type": "date"}, "mode": {"default": "full"}},
            finally_jobs=[job("tidy", arrayProperties={"size": 3})],
        ),
    )


def written(directory: Path, value: dict[str, Any], name: str = "nightly.json") -> Path:
    path = directory / name
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_validate_says_how_large_a_valid_schedule_is(desk: Desk, nightly: Path) -> None:
    assert desk.read("validate", str(nightly)) == (
        "nightly: valid: 4 jobs, 2 dependencies, depth 4\n"
    )


@pytest.mark.parametrize("verb", ["validate", "put"])
def test_a_job_that_is_too_large_to_be_submitted_is_refused_before_it_is_stored(
    desk: Desk, tmp_path: Path, verb: str
) -> None:
    value = document(job("a"), finally_jobs=[job("huge", environment={"TEXT": "x" * 30_720})])
    code, out, err = desk.type(verb, str(written(tmp_path, value)))
    assert (code, out) == (Exit.INVALID, "")
    assert err.startswith('$.finally[0]: job "huge" is too large to be submitted; found 31,')
    assert "at most 30,720 bytes" in err


def test_validate_stores_nothing(desk: Desk, nightly: Path) -> None:
    desk.read("validate", str(nightly))
    assert not desk.directory.exists()


def test_validate_says_everything_that_is_wrong_with_path_and_suggestion(
    desk: Desk, tmp_path: Path
) -> None:
    wrong = written(tmp_path, document(job("load"), job("report", "laod", timeOut=1)))
    code, out, err = desk.type("validate", str(wrong))
    assert (code, out) == (Exit.INVALID, "")
    lines = err.splitlines()
    assert lines[0] == "2 things are wrong:"
    assert any(line.startswith("$.jobList[1].timeOut: ") for line in lines)
    assert any("did you mean 'load'?" in line for line in lines)


def test_validate_of_a_file_that_is_not_there_is_refused(desk: Desk, tmp_path: Path) -> None:
    code, _, err = desk.type("validate", str(tmp_path / "missing.yaml"))
    assert code == Exit.INVALID
    assert "can't be read: No such file or directory" in err


def test_put_stores_a_version_and_an_equal_document_none(desk: Desk, nightly: Path) -> None:
    assert desk.read("put", str(nightly)) == "nightly: version 1, 4 jobs\n"
    assert desk.json("put", str(nightly))["version"] == 1
    written(nightly.parent, document())
    assert desk.json("put", str(nightly))["version"] == 2


def test_list_shows_the_newest_version_of_each_schedule(desk: Desk, nightly: Path) -> None:
    desk.read("put", str(nightly))
    lines = desk.read("list").splitlines()
    assert lines[0].split() == ["SCHEDULE", "VERSION", "JOBS", "STORED", "BY", "NAME"]
    assert lines[1].split()[:3] == ["nightly", "1", "4"]
    assert lines[1].endswith("Nightly load")


def test_an_empty_list_says_how_to_fill_it(desk: Desk) -> None:
    assert desk.read("list") == "No schedules yet. Store one: batch-scheduler put FILE\n"
    assert desk.json("list") == []


def test_show_tells_what_each_job_waits_for_and_runs(desk: Desk, nightly: Path) -> None:
    desk.read("put", str(nightly))
    lines = desk.read("show", "nightly").splitlines()
    assert lines[0] == "nightly (Nightly load)"
    assert lines[2:5] == ["Runs at night.", "parameter date: date", "parameter mode: string = full"]
    assert [line.rstrip() for line in lines[6:]] == [
        "JOB      AFTER       RUNS             NOTE",
        "extract  -           ./extract --all",
        "load     extract     true             hold, into the warehouse",
        "report   load        report:3         all done",
        "tidy     all others  true             finally, array of 3",
    ]


def test_show_of_a_version_is_of_that_one(desk: Desk, nightly: Path) -> None:
    desk.read("put", str(nightly))
    written(nightly.parent, document())
    desk.read("put", str(nightly))
    assert desk.json("show", "nightly", "--version", "1")["jobs"] == 4
    assert desk.json("show", "nightly")["jobs"] == 1
    code, _, err = desk.type("show", "nightly", "--version", "9")
    assert code == Exit.NOT_FOUND
    assert "There is no version 9 of a schedule" in err


def test_show_document_can_be_put_again_unchanged(desk: Desk, nightly: Path) -> None:
    desk.read("put", str(nightly))
    (nightly.parent / "again.json").write_text(desk.read("show", "nightly", "--document"))
    assert desk.json("put", str(nightly.parent / "again.json"))["version"] == 1


def test_schema_is_a_json_schema_of_schedules(desk: Desk) -> None:
    described = json.loads(desk.read("schema"))
    assert described["$schema"].startswith("https://json-schema.org/")
    assert "jobList" in described["properties"]


def test_validate_and_graph_count_alike(desk: Desk, nightly: Path) -> None:
    valid = desk.read("validate", str(nightly)).strip()
    drawn = desk.read("graph", str(nightly)).splitlines()[0]
    assert valid.removeprefix("nightly: valid: ") == drawn.removeprefix("nightly: ")


def test_graph_of_a_file_and_of_the_schedule_stored_from_it_are_the_same(
    desk: Desk, nightly: Path
) -> None:
    desk.read("put", str(nightly))
    drawn = desk.read("graph", str(nightly))
    assert drawn == desk.read("graph", "nightly")
    assert drawn.splitlines() == [
        "nightly: 4 jobs, 2 dependencies, depth 4",
        "1  extract",
        "2  load     <- extract (held)",
        "3  report   <- load (all done)",
        "4  tidy     <- report (finally)",
    ]


def test_a_default_trigger_rule_holds_for_the_graph_and_not_for_finally(
    desk: Desk, tmp_path: Path
) -> None:
    value = document(job("a"), defaults={"triggerRule": "any failed"}, finally_jobs=[job("tidy")])
    notes = [each["note"] for each in desk.json("graph", str(written(tmp_path, value)))["jobs"]]
    assert notes == ["any failed", "finally"]


@pytest.mark.parametrize(("kind", "first"), [("dot", "digraph"), ("mermaid", "flowchart LR")])
def test_graph_is_written_as_dot_and_mermaid(
    desk: Desk, nightly: Path, kind: str, first: str
) -> None:
    assert desk.read("graph", str(nightly), "--format", kind).startswith(first)


def test_a_graph_that_mermaid_would_not_draw_is_warned_of(desk: Desk, tmp_path: Path) -> None:
    names = [f"j{number}" for number in range(501)]
    value = document(*(job(name) for name in names), job("join", *names))
    path = str(written(tmp_path, value))
    _, _, err = desk.type("graph", path, "--format", "mermaid")
    assert err.startswith("501 dependencies: Mermaid draws at most 500 ")
    value["jobList"][-1]["jobDependencies"].pop()
    written(tmp_path, value)
    assert desk.type("graph", path, "--format", "mermaid")[2] == ""


def test_a_deleted_schedule_is_neither_listed_nor_started_and_comes_back_by_put(
    desk: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "nightly.json"
    file.write_text(json.dumps(document()), "utf-8")
    desk.read("put", str(file))
    assert desk.read("delete", "nightly") == "nightly: deleted; its last version was 1\n"
    assert desk.json("list") == []
    for verb in ("start", "delete", "show"):
        assert desk.type(verb, "nightly")[0] == Exit.NOT_FOUND
    code, _, err = desk.type("start", "nightly", "--version", "1")
    assert (code, "Schedule 'nightly' is deleted: nothing starts it" in err) == (Exit.REFUSED, True)
    assert desk.json("show", "nightly", "--version", "1")["version"] == 1
    assert desk.json("put", str(file))["version"] == 2
