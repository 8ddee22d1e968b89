"""Documents that are written once and too large for an item: gzipped JSON objects in S3."""

import gzip
import json
from hashlib import sha256
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.clients import Clients
from chalicelib.aws.translation import code_of, translated
from chalicelib.errors import NotFoundError

_DIGEST = 16  # hexadecimal digits in a key that is made from its content


def to_json(value: Any) -> str:
    """Compact JSON that keeps its members' order, in ASCII."""
    return json.dumps(value, separators=(",", ":"))


def digest_of(text: str) -> str:
    """A short name for a content; no two contents of one run share it."""
    return sha256(text.encode()).hexdigest()[:_DIGEST]


class Documents:
    """The objects of one bucket."""

    def __init__(self, clients: Clients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

    def put(self, key: str, text: str) -> None:
        """Store a document whose key says its content: the same again changes nothing."""
        with translated("S3", "PutObject", f"bucket {self._bucket}"):
            self._clients["s3"].put_object(**self._object(key, text))

    def put_new(self, key: str, text: str) -> bool:
        """Store a document under a key that is free; False, and nothing is written, if it isn't.

        Raises BackendError that may pass when somebody else is writing it at this moment.
        """
        with translated("S3", "PutObject", f"bucket {self._bucket}"):
            try:
                self._clients["s3"].put_object(**self._object(key, text), IfNoneMatch="*")
            except ClientError as error:
                if code_of(error) in ("PreconditionFailed", "412"):
                    return False
                raise
        return True

    def get(self, key: str) -> str:
        """The text stored under `key`. Raises NotFoundError."""
        with translated("S3", "GetObject", f"bucket {self._bucket}"):
            try:
                answer = self._clients["s3"].get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if code_of(error) in ("NoSuchKey", "404"):
                    raise NotFoundError("document", key) from error
                raise
            with answer["Body"] as body:
                packed = body.read()
        return gzip.decompress(packed).decode()

    def folders(self, prefix: str) -> list[str]:
        """The names between `prefix`, which ends in a slash, and the next slash, ordered."""
        found: list[str] = []
        request = {"Bucket": self._bucket, "Prefix": prefix, "Delimiter": "/"}
        with translated("S3", "ListObjectsV2", f"bucket {self._bucket}"):
            pages = self._clients["s3"].get_paginator("list_objects_v2").paginate(**request)
            for page in pages:
                found += [each["Prefix"] for each in page.get("CommonPrefixes", ())]
        return sorted(name[len(prefix) : -1] for name in found)

    def names(self, prefix: str) -> list[str]:
        """The keys that begin with `prefix`, without it, in their order."""
        found: list[str] = []
        request = {"Bucket": self._bucket, "Prefix": prefix}
        with translated("S3", "ListObjectsV2", f"bucket {self._bucket}"):
            pages = self._clients["s3"].get_paginator("list_objects_v2").paginate(**request)
            for page in pages:
                found += [each["Key"] for each in page.get("Contents", ())]
        return [name[len(prefix) :] for name in found]

    def _object(self, key: str, text: str) -> dict[str, Any]:
        # No time in the packed form: the same text is the same object, byte by byte.
        packed = gzip.compress(text.encode(), compresslevel=6, mtime=0)
        about = {"ContentType": "application/json", "ContentEncoding": "gzip"}
        return {"Bucket": self._bucket, "Key": key, "Body": packed, **about}
