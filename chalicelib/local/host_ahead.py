"""Which jobs the disk itself knows may start, so that a power cut makes none start twice.

The begins of attempts are not forced to the disk one by one, and a power cut may take the last of
them. So the disk is told beforehand, of many jobs at once, which may start next; after a cut each
of those counts as begun.
"""

from collections.abc import Iterable

from chalicelib.local.batch_records import QueuedJob
from chalicelib.local.slots import Slots

ANNOUNCED = "announced"  # the fact that holds the numbers of the jobs that might start next
_MOST = 128  # jobs that come next and are announced with those that start


class Ahead:
    """The announced jobs, each good for one start: the next attempt is announced anew."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._announced: set[int] = set()  # numbers

    def to_announce(self, starting: Iterable[QueuedJob]) -> set[int]:
        """The numbers that the disk has to have before these start; empty if it has them."""
        numbers = {job.number for job in starting}
        if numbers <= self._announced:
            return set()
        return numbers.union(self._slots.ahead(_MOST))

    def announced(self, numbers: set[int]) -> None:
        """Say that the disk has these now, and no others."""
        self._announced = numbers

    def start(self, job: QueuedJob) -> None:
        """Say that an announced job starts."""
        self._announced.discard(job.number)
