"""What a terminal says when a server can't be asked, or refuses; and what it never says."""

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import SimpleQueue

import pytest

from chalicelib.bootstrap import open_edition
from chalicelib.cli.exits import Exit
from chalicelib.config import read_settings
from chalicelib.core.tokens import make_token
from chalicelib.errors import BackendError
from chalicelib.services.repeating import BUSY_TYPE
from tests.functional.recorded import Desk
from tests.functional.remote.servers import (
    Answer,
    Place,
    Proxy,
    Terminal,
    answering,
    listening,
    proxied,
    self_signed,
    served,
)

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with served(tmp_path_factory.mktemp("served") / "state") as found:
        yield found


@pytest.fixture
def terminal(tmp_path: Path, place: Place, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, place, capsys)


def at(terminal: Terminal, url: str) -> Terminal:
    """The same person before another address."""
    place = Place(url, terminal.place.token_file)
    return Terminal(terminal.folder, place, terminal.screen)


def test_without_a_token_it_is_said_how_to_get_one(terminal: Terminal) -> None:
    code, out, err = terminal.type_only("list", *terminal.where)
    assert (code, out) == (Exit.INVALID, "")
    assert "no token is given; ask an admin for one: batch-scheduler token create" in err
    assert "BATCH_SCHEDULER_TOKEN_FILE" in err


def test_the_token_of_our_own_server_is_found_where_it_keeps_it(
    terminal: Terminal, place: Place
) -> None:
    state = str(place.token_file.parent)
    assert terminal.type_only("list", "--state", state, *terminal.where)[0] == Exit.DONE


def test_the_token_of_our_own_server_is_not_told_to_another_machine(
    terminal: Terminal, place: Place
) -> None:
    state = str(place.token_file.parent)
    elsewhere = ["--edition", "http", "--url", "https://nowhere.invalid"]
    code, _, err = terminal.type_only("list", "--state", state, *elsewhere)
    assert (code, "no token is given" in err) == (Exit.INVALID, True)


def test_a_token_may_be_in_the_environment(terminal: Terminal, place: Place) -> None:
    code, _, err = terminal.type_only("list", *terminal.where, BATCH_SCHEDULER_TOKEN=place.token)
    assert code == Exit.DONE, err


@pytest.mark.parametrize("text", ["", "hello", "abs_1_2_3", "{token}x", "Bearer {token}"])
def test_what_is_no_token_is_refused_and_not_told(
    text: str, terminal: Terminal, place: Place, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(text.format(token=place.token))
    code, out, err = terminal.type_only("list", *terminal.where, "--token-file", str(file))
    assert (code, out) == (Exit.INVALID, "")
    assert "holds no token, or not the whole of one" in err
    assert place.secret not in err


def test_a_file_that_is_not_there_is_told_of(terminal: Terminal) -> None:
    code, _, err = terminal.type_only("list", *terminal.where, "--token-file", "nothing")
    assert (code, "can't be read: No such file" in err) == (Exit.INVALID, True)


def test_a_token_that_the_server_does_not_know_is_refused_in_words(terminal: Terminal) -> None:
    stranger = make_token(bytes(38))
    code, _, err = terminal.type_only("list", *terminal.where, BATCH_SCHEDULER_TOKEN=stranger.text)
    assert code == Exit.INVALID
    assert "does not take the token" in err
    assert "batch-scheduler token create" in err
    assert stranger.secret not in err


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org",
        "example.org",
        "https://",
        "https://example.org:99999",
        "http://example.org",
        "http://192.168.1.1:8080",
        "https://ann:{token}@example.org",
        "http://127.0.0.1:8080/#token={token}",
        "https://example.org/?token={token}",
        "https://[bad",
        "https://exämple.org",
        "https://example.org/a b",
    ],
)
@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["text", "json"])
def test_an_address_that_would_not_be_safe_is_refused_and_not_told(
    url: str, as_json: list[str], terminal: Terminal, place: Place
) -> None:
    elsewhere = at(terminal, url.format(token=place.token))
    code, out, err = elsewhere.type("list", *as_json)
    assert (code, out) == (Exit.INVALID, "")
    assert "--url" in err
    assert place.secret not in err
    assert "example.org" not in err


@pytest.mark.parametrize("url", ["http://localhost:1", "http://[::1]:1", "http://127.0.0.2:1"])
def test_nobody_there_is_a_fault_of_the_backend_told_with_the_host(
    url: str, terminal: Terminal, place: Place
) -> None:
    code, out, err = at(terminal, url).type("list")
    assert (code, out) == (Exit.BACKEND, "")
    assert err.startswith(f"server {url.removeprefix('http://')}: can't be reached")
    assert place.secret not in err


