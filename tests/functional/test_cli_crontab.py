"""`import crontab` through the terminal: what is told, written, stored, and then runs."""

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from chalicelib.cli.exits import Exit
from chalicelib.errors import InvalidInputError
from chalicelib.local.cron_machine import home_of, time_zone
from tests.functional.recorded import Desk

ME = pwd.getpwuid(os.getuid()).pw_name
BERLIN = ("--timezone", "Europe/Berlin")
LOAD = "cron-load-sh-e26dbb"
CRONTAB = """\
# Nightly load
0 2 * * * /srv/load.sh
@hourly poll
"""


@pytest.fixture
def desk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    monkeypatch.setenv("BATCH_SCHEDULER_HOST_IDLE", "0.1")
    return Desk(tmp_path / "state", capsys)


def written(directory: Path, text: str) -> str:
    path = directory / "my.crontab"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_by_default_each_line_is_told_of_and_nothing_is_written(desk: Desk, tmp_path: Path) -> None:
    lines = desk.read("import", "crontab", written(tmp_path, CRONTAB), *BERLIN).splitlines()
    assert lines[:6] == [
        "1: carried over: # Nightly load",
        "    as the description of the next line's schedule",
        f"2: carried over as {LOAD}: 0 2 * * * /srv/load.sh",
        "3: carried over as cron-poll-707165: @hourly poll",
        "",
        "carried over 3, approximated 0, not carried over 0, nothing to carry over 0",
    ]
    assert lines[6] == "- Times are those of Europe/Berlin."
    assert lines[-1] == (
        "Nothing was written. With --to DIR it writes, with --put it stores 2 schedules."
    )
    assert desk.json("list") == []


def test_what_is_not_carried_over_gives_code_5_and_the_rest_is_done(
    desk: Desk, tmp_path: Path
) -> None:
    text = f"{CRONTAB}@reboot x\n"
    code, out, _ = desk.type("import", "crontab", written(tmp_path, text), "--put")
    assert code == Exit.REFUSED
    assert "4: not carried over: @reboot x\n    no trigger fires" in out
    assert len(desk.json("list")) == 2


def test_a_crontab_that_starts_nothing_says_so(desk: Desk, tmp_path: Path) -> None:
    said = desk.read("import", "crontab", written(tmp_path, "A=b\n"), "--put")
    assert said.endswith("No line starts anything.\n")
    assert desk.json("list") == []


def test_documents_are_written_one_a_schedule_and_are_valid(desk: Desk, tmp_path: Path) -> None:
    documents = tmp_path / "new" / "schedules"
    words = ("import", "crontab", written(tmp_path, CRONTAB), "--to", str(documents))
    for _ in range(2):  # again changes nothing
        assert desk.read(*words).endswith(f"Wrote 2 schedules into {documents}\n")
        names = sorted(path.name for path in documents.iterdir())
        assert names == [f"{LOAD}.yaml", "cron-poll-707165.yaml"]
    for path in documents.iterdir():
        assert desk.read("validate", str(path)).startswith(f"{path.stem}: valid: 1 job")
    assert desk.json("list") == []


def test_no_document_is_written_over_another(desk: Desk, tmp_path: Path) -> None:
    documents = tmp_path / "schedules"
    documents.mkdir()
    (documents / f"{LOAD}.yaml").write_text("mine", encoding="utf-8")
    words = ("import", "crontab", written(tmp_path, CRONTAB), "--to", str(documents), "--put")
    code, out, err = desk.type(*words)
    assert (code, out) == (Exit.INVALID, "")
    assert err.startswith(f"{documents / LOAD}.yaml: is there already, and differs")
    assert [path.read_text() for path in documents.iterdir()] == ["mine"]
    assert desk.json("list") == []


def test_a_place_that_can_not_be_written_is_named(desk: Desk, tmp_path: Path) -> None:
    file = written(tmp_path, CRONTAB)
    code, _, err = desk.type("import", "crontab", file, "--to", file)
    assert code == Exit.INVALID
    assert err == f"{file}: can't be written: File exists\n"


def test_stored_schedules_start_by_the_clock_and_a_changed_time_is_another_version(
    desk: Desk, tmp_path: Path
) -> None:
    said = desk.read("import", "crontab", written(tmp_path, CRONTAB), *BERLIN, "--put")
    assert "Stored 2 schedules. Take their lines out of the crontab, or they start twice" in said
    fire = desk.read("next", LOAD, "--after", "2026-12-01", "-n", "1").splitlines()[1]
    assert fire.startswith("Tue 2026-12-01 02:00:00 +0100")
    moved = "\n@hourly poll\n0 3 * * * /srv/load.sh\n"
    desk.read("import", "crontab", written(tmp_path, moved), *BERLIN, "--put")
    assert {each["scheduleId"]: each["version"] for each in desk.json("list")} == {
        LOAD: 2,
        "cron-poll-707165": 1,
    }


def test_what_was_taken_over_runs_as_cron_ran_it(desk: Desk, tmp_path: Path) -> None:
    variables = f'SHELL=/bin/bash\nHOME={tmp_path}\nGREETING = "hello  you"\n'
    command = r'[[ $0 = /bin/bash ]] && echo "$GREETING" ${PATH} && pwd && date +\%Y | wc -c && cat'
    text = f"{variables}0 2 * * * {command}%a ${{b}}%\\%c\n"
    desk.read("import", "crontab", written(tmp_path, text), "--put")
    (stored,) = desk.json("list")
    desk.read("start", stored["scheduleId"])
    (job,) = desk.json("show", stored["scheduleId"])["document"]["jobList"]
    assert desk.read("logs", job["jobName"]).splitlines() == [
        "hello  you /usr/bin:/bin",
        str(tmp_path),
        "5",
        "a ${b}",
        "%c",
    ]


