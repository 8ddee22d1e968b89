"""Finished runs in the archive, and uploads: what is written and read, on moto's S3."""

import gzip
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from chalicelib.aws.archive import S3Archive, archive_key, compressed
from chalicelib.aws.clients import Clients
from chalicelib.aws.uploads import MAX_UPLOAD, S3Uploads
from chalicelib.core.run import Event, JobState, RunHeader
from chalicelib.core.schedule import JobSpec
from chalicelib.errors import BackendError, InvalidInputError, NotFoundError
from chalicelib.services.shapes import event_shape, job_shape, run_shape
from tests.aws.on_moto import moto

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
    assert S3Archive(bucket, BUCKET).write(header(), LINES) == f"s3://{BUCKET}/{KEY}"
    body = bucket["s3"].get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    found = [json.loads(line) for line in gzip.decompress(body).decode().splitlines()]
    assert found == [json.loads(line) for line in LINES]


def test_the_day_is_that_of_utc() -> None:
    zone = timezone(timedelta(hours=5))
    assert archive_key(header(datetime(2026, 1, 2, 8, 4, 5, 678901, zone))) == KEY


def test_a_run_is_archived_again_to_the_same_place_with_the_same_bytes(bucket: Clients) -> None:
    archive = S3Archive(bucket, BUCKET)
    archive.write(header(), LINES)
    first = bucket["s3"].get_object(Bucket=BUCKET, Key=KEY)["ETag"]
    archive.write(header(), iter(LINES))
    assert bucket["s3"].get_object(Bucket=BUCKET, Key=KEY)["ETag"] == first
    assert bucket["s3"].list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1


def test_runs_of_one_schedule_in_one_second_are_kept_apart() -> None:
    later = header(datetime(2026, 1, 2, 3, 4, 5, 678902, UTC))
    assert archive_key(later) != archive_key(header())


PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "query-history-with-athena.md"


def test_the_table_of_the_docs_has_a_column_for_every_member_of_a_line() -> None:
    run = header()
    event = Event(sequence=1, at=run.started_at, job="a", act="END", before="x", after="y")
    shapes = (run_shape(run), job_shape(JobSpec(name="a"), JobState()), event_shape(event))
    columns, _ = PAGE.read_text(encoding="utf-8").split("PARTITIONED BY")
    found = re.findall(r"^  `?(\w+)`? [a-z]", columns, re.MULTILINE)
    assert set(found) == {"kind", "runId"}.union(*shapes)
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
    with pytest.raises(BackendError, match="NoSuchBucket"):
        S3Archive(bucket, "no-such-bucket").write(header(), LINES)


def test_an_upload_is_read_as_it_is_now_with_its_version(bucket: Clients) -> None:
    bucket["s3"].put_object(Bucket=BUCKET, Key="k", Body=b"old")
    newest = bucket["s3"].put_object(Bucket=BUCKET, Key="k", Body=b"new")
    upload = S3Uploads(bucket, BUCKET).read("k")
    assert (upload.content, upload.version) == (b"new", newest["VersionId"])


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
