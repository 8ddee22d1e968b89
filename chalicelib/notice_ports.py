"""What telling people asks of the world, as Protocols; see chalicelib.ports."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chalicelib.core.notices import Letter, Posted
from chalicelib.core.run import RunHeader
from chalicelib.errors import BackendError


@dataclass(frozen=True, slots=True)
class Flow:
    """How many letters of a group there were within a while."""

    made: int = 0  # of events within it, delivered or not
    told: int = 0  # delivered within it


class Outbox(Protocol):
    """Keeps letters from the event until they are delivered, and their names for days after.

    A letter is named by its `key`; what is said of a letter that is not there, or is delivered or
    given up, changes nothing.
    """

    def add(self, letter: Letter, next_at: datetime) -> bool:
        """Keep a letter that is to be tried then; False, and nothing is changed, if it was added.

        It stays False for days after the letter was delivered or given up.
        """

    def pending(self, now: datetime, limit: int) -> list[Posted]:
        """Letters that are due, the oldest event first."""

    def flow(self, group: str, since: datetime) -> Flow:
        """How many letters of a group there were since then."""

    def done(self, key: str, at: datetime) -> None:
        """The letter was delivered."""

    def failed(
        self, key: str, tries: int, at: datetime, next_at: datetime | None, error: str
    ) -> None:
        """The letter was tried so often, and is to be tried again then; None: it is given up."""

    def fold(self, members: Sequence[Letter], folded: Letter, at: datetime) -> None:
        """Put one letter, to be tried then, in the place of several, whole or not at all.

        At most core.notices.MAX_FOLD. Raises ConflictError if one of them is not waiting any more.
        """

    def left(self) -> int:
        """How many letters are neither delivered nor given up."""


class NoOutbox:
    """The outbox of who tells nobody: every letter counts as delivered."""

    def add(self, letter: Letter, next_at: datetime) -> bool:
        """Keep nothing."""
        del letter, next_at
        return False

    def pending(self, now: datetime, limit: int) -> list[Posted]:
        """Nothing is due."""
        del now, limit
        return []

    def flow(self, group: str, since: datetime) -> Flow:
        """Nothing flows."""
        del group, since
        return Flow()

    def done(self, key: str, at: datetime) -> None:
        """Do nothing."""

    def failed(
        self, key: str, tries: int, at: datetime, next_at: datetime | None, error: str
    ) -> None:
        """Do nothing."""

    def fold(self, members: Sequence[Letter], folded: Letter, at: datetime) -> None:
        """Do nothing."""

    def left(self) -> int:
        """Nothing is left."""
        return 0


class Untold(Protocol):
    """Ended runs whose end was not told yet: to those whom their rules name, or other schedules.

    On AWS they are those that are not sealed (ports.Retention).
    """

    def untold(self, limit: int) -> list[RunHeader]:
        """In no order. Runs that nobody wants to be told of are none of them."""

    def told(self, header: RunHeader) -> None:
        """The end of the run was put into the outbox; nothing if it has moved since."""


class Webhooks(Protocol):
    """Delivers letters by HTTP."""

    def post(self, letter: Letter) -> None:
        """Once. Raises BackendError, which never tells more of the URL than its host."""


class NoWebhooks:
    """Webhooks where there are none."""

    def post(self, letter: Letter) -> None:
        """Refuse."""
        raise BackendError("webhook", "post", "there are no webhooks here", retryable=False)


class Secrets(Protocol):
    """What signs, by its name."""

    def __call__(self, name: str) -> str:
        """Empty for one that there is not. Raises BackendError."""
