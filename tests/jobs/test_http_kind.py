"""`batch-job http` against a real server: what is asked again, what never is, what is followed."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fetch_and_run.exits import Exit
from tests.functional.receivers import Answer, Handler, Receiver, hangs_up, never_ends, status
from tests.jobs.transfer_world import WHO, Jobs, jobs_in
from tests.jobs.web_server import web_server

CANARY = "only-for-these-tests"


@pytest.fixture
def server() -> Iterator[Receiver]:
    with web_server() as running:
        yield running


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return jobs_in(tmp_path, {"API_TOKEN": CANARY})


def says(code: int, document: object, **headers: str) -> Answer:
    return status(code, json.dumps(document).encode(), **headers)


def asked(server: Receiver) -> list[str]:
    return [each.path for each in server.received]


def test_a_request_is_made_as_it_is_written_and_its_answer_told(
    server: Receiver, jobs: Jobs
) -> None:
    server.answers = [says(201, {"load": {"rows": 12, "file": "a.csv"}})]
    argv = ["http", server.url("/loads?full=1"), "--body", '{"day": 1}', "--print"]
    argv += ["--header", "X-Team: edw", "--bearer-from", "env:API_TOKEN"]
    assert jobs.run([*argv, "--output", "rows=load.rows"]) == Exit.OK
    (came,) = server.received
    assert (came.path, came.body) == ("POST /loads?full=1", b'{"day": 1}')
    assert came.headers["Content-Type"] == "application/json"
    assert (came.headers["X-Team"], came.headers["Authorization"]) == ("edw", f"Bearer {CANARY}")
    assert jobs.claim().outputs == {"status": "201", "rows": "12"}
    assert '"file": "a.csv"' in jobs.out


def test_a_status_that_is_not_expected_is_a_failure_with_its_words(
    server: Receiver, jobs: Jobs
) -> None:
    server.answers = [status(404, b"no such\x1b[31m load, " + CANARY.encode())]
    argv = ["http", server.url("/loads/1"), "--bearer-from", "env:API_TOKEN"]
    assert jobs.run(argv) == Exit.FAILED
    last = jobs.err.splitlines()[-1]
    assert last.startswith(f"batch-job: GET {server.url('/loads/1')} answered 404 Not Found: ")
    assert CANARY not in jobs.err
    assert "\x1b" not in jobs.err
    server.answers = [status(404)]
    assert jobs.run([*argv, "--expect", "2xx,404"]) == Exit.OK


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says(200, {"rows": 5}), "n.of.it is not in it"),
        (status(204), "n.of.it is not in it"),
        (says(200, {"n": {"of": {"it": "two\nlines"}}}), "has characters that can't be printed"),
        (says(200, {"n": {"of": {"it": "x" * 1025}}}), "it has 1025 characters, and may have 1024"),
    ],
    ids=["missing", "no answer", "lines", "long"],
)
@pytest.mark.parametrize("first", [[], [says(202, {}, Location="/q/1")]], ids=["asked", "followed"])
def test_an_answer_without_an_output_is_a_failure_in_the_words_of_all_kinds(
    server: Receiver, jobs: Jobs, first: list[Answer], answer: Answer, words: str
) -> None:
    server.answers = [*first, answer]
    argv = ["http", server.url("/x"), "--body", "{}", "--output", "n=n.of.it"]
    assert jobs.run(argv) == Exit.FAILED
    last = jobs.err.splitlines()[-1]
    told = f"batch-job: POST {server.url('/x')} has succeeded, but its answer gives no output n: "
    assert (last[: len(told)], last.endswith(words)) == (told, True)
    assert jobs.claim().outputs == {}
    server.answers = [answer]
    assert jobs.run(argv) == Exit.FAILED, "the next container of the attempt says the same"
    assert asked(server).count("POST /x") == 1


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_what_is_idempotent_is_asked_again(server: Receiver, jobs: Jobs, code: int) -> None:
    server.answers = [status(code), hangs_up, status(200)]
    assert jobs.run(["http", server.url("/x"), "--method", "PUT", "--body", "a"]) == Exit.OK
    assert asked(server) == ["PUT /x"] * 3


def test_what_is_not_idempotent_is_asked_once(server: Receiver, jobs: Jobs) -> None:
    server.answers = [status(429)]
    assert jobs.run(["http", server.url("/x"), "--body", "a"]) == Exit.FAILED
    assert asked(server) == ["POST /x"]


@pytest.mark.parametrize("answer", [hangs_up, status(502), status(504)], ids=["lost", "502", "504"])
def test_a_post_whose_answer_is_lost_is_never_made_again(
    server: Receiver, jobs: Jobs, answer: Answer
) -> None:
    server.answers = [answer]
    argv = ["http", server.url("/x"), "--body", "a"]
    assert jobs.run(argv) == Exit.UNKNOWN
    assert "may have been done" in jobs.err
    assert jobs.run(argv) == Exit.UNKNOWN  # AWS Batch starts the container of the attempt again
    assert asked(server) == ["POST /x"]


def test_a_post_with_a_key_is_asked_again_by_the_same_key(server: Receiver, jobs: Jobs) -> None:
    server.answers = [hangs_up, status(503), status(201)]
    argv = ["http", server.url("/x"), "--body", "a", "--idempotency-key"]
    assert jobs.run(argv) == Exit.OK
    assert [each.headers["Idempotency-Key"] for each in server.received] == [WHO.token] * 3


def test_a_server_that_does_not_listen_is_asked_until_it_does(jobs: Jobs) -> None:
    with web_server() as gone:
        url = gone.url("/x")
    assert jobs.run(["http", url, "--body", "a", "--timeout", "60"]) == Exit.NOT_STARTED
    assert "nothing was" in jobs.err
    assert jobs.claim().remote == {}


def test_a_server_that_asks_to_wait_is_waited_for(server: Receiver, jobs: Jobs) -> None:
    server.answers = [says(429, {}, **{"Retry-After": "120"}), status(200)]
    assert jobs.run(["http", server.url("/x")]) == Exit.OK
    assert asked(server) == ["GET /x"] * 2
    assert 120 <= sum(jobs.slept) < 160


def test_accepted_work_is_followed_where_it_leads_to_its_end(server: Receiver, jobs: Jobs) -> None:
    server.answers = [
        says(202, {}, Location="/loads/7"),
        status(404),  # not to be seen yet
        says(202, {"status": "RUNNING"}, **{"Retry-After": "100"}),
        hangs_up,
        status(503),
        says(200, {"status": "RUNNING"}),
        says(200, {"status": "SUCCEEDED", "rows": 5}),
    ]
    argv = ["http", server.url("/loads"), "--body", "{}", "--bearer-from", "env:API_TOKEN"]
    argv += ["--until", "status=SUCCEEDED", "--fail", "status=FAILED", "--output", "rows=rows"]
    assert jobs.run(argv) == Exit.OK
    assert asked(server) == ["POST /loads", *["GET /loads/7"] * 6]
    assert {each.headers["Authorization"] for each in server.received} == {f"Bearer {CANARY}"}
    assert jobs.claim().remote["url"] == server.url("/loads/7")
    assert jobs.claim().outputs == {"status": "200", "rows": "5"}
    assert sum(jobs.slept) > 100


def test_the_next_container_follows_what_was_begun(server: Receiver, jobs: Jobs) -> None:
    server.answers = [says(202, {}, Location="/loads/7"), *[status(403)] * 5]
    argv = ["http", server.url("/loads"), "--body", "{}", "--until", "state=done"]
    assert jobs.run(argv) == Exit.UNKNOWN
    server.answers = [says(200, {"state": "done"})]
    assert jobs.run(argv) == Exit.OK
    assert asked(server).count("POST /loads") == 1


def test_work_that_says_it_failed_has_failed(server: Receiver, jobs: Jobs) -> None:
    server.answers = [
        says(200, {"id": "a/b", "status": "NEW"}),
        says(200, {"status": "FAILED"}),
    ]
    argv = ["http", server.url("/loads"), "--body", "{}", "--poll-url", server.url("/loads/{id}")]
    argv += ["--until", "status=SUCCEEDED", "--fail", "status=FAILED"]
    assert jobs.run(argv) == Exit.FAILED
    assert asked(server) == ["POST /loads", "GET /loads/a%2Fb"]
    assert jobs.err.splitlines()[-1].endswith("has failed: its answer says status=FAILED")


def test_accepted_work_without_a_rule_ends_when_it_is_no_longer_accepted(
    server: Receiver, jobs: Jobs
) -> None:
    server.answers = [says(202, {}, Location="/q/1"), status(202), status(200)]
    assert jobs.run(["http", server.url("/x"), "--body", "{}"]) == Exit.OK
    assert asked(server) == ["POST /x", "GET /q/1", "GET /q/1"]


def test_an_answer_that_cannot_be_followed_is_no_reason_to_ask_again(
    server: Receiver, jobs: Jobs
) -> None:
    server.answers = [says(200, {"nothing": "to go by"})]
    argv = ["http", server.url("/x"), "--body", "{}", "--until", "status=DONE"]
    assert jobs.run(argv) == Exit.UNKNOWN
    assert "give --poll-url" in jobs.err
    assert jobs.run(argv) == Exit.UNKNOWN
    assert asked(server) == ["POST /x"]


def test_a_time_out_cancels_what_was_begun(server: Receiver, jobs: Jobs) -> None:
    server.answers = [
        says(202, {"id": 7}, Location="/loads/7"),
        *[says(202, {})] * 6,
    ]

    def then(handler: Handler) -> None:
        status(204 if handler.command == "DELETE" else 404)(handler)

    server.answers += [then] * 8
    argv = ["http", server.url("/loads"), "--body", "{}", "--timeout", "20"]
    assert jobs.run([*argv, "--cancel-url", server.url("/loads/{id}")]) == Exit.TIMED_OUT
    assert asked(server).count("DELETE /loads/7") == 1
    assert "is gone after it was cancelled" in jobs.err


def test_sigterm_cancels_what_was_begun(server: Receiver, jobs: Jobs) -> None:
    def then(handler: Handler) -> None:
        if handler.command == "DELETE":
            return status(202)(handler)
        gone = any(each.path.startswith("DELETE") for each in server.received)
        return says(200, {"status": "STOPPED" if gone else "RUNNING"})(handler)

    server.answers = [says(202, {}, Location="/loads/7"), *[then] * 20]
    jobs.on_sleep = [lambda: None, lambda: os.kill(os.getpid(), signal.SIGTERM)]
    argv = ["http", server.url("/loads"), "--body", "{}", "--cancel-url", "poll"]
    argv += ["--until", "status=DONE", "--fail", "status=STOPPED"]
    assert jobs.run(argv) == 128 + signal.SIGTERM
    assert asked(server).count("DELETE /loads/7") == 1


@pytest.mark.parametrize("number", [1, 2, 3])
def test_sigterm_with_any_request_cancels_what_was_begun_and_begins_nothing_again(
    server: Receiver, jobs: Jobs, number: int
) -> None:
    def then(handler: Handler) -> None:
        if len(server.received) == number:
            os.kill(os.getpid(), signal.SIGTERM)
        if handler.command == "POST":
            return says(202, {}, Location="/loads/7")(handler)
        gone = any(each.path.startswith("DELETE") for each in server.received)
        return status(404 if gone and handler.command == "GET" else 202)(handler)

    server.answers = [then] * 20
    argv = ["http", server.url("/loads"), "--body", "{}", "--cancel-url", "poll"]
    assert jobs.run(argv) == 128 + signal.SIGTERM
    assert asked(server).count("POST /loads") == 1
    assert asked(server).count("DELETE /loads/7") == 1


def test_sigterm_without_a_way_to_cancel_is_not_said_to_have_ended_it(
    server: Receiver, jobs: Jobs
) -> None:
    server.answers = [says(202, {}, Location="/loads/7"), *[status(202)] * 30]
    jobs.on_sleep = [lambda: os.kill(os.getpid(), signal.SIGTERM)]
    assert jobs.run(["http", server.url("/loads"), "--body", "{}"]) == Exit.UNKNOWN
    assert "has no --cancel-url" in jobs.err


def test_a_time_out_without_a_way_to_cancel_is_the_end(server: Receiver, jobs: Jobs) -> None:
    server.answers = [says(202, {}, Location="/loads/7"), *[status(202)] * 90]
    argv = ["http", server.url("/loads"), "--body", "{}", "--timeout", "20"]
    assert jobs.run(argv) == Exit.UNKNOWN
    assert "has no --cancel-url" in jobs.err
    assert sum(jobs.slept) < 21


def test_secrets_do_not_go_where_a_redirect_leads_to_another_host(
    server: Receiver, jobs: Jobs
) -> None:
    with web_server() as other:
        server.answers = [status(302, Location=other.url("/taken"))]
        argv = ["http", server.url("/x"), "--secret-header", "X-Key=env:API_TOKEN"]
        assert jobs.run(argv) == Exit.REFUSED
        assert "leads to another host" in jobs.err
        server.answers = [status(307, Location=other.url("/taken"))]
        assert jobs.run(["http", server.url("/x"), "--body", "a"]) == Exit.REFUSED
        server.answers = [says(202, {}, Location=other.url("/taken"))]
        assert jobs.run([*argv, "--method", "POST"]) == Exit.UNKNOWN
        assert other.received == []


def test_a_redirect_on_the_same_host_is_followed(server: Receiver, jobs: Jobs) -> None:
    server.answers = [status(302, Location="/new"), status(200)]
    assert jobs.run(["http", server.url("/x"), "--bearer-from", "env:API_TOKEN"]) == Exit.OK
    assert asked(server) == ["GET /x", "GET /new"]


def test_redirects_without_end_are_given_up(server: Receiver, jobs: Jobs) -> None:
    server.answers = [status(302, Location="/x")] * 9
    assert jobs.run(["http", server.url("/x")]) == Exit.REFUSED
    assert "leads on and on" in jobs.err


def test_an_answer_without_end_is_not_read_to_it(server: Receiver, jobs: Jobs) -> None:
    server.answers = [never_ends]
    assert jobs.run(["http", server.url("/x"), "--max-bytes", "1000", "--print"]) == Exit.OK
    assert "x" * 1000 in jobs.out
    assert "x" * 1001 not in jobs.out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["http://example.com/"], "is not encrypted"),
        (["https://me:hunter2@example.com/"], "no user and no password"),
        (["ftp://example.com/"], "is no http(s) URL"),
        (["https://example.com/a b"], "spaces or control characters"),
        (["https://example.com", "--header", "Authorization: hunter2"], "--secret-header"),
        (["https://example.com", "--header", "A: b\r\nC: d"], "characters it can't have"),
        (["https://example.com", "--header", "Host: other"], "no header that can be given"),
        (["https://example.com", "--poll-url", "https://{host}/x"], "is no http(s) URL"),
        (["https://example.com", "--poll-url", "http://example.com"], "is not encrypted"),
    ],
)
def test_what_is_not_allowed_is_refused_before_anything_is_asked(
    jobs: Jobs, argv: list[str], words: str
) -> None:
    assert jobs.run(["http", *argv]) == Exit.REFUSED
    assert words in jobs.err
    assert "hunter2" not in jobs.err
    assert not jobs.slept


@pytest.mark.parametrize(
    "argv",
    [
        ["--expect", "20x"],
        ["--until", "status"],
        ["--output", "1=a"],
        ["--max-bytes", "0"],
        ["--method", "BREW"],
        ["--body-file", "/none"],
        ["--bearer-from", "hunter2"],
    ],
)
def test_what_cannot_be_read_is_an_error_of_usage(jobs: Jobs, argv: list[str]) -> None:
    assert jobs.run(["http", "https://example.com", *argv]) == Exit.USAGE
    assert "hunter2" not in jobs.err


def test_a_dry_run_shows_the_request_without_its_secrets(jobs: Jobs) -> None:
    argv = ["http", "https://example.com/x", "--body", "{}", "--bearer-from", "env:NOT_SET"]
    assert jobs.run([*argv, "--until", "a.b=c", "--dry-run"]) == Exit.OK
    shown = json.loads(jobs.out)
    assert shown["parameters"]["headers"]["Authorization"] == "(by reference)"
    assert (shown["operation"], shown["parameters"]["until"]) == ("POST", ["a.b=c"])
