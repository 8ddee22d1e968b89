"""What may be fetched: only objects of S3, and only below what is allowed."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.places import ALLOWED, Place, check_allowed, read_url

WHERE = {ALLOWED: "s3://scripts/daily, s3://shared/ ,s3://one/exactly/this.sh"}

SCHEMES = [
    "", "s3:", "s3:/", "S3://", "s3:///", "s3:////", " s3://", "\ts3://", "http://", "https://",
    "file://", "ftp://", "data:,", "gopher://", "s3a://", "s3n://", "//", "s3://s3://", "s3:\\\\",
    "s3%3A//", "javascript:", "s3+http://", "\x00s3://", "s3\u200b://",
]  # fmt: skip
HOSTS = [
    "scripts", "169.254.169.254", "127.0.0.1", "[::1]", "localhost", "metadata.google.internal",
    "scripts@evil", "evil@scripts", "user:pass@scripts", "scripts:80", "SCRIPTS", "scripts.",
    ".scripts", "scr..ipts", "sc", "s" * 64, "scripts%2f", "scripts?x=1", "scripts#x", "scr ipts",
    "scripts\n", "\u0455cripts", "-scripts", "scripts-", "arn:aws:s3:::scripts",
]  # fmt: skip
KEYS = ["daily/job.sh", "latest/meta-data", "../daily/job.sh", "daily/../../x", "daily/./x", ""]
BAD_KEYS = [
    "", "/", "dail", "daily/", "dailyx/job.sh", "Daily/job.sh", "/daily/job.sh", "daily/../x",
    "daily/..", "../scripts/daily/x", "daily/./job.sh", "daily/x\n", "daily/\x00", "daily/\x1b[2J",
    "daily/\u202ex", "daily/" + "k" * 1024, "daily/\udcff", "other/daily/job.sh", "daily\\job.sh",
    "daily%2fjob.sh", ".", "..", "daily/x/..", "\u00a0daily/x",
]  # fmt: skip
HOSTILE = [
    *(f"{s}{h}/{k}" for s, h, k in product(SCHEMES, HOSTS, KEYS)),
    *(f"s3://{h}/{k}" for h, k in product(HOSTS, BAD_KEYS)),
]


def is_let_through(url: str) -> bool:
    try:
        check_allowed(read_url(url), WHERE)
    except JobError as error:
        return not (error.code is Exit.REFUSED and error.reason.isprintable())
    return True


def test_f48_of_thousands_of_hostile_urls_none_is_fetched() -> None:
    assert len(HOSTILE) > 4000
    assert [each for each in HOSTILE if is_let_through(each)] == []


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("s3://scripts/daily/job.sh", "daily/job.sh"),
        ("s3://scripts/daily/a b?c#d%20é.sh", "daily/a b?c#d%20é.sh"),
        ("s3://shared/any/where", "any/where"),
        ("s3://one/exactly/this.sh", "exactly/this.sh"),
        ("s3://one/exactly/this.sh/and/below", "exactly/this.sh/and/below"),
    ],
)
def test_an_object_below_what_is_allowed_is_taken_by_its_key_as_it_is(url: str, key: str) -> None:
    assert read_url(url).key == key
    assert is_let_through(url)


MIGHT_BE = {"scripts", "localhost", "metadata.google.internal"}  # somebody's buckets


@pytest.mark.parametrize("host", sorted({*HOSTS} - MIGHT_BE))
def test_what_is_no_buckets_name_is_refused_wherever_files_may_come_from(host: str) -> None:
    with pytest.raises(JobError, match="is no bucket's name"):
        read_url(f"s3://{host}/x")


@given(st.text() | st.text().map("s3://scripts/".__add__) | st.text().map("s3://".__add__))
def test_what_is_let_through_begins_with_a_prefix_and_a_slash(url: str) -> None:
    if is_let_through(url):
        assert url.startswith(("s3://scripts/daily/", "s3://shared/", "s3://one/exactly/this.sh"))
        assert url == str(read_url(url))


@pytest.mark.parametrize("allowed", ["", " , "])
def test_nothing_may_be_fetched_where_nothing_is_allowed(allowed: str) -> None:
    with pytest.raises(JobError, match="is not set, so nothing may be fetched") as raised:
        check_allowed(Place("scripts", "job.sh"), {ALLOWED: allowed})
    assert raised.value.code is Exit.REFUSED


@pytest.mark.parametrize("allowed", ["s3://", "s3://*", "scripts/daily", "s3://ok/x,http://x/"])
def test_what_can_not_be_read_as_allowed_allows_nothing(allowed: str) -> None:
    with pytest.raises(JobError, match=ALLOWED):
        check_allowed(Place("ok1", "x"), {ALLOWED: allowed})


@pytest.mark.parametrize("allowed", ["s3://", "s3:///", "s3://B/", "http://x/"])
def test_what_can_not_be_read_as_allowed_is_quoted_as_it_was_given(allowed: str) -> None:
    with pytest.raises(JobError, match=rf"^{ALLOWED} is '{allowed}', and "):
        check_allowed(Place("ok1", "x"), {ALLOWED: allowed})
