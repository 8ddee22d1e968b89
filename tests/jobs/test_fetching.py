"""Objects are fetched whole and unchanged, or not at all: by boto3, over real HTTP."""

import hashlib
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.fetching import MAX_BREAKS, MAX_BYTES, Wanted, fetch
from fetch_and_run.places import Place
from tests.jobs.objects import Bad, Objects
from tests.jobs.objects import objects as served_objects

SCRIPT = b"#!/bin/sh\necho " + b"x" * 100_000 + b"\n"
DIGEST = hashlib.sha256(SCRIPT).hexdigest()
NAME = "scripts/daily/job.sh"

Fetch = Callable[..., bytes]


@pytest.fixture(scope="module")
def served() -> Iterator[Objects]:
    with served_objects() as kept:
        yield kept
    assert not kept.faults


@pytest.fixture(scope="module")
def client(served: Objects) -> Iterator[Any]:
    """Sends nothing again by itself: what breaks is seen here."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=0.3)
    session = boto3.session.Session("test", "test", region_name="eu-central-1")
    with closing(session.client("s3", endpoint_url=served.url, config=config)) as made:
        yield made


@pytest.fixture
def objects(served: Objects) -> Objects:
    served.versions.clear()
    served.bad.clear()
    served.denied.clear()
    served.requests.clear()
    served.put(NAME, SCRIPT)
    return served


@pytest.fixture
def fetched(client: Any, tmp_path: Path) -> Fetch:
    def fetched(name: str = NAME, **asked: str) -> bytes:
        bucket, _, key = name.partition("/")
        to = tmp_path / "fetched"
        fetch(client, Wanted(place=Place(bucket, key), **asked), to, pause=lambda _: None)
        assert stat.S_IMODE(to.stat().st_mode) == 0o600
        return to.read_bytes()

    return fetched


def ranges(objects: Objects) -> list[str]:
    return [asked for _, asked in objects.requests]


def test_an_object_is_fetched_as_it_is(objects: Objects, fetched: Fetch) -> None:
    assert fetched(sha256=DIGEST) == SCRIPT
    assert ranges(objects) == [""]


def test_an_object_without_a_byte_is_fetched_too(objects: Objects, fetched: Fetch) -> None:
    objects.put(NAME, b"")
    assert fetched() == b""


def test_one_that_comes_a_byte_at_a_time_is_waited_for(objects: Objects, fetched: Fetch) -> None:
    objects.put(NAME, SCRIPT[:300])
    objects.bad[NAME] = Bad(dribbles=True)
    assert fetched() == SCRIPT[:300]


def test_f48_a_transfer_that_breaks_off_goes_on_where_it_was(
    objects: Objects, fetched: Fetch
) -> None:
    objects.bad[NAME] = Bad(breaks=[0, 1, 70_000])
    assert fetched(sha256=DIGEST) == SCRIPT
    assert ranges(objects) == ["", "bytes=0-", "bytes=1-", "bytes=70001-"]


def test_f48_a_transfer_that_stalls_is_asked_for_again(objects: Objects, fetched: Fetch) -> None:
    objects.put(NAME, SCRIPT * 3)
    objects.bad[NAME] = Bad(stalls=1)
    assert fetched() == SCRIPT * 3
    assert ranges(objects) == ["", f"bytes={128 * 1024}-"]


def test_f48_a_transfer_that_always_breaks_off_is_given_up(
    objects: Objects, fetched: Fetch
) -> None:
    objects.bad[NAME] = Bad(breaks=[10] * 99)
    with pytest.raises(JobError, match=r"broke off 6 times, at last after 60 bytes") as raised:
        fetched()
    assert raised.value.code is Exit.NOT_FETCHED
    assert len(objects.requests) == MAX_BREAKS


def test_f48_an_object_that_changes_in_between_is_not_pieced_together(
    objects: Objects, fetched: Fetch
) -> None:
    objects.bad[NAME] = Bad(breaks=[5], hook=lambda: objects.put(NAME, SCRIPT.upper()))
    with pytest.raises(JobError, match="changed while it was fetched") as raised:
        fetched()
    assert raised.value.code is Exit.CHANGED


def test_an_object_that_becomes_shorter_in_between_has_changed(
    objects: Objects, fetched: Fetch
) -> None:
    objects.bad[NAME] = Bad(breaks=[500], hook=lambda: objects.put(NAME, b"short"))
    with pytest.raises(JobError, match="changed while it was fetched"):
        fetched()


def test_a_version_that_is_named_stays_what_it_is(objects: Objects, fetched: Fetch) -> None:
    objects.bad[NAME] = Bad(breaks=[5], hook=lambda: objects.put(NAME, b"newer"))
    assert fetched(version="v1") == SCRIPT


def test_a_server_that_heeds_no_range_is_not_believed(objects: Objects, fetched: Fetch) -> None:
    objects.bad[NAME] = Bad(breaks=[5], ignores_ranges=True)
    with pytest.raises(JobError, match="another part of it, than was asked for") as raised:
        fetched()
    assert raised.value.code is Exit.CHANGED


def test_f48_a_server_that_heeds_no_condition_is_not_believed(
    objects: Objects, fetched: Fetch
) -> None:
    def changes() -> None:
        objects.put(NAME, SCRIPT.upper())

    objects.bad[NAME] = Bad(breaks=[5], hook=changes, ignores_conditions=True)
    with pytest.raises(JobError, match="came as another object") as raised:
        fetched()
    assert raised.value.code is Exit.CHANGED


def test_f48_a_byte_that_is_wrong_is_seen_by_the_checksum(objects: Objects, fetched: Fetch) -> None:
    objects.bad[NAME] = Bad(corrupts=True)
    with pytest.raises(JobError, match=f"BATCH_FILE_SHA256 asks for {DIGEST}") as raised:
        fetched(sha256=DIGEST)
    assert raised.value.code is Exit.CHANGED


@pytest.mark.parametrize(
    ("name", "version", "words"),
    [
        ("scripts/daily/none.sh", "", r"s3://scripts/daily/none.sh is not there \(NoSuchKey\)"),
        ("nobody/job.sh", "", r"is not there \(NoSuchBucket\)"),
        (NAME, "v9", r"in version v9 is not there \(NoSuchVersion\)"),
        ("secret/job.sh", "", "give the job's role s3:GetObject on it"),
        ("secret/job.sh", "v1", "give the job's role s3:GetObjectVersion on it"),
    ],
)
def test_f48_what_can_not_be_had_is_said_with_what_to_do(
    objects: Objects, fetched: Fetch, name: str, version: str, words: str
) -> None:
    objects.put("secret/job.sh", b"x")
    objects.denied.add("secret")
    with pytest.raises(JobError, match=words) as raised:
        fetched(name, version=version)
    assert raised.value.code is Exit.NOT_FETCHED


def test_a_refusal_of_another_kind_is_told_as_s3_told_it(objects: Objects, fetched: Fetch) -> None:
    objects.bad[NAME] = Bad(errors=[(400, "InvalidObjectState")])
    with pytest.raises(JobError, match="InvalidObjectState") as raised:
        fetched()
    assert raised.value.code is Exit.NOT_FETCHED


def test_more_than_a_gigabyte_is_not_even_begun(objects: Objects, fetched: Fetch) -> None:
    objects.bad[NAME] = Bad(announces=MAX_BYTES + 1)
    with pytest.raises(JobError, match=f"at most {MAX_BYTES} are fetched") as raised:
        fetched()
    assert raised.value.code is Exit.REFUSED


@pytest.mark.parametrize("header", ["ETag", "Content-Length"])
def test_an_answer_that_does_not_say_what_is_whole_is_not_taken(
    objects: Objects, fetched: Fetch, header: str
) -> None:
    objects.bad[NAME] = Bad(leaves_out=header)
    words = f"s3://{NAME} came without an? {header}, so nobody can say that it is whole"
    with pytest.raises(JobError, match=words) as raised:
        fetched()
    assert raised.value.code is Exit.NOT_FETCHED


def test_a_checksum_of_s3_that_does_not_match_names_the_object(
    objects: Objects, fetched: Fetch
) -> None:
    objects.bad[NAME] = Bad(checksum="AAAAAA==")
    with pytest.raises(JobError, match=rf"^s3://{NAME}: .*checksum.*; it was not run") as raised:
        fetched()
    assert raised.value.code is Exit.CHANGED
