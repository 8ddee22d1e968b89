"""An engine that stays: it drives what there is until it is told to end, and has companions."""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from functools import partial
from queue import SimpleQueue
from typing import Protocol

from chalicelib.errors import SchedulerError

logger = logging.getLogger(__name__)

_TURN = 0.2  # s that the engine drives before it is asked again whether to end
_PAUSE = 1.0  # s between two steps of a companion


class Companion(Protocol):
    """What is done while runs are driven: starting what is due, delivering notices."""

    def step(self, now: datetime) -> None:
        """Do what is due. Raises SchedulerError for what the next step may do better."""

    def close(self) -> None: ...


class Drives(Protocol):
    """The part of a driver that staying takes."""

    @property
    def is_driving(self) -> bool: ...

    def step(self, seconds: float) -> None: ...


# Makes a companion, in the thread that it will work in: a connection to SQLite is for one thread.
MakeCompanion = Callable[[], Companion]


def stand(
    driver: Drives,
    is_over: Callable[[], bool],
    companions: Sequence[MakeCompanion],
    clock: Callable[[], datetime],
    pause: float = _PAUSE,
) -> None:
    """Drive, or follow the engine that does, until it `is_over`. Raises BackendError.

    Companions step every `pause` seconds, in threads of their own, whichever engine drives. One
    that fails by a bug ends all of it: who started us starts us anew.
    """
    over, broken = threading.Event(), SimpleQueue[Exception]()

    def accompany(make: MakeCompanion) -> None:
        try:
            _accompany(make, partial(over.wait, pause), clock)
        except Exception as error:
            broken.put(error)

    with ExitStack() as stack:
        for make in companions:
            thread = threading.Thread(target=accompany, args=(make,))
            thread.start()
            stack.callback(thread.join)
        stack.callback(over.set)
        while not is_over():
            if not broken.empty():
                raise broken.get()
            driver.step(_TURN)


def _accompany(
    make: MakeCompanion,
    is_over: Callable[[], bool],
    clock: Callable[[], datetime],
) -> None:
    with closing(make()) as companion:
        while not is_over():
            try:
                companion.step(clock())
            except SchedulerError as error:
                logger.warning("%s; trying again", error)
