"""The same verbs over a state directory and over its server: the same words, the same codes."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.core.lifecycle import JobStatus, RunStatus
from tests.builders import document, job
from tests.functional.recorded import JOBS, RUN, STATES, Desk
from tests.functional.remote.servers import Place, Terminal, served
from tests.unit.runs import NOW, after, spec, state

ENDED = "old/2026-11-22T11:00:00.000000Z"
ODD = "odd/2026-11-21T11:00:00.000000Z"

READ = [
    "status",
    f"status {RUN}",
    f"status {RUN} --all",
    f"status {ENDED}",
    "status old --all",
    "status nothing",
    "status o",
    "runs",
    "runs etl",
    "runs nothing",
    "runs --status failed",
    "runs --status tired",
    "runs --limit 1",
    f"history {RUN}",
    f"history {RUN} --job load",
    f"history {RUN} --job lead",
    "explain",
    f"explain {RUN}",
    "explain load",
    "explain report",
    "explain sign-off",
    f"explain publish --run {RUN}",
    f"explain {ENDED}",
    "explain nothing",
    "logs load",
    "logs load --lines 1",
    "logs load --attempt 9",
    "logs load --attempt x",
    "logs report",
    "logs nothing",
    f"logs many --run {ODD}",
    f"logs many:1 --run {ODD}",
    f"logs many:7 --run {ODD}",
    f"logs load[1] --run {ODD}",
    "logs load --follow",
    f"export {RUN}",
    f"export {ENDED} -o -",
    f"graph {RUN}",
    f"graph {RUN} --format dot",
    "graph nightly",
    "graph nightly.json",
    "graph nothing",
    "list",
    "show nightly",
    "show nightly --version 1",
    "show nightly --version 9",
    "show nightly --document",
    "show nothing",
    "show ../nightly",
    "versions nightly",
    "versions nothing",
    "validate nightly.json",
    "validate broken.json",
    "schema",
    "next timed",
    "next timed --count 3 --after 2026-12-01",
    "next timed --after tomorrow",
    "next nightly",
    "next nothing",
    "preview --from 2026-12-01 --to 2026-12-03",
    "preview --from 2026-12-01 --to 2026-12-02 --limit 1",
    "calendar list",
    "calendar show de",
    "calendar show nothing",
    "calendar show weekdays",
    "calendar delete weekdays",
    "calendar show no/thing",
    "calendar delete de",
    "calendar delete nothing",
    "token list",
    "token revoke nothing",
    "token revoke -- ''",
    "token create ann --role king",
    "token create ann --role viewer --days 900",
    "token create engine --role viewer",
    f"restart {ENDED} --plan",
    f"restart {RUN} --plan",
    "restart nothing --plan",
    f"cancel {ENDED}",
    f"hold load --run {RUN}",
    f"release load report --run {RUN}",
    f"pass nothing --run {RUN}",
    "pass no*",
    "pass",
    "mark load done",
    f"terminate --status tired --run {RUN}",
    "put broken.json",
    "put twice.yaml",
    "delete nothing",
    "start nothing",
    "start nightly --param colour=red",
    "start nightly --param colour",
    "start nightly --version 9",
    "pause nothing",
    "resume nightly",
    "resume nothing",
]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Place]]:
    """A folder with files, a state directory with all kinds of things on record, and its server."""
    folder = tmp_path_factory.mktemp("kept")
    files = {
        "nightly.json": document(job("a"), job("b", "a"), parameters={"day": {"type": "string"}}),
        "timed.json": {
            **document(job("a")),
            "scheduleId": "timed",
            "triggers": [
                {"name": "night", "cron": "30 2 * * *", "timezone": "Europe/Berlin"},
                {"name": "days", "cron": "0 9 * * *", "calendar": {"name": "de"}},
            ],
        },
        "de.json": {"name": "de", "country": "DE"},
        "broken.json": document(job("a", "b"), job("a")),
    }
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    (folder / "twice.yaml").write_text("scheduleId: a\nscheduleId: b\n", encoding="utf-8")
    with served(folder / "state") as place:
        yield folder, place


@pytest.fixture
def desk(kept: tuple[Path, Place], capsys: pytest.CaptureFixture[str]) -> Desk:
    folder, _ = kept
    desk = Desk(folder / "state", capsys)
    if not (folder / "recorded").exists():
        (folder / "recorded").touch()
        record(desk, folder)
    return desk


def record(desk: Desk, folder: Path) -> None:
    """Two schedules, a calendar, a run that goes on, one that failed, one with odd names."""
    for words in (("calendar", "put", "de.json"), ("put", "nightly.json"), ("put", "timed.json")):
        desk.read(*words[:-1], str(folder / words[-1]))
    desk.record_run(reason="late data")
    desk.write_log("id-load", "one\ntwo\nkilled\n")
    over = {name: each for name, each in STATES.items() if name != "crunch"}
    over["crunch"] = state("crunch", JobStatus.SUCCEEDED, started_at=NOW, stopped_at=after(5))
    desk.record_run(ENDED, JOBS, over, started_at=NOW.replace(day=22))
    desk.end(ENDED, RunStatus.FAILED)
    array = spec("many", request={"arrayProperties": {"size": 3}})
    odd = (spec("load[1]"), spec("load1"), array, replace(spec("-x y/z", "load1"), hold=True))
    states = {each.name: state(each.name, JobStatus.SUCCEEDED, started_at=NOW) for each in odd}
    states["many"] = state("many", JobStatus.FAILED, started_at=NOW)
    desk.record_run(ODD, odd, states, started_at=NOW.replace(day=21))
    desk.write_log("id-many:1", "child\n")
    desk.write_log("id-load[1]", "bracket\n")


def plain(text: str, place: Place, state: Path) -> str:
    """Without what is known to differ: the options that say where, and the time that passes."""
    text = text.replace(f" --edition http --url {place.url}", "")
    text = text.replace(f" --state {state}", "")
    nobody = "NO ENGINE DRIVES IT: "  # who can help differs
    text = re.sub(f"{nobody}.*", nobody, text)
    text = re.sub(r" for \d+ d \d\d h$| for \d+ h \d\d min$", "", text, flags=re.MULTILINE)
    text = re.sub(r'"seconds": \d{5,}\.\d+', '"seconds": LONG', text)
    text = re.sub(r"\d+ (d|h) \d\d (h|min)\b|\d+ min \d\d s", "LONG", text)
    return re.sub(r" +# ", "  # ", text)


@pytest.mark.parametrize("typed", READ)
@pytest.mark.parametrize("as_json", ["", "--json"], ids=["text", "json"])
def test_a_verb_says_the_same_of_a_state_directory_and_of_its_server(
    typed: str,
    as_json: str,
    desk: Desk,
    kept: tuple[Path, Place],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, place = kept
    monkeypatch.chdir(folder)
    words = [word.strip("'") for word in typed.split()]
    options = [as_json] if as_json else []
    at = words.index("--") if "--" in words else len(words)
    words = [*words[:at], *options, *words[at:]]
    here = desk.type(*_with(words, ["--state", str(desk.directory)]))
    terminal = Terminal(folder, place, capsys)
    given = {"BATCH_SCHEDULER_TOKEN_FILE": str(place.token_file)}
    there = terminal.type_only(*_with(words, terminal.where), **given)
    for mine, theirs in zip(here, there, strict=True):
        told = (plain(str(each), place, desk.directory) for each in (mine, theirs))
        assert next(told) == next(told)
    assert place.secret not in "".join(map(str, there))
    assert here[0] in (0, 2, 4, 5)


def _with(words: list[str], options: list[str]) -> list[str]:
    """The words with options before `--`."""
    at = words.index("--") if "--" in words else len(words)
    return [*words[:at], *options, *words[at:]]
