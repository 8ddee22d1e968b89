"""The time: the machine's, and one that tests move by hand."""

from datetime import UTC, datetime, timedelta


class SystemClock:
    """The machine's clock."""

    def __call__(self) -> datetime:
        """Now, aware UTC."""
        return datetime.now(UTC)


class VirtualClock:
    """A clock that stands still until it is told to advance."""

    def __init__(self, start: datetime) -> None:
        """`start` is aware UTC."""
        self._now = start

    def __call__(self) -> datetime:
        """The time it was last advanced to, aware UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
