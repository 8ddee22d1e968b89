"""Files moved between a server and S3: an object is there when all of it is, and is right."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.stopping import StoppedError
from fetch_and_run.transfers.s3 import S3
from tests.jobs.file_servers import FileServer, sales_server, some_bytes
from tests.jobs.transfer_world import Jobs, jobs_in

MIB = 1_048_576
SALES = some_bytes(2 * MIB + 5)
SUM = hashlib.sha256(SALES).hexdigest()
ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "eu-west-1",
}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1")


@pytest.fixture
def s3(client: Any) -> Iterator[Any]:
    client.create_bucket(Bucket="lake")
    yield client
    for key in keys(client):
        client.delete_object(Bucket="lake", Key=key)
    client.delete_bucket(Bucket="lake")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with sales_server(tmp_path, SALES) as running:
        yield running


@pytest.fixture
def jobs(server: FileServer, tmp_path: Path) -> Jobs:
    return jobs_in(tmp_path, {**server.environment, **ACCOUNT})


def keys(s3: Any) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket="lake").get("Contents", [])]


def get(server: FileServer, *more: str) -> list[str]:
    return ["ftp", "get", server.address("sales.csv"), "s3://lake/raw/", *server.login, *more]


def test_a_file_comes_to_s3_through_a_cut(server: FileServer, jobs: Jobs, s3: Any) -> None:
    server.traffic.cuts = [MIB]
    assert jobs.run(get(server, "--sha256", SUM)) == Exit.OK
    assert keys(s3) == ["raw/sales.csv"]
    assert s3.get_object(Bucket="lake", Key="raw/sales.csv")["Body"].read() == SALES
    assert server.traffic.moved < len(SALES) + MIB
    assert jobs.claim().outputs["file"] == "sales.csv"


def test_a_file_with_a_wrong_checksum_never_is_an_object(
    server: FileServer, jobs: Jobs, s3: Any
) -> None:
    assert jobs.run(get(server, "--sha256", "0" * 64)) == Exit.CHANGED
    assert keys(s3) == []


def test_an_object_goes_to_the_server_through_a_cut(
    server: FileServer, jobs: Jobs, s3: Any
) -> None:
    s3.put_object(Bucket="lake", Key="out/a.csv", Body=SALES)
    server.traffic.cuts = [MIB]
    argv = ["ftp", "put", "s3://lake/out/a.csv", server.address(""), *server.login]
    assert jobs.run([*argv, "--sha256-beside"]) == Exit.OK
    assert (server.root / "a.csv").read_bytes() == SALES
    assert server.has() == {"sales.csv", "a.csv", "a.csv.sha256"}


def test_an_object_that_is_not_there_is_said_to_be_so(
    server: FileServer, jobs: Jobs, s3: Any
) -> None:
    argv = ["ftp", "put", "s3://lake/none", server.address("none"), *server.login]
    assert jobs.run(argv) == Exit.NOT_FETCHED
    assert jobs.err == "batch-job: s3://lake/none is not there\n"
    argv[2] = "s3://no-such-lake/none"
    assert jobs.run(argv) == Exit.NOT_FETCHED


def test_a_large_object_is_written_in_parts_and_read_from_inside(s3: Any) -> None:
    place = S3(s3, "lake", part=5 * MIB)
    content = some_bytes(11 * MIB)
    place.write("/big", 0, [content[: 3 * MIB], content[3 * MIB :]])
    assert b"".join(place.read("/big", 10 * MIB)) == content[10 * MIB :]
    assert (
        hashlib.sha256(b"".join(place.read("/big", 0))).digest() == hashlib.sha256(content).digest()
    )


def test_a_signal_in_the_middle_of_an_upload_leaves_no_parts_behind(s3: Any) -> None:
    def chunks() -> Iterator[bytes]:
        yield bytes(6 * MIB)
        raise StoppedError(15)

    with pytest.raises(StoppedError):
        S3(s3, "lake", part=5 * MIB).write("/big", 0, chunks())
    assert s3.list_multipart_uploads(Bucket="lake").get("Uploads", []) == []
    assert keys(s3) == []


@pytest.mark.parametrize(
    ("operation", "member", "words"),
    [
        ("HeadObject", "ContentLength", "s3://lake/a came without a Content-Length"),
        ("UploadPart", "ETag", "s3://lake: a part was answered without an ETag"),
    ],
)
def test_an_answer_that_a_proxy_has_made_less_of_is_said_to_be_that(
    s3: Any, operation: str, member: str, words: str
) -> None:
    def leave_out(parsed: dict[str, Any], **_: object) -> None:
        parsed.pop(member)

    s3.put_object(Bucket="lake", Key="a", Body=b"a")
    place = S3(s3, "lake", part=5 * MIB)

    def ask() -> None:
        place.write("/b", 0, [b"x" * 5 * MIB])
        place.look("/a")

    hook = f"after-call.s3.{operation}"
    s3.meta.events.register(hook, leave_out)
    try:
        with pytest.raises(JobError, match=words) as raised:
            ask()
    finally:
        s3.meta.events.unregister(hook, leave_out)
    assert raised.value.code is Exit.NOT_FETCHED
    assert not s3.list_multipart_uploads(Bucket="lake").get("Uploads")
