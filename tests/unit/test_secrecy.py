"""Secrets in documents and parameters: refused by their looks, hidden by their names."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.document import Parameter
from chalicelib.core.loading import load
from chalicelib.core.parameters import check
from chalicelib.core.secrecy import (
    HIDDEN,
    hidden_values,
    is_secret_name,
    is_suspicious,
    secret_in,
    shown_document,
)
from chalicelib.core.tokens import RANDOM_BYTES, make_token
from chalicelib.errors import InvalidInputError
from tests.builders import document, job

# Put together here, so that nobody who looks for secrets finds any in this file.
SECRETS = {
    "an access key of AWS": "AKIA" + "A1" * 8,
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a token of this scheduler": make_token(bytes(range(RANDOM_BYTES))).text,
    "a token of GitHub": "ghp_" + "a1" * 18,
    "a token of GitLab": "glpat-" + "a1" * 10,
    "a token of Slack": "xoxb-" + "1" * 12,
    "a key of Google's": "AIza" + "a" * 35,
    "a key of Stripe": "sk_live_" + "a" * 24,
    "a JSON Web Token": "eyJhbGciOiJub25l" + ".eyJzdWIiOiJhIn0.c2ln",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_known_by_its_looks_wherever_it_is_in_a_text(kind: str) -> None:
    assert secret_in(f"--key={SECRETS[kind]} and more") == kind
    assert is_suspicious(f'{{"a": "{SECRETS[kind]}"}}')


@pytest.mark.parametrize("text", ["", "AKIA", "abs_1_2", "sk_test_" + "a" * 24, "(hidden)"])
def test_what_only_begins_like_one_is_none(text: str) -> None:
    assert secret_in(text) == ""


@pytest.mark.parametrize(
    ("member", "path"),
    [
        ({"command": ["curl", "-H", "SECRET"]}, "$.jobList[0].command[2]"),
        ({"environment": {"KEY": "SECRET"}}, "$.jobList[0].environment.KEY"),
        (
            {"environment": [{"name": "KEY", "value": "SECRET"}]},
            "$.jobList[0].environment[0].value",
        ),
        ({"description": "use SECRET"}, "$.jobList[0].description"),
    ],
)
def test_a_document_with_a_secret_is_refused_and_the_secret_not_quoted(
    member: dict[str, Any], path: str
) -> None:
    secret = SECRETS["a token of GitHub"]
    with pytest.raises(InvalidInputError) as caught:
        load(document(job("a", **_with(member, secret))))
    assert caught.value.path == path
    assert "looks like a token of GitHub" in caught.value.reason
    assert secret not in str(caught.value)


def test_every_secret_of_a_document_is_found_but_for_addresses_of_webhooks() -> None:
    secret = SECRETS["a token of Slack"]
    webhook = {"url": f"https://hooks.example.com/{secret}"}
    jobs = [job(name, environment={"KEY": secret}, timeout={"attemptDurationSeconds": 60})
            for name in "ab"]  # fmt: skip
    with pytest.raises(InvalidInputError) as caught:
        load(document(*jobs, notify=[{"webhook": webhook}]))
    paths = [problem.path for problem in caught.value.problems]
    assert paths == [f"$.jobList[{index}].environment.KEY" for index in range(2)]


def _with(value: Any, secret: str) -> Any:
    match value:
        case dict():
            return {key: _with(member, secret) for key, member in value.items()}
        case list():
            return [_with(member, secret) for member in value]
        case str():
            return value.replace("SECRET", secret)
    return value


def test_a_secret_that_a_run_is_given_is_refused_and_not_quoted() -> None:
    secret = SECRETS["an access key of AWS"]
    with pytest.raises(InvalidInputError) as caught:
        check({"key": Parameter()}, {"key": secret})
    assert caught.value.path == "$.parameters.key"
    assert secret not in str(caught.value)


SHOWN: dict[str, Any] = {
    "scheduleId": "etl",
    "parameters": {"apiKey": {"default": "hunter2"}, "day": {"default": "monday"}, "n": {}},
    "jobList": [
        {"jobName": "a", "environment": {"DB_PASSWORD": "hunter2", "MODE": "full"}},
        {"jobName": "b", "environment": [{"name": "AUTH_TOKEN", "value": "hunter2"}]},
        {
            "jobName": "c",
            "containerOverrides": {"environment": [{"name": "MODE", "value": "full"}]},
        },
    ],
    "notify": [{"webhook": {"url": "https://hooks.example.com/hunter2", "secret": "NAME"}}],
}


def test_what_is_shown_of_a_document_has_no_value_whose_name_says_that_it_is_secret() -> None:
    shown = shown_document(SHOWN)
    assert "hunter2" not in str(shown)
    assert shown["parameters"]["apiKey"]["default"] == HIDDEN
    assert shown["jobList"][0]["environment"] == {"DB_PASSWORD": HIDDEN, "MODE": "full"}
    assert shown["jobList"][1]["environment"] == [{"name": "AUTH_TOKEN", "value": HIDDEN}]
    assert shown["jobList"][2] == SHOWN["jobList"][2]
    assert shown["notify"][0]["webhook"]["secret"].isupper()  # a name, which is shown
    assert shown["parameters"]["day"] == {"default": "monday"}


def test_what_was_hidden_can_t_be_put_back_by_mistake() -> None:
    shown = shown_document(document(job("a", environment={"DB_PASSWORD": "hunter2"})))
    with pytest.raises(InvalidInputError) as caught:
        load(shown)
    assert caught.value.path == "$.jobList[0].environment.DB_PASSWORD"
    assert "was hidden when it was shown" in caught.value.reason


def test_parameters_of_a_run_are_hidden_by_their_names() -> None:
    values = {"password": "hunter2", "day": "monday", "n": 3}
    assert hidden_values(values) == {"password": HIDDEN, "day": "monday", "n": 3}


@pytest.mark.parametrize(
    "name",
    [
        *("DB_PASSWORD", "apiKey", "api-key", "TOKEN", "authToken", "x_secret", "AWSAccessKey"),
        *("PGPASSWORD", "mysqlpasswd"),
    ],
)
def test_names_that_say_so_are_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["day", "MODE", "tokenizer", "PATH", "keyboard", "compass", "key", ""]
)
def test_other_names_are_not(name: str) -> None:
    assert not is_secret_name(name)


JSON = st.recursive(
    st.text(max_size=5) | st.integers() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_a_document_without_such_names_is_shown_as_it_is(value: dict[str, Any]) -> None:
    value.pop("notify", None)
    assert shown_document(value) == value
