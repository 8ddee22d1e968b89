"""Objects of S3, as a place: an object appears when it is complete."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

from botocore.exceptions import ClientError, IncompleteReadError

from fetch_and_run.aws import code_of, looking
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.transfers.places import CHUNK, CutOffError, Seen
from fetch_and_run.work import AgainError

# A multipart upload has at most 10,000 parts (qfacts.html): of this size, 320 GB.
PART = 32 * CHUNK


class S3:
    """A path here is the key, with a `/` before it."""

    near = False
    whole = True
    rewinds = 0

    def __init__(self, client: Any, bucket: str, part: int = PART) -> None:
        """`part` is the size of a part of an upload, in bytes."""
        self._client = client
        self._part = part
        self._bucket = bucket
        self.name = f"s3://{bucket}"

    def look(self, path: str) -> Seen | None:
        with self._told(path):
            head = self._asked("head_object", path)
        if head is None:
            return None
        if "ContentLength" not in head:
            raise JobError(
                Exit.NOT_FETCHED,
                f"{self.name}{path} came without a Content-Length; does a proxy leave it out?",
            )
        return Seen(head["ContentLength"], head.get("ETag", ""))

    def names(self, directory: str) -> list[str]:
        raise JobError(Exit.USAGE, f"{self.name}{directory}: objects of S3 are not waited for here")

    def read(self, path: str, start: int) -> Iterator[bytes]:
        rest = {"Range": f"bytes={start}-"} if start else {}
        with self._told(path):
            found = self._asked("get_object", path, **rest)
            if found is None:
                raise JobError(Exit.NOT_FETCHED, f"{self.name}{path} is not there")
            with found["Body"] as body:
                while chunk := body.read(CHUNK):
                    yield chunk

    def write(self, path: str, start: int, chunks: Iterable[bytes]) -> None:
        place = {"Bucket": self._bucket, "Key": path.removeprefix("/")}
        with self._told(path):
            parts = _in_parts(chunks, self._part)
            first = next(parts, b"")
            if len(first) < self._part:
                self._client.put_object(**place, Body=first)
                return
            upload = self._client.create_multipart_upload(**place)["UploadId"]
            try:
                self._upload(place | {"UploadId": upload}, chain([first], parts))
            except BaseException:  # a signal too: parts of an upload nobody ends are paid for
                self._client.abort_multipart_upload(**place, UploadId=upload)
                raise

    def _upload(self, upload: dict[str, str], parts: Iterable[bytes]) -> None:
        done = []
        for number, part in enumerate(parts, 1):
            answer = self._client.upload_part(**upload, PartNumber=number, Body=part)
            if "ETag" not in answer:
                reason = "a part was answered without an ETag; does a proxy leave it out?"
                raise JobError(Exit.NOT_FETCHED, f"{self.name}: {reason}")
            done.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})

    def rename(self, path: str, name: str) -> None:
        """It has its name already."""

    def remove(self, path: str) -> None:
        """There are no parts."""

    def close(self) -> None:
        """The client keeps its connections."""

    def _asked(self, operation: str, path: str, **more: str) -> dict[str, Any] | None:
        asked = getattr(self._client, operation)
        try:
            answer: dict[str, Any] = asked(Bucket=self._bucket, Key=path.removeprefix("/"), **more)
        except ClientError as error:
            if code_of(error) in {"404", "NoSuchKey", "NotFound"}:
                return None
            raise
        return answer

    @contextmanager
    def _told(self, path: str) -> Iterator[None]:
        try:
            with looking("S3"):
                try:
                    yield
                except IncompleteReadError as error:
                    raise AgainError(str(error)) from error
        except AgainError as error:
            raise CutOffError(f"{self.name}: {error}") from error
        except JobError as error:
            if error.code is not Exit.NOT_STARTED:  # not of S3, but of what is written to it
                raise
            raise JobError(Exit.NOT_FETCHED, f"{self.name}{path}: {error.reason}") from error


def _in_parts(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of one size, the last one shorter and perhaps empty."""
    gathered = bytearray()
    for chunk in chunks:
        gathered += chunk
        while len(gathered) >= size:
            yield bytes(gathered[:size])
            del gathered[:size]
    if gathered:
        yield bytes(gathered)
