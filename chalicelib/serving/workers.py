"""The threads that serve connections: as many as are needed, up to a limit."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from queue import SimpleQueue

from chalicelib.serving.connections import Connection

Workplace = Callable[[], AbstractContextManager[object]]


class Workers:
    """Each serves one connection at a time, and has a workplace of its own for all of them.

    When all of them are taken, the connection that has done nothing for longest gives way.
    """

    def __init__(self, most: int, workplace: Workplace) -> None:
        self._most = most
        self._workplace = workplace
        self._lock = threading.Lock()
        self._queue: SimpleQueue[Connection | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._free = 0  # workers that wait for a connection; below 0: connections that wait
        self._served: set[Connection] = set()
        self._closes = False

    def take(self, connection: Connection) -> bool:
        """Have a connection served; False when all are busy, or none is served any more."""
        with self._lock:
            if self._closes or not self._has_room():
                return False
            self._served.add(connection)
            self._free -= 1
        self._queue.put(connection)
        return True

    def close(self, seconds: float, now: Callable[[], float]) -> bool:
        """Let what was asked be answered, for that long; say whether all of it was."""
        with self._lock:
            self._closes = True
            for connection in self._served:
                connection.retire()
        for _ in self._threads:
            self._queue.put(None)
        until = now() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - now()))
        with self._lock:
            left = list(self._served)
        for connection in left:
            connection.abort()
        return not left

    def _has_room(self) -> bool:
        if self._free > 0:
            return True
        if len(self._threads) < self._most:
            self._free += 1
            thread = threading.Thread(target=self._work, daemon=True)
            self._threads.append(thread)
            thread.start()
            return True
        waiting = [(since, each) for each in self._served if (since := each.waits_since)]
        if not waiting:
            return False
        min(waiting, key=lambda pair: pair[0])[1].retire()
        return True

    def _work(self) -> None:
        with self._workplace():
            while (connection := self._queue.get()) is not None:
                try:
                    connection.serve()
                finally:
                    with self._lock:
                        self._served.discard(connection)
                        self._free += 1
