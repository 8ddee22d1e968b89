"""Finished runs in the archive, and uploads: what is written and read, on moto's S3."""

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import boto3
import pytest

from chalicelib.aws.archive import S3Archive, archive_key, compressed
from chalicelib.aws.clients import Clients
from chalicelib.aws.uploads import MAX_UPLOAD, S3Uploads
from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.run import RunHeader
from chalicelib.errors import BackendError, InvalidInputError, NotFoundError
from chalicelib.services import archiving
from tests.aws.on_moto import moto
from tests.aws.tapped import TappedFactory
from tests.simulation.faults import Tap
from tests.unit.runs import spec
from tests.unit.stores import driving_world, record_run

KEY = "runs/schedule_id=daily.etl/year=2026/month=01/day=02/20260102T030405.678901Z.jsonl.gz"
BUCKET = "batch-scheduler-archive-dev"
LINES = ['{"kind": "run"}', '{"kind": "job", "jobName": "ä"}']


def header(at: datetime = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)) -> RunHeader:
    return RunHeader(run_id="daily.etl/x", schedule_id="daily.etl", started_at=at)


@pytest.fixture
def bucket() -> Iterator[Clients]:
    with moto() as clients:
        s3 = clients["s3"]
        s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield clients


def test_a_run_is_kept_where_its_schedule_and_day_say(bucket: Clients) -> None:
    assert S3Archive(bucket, BUCKET).write(header(), lambda: LINES) == f"s3://{BUCKET}/{KEY}"
    body = bucket["s3"].get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    found = [json.loads(line) for line in gzip.decompress(body).decode().splitlines()]
    assert found == [json.loads(line) for line in LINES]


def test_the_day_is_that_of_utc() -> None:
    zone = timezone(timedelta(hours=5))
    assert archive_key(header(datetime(2026, 1, 2, 8, 4, 5, 678901, zone))) == KEY


def test_a_run_is_archived_again_to_the_same_place_with_the_same_bytes(bucket: Clients) -> None:
    archive = S3Archive(bucket, BUCKET)
    archive.write(header(), lambda: LINES)
    first = bucket["s3"].get_object(Bucket=BUCKET, Key=KEY)["ETag"]
    archive.write(header(), lambda: iter(LINES))
    assert bucket["s3"].get_object(Bucket=BUCKET, Key=KEY)["ETag"] == first
    assert bucket["s3"].list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1


class Turns:
    """What a run says each time that it is read; `meanwhile` is done before the write after it."""

    def __init__(self, *texts: str, meanwhile: Mapping[str, Callable[[], object]] | None = None):
        self.left = list(texts)
        self._meanwhile = meanwhile or {}

    def __call__(self) -> list[str]:
        text = self.left.pop(0)
        self._meanwhile.get(text, lambda: None)()
        return [text]


def archived(clients: Clients) -> str:
    body = clients["s3"].get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    return gzip.decompress(body).decode().strip()


def test_what_was_read_earlier_never_replaces_what_was_read_later(bucket: Clients) -> None:
    archive = S3Archive(bucket, BUCKET)
    newer = Turns("second end")
    late = Turns(
        "first end", "read again", meanwhile={"first end": lambda: archive.write(header(), newer)}
    )
    archive.write(header(), late)
    assert archived(bucket) == "read again"


def test_of_two_who_archive_the_second_end_at_once_both_are_right(bucket: Clients) -> None:
    archive = S3Archive(bucket, BUCKET)
    archive.write(header(), Turns("first end"))
    quick = Turns("free?", "quick")
    slow = Turns(
        "free?", "slow", "again", meanwhile={"slow": lambda: archive.write(header(), quick)}
    )
    archive.write(header(), slow)
    assert archived(bucket) == "again"


def test_an_archive_that_is_deleted_at_this_moment_is_written_anew(bucket: Clients) -> None:
    archive = S3Archive(bucket, BUCKET)
    archive.write(header(), Turns("first end"))

    def delete() -> None:
        bucket["s3"].delete_object(Bucket=BUCKET, Key=KEY)

    archive.write(header(), Turns("free?", "there", "anew", meanwhile={"there": delete}))
    assert archived(bucket) == "anew"


def test_an_archive_that_is_gone_before_it_is_looked_at_is_written_anew(bucket: Clients) -> None:
    S3Archive(bucket, BUCKET).write(header(), Turns("first end"))

    def delete() -> None:
        bucket["s3"].delete_object(Bucket=BUCKET, Key=KEY)

    tap = Tap(hooks={1: delete})  # between the write and the look at what was in its way
    clients = Clients(
        TappedFactory(boto3.session.Session("test", "test", region_name="eu-central-1"), tap)
    )
    S3Archive(clients, BUCKET).write(header(), Turns("free?", "anew"))
    assert tap.calls == ["put_object", "head_object", "put_object"]
    assert archived(bucket) == "anew"


