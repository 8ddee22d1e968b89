"""Claims as jobs may have left them: what can be kept of them is kept, whatever else is there."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.claims import MAX_NAMES, MAX_TOLD, Claim, Progress, Told, parse_claim
from chalicelib.core.records import decode_told, encode_told
from chalicelib.core.secrecy import HIDDEN

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,3}", fullmatch=True) | st.text(max_size=8)
values = st.text(max_size=20) | st.just("https://example.org") | st.just("x" * 1024) | anything
progress = st.fixed_dictionaries(
    {}, optional={"percent": st.floats() | anything, "text": values, "at": st.datetimes().map(str)}
)
claims = st.fixed_dictionaries(
    {},
    optional={
        "owner": values,
        "progress": progress | anything,
        "outputs": st.dictionaries(names, values) | anything,
        "links": st.dictionaries(names, values) | anything,
    },
)


def told(**members: Any) -> Claim:
    return parse_claim({"owner": "id-a", **members})


def test_a_claim_is_read_as_batch_job_writes_it() -> None:
    record = {
        "owner": "id-a",
        "claimedAt": "2026-11-23T11:00:00.000000Z",
        "remote": {"id": "jr_1"},
        "progress": {"percent": 40.0, "text": "loading", "at": "2026-11-23T12:00:00.000000Z"},
        "outputs": {"rows": "123", "empty": ""},
        "links": {"report": "https://example.org/a?b=c#d", "file": "s3://bucket/key"},
    }
    assert parse_claim(record) == Claim(
        owner="id-a",
        progress=Progress(percent=40.0, text="loading", at=AT),
        told=Told(outputs=record["outputs"], links=record["links"]),  # type: ignore[arg-type]
    )


@given(anything | claims)
def test_nothing_in_a_claim_breaks_its_reader(record: Any) -> None:
    found = parse_claim(record)
    if found.told:
        assert found.told.size <= MAX_TOLD
        assert decode_told(json.loads(json.dumps(encode_told(found.told)))) == found.told
    if found.progress:
        assert 0 <= found.progress.percent <= 100
        assert found.progress.at.tzinfo is UTC


def test_what_is_no_claim_says_so() -> None:
    assert parse_claim(["owner"]) == Claim(amiss="it is no claim")
    assert parse_claim({"owner": 5}) == Claim()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rows", 123),
        ("rows", "x" * 1025),
        ("rows", "two\nlines"),
        ("rows", "a\x1b[31m"),
        ("rows", "half \ud800"),
        ("1st", "x"),
        ("a-b", "x"),
        ("x" * 65, "x"),
    ],
)
def test_an_output_that_batch_job_would_not_take_is_not_kept(name: str, value: object) -> None:
    found = told(outputs={name: value, "fine": "x" * 1024})
    assert found.told == Told(outputs={"fine": "x" * 1024})
    is_name = name == "rows"
    assert found.amiss == ('"rows" can\'t be kept' if is_name else "1 value can't be kept")
    assert found.dropped == ({"rows"} if is_name else frozenset())


def test_a_name_that_is_a_secret_is_not_shown() -> None:
    found = told(outputs={"AKIA" + "A" * 16: 5, "rows": 5})
    assert found.amiss == '"rows" and 1 other value can\'t be kept'


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "ftp://host/a", "https://", "https:///a", "https://a b", "x"]
)
def test_a_link_leads_to_the_web_or_to_s3_or_is_not_kept(url: str) -> None:
    assert told(links={"report": url}) == Claim(owner="id-a", amiss='"report" can\'t be kept')


def test_outputs_that_are_no_names_and_values_count_as_one() -> None:
    assert told(outputs=["rows"]).amiss == "1 value can't be kept"


def test_of_too_many_names_the_first_are_kept() -> None:
    found = told(outputs={f"n{number:03}": "x" for number in range(MAX_NAMES + 5)})
    assert found.told is not None
    assert list(found.told.outputs) == [f"n{number:03}" for number in range(MAX_NAMES)]
    assert found.amiss == '"n050", "n051", "n052", "n053", "n054" can\'t be kept'
    assert found.dropped == {f"n05{number}" for number in range(5)}


def test_what_is_too_much_in_all_is_left_out_links_first() -> None:
    outputs = {f"o{number}": "ü" * 1000 for number in range(10)}  # 2,002 bytes each
    links = {f"l{number}": "https://" + "x" * 1000 for number in range(15)}  # 1,010 or 1,011
    found = told(outputs=outputs, links=links)
    assert found.told is not None
    assert found.told.outputs == outputs
    assert list(found.told.links) == sorted(links)[:12]
    assert found.told.size <= MAX_TOLD
    assert found.amiss == '"l7", "l8", "l9" can\'t be kept'


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("db_password", "hunter2"),
        ("where", "ghp_" + "a1" * 18),
        ("where", "https://ann:secret@example.org/"),
    ],
)
def test_a_secret_is_hidden_before_anything_keeps_it(name: str, value: str) -> None:
    assert told(outputs={name: value}).told == Told(outputs={name: HIDDEN})


def test_a_link_with_a_password_is_hidden() -> None:
    assert told(links={"a": "https://ann:x@example.org"}).told == Told(links={"a": HIDDEN})


@pytest.mark.parametrize(
    "query",
    [
        *("X-Amz-Signature=a", "x=1&X-Amz-Security-Token=a", "access_token=a", "password=a"),
        *("api_key=a", "b=c&sig=a", "token=a", "a#access_token=b"),
    ],
)
def test_a_url_with_a_secret_in_its_query_is_hidden(query: str) -> None:
    url = f"https://example.org/a?{query}"
    found = told(outputs={"a": f"see {url}"}, links={"b": url})
    assert found.told == Told(outputs={"a": HIDDEN}, links={"b": HIDDEN})


def test_a_url_with_an_ordinary_query_is_shown() -> None:
    links = {"a": "https://example.org/a@b?design=1&tokens=5#top"}
    assert told(links=links).told == Told(links=links)


@pytest.mark.parametrize(
    "progress",
    [
        "40",
        {"percent": 40, "text": "x"},
        {"percent": 40, "text": "x", "at": 5},
        {"percent": 40, "text": "x", "at": "noon"},
        {"percent": 40, "text": "x", "at": "2026-11-23T12:00:00"},
        {"percent": 40, "text": "x", "at": "0001-01-01T00:00:00+14:00"},
        {"percent": "40", "text": "x", "at": "2026-11-23T12:00:00Z"},
        {"percent": 101, "text": "x", "at": "2026-11-23T12:00:00Z"},
        {"percent": float("nan"), "text": "x", "at": "2026-11-23T12:00:00Z"},
    ],
)
def test_progress_that_is_none_is_left_out(progress: object) -> None:
    assert told(progress=progress) == Claim(owner="id-a")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("loading", "40.5 % loading"),
        ("", "40.5 %"),
        (None, "40.5 %"),
        ("\x1b[2J", "40.5 %"),
        ("y" * 300, "40.5 % " + "y" * 200),
        ("AKIA" + "A" * 16, f"40.5 % {HIDDEN}"),
    ],
)
def test_progress_is_told_in_few_words(text: object, words: str) -> None:
    found = told(progress={"percent": 40.5, "text": text, "at": "2026-11-23T13:00:00+01:00"})
    assert found.progress is not None
    assert (found.progress.words, found.progress.at) == (words, AT)
