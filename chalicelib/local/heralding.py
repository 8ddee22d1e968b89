"""Tells people on one machine: a thread that empties the outbox while the engine drives.

The engine only ever writes into the outbox. What is not delivered when its process ends is
delivered by the next one.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from chalicelib.errors import SchedulerError
from chalicelib.notice_ports import Outbox
from chalicelib.ports import Clock
from chalicelib.services.delivering import Couriers, deliver_due

logger = logging.getLogger(__name__)

_LOOK = 5.0  # s between two looks for what is due again
_GLANCE = 0.05  # s between two looks of who waits

OpenCouriers = Callable[[], AbstractContextManager[Couriers]]


class Herald:
    """Delivers letters beside an engine.

    `open_couriers` is called in the thread, which has a connection of its own; `outbox` is the one
    of whoever waits for it.
    """

    def __init__(self, outbox: Outbox, clock: Clock, open_couriers: OpenCouriers) -> None:
        self._outbox = outbox
        self._clock = clock
        self._open = open_couriers
        self._bell = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Let the thread look now; begin it if there is none."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._deliver, name="herald", daemon=True)
            self._thread.start()
        self._bell.set()

    def finish(self, seconds: float) -> int:
        """Wait at most that long until nothing is due; how many letters are left."""
        end = time.monotonic() + seconds
        while self._outbox.pending(self._clock(), 1) and time.monotonic() < end:
            time.sleep(_GLANCE)
        return self._outbox.left()

    def close(self, seconds: float = 1.0) -> None:
        """End the thread, at most that long after; a delivery that takes longer is left to end."""
        self._closing.set()
        self._bell.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _deliver(self) -> None:
        try:
            with self._open() as couriers:
                while not self._closing.is_set():
                    self._bell.clear()
                    self._look(couriers)
                    self._bell.wait(_LOOK)
        except SchedulerError as error:
            logger.warning("nobody can be told: %s", error)

    def _look(self, couriers: Couriers) -> None:
        try:
            deliver_due(couriers, self._closing.is_set)
        except SchedulerError as error:
            logger.warning("can't deliver notices now: %s", error)
