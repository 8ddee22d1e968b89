"""The strict S3: versions, conditions, lists, and what EventBridge is told."""

from typing import Any, NamedTuple

import pytest

from chalicelib.local.memory_queue import VirtualClock
from tests.strict.answers import Fault
from tests.strict.asking import Act, most, name_of, refused
from tests.strict.aws import StrictAws
from tests.strict.s3 import FakeS3


class Bench(NamedTuple):
    """A bucket with versions."""

    aws: StrictAws
    fake: FakeS3
    client: Any


@pytest.fixture
def here() -> Bench:
    aws = StrictAws(VirtualClock())
    fake = FakeS3(aws)
    fake.create("docs")
    aws.serve("s3", fake.service())
    return Bench(aws, fake, aws.client("s3"))


def put(client: Any, key: str = "a", body: bytes = b"x", **members: Any) -> str:
    answer = client.put_object(Bucket="docs", Key=key, Body=body, **members)
    return str(answer["VersionId"])


def get(client: Any, key: str = "a", **members: Any) -> bytes:
    return bytes(client.get_object(Bucket="docs", Key=key, **members)["Body"].read())


def test_what_is_put_is_read_back_with_what_was_said_of_it(here: Bench) -> None:
    put(here.client, body=b"12345", ContentType="text/plain", Metadata={"by": "ada"})
    answer = here.client.get_object(Bucket="docs", Key="a")
    assert answer["Body"].read() == b"12345"
    assert (answer["ContentLength"], answer["ContentType"]) == (5, "text/plain")
    assert answer["Metadata"] == {"by": "ada"}
    assert answer["ETag"] == '"827ccb0eea8a706c4c34a16891f84e7b"'


def test_each_version_stays_readable_and_the_newest_is_read(here: Bench) -> None:
    first, second = put(here.client, body=b"1"), put(here.client, body=b"2")
    assert first != second
    assert get(here.client) == b"2"
    assert get(here.client, VersionId=first) == b"1"


def test_what_was_deleted_is_gone_and_its_versions_are_not(here: Bench) -> None:
    version = put(here.client)
    here.fake.delete("docs", "a")
    assert refused(get, here.client)[0] == "NoSuchKey"
    assert get(here.client, VersionId=version) == b"x"
    assert here.client.list_objects_v2(Bucket="docs")["KeyCount"] == 0


def test_a_put_that_wants_no_other_is_refused_if_there_is_one(here: Bench) -> None:
    put(here.client, IfNoneMatch="*")
    assert refused(put, here.client, body=b"2", IfNoneMatch="*")[0] == "PreconditionFailed"
    assert get(here.client) == b"x"
    here.fake.delete("docs", "a")
    assert refused(put, here.client, IfNoneMatch="*") == ("", "")


def test_a_put_that_wants_what_was_seen_is_refused_if_that_has_changed(here: Bench) -> None:
    put(here.client)
    seen = here.client.head_object(Bucket="docs", Key="a")["ETag"]
    put(here.client, body=b"2", IfMatch=seen)
    assert refused(put, here.client, body=b"3", IfMatch=seen)[0] == "PreconditionFailed"
    assert get(here.client) == b"2"
    here.fake.delete("docs", "a")
    assert refused(put, here.client, IfMatch=seen)[0] == "NoSuchKey"
    assert refused(here.client.head_object, Bucket="docs", Key="a")[0] == "404"


def test_a_put_that_meets_another_one_at_that_moment_is_refused(here: Bench) -> None:
    here.aws.faults = lambda *_: Fault.CONFLICT
    assert refused(put, here.client, IfNoneMatch="*")[0] == "ConditionalRequestConflict"
    assert refused(put, here.client) == ("", "")


class Refusal(NamedTuple):
    """What is refused, with which code."""

    name: str
    act: Act
    code: str


REFUSALS = (
    Refusal("a bucket that there is not",
            lambda c: c.put_object(Bucket="other", Key="a"), "NoSuchBucket"),
    Refusal("a key that there is not", get, "NoSuchKey"),
    Refusal("a version that there is not", lambda c: get(c, VersionId="x"), "NoSuchVersion"),
    Refusal("a bucket that there is",
            lambda c: c.create_bucket(Bucket="docs", CreateBucketConfiguration={
                "LocationConstraint": "eu-central-1"}), "BucketAlreadyOwnedByYou"),
)  # fmt: skip


@pytest.mark.parametrize("row", REFUSALS, ids=name_of)
def test_what_s3_does_not_take_is_refused(here: Bench, row: Refusal) -> None:
    assert refused(row.act, here.client)[0] == row.code


def test_a_key_has_at_most_1024_bytes(here: Bench) -> None:
    most("1,024 bytes", lambda c, n: put(c, "k" * n), 1024, "KeyTooLongError").hold(here.client)
    assert refused(put, here.client, "é" * 513)[0] == "KeyTooLongError"


def test_a_list_comes_in_pages_of_a_thousand_in_the_order_of_bytes(here: Bench) -> None:
    for number in range(1001):
        put(here.client, f"k/{number:04d}")
    put(here.client, "z")
    first = here.client.list_objects_v2(Bucket="docs", Prefix="k/")
    assert (first["KeyCount"], first["IsTruncated"]) == (1000, True)
    rest = here.client.list_objects_v2(
        Bucket="docs", Prefix="k/", ContinuationToken=first["NextContinuationToken"]
    )
    assert [each["Key"] for each in rest["Contents"]] == ["k/1000"]
    assert rest["IsTruncated"] is False


def test_a_list_rolls_up_what_lies_deeper(here: Bench) -> None:
    for key in ("v/b/1", "v/a/1", "v/a/2", "v/c", "w/d/1"):
        put(here.client, key)
    found = here.client.list_objects_v2(Bucket="docs", Prefix="v/", Delimiter="/")
    assert [each["Prefix"] for each in found["CommonPrefixes"]] == ["v/a/", "v/b/"]
    assert [each["Key"] for each in found["Contents"]] == ["v/c"]


def test_a_new_object_is_told_with_its_version(here: Bench) -> None:
    first, second = put(here.client, body=b"1"), put(here.client, body=b"22")
    told = [event["detail"]["object"] for event in here.aws.events]
    assert [(each["key"], each["size"]) for each in told] == [("a", 1), ("a", 2)]
    assert [each["version-id"] for each in told] == [first, second]
    assert told[0]["sequencer"] < told[1]["sequencer"]
    assert {event["detail-type"] for event in here.aws.events} == {"Object Created"}


def test_a_bucket_that_is_not_asked_to_tells_nothing(here: Bench) -> None:
    here.fake.create("quiet", tells=False)
    here.client.put_object(Bucket="quiet", Key="a", Body=b"x")
    assert here.aws.events == []