def test_a_run_that_others_keep_archiving_is_left_to_a_later_time(bucket: Clients) -> None:
    others = iter(range(100))

    def read() -> list[str]:
        body = str(next(others)).encode()
        bucket["s3"].put_object(Bucket=BUCKET, Key=KEY, Body=body)
        return LINES

    with pytest.raises(BackendError, match="others keep archiving") as caught:
        S3Archive(bucket, BUCKET).write(header(), read)
    assert caught.value.retryable


def test_runs_of_one_schedule_in_one_second_are_kept_apart() -> None:
    later = header(datetime(2026, 1, 2, 3, 4, 5, 678902, UTC))
    assert archive_key(later) != archive_key(header())


PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "query-history-with-athena.md"


def test_the_table_of_the_docs_has_a_column_for_every_member_of_a_line() -> None:
    ports = driving_world()
    run = replace(header(), status=RunStatus.FAILED)
    record_run(ports, spec("a"), run=run)
    written = [json.loads(line) for line in archiving.lines(ports, run)]
    assert [line["kind"] for line in written] == ["run", "job", "event"]
    columns, _ = PAGE.read_text(encoding="utf-8").split("PARTITIONED BY")
    found = re.findall(r"^  `?(\w+)`? [a-z]", columns, re.MULTILINE)
    assert set(found) == set().union(*written)
    assert len(found) == len(set(found))


def test_the_table_of_the_docs_looks_where_runs_are_kept() -> None:
    [template] = re.findall(r"'s3://ARCHIVE_BUCKET/(runs/.+/)'", PAGE.read_text(encoding="utf-8"))
    values = {"schedule_id": "daily.etl", "year": "2026", "month": "01", "day": "02"}
    for name, value in values.items():
        template = template.replace(f"${{{name}}}", value)
    assert archive_key(header()).startswith(template)


def test_no_time_of_writing_is_in_the_bytes() -> None:
    assert compressed(LINES)[4:8] == bytes(4)  # MTIME (RFC 1952)


def test_every_line_has_its_end() -> None:
    assert gzip.decompress(compressed(["a", "b"])) == b"a\nb\n"
    assert gzip.decompress(compressed([])) == b""


def test_an_archive_that_is_not_there_is_an_error_of_the_backend(bucket: Clients) -> None:
    with pytest.raises(BackendError, match="there is no bucket no-such-bucket"):
        S3Archive(bucket, "no-such-bucket").write(header(), lambda: LINES)


def test_an_upload_is_read_as_it_is_now_with_its_version(bucket: Clients) -> None:
    bucket["s3"].put_object(Bucket=BUCKET, Key="k", Body=b"old")
    newest = bucket["s3"].put_object(Bucket=BUCKET, Key="k", Body=b"new")
    upload = S3Uploads(bucket, BUCKET).read("k")
    assert (upload.content, upload.version) == (b"new", newest["VersionId"])


@pytest.mark.parametrize("status", ["", "Suspended"])
def test_in_a_bucket_without_versions_another_content_is_another_version(
    bucket: Clients, status: str
) -> None:
    s3, name = bucket["s3"], "batch-scheduler-unversioned"
    where = {"LocationConstraint": "eu-central-1"}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=where)
    if status:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": status})
    versions = []
    for content in (b"old", b"new", b"new"):
        s3.put_object(Bucket=name, Key="k", Body=content)
        versions.append(S3Uploads(bucket, name).read("k").version)
    assert "" not in versions
    assert versions[0] != versions[1] == versions[2]


@pytest.mark.parametrize("deleted", [False, True])
def test_an_upload_that_is_gone_is_not_found(bucket: Clients, deleted: bool) -> None:
    if deleted:
        bucket["s3"].put_object(Bucket=BUCKET, Key="k", Body=b"old")
        bucket["s3"].delete_object(Bucket=BUCKET, Key="k")
    with pytest.raises(NotFoundError, match="no upload 'k'"):
        S3Uploads(bucket, BUCKET).read("k")


@pytest.mark.parametrize("excess", [0, 1])
def test_an_upload_of_more_than_10_mb_is_refused(bucket: Clients, excess: int) -> None:
    bucket["s3"].put_object(Bucket=BUCKET, Key="k", Body=b"x" * (MAX_UPLOAD + excess))
    uploads = S3Uploads(bucket, BUCKET)
    if excess:
        with pytest.raises(InvalidInputError, match=r"k: the file has 10485761 bytes"):
            uploads.read("k")
    else:
        assert len(uploads.read("k").content) == MAX_UPLOAD


def test_a_bucket_that_is_not_there_is_an_error_of_the_backend(bucket: Clients) -> None:
    with pytest.raises(BackendError, match="NoSuchBucket"):
        S3Uploads(bucket, "no-such-bucket").read("k")
