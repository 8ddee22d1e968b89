"""The driver of runs on one machine: a loop that takes turns, woken by the host and by the clock.

It holds the lease of its state directory while it lives. It may be ended at any instant: the next
one loads what is stored, asks the queue, and goes on.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.run import Run, RunHeader
from chalicelib.errors import BackendError
from chalicelib.ports import Ports, Wakes
from chalicelib.services.turn import Driven, take_turn

logger = logging.getLogger(__name__)

_LOOK_ROUND = 0.2  # s between looks at what other processes wrote; a look is one SQLite pragma
_PATIENCE = 1.0  # s before what failed for a passing reason is tried again
_MANY = 10_000  # unfinished runs listed at once


@dataclass(slots=True)
class _Held:
    driven: Driven
    next_poll: datetime


class Teller(Protocol):
    """Tells people, without ever making the engine wait."""

    def look_at(self, run: Run) -> None:
        """Tell what is worth telling of a run after a turn."""

    def tell_ends(self) -> None:
        """Tell of ended runs."""


class Telling(Protocol):
    """What tells people, made when there is something to tell."""

    def poster(self) -> Teller:
        """What posts; asked for only of a run that has rules about who is told."""

    def take_up(self) -> None:
        """See to what others have posted, or left untold."""


class Engine:
    """Drives every unfinished run of a state directory.

    `data_version` gives a number that moves when another process has written to the store.
    `endurance` is how long failures that may pass are waited out; None: for ever. `telling`
    tells people; None: nobody.
    """

    def __init__(
        self,
        ports: Ports,
        wakes: Wakes,
        data_version: Callable[[], int],
        endurance: timedelta | None = None,
        telling: Telling | None = None,
    ) -> None:
        self._ports = ports
        self._wakes = wakes
        self._data_version = data_version
        self._endurance = endurance
        self._failing_since: datetime | None = None
        self._seen_version: int | None = None
        self._held: dict[str, _Held] = {}
        self._telling = telling
        self._owes_an_end = False  # to those whom the rules of an ended run name

    @property
    def is_idle(self) -> bool:
        """True when no unfinished run is known."""
        return not self._held

    def run(self, run_id: str) -> Run | None:
        """The run as this engine holds it; None once it has ended or before it was seen."""
        held = self._held.get(run_id)
        return held.driven.run if held else None

    def step(self, longest: float = _LOOK_ROUND) -> None:
        """Wait for something to do, at most `longest` seconds, and do it.

        A failure of store or queue that may pass is waited out, as long as the endurance lasts;
        another raises BackendError.
        Raises ConflictError when another engine has taken over.
        """
        try:
            self._look_round()
            changed = self._wakes.wait(min(longest, self._seconds_to_next()))
            for run_id, held in list(self._held.items()):
                self._drive(run_id, held, changed)
            self._tell_ends()
            self._failing_since = None
        except BackendError as error:
            now = self._ports.clock()
            self._failing_since = self._failing_since or now
            worn_out = self._endurance and now - self._failing_since > self._endurance
            if worn_out or not error.retryable:
                raise
            logger.warning("%s; trying again", error, extra={"action": "step"})
            self._seen_version = None
            self._wakes.wait(_PATIENCE)
            for held in self._held.values():
                held.next_poll = self._ports.clock()  # what was to wake it may be lost

    def _look_round(self) -> None:
        version = self._data_version()
        if version == self._seen_version:
            return
        for header in self._ports.runs.find_headers(status=RunStatus.RUNNING, limit=_MANY):
            held = self._held.get(header.run_id)
            if held is None or held.driven.run.header.revision != header.revision:
                self._take_up(header, held)
        if self._telling is not None:
            _without_harm(self._telling.take_up)
        self._seen_version = version

    def _take_up(self, header: RunHeader, held: _Held | None) -> None:
        run = self._ports.runs.load_run(header.run_id)
        driven = Driven(run, asked=held.driven.asked if held else set())
        self._held[header.run_id] = _Held(driven, next_poll=self._ports.clock())

    def _drive(self, run_id: str, held: _Held, changed: frozenset[str]) -> None:
        now, driven = self._ports.clock(), held.driven
        if now >= held.next_poll:
            held.next_poll = now + timedelta(seconds=driven.run.header.policy.wait_time)
            take_turn(self._ports, driven)
        elif self._has_work(driven, changed, now):
            take_turn(self._ports, driven, changed)
        header = driven.run.header
        if header.policy.notify and self._telling is not None:
            poster = self._telling.poster()
            _without_harm(lambda: poster.look_at(driven.run))
        if header.status is not RunStatus.RUNNING:
            del self._held[run_id]
            self._owes_an_end |= bool(header.policy.notify)

    def _tell_ends(self) -> None:
        if self._owes_an_end and self._telling is not None:
            self._owes_an_end = not _without_harm(self._telling.poster().tell_ends)

    def _has_work(self, driven: Driven, changed: frozenset[str], now: datetime) -> bool:
        due = driven.wake_at is not None and driven.wake_at <= now
        waiting = bool(driven.run.reserved or driven.undecided)
        return due or waiting or not changed.isdisjoint(driven.run.live)

    def _seconds_to_next(self) -> float:
        now = self._ports.clock()
        moments = [held.next_poll for held in self._held.values()]
        moments += [held.driven.wake_at for held in self._held.values() if held.driven.wake_at]
        if not moments:
            return _LOOK_ROUND
        return max(0.0, (min(moments) - now).total_seconds())


def _without_harm(tell: Callable[[], None]) -> bool:
    """Whether it could be told; that it could not is no reason to stop a run."""
    try:
        tell()
    except BackendError as error:
        logger.warning("can't post a notice now: %s", error, extra={"action": "tell"})
        return False
    return True
