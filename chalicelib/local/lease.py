"""Who drives: one engine a state directory, told apart from those before it by its epoch.

Two things make the lease. The lock says whether an engine lives: the kernel drops it with the
process, however that ends. The epoch fences writes: an engine that was stopped for so long that
another took over can't write any more.
"""

import fcntl
import os
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from chalicelib.local.state_directory import make_private, one_at_a_time, told_in_words

LOCK_NAME = "engine.lock"


class Epochs(Protocol):
    """Where epochs are counted durably."""

    def take_epoch(self, owner: str) -> int:
        """Begin a new epoch."""


class Lease:
    """The right to drive runs, until `close` or the end of the process; forks don't inherit it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        self.epoch = 0
        _leases.add(self)

    @classmethod
    def acquire(cls, directory: Path, epochs: Epochs, doing: str) -> "Lease | None":
        """Take the lease, with a new epoch, or return None if another engine has it.

        `doing` tells people what the holder is. Raises BackendError.
        """
        make_private(directory)
        owner = f"{doing} (process {os.getpid()})"
        descriptor = _take_lock(directory, owner)
        if descriptor is None:
            return None
        lease = cls(descriptor)
        try:
            lease.epoch = epochs.take_epoch(owner)
        except BaseException:
            lease.close()
            raise
        return lease

    @staticmethod
    def holder(directory: Path) -> str | None:
        """Who holds the lease now, for people; None if nobody does. Raises BackendError."""
        if not (directory / LOCK_NAME).exists():
            return None
        # Without this turn-taking the look would itself be a lock that an engine could run into.
        with one_at_a_time(directory):
            descriptor = _open(directory)
            try:
                return None if _lock(descriptor) else _read(descriptor)
            finally:
                os.close(descriptor)

    def close(self) -> None:
        """Give the lease back; again does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


_leases: "weakref.WeakSet[Lease]" = weakref.WeakSet()


def _forget_in_child() -> None:
    for lease in _leases:
        lease.close()


# A fork shares the lock: a child that outlives the engine would keep it. Closing is enough, for
# the lock itself goes only with the last copy of the descriptor.
os.register_at_fork(after_in_child=_forget_in_child)


def _take_lock(directory: Path, owner: str) -> int | None:
    with one_at_a_time(directory):
        descriptor = _open(directory)
        try:
            if _lock(descriptor):
                with told_in_words(directory / LOCK_NAME, "write"):
                    _write(descriptor, owner)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None


def _open(directory: Path) -> int:
    path = directory / LOCK_NAME
    with told_in_words(path, "lock"):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(descriptor: int, owner: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, owner.encode("utf-8", "backslashreplace"), 0)


def _read(descriptor: int) -> str:
    owner = os.pread(descriptor, 4096, 0).decode("utf-8", "replace") or "another engine"
    since = datetime.fromtimestamp(os.fstat(descriptor).st_mtime, UTC)
    return f"{owner}, since {since:%Y-%m-%d %H:%M:%S} UTC"
