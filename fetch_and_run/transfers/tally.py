"""The checksum of bytes that come in order, some of them more than once after a cut."""

from collections.abc import Iterable
from hashlib import sha256


class Tally:
    """Counts every byte once, in order."""

    def __init__(self) -> None:
        self._digest = sha256()
        self.position = 0

    def add(self, start: int, chunk: bytes) -> bool:
        """Bytes from `start` on, which is not beyond the position; says if any of them was new."""
        fresh = chunk[self.position - start :]
        self._digest.update(fresh)
        self.position += len(fresh)
        return bool(fresh)

    def catch_up(self, chunks: Iterable[bytes], end: int) -> None:
        """Bytes from the position on, up to `end`."""
        for chunk in chunks:
            self.add(self.position, chunk[: end - self.position])
            if self.position >= end:
                return

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()
