"""`batch-job lambda`, before Lambda's Invoke over HTTP."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.kinds.lambda_function import Invocation, WaitedFor
from fetch_and_run.work import AgainError, Outcome, Remote
from tests.jobs.containers import WHO, Containers, Ended, containers
from tests.jobs.functions import FUNCTION, Asked, Does, Functions, functions
from tests.jobs.test_aws import WORLD

LOGS = (
    "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1"
    "#logsV2:log-groups/log-group/$252Faws$252Flambda$252Fload"
)


class Account:
    """Functions, and the containers of one attempt that invoke them."""

    def __init__(self, made: Containers, served: Functions) -> None:
        self.containers = made
        self.functions = served
        made.environment["AWS_ENDPOINT_URL"] = served.url

    def run(self, *words: str, function: str = "load") -> Ended:
        return self.containers.run("lambda", "--function", function, *words)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with functions() as served, containers(tmp_path) as made:
        yield Account(made, served)


def test_a_function_gets_its_payload_and_its_answer_and_log_are_printed(account: Account) -> None:
    account.functions.plan = [Does(payload={"rows": 12}, log="START\nloaded 12\nEND")]

    ended = account.run("--payload", '{"day": 1}', "--qualifier", "live")

    assert ended.code == Exit.OK
    assert account.functions.asked == [Asked("load", "live", "RequestResponse", '{"day": 1}')]
    assert ended.out.splitlines()[-5:] == [
        *("START", "loaded 12", "END", '{"rows": 12}'),
        f"Lambda function load has succeeded; see {LOGS}",
    ]


def test_a_function_may_be_named_by_its_arn(account: Account) -> None:
    ended = account.run(function=f"{FUNCTION}:live")

    assert ended.code == Exit.OK
    assert ended.out.splitlines()[-1].endswith(LOGS)


def test_members_of_the_answer_become_outputs_of_the_job(account: Account) -> None:
    account.functions.plan = [Does(payload={"load": {"rows": 12}})]

    account.run("--output", "rows=load.rows")

    assert account.containers.claim().outputs == {"rows": "12"}


def test_a_functions_error_is_a_failure_with_its_words(account: Account) -> None:
    told = {"errorType": "ValueError", "errorMessage": "no such\ntable", "stackTrace": []}
    account.functions.plan = [Does(payload=told, error="Unhandled", log="Traceback")]

    ended = account.run()

    assert ended.code == Exit.FAILED
    assert "Traceback" in ended.out
    assert ended.err.splitlines()[-1] == (
        f"batch-job: Lambda function load has failed: ValueError: no such table; see {LOGS}"
    )


def test_nothing_that_a_function_says_reaches_the_log_as_a_control_character(
    account: Account,
) -> None:
    hostile = "a\x1b[2Jb\rc\x9bd\u2028e\tf"
    told = {"errorType": "ValueError", "errorMessage": hostile}
    account.functions.plan = [Does(payload=told, error="Unhandled", log=f"one\n{hostile}\n")]

    ended = account.run()

    assert "one\na\N{REPLACEMENT CHARACTER}[2Jb" in ended.out
    assert "ValueError: a\N{REPLACEMENT CHARACTER}[2Jb" in ended.err
    assert not {*"\x1b\r\x9b\u2028"} & {*ended.out, *ended.err}
    assert "e\tf" in ended.out


def test_an_error_that_has_no_members_is_told_as_it_is(account: Account) -> None:
    account.functions.plan = [Does(payload="out of memory", error="Unhandled")]

    assert 'has failed: "out of memory"' in account.run().err


def test_a_function_that_is_not_there_is_not_invoked(account: Account) -> None:
    account.functions.plan = [Does(status=404, code="ResourceNotFoundException")]

    ended = account.run()

    assert ended.code == Exit.NOT_STARTED
    assert "was not invoked: Lambda answered ResourceNotFoundException" in ended.err


def test_a_throttled_invocation_is_made_again(account: Account) -> None:
    throttled = Does(status=429, code="TooManyRequestsException")
    account.functions.plan = [throttled, throttled, Does(payload=1)]

    ended = account.run()

    assert ended.code == Exit.OK
    assert len(account.functions.asked) == 1


@pytest.mark.parametrize("does", [Does(drops=True), Does(status=500, code="ServiceException")])
def test_an_answer_that_is_lost_is_not_made_up_for_by_another_invocation(
    account: Account, does: Does
) -> None:
    account.functions.plan = [does]

    ended = account.run()
    again = account.run()

    assert (ended.code, again.code) == (Exit.UNKNOWN, Exit.UNKNOWN)
    assert len(account.functions.asked) <= 1
    assert "what becomes of Lambda function load can't be seen: " in ended.err.splitlines()[-1]
    assert "an earlier container of this attempt has invoked it" in again.err.splitlines()[-1]
    assert f"see {LOGS}; then mark or rerun the job" in again.err.splitlines()[-1]


def test_a_container_that_died_within_the_invocation_leaves_it_to_a_person(
    account: Account,
) -> None:
    account.containers.claim()
    asked_at = account.containers.clock().isoformat()
    account.containers.claims.tell_remote(WHO, {"startAskedAt": asked_at})

    ended = account.run()

    assert ended.code == Exit.UNKNOWN
    assert f"Lambda can't tell who has invoked a function: look into its log, {LOGS}" in ended.err
    assert not account.functions.asked


def test_a_signal_leaves_a_function_that_goes_on_to_a_person(account: Account) -> None:
    account.functions.plan = [Does(terminates=True, holds=True)]
    before = account.containers.clock()

    ended = account.run()

    assert ended.code == Exit.UNKNOWN
    assert "Lambda ends no invocation: it runs until it is done" in ended.err.splitlines()[-1]
    assert (account.containers.clock() - before).total_seconds() >= 25


def test_a_time_out_leaves_a_function_that_goes_on_to_a_person(account: Account) -> None:
    account.functions.plan = [Does(holds=True)]

    ended = account.run("--timeout", "15m")

    assert ended.code == Exit.UNKNOWN
    assert "for it took longer than --timeout, 900 s" in ended.err.splitlines()[-1]


class Throttled(Invocation):
    """An invocation that never gets through."""

    asked = 0

    def ask(self, way: str) -> Mapping[str, Any]:
        self.asked += 1
        raise AgainError(f"{way} is throttled")


def test_a_throttled_function_that_was_cancelled_is_not_invoked_again() -> None:
    invocation = Throttled(function="load", qualifier="", payload="1", world=WORLD)
    work = WaitedFor(invocation, ())
    remote = work.start(WHO.token)
    with pytest.raises(AgainError):
        until_seen(work, remote)
    with suppress(JobError):  # a request may be under way just now
        work.cancel(remote)

    outcome = until_seen(work, remote)

    assert outcome.reason == "was not invoked: RequestResponse is throttled"
    assert invocation.asked == 2


def until_seen(work: WaitedFor, remote: Remote) -> Outcome:
    while True:
        outcome = work.look(remote)
        if outcome is not None:
            return outcome


def test_an_asynchronous_invocation_is_handed_over_and_not_followed(account: Account) -> None:
    ended = account.run("--async", "--payload", "[1]")

    assert ended.code == Exit.OK
    assert account.functions.asked == [Asked("load", "", "Event", "[1]")]
    assert account.containers.claim().remote["request"] == "request-1"
    assert "was handed over; what becomes of it is not followed" in ended.out.splitlines()[-1]


def test_an_asynchronous_invocation_that_was_not_heard_of_is_not_made_again(
    account: Account,
) -> None:
    account.functions.plan = [Does(drops=True)]

    assert account.run("--async").code == Exit.UNKNOWN
    assert account.run("--async").code == Exit.UNKNOWN
    assert len(account.functions.asked) == 1


def test_an_asynchronous_invocation_has_no_outputs(account: Account) -> None:
    ended = account.run("--async", "--output", "rows=rows")

    assert ended.code == Exit.USAGE
    assert "--output needs the function's answer" in ended.err


def test_a_dry_run_tells_the_request_and_asks_nothing(account: Account) -> None:
    ended = account.run("--payload", "[1]", "--dry-run")

    assert json.loads(ended.out) == {
        "service": "lambda",
        "operation": "Invoke",
        "parameters": {
            "FunctionName": "load",
            "InvocationType": "RequestResponse",
            "LogType": "Tail",
            "Payload": [1],
        },
    }
    assert not account.functions.asked
