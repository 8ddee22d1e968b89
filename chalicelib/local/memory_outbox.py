"""The outbox in memory: the same contract as the others', for tests and simulations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.core.notices import Letter, Posted
from chalicelib.errors import BackendError
from chalicelib.notice_ports import Flow
from chalicelib.store_words import letter_gone


@dataclass(slots=True)
class _Kept:
    posted: Posted
    closed_at: datetime | None = None
    is_told: bool = False


class MemoryOutbox:
    """notice_ports.Outbox; `told` are the letters that were delivered, in order."""

    def __init__(self) -> None:
        self.told: list[Letter] = []
        self._kept: dict[str, _Kept] = {}

    def add(self, letter: Letter, next_at: datetime) -> bool:
        """Keep a letter that is to be tried then; False if it was added before."""
        if letter.key in self._kept:
            return False
        self._kept[letter.key] = _Kept(Posted(letter=letter, next_at=next_at))
        return True

    def pending(self, now: datetime, limit: int) -> list[Posted]:
        """Letters that are due, the oldest event first."""
        due = [each.posted for each in self._open() if each.posted.next_at <= now]
        return sorted(due, key=lambda posted: (posted.letter.at, posted.letter.key))[:limit]

    def flow(self, group: str, since: datetime) -> Flow:
        """How many letters of a group there were since then."""
        members = [each for each in self._kept.values() if each.posted.letter.group == group]
        return Flow(
            made=sum(each.posted.letter.at >= since for each in members),
            told=sum(
                each.is_told and each.closed_at is not None and each.closed_at >= since
                for each in members
            ),
        )

    def done(self, key: str, at: datetime) -> None:
        """The letter was delivered."""
        if self._close(key, at, is_told=True):
            self.told.append(self._kept[key].posted.letter)

    def failed(
        self, key: str, tries: int, at: datetime, next_at: datetime | None, error: str
    ) -> None:
        """The letter was tried so often, and is to be tried again then; None: it is given up."""
        kept = self._kept.get(key)
        if kept is None or kept.closed_at is not None:
            return
        if next_at is None:
            self._close(key, at, is_told=False)
        else:
            kept.posted = replace(kept.posted, tries=tries, next_at=next_at, error=error)

    def fold(self, members: Sequence[Letter], folded: Letter, at: datetime) -> None:
        """Put one letter in the place of several. Raises ConflictError if one is not waiting."""
        waiting = {each.posted.letter.key for each in self._open()}
        for member in members:
            if member.key not in waiting:
                raise letter_gone(member.key)
        for member in members:
            self._close(member.key, at, is_told=False)
        self.add(folded, at)

    def left(self) -> int:
        """How many letters are neither delivered nor given up."""
        return len(self._open())

    def _open(self) -> list[_Kept]:
        return [each for each in self._kept.values() if each.closed_at is None]

    def _close(self, key: str, at: datetime, *, is_told: bool) -> bool:
        kept = self._kept.get(key)
        if kept is None or kept.closed_at is not None:
            return False
        kept.closed_at, kept.is_told = at, is_told
        return True


class MemoryWebhooks:
    """notice_ports.Webhooks: what was posted, in order."""

    def __init__(self) -> None:
        self.posted: list[Letter] = []
        self.is_down = False

    def post(self, letter: Letter) -> None:
        """Once. Raises BackendError while they are down."""
        if self.is_down:
            raise BackendError("webhook", "post", "it is down", retryable=True)
        self.posted.append(letter)
