"""Notices by SNS: whatever the text, it is one that SNS takes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.aws.clients import Clients
from chalicelib.aws.notices import SnsNotices, message_of, subject_of
from chalicelib.driving_ports import Notice
from chalicelib.errors import BackendError
from tests.aws.on_moto import moto

texts = st.text(max_size=150) | st.text("aä\n\x07 é\u2028", max_size=150)


def received(clients: Clients, *notices: Notice, topic: str = "default") -> list[str]:
    """The bodies that a queue has got which is subscribed to the topic."""
    sns, sqs = clients["sns"], clients["sqs"]
    arns = {name: sns.create_topic(Name=name)["TopicArn"] for name in ("default", "other")}
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(TopicArn=arns[topic], Protocol="sqs", Endpoint=queue["QueueArn"])
    for notice in notices:
        SnsNotices(clients, arns["default"]).publish(notice)
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [message["Body"] for message in messages]


def test_a_notice_goes_to_the_default_topic_with_its_id() -> None:
    with moto() as clients:
        notice = Notice(id="etl/2026/1/end", subject="etl: run FAILED", message="Jobs: 3")
        [body] = received(clients, notice)
    for words in ("etl/2026/1/end", "etl: run FAILED", "Jobs: 3"):
        assert words in body


@pytest.mark.parametrize(("topic", "count"), [("other", 1), ("default", 0)])
def test_a_notice_goes_to_the_topic_that_it_names_alone(topic: str, count: int) -> None:
    with moto() as clients:
        other = clients["sns"].create_topic(Name="other")["TopicArn"]
        notice = Notice(id="1", subject="s", message="m", topic=other)
        assert len(received(clients, notice, topic=topic)) == count


def test_f38_what_is_sent_twice_has_one_id() -> None:
    with moto() as clients:
        notice = Notice(id="the-id", subject="s", message="m")
        assert [body.count("the-id") for body in received(clients, notice, notice)] == [1, 1]


def test_f37_a_topic_that_is_not_there_is_an_error_of_the_backend() -> None:
    missing = "arn:aws:sns:eu-central-1:123456789012:gone"
    with moto() as clients, pytest.raises(BackendError, match="SNS Publish"):
        SnsNotices(clients, missing).publish(Notice(id="1", subject="s", message="m"))


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("etl: run FAILED", "etl: run FAILED"),
        ("two\r\nlines", "two lines"),
        ("Müller's café", "Muller's cafe"),
        ("日本", "??"),
        ("  room \t", "room"),
        ("bell\x07", "bell?"),
        ("", "batch-scheduler"),
        ("x" * 99, "x" * 99),
        ("x" * 100, "x" * 96 + "..."),
    ],
    ids=["plain", "lines", "accents", "kanji", "spaces", "control", "empty", "longest", "cut"],
)
def test_a_subject_is_made_into_one_that_sns_takes(text: str, subject: str) -> None:
    assert subject_of(text) == subject


@given(texts)
def test_f37_any_subject_is_short_printable_ascii_on_one_line(text: str) -> None:
    subject = subject_of(text)
    assert 0 < len(subject) < 100
    assert subject.isascii()
    assert subject.isprintable()
    assert not subject[0].isspace()
    assert subject_of(subject) == subject


@given(st.text(max_size=20), st.integers(250_000, 263_000))
@example("", 261_120)
@example("", 261_121)
@example("ä", 261_119)
def test_f37_any_message_fits_and_is_cut_between_characters_only(text: str, length: int) -> None:
    whole = text + "ä€😀x" * (length // 10) + "x" * (length % 10)
    message = message_of(whole)
    size = len(message.encode())
    assert size <= 262_144 - 1024
    if message != whole:
        kept, mark, _ = message.partition("\n[cut: ")
        assert mark
        assert whole.startswith(kept)
        assert size > 262_144 - 1024 - 4


def test_a_short_message_stays_as_it_is() -> None:
    assert message_of("Jobs: 3 SUCCEEDED, ä") == "Jobs: 3 SUCCEEDED, ä"


def test_half_a_character_is_replaced_and_an_empty_message_is_its_subject() -> None:
    with moto() as clients:
        [body] = received(clients, Notice(id="1", subject="only a subject", message=""))
    assert body.count("only a subject") == 2
    assert message_of("a\ud800b") == "a?b"
