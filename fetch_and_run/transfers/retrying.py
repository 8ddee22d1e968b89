"""How often the same is asked again, how long between, and when there is no more time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.transfers.places import CutOffError
from fetch_and_run.world import World

T = TypeVar("T")
FIRST, LONGEST = 1.0, 60.0  # seconds between two tries


class Retrying:
    """Tries in a row without any progress are counted; time is not given back."""

    def __init__(
        self, world: World, began: datetime, retries: int | None, timeout: float | None
    ) -> None:
        """`retries` in a row, `timeout` in seconds since it began; None: as many as it takes."""
        self.world = world
        self._retries = retries
        self._timeout = timeout
        self._end = began + timedelta(seconds=timeout) if timeout is not None else None
        self._in_vain = 0

    def again(self, act: Callable[[], T]) -> T:
        """Do it until it is not cut off; raises JobError when patience is at its end."""
        while True:
            self.in_time()
            try:
                return act()
            except CutOffError as cut:
                self.rest(cut)

    def rest(self, cut: CutOffError) -> None:
        """Wait, ever longer, before the same is asked again."""
        self._in_vain += 1
        if self._retries is not None and self._in_vain > self._retries:
            raise JobError(
                Exit.NOT_FETCHED, f"given up after {self._in_vain} tries in a row: {cut}"
            ) from cut
        self.in_time()
        longest = min(LONGEST, FIRST * 2 ** min(self._in_vain - 1, 10))
        seconds = longest * (0.5 + self.world.chance() / 2)
        print(f"{cut}; again in {seconds:.1f} s", file=self.world.err, flush=True)
        self.pause(seconds)

    def progress(self) -> None:
        """Something came through."""
        self._in_vain = 0
        self.in_time()

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end."""
        if self._end is not None:
            seconds = min(seconds, (self._end - self.world.now()).total_seconds())
        self.world.sleep(max(0.0, seconds))

    def in_time(self) -> None:
        """Raise JobError when there is no more time."""
        if self._end is not None and self.world.now() >= self._end:
            raise JobError(
                Exit.TIMED_OUT, f"not done within {self._timeout:g} s; --timeout gives it longer"
            )

    def now(self) -> datetime:
        return self.world.now()
