"""Addresses of files, and names that may become files here."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from fetch_and_run.exits import Exit, JobError


@dataclass(frozen=True, slots=True)
class Address:
    """A file at a server; `path` begins with `/`, or with `~/` from where a user logs in to."""

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def place(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port else "")


def address_of(text: str, scheme: str) -> Address:
    """Read `scheme://host[:port]/path`; raises JobError."""
    if unprintable(text):
        raise _refused("an address with control characters", scheme)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _refused(f"{text!r} ({error})", scheme) from error
    if "@" in parts.netloc:  # not quoted: it may hold a password
        raise JobError(
            Exit.REFUSED,
            "an address holds no user and no password: give --user, and the secret by reference",
        )
    if parts.scheme != scheme or not parts.hostname:
        raise _refused(repr(text), scheme)
    # These addresses have no query and no fragment: ? belongs to patterns, # to names.
    path = text.partition("://")[2].removeprefix(parts.netloc)
    return Address(scheme, parts.hostname, port, checked_path(unquote(path)))


def _refused(what: str, scheme: str) -> JobError:
    return JobError(Exit.REFUSED, f"{what} is no {scheme}://host[:port]/path")


def checked_path(path: str) -> str:
    """A path of a server that goes nowhere but down; `/~/` stands for where one is."""
    if unprintable(path) or ".." in path.split("/"):
        raise JobError(Exit.REFUSED, f"the path {path!r} has '..' or control characters in it")
    return path[1:] if path.startswith("/~/") else path


def bucket_and_key(text: str) -> tuple[str, str]:
    """Read `s3://bucket/key`; raises JobError."""
    bucket, _, key = text.removeprefix("s3://").partition("/")
    if not text.startswith("s3://") or not bucket or unprintable(text):
        raise JobError(Exit.REFUSED, f"{text!r} is no s3://bucket/key")
    return bucket, key


def name_of(path: str) -> str:
    """The name of a file in its directory; raises JobError for one that could lead elsewhere."""
    name = path.rsplit("/", 1)[-1]
    if not is_plain(name):
        raise JobError(Exit.REFUSED, f"{path!r} does not end with the name of a file")
    return name


def is_plain(name: str) -> bool:
    """If a name is one name, in the directory that it is put into."""
    return (
        name not in {"", ".", ".."}
        and not {"/", "\\"} & set(name)
        and not unprintable(name)
        and len(name.encode()) <= 255
    )


def unprintable(text: str) -> bool:
    """If it has control characters, or bytes that are no text."""
    return any(ord(each) < 32 or ord(each) == 127 or 0xD800 <= ord(each) < 0xE000 for each in text)
