"""What a place is that files are moved between: a directory, a server, S3."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

CHUNK = 1_048_576  # bytes in one piece on their way


@dataclass(frozen=True, slots=True)
class Seen:
    """What a place says of a file: equal as long as the file is the same."""

    size: int  # bytes
    version: str  # when it was changed, or an ETag; empty where a server does not tell
    is_directory: bool = False  # so far as the place tells


class CutOffError(Exception):
    """A connection was lost, or the other side asks to come again: the same may be asked again."""


class Place(Protocol):
    """Where files are.

    Every method raises CutOffError when the same may be asked again, and JobError when that would
    change nothing: refused, not there, no room.
    """

    name: str  # for people, as `sftp://host`
    near: bool  # reading it again costs nothing
    whole: bool  # a file appears when it is complete, so it needs no other name until then
    rewinds: int  # bytes at the end of a part that may have holes

    def look(self, path: str) -> Seen | None:
        """What is there now; None when nothing is."""

    def names(self, directory: str) -> list[str]:
        """What is in a directory, as the place says it: nothing of it is to be trusted."""

    def read(self, path: str, start: int) -> Iterator[bytes]:
        """The bytes from `start` on; they may end early when a connection is lost."""

    def write(self, path: str, start: int, chunks: Iterable[bytes]) -> None:
        """Put bytes in from `start` on; what was behind them is gone when `start` is 0."""

    def rename(self, path: str, name: str) -> None:
        """Give a file its name at once, in place of what had it."""

    def remove(self, path: str) -> None:
        """Remove a file if it is there."""

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class File:
    """A path at a place."""

    place: Place
    path: str

    def __str__(self) -> str:
        return f"{self.place.name}{self.path}"
