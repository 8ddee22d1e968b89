"""Notices by HTTP to a real receiver, whatever it answers."""

import hashlib
import hmac
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest

from chalicelib.core.notice_rules import Format, Means
from chalicelib.core.notice_rules import Receiver as Address
from chalicelib.core.notices import Letter
from chalicelib.errors import BackendError
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.local.webhooks import HttpWebhooks, exchange, post_from_aws, post_from_here
from tests.contract.outboxes import letter
from tests.functional.receivers import (
    Answer,
    Receiver,
    hangs_up,
    is_silent,
    listening,
    never_ends,
    says_no_http,
    status,
)

TOKEN = "T0CANARY9"  # noqa: S105 - what must never be seen
SECRETS = {"HOOK": "s3cret"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as started:
        yield started


def webhooks(transport: object = post_from_here) -> HttpWebhooks:
    def secret(name: str) -> str:
        return SECRETS.get(name, "")

    return HttpWebhooks(secret, VirtualClock(), transport)  # type: ignore[arg-type]


def to(receiver: Receiver, path: str = "/hook", **members: object) -> Letter:
    address = Address(means=Means.WEBHOOK, address=receiver.url(path))
    return letter(receiver=replace(address, **members))  # type: ignore[arg-type]


def refusal(sent: Letter, hooks: HttpWebhooks | None = None) -> BackendError:
    with pytest.raises(BackendError) as caught:
        (hooks or webhooks()).post(sent)
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def test_a_notice_comes_as_json(receiver: Receiver) -> None:
    webhooks().post(to(receiver, f"/services/{TOKEN}?a=b"))
    [got] = receiver.received
    assert got.path == f"/services/{TOKEN}?a=b"
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert got.headers["X-Batch-Scheduler-Id"] == got.json["id"] == "etl/1/failed"
    assert got.json["message"] == "It failed.\nBéla's job 😀"
    assert got.json["kind"] == "failed"
    assert TOKEN not in got.body.decode()
    assert "X-Batch-Scheduler-Signature" not in got.headers


def test_slack_is_sent_its_one_text(receiver: Receiver) -> None:
    webhooks().post(to(receiver, format=Format.SLACK))
    assert receiver.received[0].json == {"text": "*etl: run FAILED*\nIt failed.\nBéla's job 😀"}


def test_a_receiver_can_check_who_sent_it_and_when(receiver: Receiver) -> None:
    webhooks().post(to(receiver, secret="HOOK"))  # noqa: S106 - a name
    [got] = receiver.received
    moment, given = got.headers["X-Batch-Scheduler-Signature"].split(",")
    assert moment == f"t={got.headers['X-Batch-Scheduler-Timestamp']}"
    assert moment == f"t={int(VirtualClock()().timestamp())}"
    signed = moment.removeprefix("t=").encode() + b"." + got.body
    assert given == "v1=" + hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert b"s3cret" not in got.body


def test_without_its_secret_a_notice_is_not_sent_unsigned(receiver: Receiver) -> None:
    error = refusal(to(receiver, secret="ANOTHER"))  # noqa: S106 - a name
    assert str(error) == (
        f"webhook POST to 127.0.0.1:{receiver.port}: ANOTHER, which is to sign it, is not set"
    )
    assert error.retryable
    assert receiver.received == []


@pytest.mark.parametrize("code", [200, 201, 204, 299])
def test_any_good_answer_is_enough(receiver: Receiver, code: int) -> None:
    receiver.answers = [status(code)]
    webhooks().post(to(receiver))


@pytest.mark.parametrize(
    ("code", "retryable"),
    [(400, False), (401, False), (404, False), (408, True), (410, False), (429, True),
     (500, True), (502, True), (503, True)],
)  # fmt: skip
def test_f37_another_answer_is_tried_again_only_if_it_may_pass(
    receiver: Receiver, code: int, retryable: bool
) -> None:
    receiver.answers = [status(code, b"the reason, which nobody reads")]
    error = refusal(to(receiver, f"/{TOKEN}"))
    assert error.retryable is retryable
    assert error.reason == f"it answered {code}"


def test_f37_a_redirect_is_not_followed(receiver: Receiver) -> None:
    for code in (301, 302, 303, 307, 308):
        receiver.answers = [status(code, Location=receiver.url("/elsewhere"))]
        assert not refusal(to(receiver)).retryable
    assert [got.path for got in receiver.received] == ["/hook"] * 5


@pytest.mark.parametrize("answer", [hangs_up, says_no_http])
def test_f37_no_answer_is_tried_again(receiver: Receiver, answer: Answer) -> None:
    receiver.answers = [answer]
    assert refusal(to(receiver, f"/{TOKEN}")).retryable


def test_of_an_endless_answer_nothing_is_read(receiver: Receiver) -> None:
    receiver.answers = [never_ends]
    webhooks().post(to(receiver))


def test_f37_a_receiver_that_is_silent_is_left_in_time(receiver: Receiver) -> None:
    receiver.answers = [is_silent]
    impatient = partial(exchange, is_shared=False, seconds=0.2)
    assert refusal(to(receiver, f"/{TOKEN}"), webhooks(impatient)).retryable


def test_f37_a_receiver_that_drips_is_left_in_time(receiver: Receiver) -> None:
    def drips(handler: object) -> None:
        while not receiver.over.wait(0.05):
            try:
                handler.wfile.write(b"HTTP/1.1 200 OK\r\n"[:1])  # type: ignore[attr-defined]
            except OSError:
                break
        handler.close_connection = True  # type: ignore[attr-defined]

    receiver.answers = [drips]
    impatient = partial(exchange, is_shared=False, seconds=0.3)
    assert refusal(to(receiver), webhooks(impatient)).retryable


def test_f37_a_receiver_that_is_not_there_is_tried_again() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        gone = Receiver(port=taken.getsockname()[1])
        error = refusal(to(gone, f"/{TOKEN}"))
    assert error.retryable
    assert error.reason == "no answer (ConnectionRefusedError)"


def test_what_does_not_speak_tls_is_no_receiver(receiver: Receiver) -> None:
    address = receiver.url(f"/{TOKEN}").replace("http:", "https:")
    error = refusal(letter(receiver=Address(means=Means.WEBHOOK, address=address)))
    assert error.retryable
    assert "SSL" in error.reason


def test_on_aws_nothing_is_sent_to_the_function_s_own_machine(receiver: Receiver) -> None:
    error = refusal(to(receiver), webhooks(post_from_aws))
    assert not error.retryable
    assert "no webhook may be at" in error.reason
    assert receiver.received == []


def test_a_host_at_the_address_of_a_cloud_s_metadata_is_refused_everywhere() -> None:
    address = Address(means=Means.WEBHOOK, address=f"http://169.254.169.254/{TOKEN}")
    assert not refusal(letter(receiver=address)).retryable


def test_an_odd_id_is_sent_as_a_header_can_hold_it(receiver: Receiver) -> None:
    webhooks().post(replace(to(receiver), id="é\r\nX-Evil: 1"))
    [got] = receiver.received
    assert "X-Evil" not in got.headers
    assert got.json["id"] == "é\r\nX-Evil: 1"
