"""The lease on real files and processes: one engine drives, and its death frees the place."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from chalicelib.errors import BackendError
from chalicelib.local.lease import Lease
from chalicelib.local.memory_store import MemoryStore
from chalicelib.local.sqlite_store import SqliteStore


def take(directory: Path, epochs: MemoryStore | SqliteStore | None = None) -> Lease:
    lease = Lease.acquire(directory, epochs or MemoryStore(), "start etl")
    assert lease is not None
    return lease


def test_only_one_holds_the_lease(tmp_path: Path) -> None:
    with closing(take(tmp_path)):
        assert Lease.acquire(tmp_path, MemoryStore(), "resume") is None


def test_one_who_was_turned_away_takes_no_epoch(tmp_path: Path) -> None:
    epochs = MemoryStore()
    with closing(take(tmp_path, epochs)) as lease:
        Lease.acquire(tmp_path, epochs, "resume")
        assert epochs.take_epoch("test") == lease.epoch + 1


def test_each_holder_has_a_greater_epoch_than_those_before(tmp_path: Path) -> None:
    epochs = []
    for _ in range(3):
        with closing(SqliteStore.open(tmp_path)) as store, closing(take(tmp_path, store)) as lease:
            epochs.append(lease.epoch)
    assert epochs == [1, 2, 3]


def test_nobody_holds_the_lease_of_a_new_directory(tmp_path: Path) -> None:
    assert Lease.holder(tmp_path) is None
    assert Lease.holder(tmp_path / "none") is None


def test_people_can_read_who_holds_the_lease(tmp_path: Path) -> None:
    with closing(take(tmp_path)):
        holder = Lease.holder(tmp_path)
    assert holder is not None
    assert holder.startswith(f"start etl (process {os.getpid()}), since 2")
    assert holder.endswith(" UTC")


def test_a_short_description_leaves_nothing_of_a_longer_one_before(tmp_path: Path) -> None:
    for doing in ("a long description of what it does", "resume"):
        lease = Lease.acquire(tmp_path, MemoryStore(), doing)
        assert lease is not None
        with closing(lease):
            holder = Lease.holder(tmp_path) or ""
    assert holder.split(", ")[0] == f"resume (process {os.getpid()})"


def test_nobody_holds_a_lease_that_was_given_back(tmp_path: Path) -> None:
    take(tmp_path).close()
    assert Lease.holder(tmp_path) is None


def test_giving_back_twice_does_not_disturb_the_next_holder(tmp_path: Path) -> None:
    first = take(tmp_path)
    first.close()
    with closing(take(tmp_path)):
        first.close()
        assert Lease.holder(tmp_path) is not None


def test_looking_does_not_free_the_lease(tmp_path: Path) -> None:
    with closing(take(tmp_path)):
        Lease.holder(tmp_path)
        assert Lease.acquire(tmp_path, MemoryStore(), "resume") is None


def test_looking_never_keeps_an_engine_out(tmp_path: Path) -> None:
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            Lease.holder(tmp_path)

    onlooker = threading.Thread(target=look)
    onlooker.start()
    try:
        for _ in range(100):
            take(tmp_path).close()
    finally:
        done.set()
        onlooker.join()


class NoEpochs:
    """A store whose disk is full."""

    def take_epoch(self, owner: str) -> int:
        raise BackendError("database", "take epoch", owner, retryable=True)


def test_a_lease_without_an_epoch_is_given_back(tmp_path: Path) -> None:
    with pytest.raises(BackendError):
        Lease.acquire(tmp_path, NoEpochs(), "start etl")
    assert Lease.holder(tmp_path) is None


def test_a_place_where_no_lock_can_be_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "engine.lock").mkdir()
    with pytest.raises(BackendError, match=r"engine\.lock"):
        Lease.acquire(tmp_path, MemoryStore(), "start etl")


_HOLD = """
import sys, pathlib
from chalicelib.local.lease import Lease
from chalicelib.local.memory_store import MemoryStore
lease = Lease.acquire(pathlib.Path(sys.argv[1]), MemoryStore(), "other")
print("held", flush=True)
sys.stdin.read()
"""


def test_f47_the_death_of_the_holder_frees_the_lease(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert f"other (process {other.pid})" in (Lease.holder(tmp_path) or "")
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert Lease.holder(tmp_path) is None
        take(tmp_path).close()


def test_a_program_that_the_holder_started_does_not_keep_the_lease(tmp_path: Path) -> None:
    lease = take(tmp_path)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False):
        lease.close()
        take(tmp_path).close()


def test_a_fork_of_the_holder_neither_keeps_nor_frees_the_lease(tmp_path: Path) -> None:
    lease = take(tmp_path)
    ready, waits = os.pipe(), os.pipe()
    fork = os.fork()
    if fork == 0:
        os.close(waits[1])
        os.write(ready[1], b"!")
        os.read(waits[0], 1)
        os._exit(0)
    try:
        os.read(ready[0], 1)
        assert Lease.acquire(tmp_path, MemoryStore(), "resume") is None
        lease.close()
        take(tmp_path).close()
    finally:
        os.close(waits[1])
        os.waitpid(fork, 0)
        for end in (*ready, waits[0]):
            os.close(end)
