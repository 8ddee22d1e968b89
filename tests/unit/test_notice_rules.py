"""Who is told of what: in documents, in records, and of a receiver only what may be shown."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.loading import load, read
from chalicelib.core.notice_rules import (
    USUAL,
    Format,
    Means,
    NoticeRule,
    Occasion,
    Receiver,
    decode_rules,
    encode_rules,
    wanted,
    with_hosts_alone,
)
from chalicelib.core.records import decode_policy, encode_policy
from chalicelib.core.schedule import Policy
from chalicelib.core.schema import schema
from chalicelib.errors import InvalidInputError
from tests.builders import document, loaded, schedule
from tests.json_schema import accepts

TOKEN = "T0CANARY9/B0CANARY9/sup3rs3cret"  # noqa: S105 - what must never be seen
URL = f"https://hooks.example.com/services/{TOKEN}"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:nights"
SCHEMA = schema()

RULES = st.builds(
    NoticeRule,
    on=st.lists(st.sampled_from(Occasion), min_size=1, unique=True).map(tuple),
    receiver=st.builds(
        Receiver,
        means=st.sampled_from(Means),
        address=st.text(max_size=30),
        secret=st.sampled_from(["", "SECRET"]),
        format=st.sampled_from(Format),
    ),
)


HOOK = "HOOK"


def rules(*notify: dict[str, Any]) -> tuple[NoticeRule, ...]:
    return schedule(notify=list(notify)).policy.notify


def problems(*notify: Any) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        load(document(notify=list(notify)))
    return [str(each) for each in caught.value.problems]


def webhook(url: str = URL, **members: Any) -> dict[str, Any]:
    return {"webhook": {"url": url, **members}}


def test_a_run_freezes_what_its_document_says() -> None:
    said = {"secret": "HOOK", "format": "slack"}
    slack = {"on": ["failed", "failed", "recovered"], **webhook(**said)}
    assert rules(slack, {"topic": TOPIC}, {"on": ["succeeded"], "log": True}) == (
        NoticeRule(
            on=(Occasion.FAILED, Occasion.RECOVERED),
            receiver=Receiver(means=Means.WEBHOOK, address=URL, secret=HOOK, format=Format.SLACK),
        ),
        NoticeRule(on=USUAL, receiver=Receiver(means=Means.TOPIC, address=TOPIC)),
        NoticeRule(on=(Occasion.SUCCEEDED,), receiver=Receiver(means=Means.LOG)),
    )


def test_a_schedule_without_rules_has_none() -> None:
    assert schedule().policy.notify == ()
    assert encode_policy(schedule().policy) == {}


def test_yaml_takes_on_as_a_word() -> None:
    text = (
        "scheduleId: a\njobList: [{jobName: x, command: [a]}]\nnotify: [{on: [stuck], log: true}]"
    )
    taken = read(text.encode(), "a.yaml").notify
    assert taken is not None
    assert taken[0].on == ["stuck"]


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "https://hooks.example.com",
        "https://hooks.example.com:8443/x?y=z",
        "https://10.0.0.7/hook",
        "http://localhost:8080/x",
        "http://127.0.0.1/x",
        "http://[::1]:81/x",
    ],
)
def test_webhooks_are_encrypted_or_on_this_machine(url: str) -> None:
    assert rules(webhook(url))[0].receiver.address == url
    assert accepts(document(notify=[webhook(url)]), SCHEMA, SCHEMA)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"http://hooks.example.com/{TOKEN}", "is not encrypted"),
        ("https://ada:T0CANARY9@hooks.example.com/", "has a user or a password in it"),
        (f"https://ada@hooks.example.com/{TOKEN}", "has a user or a password in it"),
        (f"https://hooks.example.com/#{TOKEN}", "has a fragment (#…), which is sent to nobody"),
        (f"https://hooks.example.com:99999/{TOKEN}", "is no URL"),
        (f"https://[::1/{TOKEN}", "is no URL"),
        (f"https://169.254.169.254/{TOKEN}", "names no host that a webhook may be at"),
        (f"https://224.0.0.1/{TOKEN}", "names no host that a webhook may be at"),
        (f"https://0.0.0.0/{TOKEN}", "names no host that a webhook may be at"),
        (f"https:///{TOKEN}", "names no host that a webhook may be at"),
        (f"https://a_b/{TOKEN}", "names no host that a webhook may be at"),
        (f"ftp://hooks.example.com/{TOKEN}", "is not written as it must be"),
        (f"hooks.example.com/{TOKEN}", "is not written as it must be"),
        (f"https://hooks.example.com/{TOKEN}\r\nX: y", "is not written as it must be"),
        (f"https://hooks.example.com/{TOKEN} …", "is not written as it must be"),
        ("https://hooks.example.com/" + "x" * 2048, "is too long"),
    ],
)
def test_another_url_is_refused_and_not_repeated(url: str, reason: str) -> None:
    [problem] = problems(webhook(url))
    assert problem.startswith(f"$.notify[0].webhook.url: {reason}; allowed: ")
    assert "T0CANARY9" not in problem


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"on": ["failed"]}, "$.notify[0]: names no receiver"),
        ({"log": True, "topic": TOPIC}, "$.notify[0]: names several receivers"),
        ({"log": False}, "$.notify[0].log: is none of the words allowed"),
        ({"on": [], "log": True}, "$.notify[0].on: has too few entries"),
        ({"on": ["fail"], "log": True}, "$.notify[0].on[0]: is none of the words allowed"),
        ({"topic": "nights"}, "$.notify[0].topic: is not written as it must be"),
        (webhook(secret="xoxb-" + TOKEN), "$.notify[0].webhook.secret: is not written as"),
        (webhook(format="xml"), "$.notify[0].webhook.format: is none of the words allowed"),
    ],
)
def test_what_is_wrong_with_a_rule_is_told_at_its_place(rule: Any, told: str) -> None:
    [problem] = problems(rule)
    assert problem.startswith(told)
    assert TOKEN not in problem


@pytest.mark.parametrize(
    "rule",
    [
        {"webhook": URL},
        {"url": URL, "log": True},
        {"webhook": {"ulr": URL}},
        {"topic": URL},
        {"log": URL},
        {"on": [URL], "log": True},
        URL,
        webhook("\u2026" + URL),
    ],
)
def test_a_url_in_a_wrong_place_is_not_repeated_either(rule: Any) -> None:
    assert TOKEN not in "\n".join(problems(rule))


@pytest.mark.parametrize("given", [False, "yes"])
def test_where_only_true_is_allowed_it_is_told_as_documents_have_it(given: Any) -> None:
    [problem] = problems({"log": given})
    assert problem.endswith("; allowed: true")


def test_a_wrong_word_is_shown_with_what_was_meant() -> None:
    [problem] = problems({"on": ["fail"], "log": True})
    assert 'found "fail"' in problem
    assert "did you mean 'failed'?" in problem


def test_of_a_webhook_only_the_host_is_shown() -> None:
    taken = loaded(notify=[webhook(f"{URL}?token={TOKEN}")]).notify
    assert taken is not None
    [rule] = taken
    receiver = rule.frozen.receiver
    assert receiver.name == "the webhook at hooks.example.com"
    shown = f"{receiver.name} {receiver!r} {receiver.digest} {rule!r} {rule.frozen!r}"
    assert TOKEN not in shown
    query_only = Receiver(means=Means.WEBHOOK, address=f"https://hooks.example.com?{TOKEN}")
    assert query_only.name == "the webhook at hooks.example.com"


def test_topics_and_the_log_have_names() -> None:
    assert Receiver(means=Means.TOPIC, address=TOPIC).name == f"the topic {TOPIC}"
    assert Receiver(means=Means.LOG).name == "the log"


@given(st.lists(RULES, max_size=4).map(tuple))
def test_rules_come_back_from_a_record_as_they_were(given_rules: tuple[NoticeRule, ...]) -> None:
    record = json.loads(json.dumps(encode_policy(Policy(notify=given_rules))))
    assert decode_policy(record).notify == given_rules


def test_occasions_of_a_newer_version_are_left_out() -> None:
    [record] = encode_rules([NoticeRule(on=USUAL, receiver=Receiver(means=Means.LOG))])
    [rule] = decode_rules([{**record, "on": ["late", "failed"]}])
    assert rule.on == (Occasion.FAILED,)


@given(st.lists(RULES, max_size=3), st.sets(st.sampled_from(Occasion)))
def test_somebody_wants_to_know_if_a_rule_has_one_of_the_occasions(
    some: list[NoticeRule], occasions: set[Occasion]
) -> None:
    expected = any(each in rule.on for rule in some for each in occasions)
    assert wanted(some, occasions) == expected


@given(RULES, RULES)
def test_receivers_are_told_apart_by_their_digest(one: NoticeRule, other: NoticeRule) -> None:
    same = one.receiver.digest == other.receiver.digest
    assert same == (one.receiver == other.receiver)


def test_a_stored_document_is_shown_with_the_hosts_of_its_webhooks_alone() -> None:
    said = {"on": ["failed"], **webhook(f"{URL}?a=b", format="slack")}
    made = document(notify=[said, {"log": True}], category="x")
    shown = with_hosts_alone(made)
    assert shown == {**made, "notify": [
        {"on": ["failed"], "webhook": {"url": "https://hooks.example.com/…", "format": "slack"}},
        {"log": True},
    ]}  # fmt: skip
    assert TOKEN not in json.dumps(shown)
    with pytest.raises(InvalidInputError):
        load(shown)


@pytest.mark.parametrize("members", [{}, {"notify": None}, {"notify": []}])
def test_a_document_without_rules_is_shown_as_it_is(members: dict[str, Any]) -> None:
    made = {**document(), **members}
    assert with_hosts_alone(made) == made
