"""What the program says to words it can't use: one clear sentence and a code of the table."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.cli.exits import Exit
from tests.functional.recorded import Desk

PROGRAM = [sys.executable, "-m", "chalicelib.cli.main"]
SCHEDULE = '{"scheduleId": "x", "jobList": [{"jobName": "a", "command": ["true"]}]}'


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path / "state", capsys)


def typed(folder: Path, words: str, *, out: int = subprocess.PIPE) -> tuple[int, str, str]:
    """Type words, without anything that `recorded.Desk` adds, in a process of its own."""
    environment = {**os.environ, "BATCH_SCHEDULER_STATE": str(folder / "state"),
                   "PYTHONPATH": str(Path(__file__).parents[2])}  # fmt: skip
    done = subprocess.run([*PROGRAM, *words.split()], cwd=folder, env=environment, stdout=out,
                          stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_the_program_alone_shows_its_verbs(tmp_path: Path) -> None:
    code, out, err = typed(tmp_path, "")
    assert code == Exit.INVALID
    assert "explain" in out + err


def test_a_misspelt_verb_is_answered_with_the_nearest(tmp_path: Path) -> None:
    code, out, err = typed(tmp_path, "explian")
    assert (code, out) == (Exit.INVALID, "")
    assert "Did you mean 'explain'?" in err


@pytest.mark.parametrize(
    "words",
    ["status --nope", "logs", "mark", "runs --limit 0", "runs --limit many", "start", "--state"],
)
def test_wrong_usage_is_invalid_and_said_in_a_line(tmp_path: Path, words: str) -> None:
    code, out, err = typed(tmp_path, words)
    assert (code, out) == (Exit.INVALID, "")
    assert err.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in err


@pytest.mark.parametrize("verb", ["validate", "put", "run", "graph"])
def test_a_file_that_can_not_be_read_is_named_with_the_reason(
    desk: Desk, tmp_path: Path, verb: str
) -> None:
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    code, out, err = desk.type(verb, str(folder))
    assert (code, out, err) == (Exit.INVALID, "", f"{folder}: can't be read: Is a directory\n")
    code, out, err = desk.type(verb, str(tmp_path / "gone.yaml"))
    assert (code, out) == (Exit.INVALID, "")
    assert err.endswith("gone.yaml: can't be read: No such file or directory\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\x7fELF\x02\x01\xff\xfe\x00", "line 1: is not UTF-8"),
     (b"PK\x03\x04\x00", "$: is not YAML"),
     (b"", "$: the document is empty")],
    ids=["program", "archive", "empty"],
)  # fmt: skip
def test_a_file_that_is_no_document_is_refused(
    desk: Desk, tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    code, out, err = desk.type("validate", str(path))
    assert (code, out) == (Exit.INVALID, "")
    assert err.startswith(said)


def test_a_parameter_without_a_value_is_refused_before_anything_starts(
    desk: Desk, tmp_path: Path
) -> None:
    path = tmp_path / "x.json"
    path.write_text(SCHEDULE)
    code, out, err = desk.type("run", str(path), "--param", "date")
    assert (code, out) == (Exit.INVALID, "")
    assert err == "--param: 'date' is not NAME=VALUE\n"
    assert desk.json("runs") == []


@pytest.mark.parametrize("words", ["status", "runs", "list", "logs a", "put x.json"])
def test_a_state_directory_that_is_a_file_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "x.json").write_text(SCHEDULE)
    given = words.replace("x.json", str(tmp_path / "x.json"))
    code, out, err = Desk(tmp_path / "file", capsys).type(*given.split())
    assert (code, out) == (Exit.BACKEND, "")
    assert "file: File exists; name another with --state" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    ["status", "history", "explain", "export", "logs a", "explain a", "watch", "restart",
     "restart --plan", "cancel", "pass a", "status --all", "show x", "graph x", "start x"],
)  # fmt: skip
def test_in_an_empty_state_directory_nothing_is_found(desk: Desk, words: str) -> None:
    code, out, err = desk.type(*words.split())
    assert (code, out) == (Exit.NOT_FOUND, "")
    assert err.startswith("There is no ")
    assert "batch-scheduler" in err, "it says what to type instead"
    assert len(err.splitlines()) == 1


def test_the_log_of_a_job_that_no_run_has_is_not_found(desk: Desk) -> None:
    desk.record_run()
    code, out, err = desk.type("logs", "nosuchjob")
    assert (code, out) == (Exit.NOT_FOUND, "")
    assert err.startswith("There is no job 'nosuchjob'.")


@pytest.mark.parametrize("words", ["--help", "runs", "schema", "list --json"])
def test_a_reader_who_leaves_early_is_no_failure(tmp_path: Path, words: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    code, _, err = typed(tmp_path, words, out=writing)
    os.close(writing)
    assert (code, err) == (Exit.DONE, "")


def test_an_output_that_is_closed_is_no_failure(tmp_path: Path) -> None:
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *PROGRAM, "schema"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(closed, env=environment, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (Exit.DONE, "")


@pytest.mark.parametrize(
    "words",
    [
        "runs --limit 99999999999999999999",
        "show x --version 9223372036854775808",
        "start x --version 99999999999999999999",
    ],
)
def test_a_number_that_no_store_takes_is_refused(tmp_path: Path, words: str) -> None:
    code, out, err = typed(tmp_path, words)
    assert (code, out) == (Exit.INVALID, "")
    assert "2147483647" in err


@pytest.mark.parametrize("output", ["/", ".", "x" * 252, "x" * 300])
def test_an_export_that_can_not_be_written_there_is_refused(desk: Desk, output: str) -> None:
    desk.record_run()
    code, out, err = desk.type("export", "-o", output)
    assert (code, out) == (Exit.INVALID, "")
    assert "can't be written" in err


def test_what_is_too_long_for_a_file_is_no_graph(tmp_path: Path) -> None:
    code, out, err = typed(tmp_path, "graph " + "q" * 5000)
    assert (code, out) == (Exit.NOT_FOUND, "")
    assert "There is no schedule, file or run" in err


def test_a_file_without_end_is_too_large_a_document(tmp_path: Path) -> None:
    code, out, err = typed(tmp_path, "validate /dev/zero")
    assert (code, out) == (Exit.INVALID, "")
    assert err == "$: the document is too large; allowed: at most 10,000,000 bytes\n"


def test_what_the_encoding_of_the_output_has_not_is_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.json").write_text(SCHEDULE.replace('"a"', '"caf\u00e9"'), encoding="utf-8")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    code, out, err = typed(tmp_path, "graph x.json")
    assert (code, err) == (Exit.DONE, "")
    assert r"caf\xe9" in out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_is_json_whatever_the_encoding_of_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    name = "caf\u00e9 \u20ac"
    (tmp_path / "x.json").write_text(SCHEDULE.replace('"a"', f'"{name}"'), encoding="utf-8")
    (tmp_path / "wrong.json").write_text(SCHEDULE.replace("command", "\u00e9"), encoding="utf-8")
    monkeypatch.setenv("PYTHONIOENCODING", f"{encoding}:backslashreplace")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))

    def said(file: str) -> str:
        words = [*PROGRAM, "graph", file, "--json"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False)
        return str(json.loads((done.stdout or done.stderr).decode(encoding)))

    assert name in said("x.json")
    assert "\u00e9" in said("wrong.json")
