"""Objects of S3, as a place: an object appears when it is complete."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.transfers.places import CHUNK, CutOffError, Seen

# A multipart upload has at most 10,000 parts (qfacts.html): of this size, 320 GB.
PART = 32 * CHUNK
LATER = {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "ThrottlingException"}


def client_of() -> Any:
    """The client of this container: its role and region, as boto3 finds them."""
    import boto3
    from botocore.config import Config

    patient = Config(retries={"mode": "standard", "max_attempts": 5})
    return boto3.client("s3", config=patient)


class S3:
    """A path here is the key, with a `/` before it."""

    near = False
    whole = True
    rewinds = 0

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self.name = f"s3://{bucket}"

    def look(self, path: str) -> Seen | None:
        with self._told(path):
            head = self._asked("head_object", path)
        return Seen(head["ContentLength"], head["ETag"]) if head else None

    def names(self, directory: str) -> list[str]:
        raise JobError(Exit.USAGE, f"{self.name}{directory}: objects of S3 are not waited for here")

    def read(self, path: str, start: int) -> Iterator[bytes]:
        with self._told(path):
            found = self._asked("get_object", path, Range=f"bytes={start}-") if start else None
            found = found or self._asked("get_object", path)
            if found is None:
                raise JobError(Exit.NOT_FETCHED, f"{self.name}{path} is not there")
            with found["Body"] as body:
                while chunk := body.read(CHUNK):
                    yield chunk

    def write(self, path: str, start: int, chunks: Iterable[bytes]) -> None:
        place = {"Bucket": self._bucket, "Key": path.removeprefix("/")}
        with self._told(path):
            parts = _in_parts(chunks)
            first = next(parts, b"")
            if len(first) < PART:
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
            done.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})

    def rename(self, path: str, name: str) -> None:
        """It has its name already."""

    def remove(self, path: str) -> None:
        """There are no parts."""

    def close(self) -> None:
        """The client keeps its connections."""

    def _asked(self, operation: str, path: str, **more: str) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError

        try:
            asked = getattr(self._client, operation)
            answer: dict[str, Any] = asked(
                Bucket=self._bucket, Key=path.removeprefix("/"), **more
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
                return None
            raise
        return answer

    @contextmanager
    def _told(self, path: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        try:
            yield
        except ClientError as error:
            response = error.response
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if response["Error"]["Code"] in LATER or status >= 500:
                raise CutOffError(f"{self.name}: {error}") from error
            raise JobError(Exit.NOT_FETCHED, f"{self.name}{path}: {error}") from error
        except NoCredentialsError as error:
            raise JobError(Exit.NOT_FETCHED, f"{self.name}: no credentials of AWS here") from error
        except BotoCoreError as error:
            raise CutOffError(f"{self.name}: {error}") from error


def _in_parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of one size, the last one shorter and perhaps empty."""
    gathered = bytearray()
    for chunk in chunks:
        gathered += chunk
        while len(gathered) >= PART:
            yield bytes(gathered[:PART])
            del gathered[:PART]
    if gathered:
        yield bytes(gathered)
