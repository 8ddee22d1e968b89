"""What of S3 may be fetched: a URL is read strictly, and must be below what is allowed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fetch_and_run.exits import Exit, JobError

ALLOWED = "BATCH_FILE_ALLOWED"
MAX_KEY = 1024  # bytes of UTF-8 ("Naming Amazon S3 objects")
_SCHEME = "s3://"
# "General purpose bucket naming rules": no upper case, no `..`, not the form of an IP address.
_BUCKET = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9](?:[a-z0-9-]|\.(?=[a-z0-9])){1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Place:
    """An object, or everything below a prefix; the key is as S3 has it, without escapes."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{_SCHEME}{self.bucket}/{self.key}"


def read_url(text: str) -> Place:
    """The object that is meant. Raises JobError, REFUSED."""
    place = _read(text, "the URL of the file")
    if not place.key or place.key.endswith("/"):
        raise JobError(Exit.REFUSED, f"the URL of the file is {text!r}, and names no object")
    return place


def check_allowed(place: Place, environment: Mapping[str, str]) -> None:
    """Raises JobError, REFUSED, unless the object is below a prefix of BATCH_FILE_ALLOWED."""
    texts = [each.strip() for each in environment.get(ALLOWED, "").split(",")]
    allowed = [_prefix(each) for each in texts if each]
    if not allowed:
        raise JobError(
            Exit.REFUSED,
            f"{ALLOWED} is not set, so nothing may be fetched; set it in the job definition to "
            f"where scripts may come from, as {_SCHEME}bucket/prefix with commas between",
        )
    if not any(_is_below(place, each) for each in allowed):
        raise JobError(Exit.REFUSED, f"{place} is not below {_named(allowed)}, as {ALLOWED} says")


def _prefix(text: str) -> Place:
    place = _read(text, ALLOWED)
    return Place(place.bucket, place.key.rstrip("/"))


def _read(text: str, what: str) -> Place:
    if not text.startswith(_SCHEME):
        raise JobError(Exit.REFUSED, f"{what} is {text!r}, and would begin with {_SCHEME}")
    bucket, _, key = text.removeprefix(_SCHEME).partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise JobError(Exit.REFUSED, f"{what} is {text!r}, and {bucket!r} is no bucket's name")
    fault = _fault_of(key)
    if fault:
        raise JobError(Exit.REFUSED, f"{what} is {text!r}, and its key {fault}")
    return Place(bucket, key)


def _fault_of(key: str) -> str:
    """What is wrong with a key. S3 would take some of it; servers between us may not keep it."""
    if not key.isprintable():  # also no half of a surrogate pair, which has no UTF-8
        return "has characters that can't be printed"
    if len(key.encode()) > MAX_KEY:
        return f"is longer than {MAX_KEY} bytes"
    if {".", ".."} & set(key.split("/")):
        return "has . or .. between slashes"
    return ""


def _is_below(place: Place, allowed: Place) -> bool:
    return place.bucket == allowed.bucket and (
        allowed.key in ("", place.key) or place.key.startswith(f"{allowed.key}/")
    )


def _named(allowed: Sequence[Place]) -> str:
    return " or ".join(map(str, allowed))