def test_a_redirect_is_not_followed(terminal: Terminal, place: Place) -> None:
    proxy = Proxy(place.url)
    with proxied(proxy) as other:
        moved = answering(302, "", Location=f"{other}/schedules")
        with listening(moved) as authority:
            code, _, err = at(terminal, f"http://{authority}").type("list")
    assert (code, proxy.asked) == (Exit.BACKEND, [])
    assert "answers 302, a redirect, which is not followed" in err
    assert place.secret not in err


@pytest.mark.parametrize(
    ("status", "body", "code", "told"),
    [
        (404, "<html>", Exit.BACKEND, "is the URL right?"),
        (200, "<html>", Exit.BACKEND, "does not understand"),
        (200, "[1]", Exit.BACKEND, "does not understand"),
        (200, "[" * 100_000, Exit.BACKEND, "does not understand"),
        (200, '{"schedules": [{}]}', Exit.BACKEND, "does not understand"),
        (500, '{"detail": 5}', Exit.BACKEND, "server 127.0.0.1"),
        (503, '{"detail": "the store is full"}', Exit.BACKEND, "the store is full"),
        (429, '{"message": "Too Many Requests"}', Exit.BACKEND, "answers 429"),
        (401, '{"message": "Unauthorized"}', Exit.INVALID, "the token"),
        (403, '{"Message": "no"}', Exit.REFUSED, "The token's role"),
        (409, '{"detail": "it moves"}', Exit.REFUSED, "it moves"),
        (410, '{"detail": "it expired"}', Exit.NOT_FOUND, "it expired"),
        (412, '{"detail": "it changed"}', Exit.REFUSED, "it changed"),
        (413, '{"detail": "too large"}', Exit.INVALID, "too large"),
        (422, '{"detail": "another"}', Exit.INVALID, "another"),
        (400, '{"detail": "x", "problems": [{"path": "$"}]}', Exit.BACKEND, "version?"),
        (404, '{"detail": "\\u001b[2Jgone"}', Exit.NOT_FOUND, " [2Jgone"),
    ],
)
def test_strange_and_refusing_answers_are_told_by_their_exit_code_and_a_sentence(
    status: int, body: str, code: Exit, told: str, terminal: Terminal, place: Place
) -> None:
    kind = PROBLEM if "detail" in body else "text/html" if "<" in body else "application/json"
    with listening(answering(status, body, Content_Type=kind)) as authority:
        found, out, err = at(terminal, f"http://{authority}").type("list")
    assert (found, out) == (code, "")
    assert told in err
    assert place.secret not in err


def test_a_server_that_hangs_up_is_a_fault_of_the_backend(terminal: Terminal) -> None:
    with listening(lambda *_: None) as authority:
        code, _, err = at(terminal, f"http://{authority}").type("list")
    assert (code, authority in err) == (Exit.BACKEND, True)


def test_a_token_in_what_a_server_says_is_cut(terminal: Terminal, place: Place) -> None:
    body = json.dumps({"detail": f"I saw {place.token}"})
    with listening(answering(409, body, Content_Type=PROBLEM)) as authority:
        code, _, err = at(terminal, f"http://{authority}").type("list")
    assert (code, place.secret in err) == (Exit.REFUSED, False)


