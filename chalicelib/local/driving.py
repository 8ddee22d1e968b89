"""Driving the runs of a state directory, or following the engine that does.

One engine a state directory, decided by the lease. Whoever does not hold it looks for it at every
step, so that the death of the engine is made good by any process that still waits for a run.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chalicelib.core.run import Run
from chalicelib.errors import ConflictError
from chalicelib.local.engine import Engine
from chalicelib.local.host_client import HostClient
from chalicelib.local.lease import Lease


class Delivering(Protocol):
    """What delivers notices beside the engine."""

    def deliver(self, seconds: float) -> int:
        """Give notices that long to be delivered; how many are left."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Driving:
    """An engine and all that it holds."""

    engine: Engine
    lease: Lease
    queue: HostClient
    delivering: Delivering


class Driver:
    """Holds the engine if the lease can be had; `holder` says who has it otherwise."""

    pause = 0.0

    def __init__(
        self, acquire: Callable[[], Driving | None], holder: Callable[[], str | None]
    ) -> None:
        self._acquire = acquire
        self._holder = holder
        self._held: Driving | None = None

    @property
    def is_driving(self) -> bool:
        return self._held is not None

    @property
    def is_idle(self) -> bool:
        """True when this driver drives and nothing is unfinished."""
        return self._held is not None and self._held.engine.is_idle

    def other(self) -> str:
        """Who drives instead, for people."""
        return self._holder() or "another engine"

    def run(self, run_id: str) -> Run | None:
        """The run as the engine holds it; None when another drives, or the run has ended."""
        return self._held.engine.run(run_id) if self._held else None

    def step(self, seconds: float) -> None:
        """Drive for about that long, or wait and look for the lease."""
        if self._held is None:
            self._held = self._acquire()
        if self._held is None:
            time.sleep(seconds)
        else:
            try:
                self._held.engine.step(seconds)
            except ConflictError:
                # Another engine has taken over while this one was stopped: follow it.
                self.close()

    def deliver(self, seconds: float) -> int:
        """Give notices that long to be delivered; how many are left, 0 where another drives."""
        return self._held.delivering.deliver(seconds) if self._held else 0

    def close(self) -> None:
        """Give the lease back; what the queue has goes on."""
        if self._held is not None:
            held, self._held = self._held, None
            held.delivering.close()
            held.queue.close()
            held.lease.close()

    def __enter__(self) -> "Driver":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
