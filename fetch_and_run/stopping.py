"""A signal that ends work of this process at once: there is nothing elsewhere to be ended first."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StoppedError(KeyboardInterrupt):
    """SIGTERM or SIGINT came. As Python's own interrupt it passes what catches mere errors."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code = 128 + number  # as shells say it
        self.name = signal.Signals(number).name


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Raise StoppedError where the signal comes; a second one does nothing."""
    numbers = (signal.SIGTERM, signal.SIGINT)

    def stop(number: int, _: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise StoppedError(number)

    former = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
