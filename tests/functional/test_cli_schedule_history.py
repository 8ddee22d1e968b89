"""Starts that wait, and what people did to a schedule, at the terminal; here and elsewhere."""

import json
from pathlib import Path

import pytest

from chalicelib.cli.exits import Exit
from tests.builders import document, job
from tests.functional.recorded import Desk
from tests.functional.remote.servers import Place, Proxy, Terminal, proxied, served


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    made = Desk(tmp_path / "state", capsys)
    triggers = [{"name": "api", "http": {}, "overlap": "queue", "deadline": "1h"}]
    path = tmp_path / "nightly.json"
    path.write_text(json.dumps(document(job("a"), triggers=triggers)), encoding="utf-8")
    made.read("put", str(path))
    return made


def test_a_start_that_waits_is_shown_and_taken_away(desk: Desk) -> None:
    first, second = (desk.ask("nightly").run_id for _ in range(2))
    line, _ = desk.read("next", "nightly").splitlines()
    assert line.startswith(f"WAITING {second}, not before ")
    assert line.endswith(f", by ada: now; take it away: batch-scheduler cancel {second}")
    (waiting,) = desk.json("next", "nightly")["waiting"]
    assert (waiting["runId"], waiting["trigger"]) == (second, "api")
    told = desk.read("cancel", second, "--reason", "a mistake")
    assert told == f"The start {second} is taken away: it becomes no run.\n"
    assert desk.json("next", "nightly")["waiting"] == []
    code, _, err = desk.type("cancel", second)
    assert (code, "taken away already" in err) == (Exit.REFUSED, True)
    line = desk.read("versions", "nightly").splitlines()[1]
    assert f"CANCEL {second}" in line
    assert line.endswith("a mistake")
    assert desk.json("runs")[0]["runId"] == first


@pytest.mark.parametrize("verb", ["status", "watch", "history", "explain"])
def test_what_waits_says_so_and_until_when_and_what_was_taken_away_by_whom(
    desk: Desk, verb: str
) -> None:
    _, second = (desk.ask("nightly").run_id for _ in range(2))
    code, told, _ = desk.type(verb, second)
    assert code == (Exit.DETACHED if verb == "watch" else Exit.DONE)
    assert told.startswith(f"WAITING {second}, not before ")
    assert ", not after " in told
    desk.read("cancel", second, "--reason", "a mistake")
    code, told, _ = desk.type(verb, second)
    assert code == (Exit.RUN_CANCELLED if verb == "watch" else Exit.DONE)
    assert told.startswith(f"CANCEL {second}, ")
    assert told.endswith(": a mistake; it became no run.\n")
    code, _, err = desk.type(verb, second.replace("nightly", "other"))
    assert (code, "There is no " in err) == (Exit.NOT_FOUND, True)


@pytest.mark.parametrize("run", ["nightly/2020-01-01T00:00:00.000000Z", "nothing"])
def test_what_neither_runs_nor_waits_can_t_be_cancelled(desk: Desk, run: str) -> None:
    code, _, err = desk.type("cancel", run)
    assert (code, err.startswith(f"There is no run '{run}'")) == (Exit.NOT_FOUND, True)


def test_who_paused_resumed_and_deleted_a_schedule_is_listed_with_its_versions(
    desk: Desk,
) -> None:
    desk.read("pause", "nightly", "--reason", "maintenance")
    desk.read("resume", "nightly", "--reason", "done")
    desk.read("delete", "nightly", "--reason", "replaced")
    head, *lines = desk.read("versions", "nightly").splitlines()
    assert head.split() == ["TIME", "WHAT", "BY", "WHY"]
    assert [(line.split()[2], line.split()[-1]) for line in lines[:3]] == [
        ("DELETE", "replaced"),
        ("RESUME", "done"),
        ("PAUSE", "maintenance"),
    ]
    assert "version 1" in lines[3]
    told = desk.json("versions", "nightly")
    assert [each["version"] for each in told["versions"]] == [1]
    assert [each["act"] for each in told["events"]] == ["DELETE", "RESUME", "PAUSE"]
    assert desk.type("versions", "nothing")[0] == Exit.NOT_FOUND


def test_a_start_that_waits_on_a_server_is_told_shown_and_taken_away_from_elsewhere(
    desk: Desk, tmp_path: Path
) -> None:
    (tmp_path / "afar").mkdir()
    with served(desk.directory) as place:
        afar = Terminal(tmp_path / "afar", place, desk.screen)
        assert afar.type("start", "nightly", "--detach")[0] == Exit.DONE
        code, out, _ = afar.type("start", "nightly", "--reason", "late")
        assert (code, out.startswith("WAITING nightly/")) == (Exit.DETACHED, True)
        (waiting,) = afar.json("next", "nightly")["waiting"]
        run = waiting["runId"]
        assert afar.json("status", run) == waiting
        for words in (["watch", run], ["explain", run], ["explain", "a", "--run", run]):
            assert afar.type(*words, "--json") == desk.type(*words, "--json")
        dropped = afar.json("cancel", run, "--reason", "a mistake")
        assert (dropped["runId"], dropped["dropped"]["reason"]) == (run, "a mistake")
        for words in (["history", run], ["watch", run], ["status", run, "--json"]):
            assert afar.type(*words) == desk.type(*words)
        assert afar.type("status", run.replace("nightly", "other"))[0] == Exit.NOT_FOUND
        assert afar.json("versions", "nightly") == desk.json("versions", "nightly")
        assert afar.read("delete", "nightly", "--reason", "over").startswith("nightly: deleted")
        assert afar.json("versions", "nightly")["events"][0]["reason"] == "over"


def test_one_request_stores_a_schedule_elsewhere_and_brings_its_warnings(
    desk: Desk, tmp_path: Path
) -> None:
    path = tmp_path / "never.json"
    triggers = [{"name": "never", "cron": "0 0 30 2 *"}]
    told = document(job("a"), scheduleId="never", triggers=triggers)
    path.write_text(json.dumps(told), encoding="utf-8")
    (tmp_path / "afar").mkdir()
    with served(desk.directory) as place:
        proxy = Proxy(place.url)
        with proxied(proxy) as url:
            afar = Terminal(tmp_path / "afar", Place(url, place.token_file), desk.screen)
            there = afar.type("put", str(path))
    assert proxy.asked == ["PUT /schedules/never"]
    assert there[2].startswith("Warning: $.triggers[0].cron: does not fire")
    assert there == desk.type("put", str(path))
