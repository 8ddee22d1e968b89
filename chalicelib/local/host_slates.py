"""Slates: open files that jobs write their output to, given a name of their own once it has any.

To make a file costs more than to start a process (1 ms beside 0.4 ms on a virtual machine's ext4),
and most jobs say nothing. So a slate that comes back clean goes to the next job, and the
log of an attempt that wrote nothing is no file at all.
"""

import contextlib
import os
from pathlib import Path

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND


class Slate:
    """One file. `log` is where it lies once it was named after an attempt, empty before."""

    def __init__(self, name: str, path: str) -> None:
        """Make the file. Raises OSError."""
        self.name = name
        self.path = path
        self.log = ""
        self.descriptor = os.open(path, _FLAGS, 0o600)

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return os.fstat(self.descriptor).st_size


class Slates:
    """Those in use, by job id, and the clean ones."""

    def __init__(self, logs: Path) -> None:
        """Begin with none: the slates that the last host left are told to `adopt` before."""
        self._logs = logs
        self._blank = logs / "blank"
        self._blank.mkdir(parents=True, exist_ok=True)
        for left in self._blank.iterdir():
            left.unlink()
        self._clean: list[Slate] = []
        self._used: dict[str, Slate] = {}
        self._made = 0

    def take(self, job_id: str) -> str:
        """Give the job a clean slate; its name. Raises OSError."""
        slate = self._used.get(job_id)
        if slate is None:
            slate = self._used[job_id] = self._clean.pop() if self._clean else self._make()
        return slate.name

    def descriptor(self, job_id: str) -> int:
        """The open file of the job's slate."""
        return self._used[job_id].descriptor

    def show(self, job_id: str, attempt: int) -> None:
        """Name the slate after the attempt that writes on it, if it has written anything."""
        slate = self._used[job_id]
        if not slate.log and slate.size:
            self._name(slate, job_id, attempt)

    def give_back(self, job_id: str, attempt: int) -> None:
        """Take the slate from a job whose attempt has ended; what it wrote becomes its log."""
        slate = self._used.pop(job_id, None)
        if slate is None:
            return  # none could be had
        size = slate.size
        if size and not slate.log:
            self._name(slate, job_id, attempt)
        elif not slate.log:
            self._clean.append(slate)
            return
        with contextlib.suppress(OSError):
            # So that a reader by whole lines gets the last one too.
            if size and os.pread(slate.descriptor, 1, size - 1) != b"\n":
                os.write(slate.descriptor, b"\n")
        os.close(slate.descriptor)

    def _name(self, slate: Slate, job_id: str, attempt: int) -> None:
        with contextlib.suppress(OSError):  # a full disk: what runs still is tried again
            slate.log = name_log(self._logs, slate.path, job_id, attempt)

    def _make(self) -> Slate:
        self._made += 1
        name = f"{os.getpid()}-{self._made}"
        return Slate(name, str(self._blank / name))


def adopt(logs: Path, slate: str, job_id: str, attempt: int) -> None:
    """Name a slate that a dead host left after the attempt that wrote on it."""
    left = logs / "blank" / slate
    with contextlib.suppress(OSError):
        if left.stat().st_size:
            with left.open("ab") as log:
                log.write(b"\n")
            name_log(logs, str(left), job_id, attempt)


def log_name(job_id: str, attempt: int) -> str:
    """The file of an attempt, below the directory of the logs."""
    return f"{job_id[:2]}/{job_id}.{attempt}.log"


def name_log(logs: Path, path: str, job_id: str, attempt: int) -> str:
    """Move a file to where the log of that attempt is looked for. Raises OSError."""
    log = logs / log_name(job_id, attempt)
    log.parent.mkdir(parents=True, exist_ok=True)
    Path(path).replace(log)
    return str(log)
