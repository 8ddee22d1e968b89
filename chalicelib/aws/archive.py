"""Finished runs in the archive bucket, laid out so that Athena reads only what a query asks for."""

import gzip
from collections.abc import Callable, Iterable
from datetime import UTC
from io import BytesIO

from botocore.exceptions import ClientError

from chalicelib.aws.clients import Clients
from chalicelib.aws.translation import code_of, translated
from chalicelib.core.run import RunHeader
from chalicelib.errors import BackendError

_TRIES = 5  # while others archive the same run
_CHANGED = ("PreconditionFailed", "412")
_GONE = ("NoSuchKey", "404")


class S3Archive:
    """One gzipped object of JSON lines a run.

    One object, and so one table, holds the run, its jobs and its events, told apart by their
    `kind`: a run is archived by one write, whole or not at all, and again to the same place.
    """

    def __init__(self, clients: Clients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

    def write(self, header: RunHeader, read: Callable[[], Iterable[str]]) -> str:
        """Write if the object is as it was before the reading; else read anew.

        A run that is restarted has two who archive it, one of them late. Most runs are archived
        once: so the first look is the write itself.
        """
        key, seen = archive_key(header), ""
        for _ in range(_TRIES):
            if self._put(key, compressed(read()), seen):
                return f"s3://{self._bucket}/{key}"
            seen = self._tag(key)
        reason = "others keep archiving the same run"
        raise BackendError("S3", "PutObject", reason, retryable=True)

    def _put(self, key: str, content: bytes, seen: str) -> bool:
        """Put the object if it still has that tag, or is not there yet if the tag is empty."""
        condition = {"IfMatch": seen} if seen else {"IfNoneMatch": "*"}
        with translated("S3", "PutObject", f"bucket {self._bucket}"):
            try:
                self._clients["s3"].put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=content,
                    ContentType="application/gzip",
                    **condition,
                )
            except ClientError as error:
                # With IfMatch, NoSuchKey too: it was deleted meanwhile (conditional-writes).
                if code_of(error) not in (*_CHANGED, *(_GONE if seen else ())):
                    raise
                return False
        return True

    def _tag(self, key: str) -> str:
        """The object's tag as it is now, empty for none."""
        with translated("S3", "HeadObject", f"bucket {self._bucket}"):
            try:
                tag: str = self._clients["s3"].head_object(Bucket=self._bucket, Key=key)["ETag"]
            except ClientError as error:
                if code_of(error) not in _GONE:
                    raise
                return ""
        return tag


def archive_key(header: RunHeader) -> str:
    """Where a run is kept: partitioned by schedule and by the day of its start, UTC.

    No colon, which some of S3's readers take for something else.
    """
    start = header.started_at.astimezone(UTC)
    return (
        f"runs/schedule_id={header.schedule_id}/year={start:%Y}/month={start:%m}/day={start:%d}/"
        f"{start:%Y%m%dT%H%M%S.%fZ}.jsonl.gz"
    )


def compressed(lines: Iterable[str]) -> bytes:
    """The lines, each with its end, gzipped; the same lines give the same bytes."""
    target = BytesIO()
    # The time in gzip's header would make each archive of a run another one.
    with gzip.GzipFile(filename="", mode="wb", fileobj=target, mtime=0) as file:
        for line in lines:
            file.write(line.encode("utf-8", "replace") + b"\n")
    return target.getvalue()
