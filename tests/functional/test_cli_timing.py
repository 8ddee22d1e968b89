"""When schedules start by themselves, as people ask for it at the terminal."""

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.exits import Exit
from tests.builders import document, job
from tests.functional.recorded import Desk

NIGHTLY = {"name": "nightly", "cron": "30 2 * * 1-5", "timezone": "Europe/Berlin"}


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path / "state", capsys)


def written(directory: Path, value: dict[str, Any], name: str = "schedule.json") -> str:
    path = directory / name
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


def schedule(directory: Path, *triggers: dict[str, Any], **members: Any) -> str:
    return written(directory, document(job("a"), triggers=list(triggers), **members))


def calendar(directory: Path, **members: Any) -> str:
    return written(directory, {"name": "de", **members}, "calendar.json")


def test_next_shows_local_times_with_offsets_and_why_they_are_moved(
    desk: Desk, tmp_path: Path
) -> None:
    days = {"name": "de", "roll": "forward"}
    desk.read("calendar", "put", calendar(tmp_path, country="DE"))
    desk.read("put", schedule(tmp_path, {**NIGHTLY, "cron": "30 2 25 * *", "calendar": days}))
    lines = desk.read("next", "nightly", "--after", "2026-12-01", "-n", "2").splitlines()
    assert lines[0].split() == ["LOCAL", "TIME", "UTC", "TRIGGER", "NOTE"]
    assert lines[1] == (
        "Mon 2026-12-28 02:30:00 +0100  2026-12-28 01:30:00  nightly"
        "  moved from Fri 2026-12-25, not a business day of de"
    )
    assert lines[2].startswith("Mon 2027-01-25 02:30:00 +0100  2027-01-25 01:30:00  nightly")


def test_next_says_when_a_run_starts_later_than_its_fire_time(desk: Desk, tmp_path: Path) -> None:
    desk.read("put", schedule(tmp_path, {**NIGHTLY, "startBetween": ["04:00", "05:00"]}))
    line = desk.read("next", "nightly", "--after", "2026-12-01", "-n", "1").splitlines()[1]
    assert line.endswith("nightly  starts 2026-12-01 04:00:00 +0100")


def test_a_start_that_will_miss_its_deadline_is_warned_of_and_said_in_next_and_preview(
    desk: Desk, tmp_path: Path
) -> None:
    late = {**NIGHTLY, "cron": "30 2 * * *", "startBetween": ["04:00", "05:00"], "deadline": "1h"}
    file = schedule(tmp_path, late)
    for verb in ("validate", "put"):
        _, _, err = desk.type(verb, file)
        assert "deadline: is over before startBetween opens: the fire time 02:30" in err
    note = "nightly  misses its deadline: no run is started"
    assert desk.read("next", "nightly", "-n", "1").splitlines()[1].endswith(note)
    assert desk.read("preview").splitlines()[1].endswith(note)


def test_next_of_a_schedule_without_clock_says_so(desk: Desk, tmp_path: Path) -> None:
    desk.read("put", schedule(tmp_path))
    assert desk.read("next", "nightly") == "No trigger of nightly fires by the clock.\n"
    code, _, err = desk.type("next", "none")
    assert (code, "no schedule 'none'" in err) == (Exit.NOT_FOUND, True)


def test_a_paused_schedule_says_who_paused_it_and_how_to_resume_it(
    desk: Desk, tmp_path: Path
) -> None:
    desk.read("put", schedule(tmp_path, NIGHTLY))
    told = desk.read("pause", "nightly", "--reason", "maintenance")
    assert told.startswith("nightly is paused: its triggers start nothing. Resume it: ")
    first = desk.read("next", "nightly").splitlines()[0]
    assert first.startswith("PAUSED since ")
    assert first.endswith(": maintenance; resume it: batch-scheduler resume nightly")
    assert desk.type("pause", "nightly")[0] == Exit.REFUSED
    assert desk.read("resume", "nightly").startswith("nightly is resumed")
    assert desk.type("resume", "nightly")[0] == Exit.REFUSED
    assert "PAUSED" not in desk.read("next", "nightly")


def test_a_preview_shows_all_schedules_in_the_order_of_time(desk: Desk, tmp_path: Path) -> None:
    desk.read("put", schedule(tmp_path, NIGHTLY))
    noon = {"name": "noon", "cron": "0 12 * * *"}
    desk.read("put", schedule(tmp_path, noon, scheduleId="weekly"))
    lines = desk.read("preview", "--from", "2026-12-01", "--to", "2026-12-02T12:00").splitlines()
    assert [line.split()[6:8] for line in lines[1:]] == [
        ["nightly", "nightly"],
        ["weekly", "noon"],
        ["nightly", "nightly"],
        ["weekly", "noon"],
    ]
    assert len(desk.read("preview", "--from", "2026-12-01", "--limit", "1").splitlines()) == 2
    nothing = desk.read("preview", "--from", "2026-12-01", "--to", "2026-12-01T00:01")
    assert nothing == "Nothing starts by the clock in that time.\n"
    code, _, err = desk.type("preview", "--from", "soon")
    assert (code, err.startswith("--from: 'soon' is no time")) == (Exit.INVALID, True)


