"""Schedules that people put into the bucket."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.clients import Clients
from chalicelib.aws.translation import code_of, translated
from chalicelib.driving_ports import Upload
from chalicelib.errors import InvalidInputError, NotFoundError

MAX_UPLOAD = 10 * 1024 * 1024  # bytes: a schedule of 10,000 jobs takes about half of it


class S3Uploads:
    """Reads the bucket's objects."""

    def __init__(self, clients: Clients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

    def read(self, key: str) -> Upload:
        """Content and version come with one reply, so they belong together."""
        with translated("S3", "GetObject"):
            try:
                reply = self._clients["s3"].get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    raise NotFoundError("upload", key) from error
                raise
            size, body = reply["ContentLength"], reply["Body"]
            content = b"" if size > MAX_UPLOAD else body.read()
            body.close()
        if size > MAX_UPLOAD:
            reason = f"the file has {size} bytes"
            raise InvalidInputError.at(key, reason, allowed=f"at most {MAX_UPLOAD}")
        return Upload(content=content, version=_version_of(reply))


def _version_of(reply: Mapping[str, Any]) -> str:
    """The object's version; of a bucket that keeps none, what tells one content from another."""
    version = str(reply.get("VersionId", ""))
    return version if version not in ("", "null") else str(reply["ETag"])
