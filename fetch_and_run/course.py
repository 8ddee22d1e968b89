"""The course of a process through the remote work of an attempt: its time, words and record."""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256

from fetch_and_run.pausing import Pauses
from fetch_and_run.remote_record import WORK, RemoteRecord
from fetch_and_run.work import LINK, Patience, Remote
from fetch_and_run.world import World

_GROWTH = 1.5  # of a pause over the one before it


class StoppedError(Exception):
    """A signal came, and what it was to end does not go on; the text is batch-job's last line."""


class Course:
    """What beginning, following and cancelling have in common."""

    def __init__(self, world: World, patience: Patience, pauses: Pauses) -> None:
        self.world = world
        self.patience = patience
        self.pauses = pauses
        self.record = RemoteRecord(world, pauses)
        self._token = world.who.token if world.who else secrets.token_hex(32)
        self._warned = ""

    def token_of(self, number: int) -> str:
        """The token of a step: the attempt's own for the first."""
        return sha256(f"{self._token}\n{number}".encode()).hexdigest() if number else self._token

    def delays(self) -> Iterator[float]:
        """Pauses that grow, and differ from those of others who began at the same time."""
        delay = self.patience.first
        while True:
            yield delay * (0.75 + self.world.chance() / 2)
            delay = min(self.patience.longest, delay * _GROWTH)

    @property
    def times_out_at(self) -> datetime | None:
        """When --timeout is over; None without it."""
        if self.patience.timeout is None:
            return None
        return self.record.began + timedelta(seconds=self.patience.timeout)

    def is_timed_out(self) -> bool:
        """Whether --timeout is over."""
        return self.times_out_at is not None and self.world.now() >= self.times_out_at

    def until_time_out(self, delay: float) -> float:
        """The delay, or less where --timeout is over before."""
        if self.times_out_at is None:
            return delay
        return min(delay, (self.times_out_at - self.world.now()).total_seconds())

    def grace_is_over(self) -> bool:
        """Whether a signal came so long ago that a kill is near."""
        ends_at = self.pauses.grace_ends(self.patience.grace)
        return ends_at is not None and self.world.now() >= ends_at

    def say(self, line: str, remote: Remote) -> None:
        """Print it with what finds the work by hand."""
        members = ", ".join(members_of(remote))
        print(f"{line}: {members}{see(remote)}", file=self.world.out, flush=True)

    def warn(self, line: str) -> None:
        """Say on stderr what was not said last: a throttle may go on for hours."""
        if line != self._warned:
            print(f"batch-job: {line}", file=self.world.err, flush=True)
            self._warned = line


def members_of(remote: Remote) -> Iterator[str]:
    """What finds work by hand, in words."""
    for name, value in remote.items():
        if name not in (LINK, WORK):
            yield f"{name} {value}"


def see(remote: Remote, logs: str = "") -> str:
    """The end of a line that tells of work."""
    link = logs or remote.get(LINK, "")
    return f"; see {link}" if link else ""