def test_no_repr_log_or_traceback_has_the_token(
    place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    environment = {
        "BATCH_SCHEDULER_TOKEN": place.token,
        "BATCH_SCHEDULER_URL": "http://127.0.0.1:1",
        "BATCH_SCHEDULER_EDITION": "http",
    }
    settings = read_settings(environment, state=tmp_path, directory=tmp_path)
    with open_edition(settings) as edition, pytest.raises(BackendError) as raised:
        edition.ports.runs.get_header("etl/2026-11-23T11:00:00.000000Z")
    told = "".join(traceback.format_exception(raised.value))
    seen = told + caplog.text + repr(settings) + repr(vars(edition)) + repr(vars(edition.ports))
    assert place.secret not in seen


@pytest.mark.parametrize("typed", ["resume", "resume --detach", "migrate", "serve", "drive"])
def test_what_only_the_machine_itself_can_do_is_refused_with_a_sentence(
    typed: str, terminal: Terminal
) -> None:
    code, out, err = terminal.type(*typed.split())
    assert (code, out, len(err.splitlines())) == (Exit.INVALID, "", 1)


def test_a_server_behind_a_prefix_is_reached(terminal: Terminal, place: Place) -> None:
    proxy = Proxy(place.url, prefix="/stage")
    with proxied(proxy) as url:
        assert at(terminal, url + "/").type("list")[0] == Exit.DONE
    assert proxy.asked == ["GET /stage/schedules?limit=1000"]


def test_the_file_of_a_directory_says_where_the_server_is(
    terminal: Terminal, place: Place, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(place.token)
    settings = f'edition = "http"\nurl = "{place.url}"\ntoken_file = "token"\n'
    (tmp_path / ".batch-scheduler.toml").write_text(settings)
    assert terminal.type_only("list")[0] == Exit.DONE


def test_a_server_that_a_file_names_is_told_no_token_but_one_of_the_file(
    terminal: Terminal, place: Place, tmp_path: Path
) -> None:
    (tmp_path / ".batch-scheduler.toml").write_text(f'edition = "http"\nurl = "{place.url}"\n')
    state, file = place.token_file.parent, str(place.token_file)
    for given in (
        {"BATCH_SCHEDULER_TOKEN": place.token},
        {"BATCH_SCHEDULER_TOKEN_FILE": file},
        {"BATCH_SCHEDULER_STATE": str(state)},
    ):
        code, _, err = terminal.type_only("list", **given)
        assert (code, "no token is given" in err) == (Exit.INVALID, True)
    assert terminal.type_only("list", "--token-file", file)[0] == Exit.DONE


def test_an_act_whose_answer_is_lost_is_done_once(
    terminal: Terminal, place: Place, tmp_path: Path
) -> None:
    proxy = Proxy(place.url)
    document = {"scheduleId": "once", "jobList": [{"jobName": "a", "command": ["true"]}]}
    (tmp_path / "once.json").write_text(json.dumps(document))
    with proxied(proxy) as url:
        elsewhere = at(terminal, url)
        proxy.losses = 1
        assert elsewhere.json("put", "once.json")["version"] == 1
        proxy.losses = 2
        run = elsewhere.json("start", "once", "--detach")
        assert len(proxy.keys) == 3
        assert len(set(proxy.keys)) == 1
        assert [each["runId"] for each in elsewhere.json("runs", "once")] == [run["runId"]]
        proxy.losses = 1
        elsewhere.read("hold", "a", "--run", run["runId"])
        acts = [each["act"] for each in elsewhere.json("history", run["runId"])]
        assert acts.count("HOLD") == 1


def test_an_act_that_the_server_still_works_on_is_waited_for(
    terminal: Terminal, place: Place
) -> None:
    """The first answer is lost; then the server says that it is at it, then what came of it."""
    told = json.dumps({"type": BUSY_TYPE, "detail": "in other words"}).encode()
    busy: Answer = (409, [("Content-Type", PROBLEM)], told)
    done: Answer = (200, [], json.dumps({"scheduleId": "once", "paused": None}).encode())
    answers: list[Answer | None] = [None, busy, done, None, busy, busy, busy]
    with listening(lambda *_: answers.pop(0)) as authority:
        elsewhere = at(terminal, f"http://{authority}")
        assert elsewhere.read("resume", "once").startswith("once is resumed")
        code, _, err = elsewhere.type("resume", "once")
        assert (code, len(answers)) == (Exit.BACKEND, 1)
        assert "it still works on it" in err
        answers[:] = [busy]
        code, _, err = elsewhere.type("resume", "once")
        assert (code, err.strip()) == (Exit.REFUSED, "in other words")


def test_an_act_whose_answer_stays_lost_leaves_open_whether_it_was_done(
    terminal: Terminal, place: Place, tmp_path: Path
) -> None:
    proxy = Proxy(place.url)
    with proxied(proxy) as url:
        elsewhere = at(terminal, url)
        proxy.losses = 1
        code, _, err = elsewhere.type("token", "create", "bo", "--role", "viewer")
        assert (code, len(proxy.asked)) == (Exit.BACKEND, 1)
        assert "whether it was done; look before you ask again" in err
        proxy.losses = 9
        code, _, err = elsewhere.type("pause", "once")
        assert (code, len(proxy.asked)) == (Exit.BACKEND, 4)
        assert "look before you ask again" in err


def test_what_has_not_changed_is_not_sent_again(place: Place, tmp_path: Path) -> None:
    proxy = Proxy(place.url)
    with proxied(proxy) as url:
        environment = {"BATCH_SCHEDULER_TOKEN": place.token, "BATCH_SCHEDULER_URL": url}
        settings = read_settings(
            environment, said={"edition": "http"}, state=tmp_path, directory=tmp_path
        )
        with open_edition(settings) as edition:
            first = edition.ports.schedules.list_schedules()
            assert edition.ports.schedules.list_schedules() == first
    assert proxy.answered == [200, 304]


def test_a_server_with_a_certificate_that_nobody_vouches_for_is_not_told_the_token(
    terminal: Terminal, place: Place, tmp_path: Path
) -> None:
    context, certificate = self_signed(tmp_path)
    proxy = Proxy(place.url)
    with proxied(proxy, context) as url:
        code, _, err = at(terminal, url).type("list")
        assert (code, proxy.asked) == (Exit.BACKEND, [])
        assert "its certificate is not good here" in err
        trusted = {"SSL_CERT_FILE": str(certificate)}
        code, _, err = at(terminal, url).type("list", **trusted)
        assert code == Exit.DONE, err
        assert proxy.asked == ["GET /schedules?limit=1000"]


def test_the_terminal_of_one_machine_needs_no_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        assert Desk(tmp_path / "state", capsys).type("list", "--url", url)[0] == Exit.DONE


def test_what_the_page_tells_to_type_works(terminal: Terminal, place: Place) -> None:
    root = Path(__file__).parents[3]
    page = root / "docs" / "how-to" / "use-a-server-from-elsewhere.md"
    typed = re.findall(r"^\$ batch-scheduler (.*)$", page.read_text(), flags=re.MULTILINE)
    assert len(typed) > 5
    variables = {
        "BATCH_SCHEDULER_EDITION": "http",
        "BATCH_SCHEDULER_URL": place.url,
        "BATCH_SCHEDULER_TOKEN_FILE": str(place.token_file),
    }
    for line in typed:
        words = line.replace("examples/", f"{root}/examples/").split()
        code, _, err = terminal.type_only(*words, **variables)
        assert code == Exit.DONE, err


def test_a_url_with_a_token_in_it_is_in_no_command_to_paste(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:8080/#token={place.token}"
    code, out, err = Desk(tmp_path / "state", capsys).type("show", "nothing", "--url", url)
    assert (code, "batch-scheduler list" in err) == (Exit.NOT_FOUND, True)
    assert place.secret not in out + err


def test_control_c_while_the_server_is_at_it_is_no_failure_of_a_run(
    place: Place, tmp_path: Path
) -> None:
    asked: SimpleQueue[str] = SimpleQueue()
    over = threading.Event()

    def hold(_method: str, path: str, *_: object) -> None:
        asked.put(path)
        over.wait(30)

    with listening(hold) as authority:
        program = [sys.executable, "-m", "chalicelib.cli.main", "start", "etl"]
        where = ["--edition", "http", "--url", f"http://{authority}"]
        path, root = os.environ["PATH"], str(Path(__file__).parents[3])
        environment = {"PATH": path, "PYTHONPATH": root, "BATCH_SCHEDULER_TOKEN": place.token}
        with subprocess.Popen(
            [*program, *where], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
        ) as process:
            asked.get(timeout=30)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
            over.set()
    assert (process.returncode, said) == (
        Exit.DETACHED,
        "\nInterrupted; what was begun goes on.\n",
    )


def test_a_stage_of_iam_is_asked_with_a_signature_and_no_token(terminal: Terminal) -> None:
    asked: list[Mapping[str, str]] = []

    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        asked.append(headers)
        return 403, [("Content-Type", PROBLEM)], b'{"detail": "User: ann is not authorized"}'

    with listening(respond) as authority:
        code, _, err = terminal.type_only(
            *("list", "--edition", "http", "--url", f"http://{authority}"),
            BATCH_SCHEDULER_ACCESS="iam",
            AWS_REGION="eu-central-1",
            AWS_ACCESS_KEY_ID="AKIDEXAMPLE",
            AWS_SECRET_ACCESS_KEY="not-a-secret",  # noqa: S106 - nobody's
        )
    assert (code, "ann is not authorized" in err) == (Exit.REFUSED, True), err
    [headers] = asked
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "not-a-secret" not in str(headers)


def test_nothing_is_signed_for_a_server_that_only_a_file_names(
    terminal: Terminal, tmp_path: Path
) -> None:
    asked: list[str] = []

    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        asked.append(path)
        return 403, [], b""

    with listening(respond) as authority:
        named = f'edition = "http"\nurl = "http://{authority}"\n'
        (tmp_path / ".batch-scheduler.toml").write_text(named)
        code, _, err = terminal.type_only(
            "list",
            BATCH_SCHEDULER_ACCESS="iam",
            AWS_REGION="eu-central-1",
            AWS_ACCESS_KEY_ID="AKIDEXAMPLE",
            AWS_SECRET_ACCESS_KEY="not-a-secret",  # noqa: S106 - nobody's
        )
    assert (code, "--url" in err, asked) == (Exit.INVALID, True, [])
