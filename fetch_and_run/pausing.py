"""Pauses that a signal ends: what asks a process to stop is remembered, and breaks nothing off.

A signal in the middle of a request must not lose its answer: the work that it began could then
not be cancelled.
"""

import signal
from datetime import datetime, timedelta
from types import FrameType, TracebackType
from typing import Any, Self

from fetch_and_run.world import World

_SLICE = 1.0  # s: how late a signal is noticed at the most, while nothing is asked
_HURRIED = 2.0  # s: the longest pause once a signal came, for then a kill is near


class Pauses:
    """The pauses of one process, and the first SIGTERM or SIGINT that it got meanwhile."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._former: dict[signal.Signals, Any] = {}
        self.signal: signal.Signals | None = None
        self._at: datetime | None = None

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._former[number] = signal.signal(number, self._remember)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _remember(self, number: int, _: FrameType | None) -> None:
        if self.signal is None:
            self.signal, self._at = signal.Signals(number), self._world.now()

    def grace_ends(self, grace: float) -> datetime | None:
        """When `grace` seconds since the signal are over; None when none came."""
        return None if self._at is None else self._at + timedelta(seconds=grace)

    def pause(self, seconds: float) -> None:
        """Sleep so long, less when a signal came before; a first one ends it, later ones don't."""
        before = self.signal
        if before is not None:
            seconds = min(seconds, _HURRIED)
        while seconds > 0 and self.signal is before:
            self._world.sleep(min(_SLICE, seconds))
            seconds -= _SLICE
