"""`migrate` over exported files, through the terminal."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.exits import Exit
from tests.functional.recorded import Desk

SEED = Path(__file__).parents[1] / "seed"
FAILED = "daily-am-load/2018-09-22T19:55:26.747498Z"
SUCCEEDED = "daily-edw-load/2018-09-24T16:22:57.674577Z"
RECORDS = ("failed_example_schedule", "successful_final_document")


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path / "state", capsys)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with two schedules and the records of two runs."""
    directory = tmp_path / "old"
    directory.mkdir()
    for name in ("sample_schedule", "sample_edw_schedule", *RECORDS):
        shutil.copy(SEED / f"{name}.json", directory)
    return directory


def seed(name: str) -> Any:
    return json.loads((SEED / f"{name}.json").read_text(encoding="utf-8"))


def typed(value: Any) -> dict[str, Any]:
    """A value as `aws dynamodb scan` prints it."""
    match value:
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case list():
            return {"L": [typed(each) for each in value]}
        case dict():
            return {"M": {key: typed(each) for key, each in value.items()}}
    raise TypeError(value)


def test_without_apply_the_plan_is_told_and_nothing_is_written(desk: Desk, files: Path) -> None:
    lines = desk.read("migrate", "--from-files", str(files)).splitlines()
    assert lines == [
        "take over: schedule daily-edw-load (sample_edw_schedule.json)",
        "take over: schedule daily-pm-load (sample_schedule.json)",
        f"take over: run {FAILED} (failed_example_schedule.json)",
        f"take over: run {SUCCEEDED} (successful_final_document.json)",
        "",
        "take over: schedules 2, runs 2",
        "Nothing was written. To do it: the same with --apply.",
    ]
    assert desk.json("list") == []


def test_applied_runs_are_read_and_restarted_like_any_other(desk: Desk, files: Path) -> None:
    said = desk.read("migrate", "--from-files", str(files), "--apply")
    assert said.endswith("taken over: schedules 2, runs 2\n")
    assert [each["scheduleId"] for each in desk.json("list")] == ["daily-edw-load", "daily-pm-load"]
    assert [run["runId"] for run in desk.json("runs", "daily-am-load")] == [FAILED]
    plan = desk.json("restart", FAILED, "--plan")
    assert (plan["again"], plan["keep"]) == (["job3", "job5"], ["job1", "job2", "job4"])


def test_of_a_run_whose_end_nobody_wrote_down_no_duration_is_made_up(
    desk: Desk, files: Path
) -> None:
    job = {"jobName": "a", "jobStatus": "FAILED", "jobId": {"jobId": "1"}, "jobQueue": "q",
           "jobDefinition": "d:1", "jobDependencies": []}  # fmt: skip
    record = {"scheduleId": "daily", "startDateTime": "2018-09-22T19:55:26",
              "scheduleStatus": "FAILED", "jobList": [job]}  # fmt: skip
    (files / "endless.json").write_text(json.dumps(record), encoding="utf-8")
    desk.read("migrate", "--from-files", str(files), "--apply")
    assert desk.read("status", "daily").splitlines()[0].endswith("Z  FAILED")
    assert desk.json("status", "daily")["seconds"] is None
    [row] = desk.read("runs", "daily").splitlines()[1:]
    assert row.split()[2:5] == ["2018-09-22", "19:55:26Z", "-"]
    assert " FAILED: 1 FAILED\n" in desk.type("watch", "daily")[1]


def test_applied_twice_everything_is_there_already(desk: Desk, files: Path) -> None:
    desk.read("migrate", "--from-files", str(files), "--apply")
    said = desk.read("migrate", "--from-files", str(files), "--apply")
    assert said.endswith("there already: schedules 2, runs 2\n")


def test_running_runs_are_left_out_unless_they_are_asked_for(desk: Desk, files: Path) -> None:
    shutil.copy(SEED / "running_history_record.json", files)
    said = desk.read("migrate", "--from-files", str(files), "--apply")
    assert "running: schedules 0, runs 1\n" in said
    assert said.endswith("let them end, or see --include-running.\n")
    assert len(desk.json("runs")) == 2
    desk.read("migrate", "--from-files", str(files), "--apply", "--include-running")
    [running] = desk.json("runs", "--status", "RUNNING")
    assert running["counts"] == {"PENDING": 4, "RUNNABLE": 1}


