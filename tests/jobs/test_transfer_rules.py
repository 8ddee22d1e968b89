"""Names, checksums and addresses: what may become a file here."""

import hashlib
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetch_and_run.exits import JobError
from fetch_and_run.transfers.addresses import address_of, is_plain, name_of
from fetch_and_run.transfers.beside import sum_in
from fetch_and_run.transfers.tally import Tally

SUM = "a" * 64


@given(st.text())
def test_a_plain_name_stays_in_its_directory(name: str) -> None:
    if is_plain(name):
        path = PurePosixPath("/here") / name
        assert (str(path.parent), path.name) == ("/here", name)


@given(st.text() | st.text(alphabet="./a%2e~\0"))
def test_no_address_leads_up_or_breaks_a_command(path: str) -> None:
    try:
        address = address_of(f"sftp://host/{path}", "sftp")
    except JobError:
        return
    assert ".." not in address.path.split("/")
    assert not [each for each in address.path if ord(each) < 32]


@pytest.mark.parametrize(
    "text", ["", "ftp://host/x", "sftp:///x", "sftp://host:port/x", "sftp://[::1/x", "host/x"]
)
def test_what_is_no_address_of_the_kind_is_refused(text: str) -> None:
    with pytest.raises(JobError, match="is no sftp://"):
        address_of(text, "sftp")


@pytest.mark.parametrize("path", ["/", "/a/", "/a/.", "/..", "/a\\b", "/" + "x" * 256])
def test_what_does_not_end_with_a_name_gives_none(path: str) -> None:
    with pytest.raises(JobError, match="does not end with the name of a file"):
        name_of(path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{SUM}  a.csv\n", SUM),
        (f"{SUM} *a.csv\r\n", SUM),
        (f"{SUM.upper()}\n", SUM),
        (f"{'b' * 64}  b.csv\n{SUM}  out/a.csv\n", SUM),
        (f"{SUM}  b.csv\n", None),
        (f"{SUM}  a.csv\n{'b' * 64}  a.csv\n", None),
        (f"{SUM}\n{'b' * 64}\n", None),
        ("a.csv\n", None),
        ("", None),
    ],
)
def test_a_file_of_checksums_has_one_for_a_name_or_none(text: str, found: str | None) -> None:
    assert sum_in(text, "a.csv") == found


@given(st.binary(), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40))))
def test_bytes_that_come_again_are_counted_once(
    content: bytes, pieces: list[tuple[int, int]]
) -> None:
    tally = Tally()
    for back, length in pieces:
        start = max(0, tally.position - back)
        tally.add(start, content[start : start + length])
    tally.catch_up([content[tally.position :]], len(content))
    assert tally.sha256 == hashlib.sha256(content).hexdigest()
