"""The board of a run: one byte a job, in the document's order, packed into the header's item.

It says each job's status as of the last time that the header was written, so that a turn need not
read the items of jobs that are final or that nothing has happened to yet.
"""

import zlib
from collections import Counter
from collections.abc import Iterable

from chalicelib.core.lifecycle import FINAL, JobStatus

UNTOUCHED = 0  # nothing has happened to the job: its state is the one its spec begins with

# Written into tables: codes are never given to another status.
_CODES = {
    JobStatus.WAITING: 1,
    JobStatus.HELD: 2,
    JobStatus.RESERVED: 3,
    JobStatus.SUBMITTED: 4,
    JobStatus.PENDING: 5,
    JobStatus.RUNNABLE: 6,
    JobStatus.STARTING: 7,
    JobStatus.RUNNING: 8,
    JobStatus.SUCCEEDED: 9,
    JobStatus.FAILED: 10,
    JobStatus.UPSTREAM_FAILED: 11,
    JobStatus.CANCELLED: 12,
    JobStatus.PASS: 13,
    JobStatus.SKIPPED: 14,
    JobStatus.NOTFOUND: 15,
}
_STATUSES = {code: status for status, code in _CODES.items()}


class Board:
    """Mutable: positions are those of the document."""

    def __init__(self, codes: Iterable[int]) -> None:
        self._codes = bytearray(codes)

    @classmethod
    def unpack(cls, packed: bytes) -> "Board":
        return cls(zlib.decompress(packed))

    def pack(self) -> bytes:
        return zlib.compress(bytes(self._codes), 6)

    def copy(self) -> "Board":
        return Board(self._codes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Board) and self._codes == other._codes

    __hash__ = None  # type: ignore[assignment]  # it can be changed

    def __len__(self) -> int:
        return len(self._codes)

    def status(self, position: int) -> JobStatus | None:
        """None for a job that nothing has happened to."""
        return _STATUSES.get(self._codes[position])

    def is_open(self, position: int) -> bool:
        """Say whether the job is neither final nor untouched."""
        status = self.status(position)
        return status is not None and status not in FINAL

    def put(self, position: int, status: JobStatus) -> None:
        self._codes[position] = _CODES[status]

    def counts(self, untouched: Iterable[JobStatus]) -> dict[str, int]:
        """Jobs per status; `untouched` are the statuses that the jobs' specs begin with."""
        statuses = (
            _STATUSES.get(code, first) for code, first in zip(self._codes, untouched, strict=True)
        )
        return dict(Counter(map(str, statuses)))