def test_a_command_that_fails_makes_a_run_that_failed(desk: Desk, tmp_path: Path) -> None:
    desk.read(
        "import", "crontab", written(tmp_path, f"HOME={tmp_path}\n@daily cat; exit 3%x\n"), "--put"
    )
    (stored,) = desk.json("list")
    assert desk.type("start", stored["scheduleId"])[0] == Exit.RUN_FAILED


def test_a_crontab_is_read_from_the_standard_input(tmp_path: Path) -> None:
    words = ["import", "crontab", "-", "--json", "--state", str(tmp_path / "state"), *BERLIN]
    done = subprocess.run(
        [sys.executable, "-m", "chalicelib.cli.main", *words],
        input=CRONTAB,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line["number"] for line in json.loads(done.stdout)["lines"]] == [1, 2, 3]


def test_as_json_each_line_has_its_document_and_its_file(desk: Desk, tmp_path: Path) -> None:
    file = written(tmp_path, f"TOKEN=x\n{CRONTAB}")
    code, out, _ = desk.type("import", "crontab", file, "--json", "--to", str(tmp_path), *BERLIN)
    assert code == Exit.REFUSED
    told = json.loads(out)
    assert told["stored"] is False
    assert told["lines"][0] == {
        "number": 1,
        "text": "TOKEN=(hidden)",
        "outcome": "not carried over",
        "remarks": told["lines"][0]["remarks"],
        "scheduleId": None,
        "file": None,
        "document": None,
    }
    load = told["lines"][2]
    assert load["outcome"] == "approximated"
    assert load["remarks"] == ["without TOKEN, which line 1 sets"]
    assert yaml.safe_load(Path(load["file"]).read_text()) == load["document"]


def test_of_a_system_the_lines_of_one_user_are_taken_over(desk: Desk, tmp_path: Path) -> None:
    file = written(tmp_path, f"0 1 * * * {ME} mine\n0 1 * * * nobody-here theirs\n")
    code, out, _ = desk.type("import", "crontab", file, "--system", *BERLIN)
    assert code == Exit.REFUSED
    assert out.startswith("1: carried over as cron-mine-")
    assert '2: not carried over: 0 1 * * * nobody-here theirs\n    runs as "nobody-here"' in out
    _, out, _ = desk.type("import", "crontab", file, "--system", "--user", "nobody-here", *BERLIN)
    assert "2: carried over as cron-theirs-" in out
    assert "name a workingDirectory" in out


def test_options_that_mean_nothing_are_all_told_of(desk: Desk, tmp_path: Path) -> None:
    file = written(tmp_path, CRONTAB)
    words = ("--timezone", "Europe/Berlln", "--prefix", "-x", "--put", "--edition", "aws")
    code, out, err = desk.type("import", "crontab", file, *words, "--stage", "dev")
    assert (code, out) == (Exit.INVALID, "")
    assert [line.partition(":")[0] for line in err.splitlines()] == [
        "3 things are wrong",
        "--put",
        "--prefix",
        "--timezone",
    ]
    assert "did you mean 'Europe/Berlin'?" in err
    assert (
        "did you mean 'Europe/Berlin'?"
        in desk.type("import", "crontab", file, "--timezone", "Berlin")[2]
    )


def test_a_file_that_is_not_there_or_too_large_is_refused(desk: Desk, tmp_path: Path) -> None:
    code, _, err = desk.type("import", "crontab", str(tmp_path / "none"))
    assert (code, "can't be read" in err) == (Exit.INVALID, True)
    code, _, err = desk.type("import", "crontab", "/dev/zero")
    assert (code, "is too large for a crontab" in err) == (Exit.INVALID, True)


def machine(root: Path, *, link: str = "", written: str = "", is_file: bool = False) -> Path:
    """A root directory whose /etc says its time zone in one way or another."""
    etc = root / "etc"
    etc.mkdir(parents=True)
    if link:
        (etc / "localtime").symlink_to(link)
    if is_file:
        (etc / "localtime").write_bytes(b"TZif")
    if written:
        (etc / "timezone").write_text(written)
    return root


def test_the_time_zone_is_that_of_the_machine(tmp_path: Path) -> None:
    berlin = "../usr/share/zoneinfo/Europe/Berlin"
    assert time_zone(machine(tmp_path / "a", link=berlin, written="UTC")) == "Europe/Berlin"
    assert time_zone(machine(tmp_path / "b", is_file=True, written="Asia/Tokyo\n")) == "Asia/Tokyo"
    assert time_zone(machine(tmp_path / "c", link="/mine", written="Asia/Tokyo")) == "Asia/Tokyo"
    assert time_zone(machine(tmp_path / "d")) == "UTC"
    with pytest.raises(InvalidInputError, match="--timezone: is missing"):
        time_zone(machine(tmp_path / "e", is_file=True))


def test_a_user_that_is_not_there_has_no_home() -> None:
    assert home_of("nobody-here") == ""
    assert home_of(ME) == pwd.getpwnam(ME).pw_dir
