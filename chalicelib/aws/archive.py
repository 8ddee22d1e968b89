"""Finished runs in the archive bucket, laid out so that Athena reads only what a query asks for."""

import gzip
from collections.abc import Iterable
from datetime import UTC
from io import BytesIO

from chalicelib.aws.clients import Clients
from chalicelib.aws.translation import translated
from chalicelib.core.run import RunHeader


class S3Archive:
    """One gzipped object of JSON lines a run.

    One object, and so one table, holds the run, its jobs and its events, told apart by their
    `kind`: a run is archived by one write, whole or not at all, and again to the same place.
    """

    def __init__(self, clients: Clients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

    def write(self, header: RunHeader, lines: Iterable[str]) -> str:
        key = archive_key(header)
        with translated("S3", "PutObject"):
            self._clients["s3"].put_object(
                Bucket=self._bucket,
                Key=key,
                Body=compressed(lines),
                ContentType="application/gzip",
            )
        return f"s3://{self._bucket}/{key}"


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
