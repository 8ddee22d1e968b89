"""Has the disk itself take what was committed, while the host goes on with its jobs.

The disk needs milliseconds for that, in which a host that waited would start nothing. So a thread
waits for it, and gives out tickets: what depends on the disk, an answer or the start of a job, is
done when the turn of its ticket has come.
"""

import contextlib
import os
import socket
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

_bring_to_disk = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class Disk:
    """Brings one file to the disk, which somebody else writes."""

    def __init__(self, path: Path, alarm: socket.socket) -> None:
        """`alarm` gets a byte whenever a turn has come."""
        self._path = path
        self._alarm = alarm
        self._asked: SimpleQueue[int] = SimpleQueue()
        self._thread: Thread | None = None
        self._given = 0  # tickets
        self._done = 0
        self._error: OSError | None = None

    def ask(self) -> int:
        """Begin to bring all that is in the file now to the disk; the ticket."""
        if self._thread is None:
            self._thread = Thread(target=self._serve, daemon=True)
            self._thread.start()
        self._given += 1
        self._asked.put(self._given)
        return self._given

    def has(self, ticket: int) -> bool:
        """Say whether the ticket's turn has come. Raises OSError when the disk has failed."""
        if self._error is not None:
            raise self._error
        return self._done >= ticket

    def close(self) -> None:
        """Wait until all is done that was asked."""
        if self._thread is not None:
            self._asked.put(0)
            self._thread.join()

    def _serve(self) -> None:
        try:
            with self._path.open("rb") as file:
                while ticket := self._asked.get():
                    _bring_to_disk(file.fileno())
                    self._done = ticket
                    self._tell()
        except OSError as error:
            self._error = error
            self._tell()

    def _tell(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is told of so much that it will look
            self._alarm.send(b"\0")
