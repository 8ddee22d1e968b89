"""docs/json.md against what is really printed: the same keys in the same order."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.serving import server_shape
from chalicelib.core.lifecycle import Act, RunStatus
from chalicelib.core.notices import payload
from chalicelib.core.operating import operate
from chalicelib.core.restarting import plan_restart
from chalicelib.services.shapes import operation_shape, restart_shape
from docs import generate
from tests.builders import document, job
from tests.contract.outboxes import letter
from tests.functional.recorded import JOBS, STATES, Desk
from tests.unit.runs import header, order, run_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "json.md"


def documented() -> dict[str, list[str]]:
    """The keys that each section of the document lists."""
    sections = re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {
        section.partition("\n")[0]: re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)
        for section in sections
    }


def printed(desk: Desk, directory: Path) -> dict[str, Mapping[str, object]]:
    """One object of each kind, as the terminal prints it."""
    desk.record_run()
    desk.write_log("id-load", "killed\n")
    path = directory / "nightly.json"
    path.write_text(json.dumps(document(job("a"), job("b", "a"))), encoding="utf-8")
    status, export = desk.json("status", "--all"), desk.json("export")
    explanation, graph = desk.json("explain"), desk.json("graph", str(path))
    token = desk.json("token", "create", "ann", "--role", "viewer")
    failure = json.loads(desk.type("runs", "--status", "x", "--json")[2])["error"]
    return (
        timed(desk, directory)
        | {
            "Validation": desk.json("validate", str(path)),
            "Schedule": desk.json("put", str(path)),
            "Shown schedule": desk.json("show", "nightly"),
            "Graph": graph,
            "Graph job": graph["jobs"][1],
            "Run": desk.json("runs")[0],
            "Event": desk.json("history")[0],
            "Status": status,
            "Job": status["failed"][0],
            "Waiting job": status["waiting"][0],
            "Possible": status["possible"][0],
            "Explanation": explanation,
            "Cause": explanation["cause"],
            "Log": desk.json("logs", "load"),
            "Followed line": desk.json("logs", "load", "--follow"),
            "Export": export,
            "Exported job": without_request(export["jobList"][3]),
            "Error": failure,
            "Problem": failure["problems"][0],
            "Token": desk.json("token", "list")[0],
            "New token": token,
            "Server": dict(server_shape("http://127.0.0.1:8080", "api-token")),
            "Migration": (migration := desk.json("migrate", "--from-files", str(directory))),
            "Migrated item": migration["items"][0],
            "Imported crontab": (crontab := taken_over(desk, directory)),
            "Crontab line": crontab["lines"][0],
        }
        | operated()
    )


def taken_over(desk: Desk, directory: Path) -> Any:
    """What `import crontab` prints."""
    path = directory / "my.crontab"
    path.write_text("0 2 * * * load\n", encoding="utf-8")
    return desk.json("import", "crontab", str(path), "--timezone", "UTC")


def timed(desk: Desk, directory: Path) -> dict[str, Mapping[str, object]]:
    """What verbs about triggers print."""
    path, calendar = directory / "timed.json", directory / "calendars" / "de.json"
    calendar.parent.mkdir()
    # The second goes by a calendar that is not there yet.
    triggers = [{"cron": "0 2 * * *"}, {"name": "lost", "cron": "0 2 * * *", "calendar": "de"}]
    about = {"scheduleId": "timed", "triggers": triggers}
    path.write_text(json.dumps(document(job("a")) | about), encoding="utf-8")
    calendar.write_text(json.dumps({"name": "de"}), encoding="utf-8")
    desk.json("put", str(path))
    paused = desk.json("pause", "timed")
    about = {"triggers": [{"name": "api", "http": {}, "overlap": "queue"}]}
    path.write_text(json.dumps(document(job("a"), scheduleId="queued") | about), encoding="utf-8")
    desk.json("put", str(path))
    following, waits = desk.json("next", "timed"), [desk.ask("queued") for _ in range(2)][1]
    waiting = desk.json("next", "queued")["waiting"][0]
    dropped = desk.json("cancel", waits.run_id)
    history = desk.json("versions", "queued")
    return {
        "Paused": paused,
        "Pause": paused["paused"],
        "Next fire times": following,
        "Fire time": following["fireTimes"][0],
        "Broken trigger": following["problems"][0],
        "Waiting start": waiting,
        "Dropped start": dropped,
        "Schedule history": history,
        "Schedule event": history["events"][0],
        "Calendar": desk.json("calendar", "put", str(calendar)),
    }


def without_request(exported: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in exported.items() if key != "containerOverrides"}


def operated() -> dict[str, Mapping[str, object]]:
    """What the operators' verbs print, without an engine that they would start."""
    run = run_of(*JOBS, run=header(status=RunStatus.FAILED))
    run.states.update(STATES)
    operation = operation_shape(operate(run, ["sign-off", "load"], order(Act.RELEASE)))
    return {
        "Operation": operation,
        "Changed job": operation["changed"][0],
        "Refused job": operation["refused"][0],
        "Restart plan": restart_shape(plan_restart(run, order(Act.RESTART))),
    }


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path / "state", capsys)


def test_every_documented_key_is_printed_and_every_printed_key_documented(
    desk: Desk, tmp_path: Path
) -> None:
    shapes = {name: list(shape) for name, shape in printed(desk, tmp_path).items()}
    shapes["Notice"] = list(payload(letter()))  # no verb prints it: it is sent
    told = documented()
    told.pop("Resumed")  # its keys are run ids
    assert shapes == told


def test_every_verb_is_in_the_table_of_the_document() -> None:
    table = DOCUMENT.read_text(encoding="utf-8").partition("## ")[0]
    cells = "\n".join(re.findall(r"^\| (.*?) \|", table, re.M))
    named = set(re.findall(r"`((?:(?:token|calendar|import) )?[a-z]+)[^`]*`", cells))
    assert set(generate.verbs()) == named


def test_every_link_of_the_document_leads_to_one_of_its_sections() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    anchors = {name.lower().replace(" ", "-") for name in documented()}
    assert set(re.findall(r"\]\(#([a-z-]+)\)", text)) <= anchors
