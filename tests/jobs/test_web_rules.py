"""What answers of HTTP mean."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetch_and_run.exits import JobError
from fetch_and_run.web.rules import LONGEST_WAIT, Statuses, condition, filled, retry_after, said
from fetch_and_run.web.urls import checked, origin

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("status", "DONE"),
        ("load.rows", "12"),
        ("load.ok", "true"),
        ("load.error", "null"),
        ("steps.1.name", "b"),
        ("steps", None),
        ("steps.2.name", None),
        ("steps.-1.name", None),
        ("status.x", None),
        ("", None),
    ],
)
def test_a_member_says_its_single_value(member: str, value: str | None) -> None:
    document = {
        "status": "DONE",
        "load": {"rows": 12, "ok": True, "error": None},
        "steps": [{"name": "a"}, {"name": "b"}],
    }
    assert said(document, member) == value


@given(JSON, st.text())
def test_whatever_an_answer_says_a_member_of_it_is_a_text_or_nothing(
    document: object, member: str
) -> None:
    assert isinstance(said(document, member), str | None)


@given(st.text())
def test_what_fills_a_url_stays_within_its_place(value: str) -> None:
    try:
        url = filled("https://example.com/jobs/{id}/state", {"id": value})
    except JobError:
        assert not value.strip(".")
        return
    assert origin(url) == ("https", "example.com", 443)
    assert url.count("/") == 5
    assert not {"?", "#"} & set(url)


@given(st.text())
def test_a_wait_is_never_longer_than_an_hour_whatever_a_server_says(header: str) -> None:
    assert 0 <= retry_after(header, NOW) <= LONGEST_WAIT


def test_a_wait_is_given_in_seconds_or_as_a_date() -> None:
    at = format_datetime(NOW + timedelta(seconds=90), usegmt=True)
    assert [retry_after(each, NOW) for each in ("90", " 90 ", at)] == [90, 90, 90]
    assert [retry_after(each, NOW) for each in (None, "soon", "-5")] == [0, 0, 0]


def test_statuses_are_meant_one_by_one_or_by_their_class() -> None:
    meant = Statuses("200,404,3xx")
    assert [each for each in (200, 201, 302, 399, 404, 500) if each in meant] == [
        200,
        302,
        399,
        404,
    ]


@pytest.mark.parametrize("text", ["", "20", "2xx,", "6xx", "ok", "200 201"])
def test_what_is_no_list_of_statuses_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no status"):
        Statuses(text)


def test_a_value_may_have_an_equals_sign_in_it() -> None:
    assert (condition("a.b=c=d").member, condition("a.b=c=d").value) == ("a.b", "c=d")


@given(st.text())
def test_no_text_breaks_the_check_of_urls(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.com/{text}"):
        try:
            allowed = checked(url, plain=False)
        except JobError:
            continue
        assert allowed.startswith(("https://", "http://localhost", "http://127.", "http://[::1"))
