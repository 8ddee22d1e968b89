"""Objects of S3, as a place: an object appears when it is complete."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.transfers.places import CHUNK, CutOffError, Seen

# A multipart upload has at most 10,000 parts (qfacts.html): these are enough for 640 GB.
PART = 64 * CHUNK
LATER = {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "ThrottlingException"}


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
        from boto3.s3.transfer import TransferConfig

        # In this thread: what ends the chunks, or this process, ends the upload as well.
        calm = TransferConfig(use_threads=False, multipart_chunksize=PART, multipart_threshold=PART)
        with self._told(path):
            self._client.upload_fileobj(
                _Readable(chunks), self._bucket, path.removeprefix("/"), Config=calm
            )

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
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        try:
            yield
        except (ClientError, S3UploadFailedError) as error:
            response = getattr(error, "response", None) or {"Error": {"Code": ""}}
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if response["Error"]["Code"] in LATER or status >= 500:
                raise CutOffError(f"{self.name}: {error}") from error
            raise JobError(Exit.NOT_FETCHED, f"{self.name}{path}: {error}") from error
        except NoCredentialsError as error:
            raise JobError(Exit.NOT_FETCHED, f"{self.name}: no credentials of AWS here") from error
        except BotoCoreError as error:
            raise CutOffError(f"{self.name}: {error}") from error


class _Readable:
    """Chunks, as a file that can be read once."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = bytearray()

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._rest += chunk
        size = len(self._rest) if size < 0 else size
        taken = bytes(self._rest[:size])
        del self._rest[:size]
        return taken
