"""The directory that holds all state of one machine: private to its owner, locked for moments."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chalicelib.errors import BackendError

_WRITING_OF_OTHERS = 0o022
_ROOT = 0  # who can do anything as anybody anyway
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def told_in_words(path: Path, operation: str) -> Iterator[None]:
    """Turn errors of the file system into BackendError."""
    try:
        yield
    except OSError as error:
        full = error.errno in _FULL
        advice = "make room on the disk" if full else "name another with --state"
        reason = f"{path}: {error.strerror or error}; {advice}"
        raise BackendError("state directory", operation, reason, retryable=full) from error


def make_private(directory: Path) -> None:
    """Create `directory`, for its owner only, unless it exists. Raises BackendError."""
    with told_in_words(directory, "create"):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def openness(directory: Path) -> list[str]:
    """What is to be told of a directory that others can write into. Raises BackendError."""
    with told_in_words(directory, "look at"):
        facts = directory.stat()
    if facts.st_uid not in (_ROOT, os.geteuid()):
        return [f"{directory} belongs to another user, who can run anything as you."]
    if facts.st_mode & _WRITING_OF_OTHERS:
        return [f"Others can write into {directory}, and so run anything as you: chmod go-w it."]
    return []


def make_private_file(path: Path) -> None:
    """Create an empty file for its owner only, unless it exists. Raises BackendError.

    One that exists is not even opened: to close it again would drop the locks that other threads
    have on it through SQLite, and the next to close the database would take its log away from them
    (sqlite.org/howtocorrupt.html, section 2.2).
    """
    with told_in_words(path, "create"), suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


@contextmanager
def one_at_a_time(directory: Path) -> Iterator[None]:
    """Keep every other process out of the same block, for moments only; waits for its turn."""
    with told_in_words(directory, "lock"):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with told_in_words(directory, "lock"):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
