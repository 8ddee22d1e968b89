"""Which jobs the disk itself knows may start, so that a power cut makes none start twice.

The begins of attempts are not forced to the disk one by one, and a power cut may take the last of
them. So the disk is told beforehand, of many jobs at once, which may start next; after a cut each
of those counts as begun. It is told of more before the last one has started: meanwhile only those
start of which it knows either way, whichever of the two a cut leaves.
"""

from collections.abc import Iterable

from chalicelib.local.batch_records import ENDED, QueuedJob
from chalicelib.local.host_disk import Disk
from chalicelib.local.host_protocol import encode
from chalicelib.local.host_store import HostStore
from chalicelib.local.slots import Slots

ANNOUNCED = "announced"  # the fact that holds the numbers of the jobs that might start next
_MOST = 128  # jobs that the disk is told of at once
_FEW = 32  # left of them when it is told of more

Jobs = dict[int, QueuedJob]  # by number


class Ahead:
    """The jobs that may start, each once: for its next attempt a job is announced anew."""

    def __init__(self, slots: Slots, store: HostStore, disk: Disk) -> None:
        self._slots = slots
        self._store = store
        self._disk = disk
        self._known: Jobs = {}  # to the disk, and not started
        self._coming: Jobs = {}  # known as soon as the disk has that ticket
        self._ticket = 0
        self.is_short = False  # true when the disk should be told of more

    def allows(self, jobs: Iterable[QueuedJob]) -> bool:
        """Say whether all of these may start."""
        if self._coming and self._disk.has(self._ticket):
            self._known, self._coming = self._coming, {}
        return all(job.number in self._known for job in jobs)

    def note_start(self, job: QueuedJob) -> None:
        """That one starts now."""
        self._known.pop(job.number, None)
        self._coming.pop(job.number, None)
        self.is_short = not self._coming and len(self._known) < min(_FEW, len(self._slots))

    def announce(self, starting: Iterable[QueuedJob] = ()) -> Jobs:
        """Put into the open transaction that these may start, and those that come next."""
        left = [job for job in self._known.values() if job.status not in ENDED]
        jobs = {job.number: job for job in (*starting, *left, *self._slots.ahead(_MOST))}
        self._store.put_fact(ANNOUNCED, encode(sorted(jobs)))
        return jobs

    def announced(self, jobs: Jobs, *, durable: bool) -> None:
        """The transaction is committed: to the disk itself, or the disk is asked to take it."""
        if durable:
            self._known, self._coming = jobs, {}
        else:
            self._coming, self._ticket = jobs, self._disk.ask()
        self.is_short = False
