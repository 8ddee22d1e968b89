"""Fetch one object of S3 whole and unchanged, or not at all.

A transfer that breaks off goes on where it was, of the same object: S3 is asked for the rest only
if the object's tag is still the same (If-Match, "GetObject").
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.places import Place

MAX_BYTES = 1024**3  # of a script or an archive
MAX_BREAKS = 6  # of one transfer
_CHUNK = 64 * 1024  # what is lost of a transfer that stalls
_BROKEN_OFF = (HTTPClientError, IncompleteReadError, ResponseStreamingError)
_GONE_ON = frozenset({"PreconditionFailed", "412", "InvalidRange", "416"})
_NEEDED = {"ETag": "an ETag", "ContentLength": "a Content-Length"}

Pause = Callable[[int], None]  # before the n-th time that something is asked for again, from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An object, and how it is known to be the one that was meant: empty for whatever it is now."""

    place: Place
    version: str = ""
    sha256: str = ""  # hexadecimal digits, lower case


@dataclass(frozen=True, slots=True)
class _Found:
    """The object of the first answer."""

    tag: str
    size: int


def client_of_s3(environment: Mapping[str, str], patience: float = 60.0) -> Any:
    """boto3's client; `patience` is how many seconds may pass without a byte."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=min(10.0, patience),
        read_timeout=patience,
        retries={"mode": "standard", "total_max_attempts": 5},
    )
    try:
        return boto3.client("s3", region_name=environment.get("AWS_REGION"), config=config)
    except (BotoCoreError, ValueError) as error:
        raise JobError(Exit.NOT_FETCHED, f"S3 can't be asked: {error}") from error


def fetch(client: Any, wanted: Wanted, to: Path, pause: Pause) -> None:
    """Write the object to a new file, for its owner alone. Raises JobError."""
    with to.open("xb") as file:
        to.chmod(0o600)
        _transfer(client, wanted, file, pause)
    if wanted.sha256:
        with to.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not hmac.compare_digest(digest, wanted.sha256):
            raise JobError(
                Exit.CHANGED,
                f"{wanted.place} has the SHA-256 {digest}, and BATCH_FILE_SHA256 asks for "
                f"{wanted.sha256}; it was not run",
            )


def _transfer(client: Any, wanted: Wanted, file: BinaryIO, pause: Pause) -> None:
    found: _Found | None = None
    breaks = 0
    while found is None or file.tell() < found.size:
        try:
            answer = _asked(client, wanted, found, file.tell())
            with closing(answer["Body"]) as body:
                found = found or _first(answer, wanted)
                _check_same(answer, wanted, found, file.tell())
                _write(body, file, found.size, wanted)
        except _BROKEN_OFF as error:
            breaks += 1
            if breaks >= MAX_BREAKS:
                raise JobError(
                    Exit.NOT_FETCHED,
                    f"{wanted.place} broke off {breaks} times, at last after {file.tell()} bytes: "
                    f"{error}",
                ) from error
            pause(breaks - 1)
        if found is not None and found.size == 0:
            return


def _asked(client: Any, wanted: Wanted, found: _Found | None, done: int) -> Mapping[str, Any]:
    request = {"Bucket": wanted.place.bucket, "Key": wanted.place.key}
    if wanted.version:
        request["VersionId"] = wanted.version
    if found is not None:
        request |= {"IfMatch": found.tag, "Range": f"bytes={done}-"}
    try:
        answer: Mapping[str, Any] = client.get_object(**request)
    except ClientError as error:
        raise _refusal(error, wanted) from error
    except _BROKEN_OFF:
        raise
    except BotoCoreError as error:
        raise JobError(Exit.NOT_FETCHED, f"{wanted.place} can't be fetched: {error}") from error
    missing = [name for member, name in _NEEDED.items() if member not in answer]
    if missing:
        answer["Body"].close()
        raise JobError(
            Exit.NOT_FETCHED,
            f"{wanted.place} came without {' and '.join(missing)}, so nobody can say that it is "
            "whole; does a proxy between the job and S3 leave them out?",
        )
    return answer


def _first(answer: Mapping[str, Any], wanted: Wanted) -> _Found:
    size = answer["ContentLength"]
    if size > MAX_BYTES:
        raise JobError(
            Exit.REFUSED,
            f"{wanted.place} has {size} bytes, and at most {MAX_BYTES} are fetched",
        )
    return _Found(answer["ETag"], size)


def _check_same(answer: Mapping[str, Any], wanted: Wanted, found: _Found, done: int) -> None:
    """S3 keeps what it was asked; what only speaks as S3 does may not."""
    part = answer.get("ContentRange", f"bytes 0-{found.size - 1}/{found.size}")
    if answer["ETag"] != found.tag or part != f"bytes {done}-{found.size - 1}/{found.size}":
        raise JobError(
            Exit.CHANGED,
            f"{wanted.place} came as another object, or as another part of it, than was asked for "
            f"after {done} bytes; it was not run",
        )


def _write(body: Any, file: BinaryIO, size: int, wanted: Wanted) -> None:
    try:
        while chunk := body.read(min(_CHUNK, size - file.tell()) or 1):
            file.write(chunk)
        if file.tell() < size:
            raise IncompleteReadError(actual_bytes=file.tell(), expected_bytes=size)
    except FlexibleChecksumError as error:
        raise JobError(Exit.CHANGED, f"{wanted.place}: {error}; it was not run") from error


def _refusal(error: ClientError, wanted: Wanted) -> JobError:
    """What S3 said, in words that say what to do."""
    code = str(error.response["Error"]["Code"])
    version = f" in version {wanted.version}" if wanted.version else ""
    named = f"{wanted.place}{version}"
    if code in _GONE_ON:
        return JobError(Exit.CHANGED, f"{named} changed while it was fetched; it was not run")
    if code in ("NoSuchKey", "NoSuchBucket", "NoSuchVersion", "404"):
        return JobError(Exit.NOT_FETCHED, f"{named} is not there ({code})")
    if code in ("AccessDenied", "403", "AllAccessDisabled"):
        right = "s3:GetObjectVersion" if wanted.version else "s3:GetObject"
        return JobError(
            Exit.NOT_FETCHED,
            f"{named} may not be read: give the job's role {right} on it, and s3:ListBucket if it "
            "should be told when something is not there",
        )
    return JobError(Exit.NOT_FETCHED, f"{named} can't be fetched: {error}")