def test_what_is_refused_or_different_is_told_item_by_item_with_code_5(
    desk: Desk, files: Path
) -> None:
    desk.read("migrate", "--from-files", str(files), "--apply")
    other = {**seed("sample_schedule"), "scheduleName": "Other"}
    (files / "sample_schedule.json").write_text(json.dumps(other), encoding="utf-8")
    (files / "message.json").write_text('{"scheduleId": "a", "scheduleStatus": " "}')
    code, out, _ = desk.type("migrate", "--from-files", str(files), "--apply", "--json")
    assert code == Exit.REFUSED
    told = json.loads(out)
    assert told["applied"] is True
    fates = {
        item["place"]: (item["fate"], item["id"], len(item["reasons"])) for item in told["items"]
    }
    assert fates["message.json"] == ("refused", None, 1)
    assert fates["sample_schedule.json"] == ("different", "daily-pm-load", 1)
    assert desk.json("show", "daily-pm-load")["version"] == 1
    assert "    $: starts a run" in desk.type("migrate", "--from-files", str(files))[1]


def test_something_else_of_the_same_id_alone_gives_code_5(desk: Desk, files: Path) -> None:
    desk.read("migrate", "--from-files", str(files), "--apply")
    other = {**seed("sample_schedule"), "scheduleName": "Other"}
    (files / "sample_schedule.json").write_text(json.dumps(other), encoding="utf-8")
    code, out, _ = desk.type("migrate", "--from-files", str(files))
    assert code == Exit.REFUSED
    assert "different: schedules 1, runs 0\n" in out


def test_tables_as_aws_prints_them_are_read_like_documents(desk: Desk, tmp_path: Path) -> None:
    directory = tmp_path / "scans"
    directory.mkdir()
    records = [typed(seed("failed_example_schedule"))["M"]]
    schedules = [typed(seed("sample_schedule"))["M"], typed(seed("sample_edw_schedule"))["M"]]
    for name, items in (("history", records), ("schedules", schedules)):
        answer = {"Items": items, "Count": len(items), "ConsumedCapacity": None}
        (directory / f"{name}.json").write_text(json.dumps(answer), encoding="utf-8")
    told = desk.json("migrate", "--from-files", str(directory), "--apply")["items"]
    assert [(item["kind"], item["id"], item["place"]) for item in told] == [
        ("schedule", "daily-pm-load", "schedules.json[0]"),
        ("schedule", "daily-edw-load", "schedules.json[1]"),
        ("run", FAILED, "history.json[0]"),
    ]
    assert desk.json("runs")[0]["counts"] == {"FAILED": 2, "SUCCEEDED": 3}


def test_a_list_of_plain_documents_is_read_too(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "all.json").write_text(json.dumps([seed(name) for name in RECORDS]))
    said = desk.read("migrate", "--from-files", str(tmp_path))
    assert "take over: schedules 0, runs 2\n" in said


def test_files_that_are_no_json_are_all_named_and_nothing_is_done(desk: Desk, files: Path) -> None:
    (files / "broken.json").write_text("{")
    (files / "deep.json").write_text("[" * 100_000)
    (files / "latin.json").write_bytes(b'"\xff"')
    (files / "folder.json").mkdir()
    code, _, err = desk.type("migrate", "--from-files", str(files), "--apply")
    assert code == Exit.INVALID
    assert err.splitlines()[0] == "4 things are wrong:"
    names = [line.partition(":")[0] for line in err.splitlines()[1:]]
    assert names == ["broken.json", "deep.json", "folder.json", "latin.json"]
    assert desk.json("list") == []


def test_it_must_be_told_where_the_old_items_are(desk: Desk, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for words, said in (
        ([], "--from-files: is missing"),
        (["--from-files", str(tmp_path / "nowhere")], "is no directory"),
        (["--from-files", str(empty)], "has no .json file with items"),
    ):
        code, _, err = desk.type("migrate", *words)
        assert code == Exit.INVALID
        assert said in err