def test_a_trigger_whose_calendar_is_not_there_is_warned_of_beside_the_others(
    desk: Desk, tmp_path: Path
) -> None:
    desk.type("put", schedule(tmp_path, NIGHTLY, {**NIGHTLY, "name": "lost", "calendar": "gone"}))
    warning = "Warning: trigger lost of nightly does not fire: There is no calendar 'gone'."
    for asked in (("preview", "--from", "2026-12-01"), ("next", "nightly", "-n", "1")):
        code, out, err = desk.type(*asked)
        assert (code, len(out.splitlines())) == (Exit.DONE, 2)
        assert err.startswith(warning)
    told = json.loads(desk.type("next", "nightly", "--json")[1])
    assert [each["trigger"] for each in told["problems"]] == ["lost"]


def test_a_preview_that_ends_before_it_begins_is_refused(desk: Desk) -> None:
    code, _, err = desk.type("preview", "--from", "2026-12-02", "--to", "2026-12-01")
    assert (code, "--to: is earlier than from" in err) == (Exit.INVALID, True)


def test_put_warns_of_what_is_hardly_meant(desk: Desk, tmp_path: Path) -> None:
    gap = {**NIGHTLY, "name": "gap", "cron": "30 2 * * 0", "dst": "skip"}
    code, out, err = desk.type("put", schedule(tmp_path, gap, {**NIGHTLY, "calendar": "de"}))
    assert (code, out) == (Exit.DONE, "nightly: version 1, 1 job\n")
    warned = err.splitlines()
    assert all(line.startswith("Warning: $.triggers[") for line in warned)
    assert "$.triggers[0]" in warned[0]
    assert "no such calendar yet" in warned[-1]


def test_validate_warns_of_what_needs_no_stored_calendar(desk: Desk, tmp_path: Path) -> None:
    never, past = (
        {"name": "never", "cron": "0 0 30 2 *"},
        {"name": "past", "at": "2020-01-01T00:00"},
    )
    code, out, err = desk.type(
        "validate", schedule(tmp_path, never, {**NIGHTLY, "calendar": "de"}, past)
    )
    assert (code, out.startswith("nightly: valid: ")) == (Exit.DONE, True)
    places = [line.partition(": ")[2].partition(": ")[0] for line in err.splitlines()]
    assert places == ["$.triggers[0].cron", "$.triggers[2].at"]


def test_put_warns_of_schedules_that_start_each_other(desk: Desk, tmp_path: Path) -> None:
    first = schedule(tmp_path, {"onRun": {"schedule": "b"}}, scheduleId="a")
    assert desk.type("put", first)[2] == ""
    second = schedule(tmp_path, {"onRun": {"schedule": "a"}}, scheduleId="b")
    code, out, err = desk.type("put", second)
    assert (code, out) == (Exit.DONE, "b: version 1, 1 job\n")
    assert err.startswith("Warning: $.triggers[0].onRun: closes a circle")
    assert "b -> a -> b" in err


def test_calendars_are_stored_listed_shown_and_deleted(desk: Desk, tmp_path: Path) -> None:
    (line,) = desk.read("calendar", "list").splitlines()[1:]
    assert line.split() == ["weekdays", "-", "built", "in", "-"]
    monday_to_friday = ["mon", "tue", "wed", "thu", "fri"]
    assert json.loads(desk.read("calendar", "show", "weekdays"))["weekdays"] == monday_to_friday
    file = calendar(tmp_path, country="DE")
    assert desk.read("calendar", "put", file) == "Calendar de: revision 1\n"
    assert desk.read("calendar", "put", file) == "Calendar de: revision 1\n"
    assert desk.read("calendar", "list").splitlines()[1].split()[:2] == ["de", "1"]
    assert json.loads(desk.read("calendar", "show", "de")) == {"name": "de", "country": "DE"}
    desk.read("put", schedule(tmp_path, {**NIGHTLY, "calendar": "de"}))
    code, _, err = desk.type("calendar", "delete", "de")
    assert (code, "used by nightly" in err) == (Exit.REFUSED, True)
    desk.read("put", schedule(tmp_path, NIGHTLY))
    assert desk.read("calendar", "delete", "de") == "Calendar de is deleted.\n"
    assert desk.type("calendar", "show", "de")[0] == Exit.NOT_FOUND


def test_a_bad_calendar_is_told_with_every_problem(desk: Desk, tmp_path: Path) -> None:
    bad = calendar(tmp_path, country="XX", holidays=["2026-02-30"])
    code, out, err = desk.type("calendar", "put", bad)
    assert (code, out) == (Exit.INVALID, "")
    assert "$.holidays[0]" in err


def test_the_same_is_told_as_json(desk: Desk, tmp_path: Path) -> None:
    desk.read("put", schedule(tmp_path, NIGHTLY))
    at = ("--after", "2026-12-01", "-n", "1", "--json")
    told = json.loads(desk.read("next", "nightly", *at))
    assert told["fireTimes"][0]["localTime"] == "2026-12-01T02:30:00+01:00"
    between = ("--from", "2026-12-01", "--to", "2026-12-02", "--json")
    assert json.loads(desk.read("preview", *between)) == told["fireTimes"]
    assert json.loads(desk.read("pause", "nightly", "--json"))["paused"]["reason"] is None
    assert json.loads(desk.read("resume", "nightly", "--json"))["paused"] is None
    desk.read("calendar", "put", calendar(tmp_path))
    listed, built_in = json.loads(desk.read("calendar", "list", "--json"))
    assert (listed["builtIn"], built_in["name"], built_in["builtIn"]) == (False, "weekdays", True)
    assert listed["document"] == {"name": "de"}
    assert json.loads(desk.read("calendar", "delete", "de", "--json")) == listed
