"""One file moved: into a part that can be gone on with, checked, then given its name at once."""

from collections.abc import Iterator
from hashlib import sha256

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.transfers.places import CutOffError, File, Seen
from fetch_and_run.transfers.retrying import Retrying
from fetch_and_run.transfers.tally import Tally


class Copying:
    """A file on its way; `fill`, then `publish`.

    A part bears in its name what it is a part of: the source and its state. So nobody goes on with
    a part of another file, or of this one as it was before it changed.
    """

    def __init__(self, source: File, target: File, retrying: Retrying) -> None:
        """Raises JobError when the source is not there, or is no file."""
        self._source, self._target, self._retrying = source, target, retrying
        self._seen = retrying.again(self._found)
        self._part = target if target.place.whole else File(target.place, self._name_of_part())
        self._tally = Tally()
        self._asked_to_rename = False

    def _found(self) -> Seen:
        seen = self._source.place.look(self._source.path)
        if seen is None:
            raise JobError(Exit.NOT_FETCHED, f"{self._source} is not there")
        if seen.is_directory:
            raise JobError(Exit.NOT_FETCHED, f"{self._source} is a directory, and files are moved")
        return seen

    def _name_of_part(self) -> str:
        state = f"{self._source}\n{self._seen.size}\n{self._seen.version}"
        return f"{self._target.path}.{sha256(state.encode()).hexdigest()[:12]}.part"

    @property
    def size(self) -> int:
        return self._seen.size

    @property
    def sha256(self) -> str:
        """Of the whole file, once it is filled."""
        return self._tally.sha256

    def fill(self, expected: str | None) -> None:
        """Bring everything over; `expected` is the checksum in hexadecimal digits.

        Raises JobError: NOT_FETCHED, the part may be gone on with later; CHANGED, it is removed.
        """
        try:
            self._retrying.again(lambda: self._go_on(expected))
        except JobError as error:
            if error.code == Exit.CHANGED and self._part != self._target:
                self._retrying.again(lambda: self._part.place.remove(self._part.path))
            raise

    def _go_on(self, expected: str | None) -> None:
        place, path = self._part.place, self._part.path
        start = 0 if place.whole else self._start()
        place.write(path, start, self._chunks(start, expected))
        there = place.look(path)
        if there is None or there.size != self.size:
            place.remove(path)
            came = "nothing" if there is None else f"{there.size} bytes"
            raise CutOffError(f"{self._part} has {came}, where {self.size} bytes were sent")

    def _start(self) -> int:
        there = self._part.place.look(self._part.path)
        if there is None or there.size > self.size:
            return 0
        return max(0, there.size - self._part.place.rewinds)

    def _chunks(self, start: int, expected: str | None) -> Iterator[bytes]:
        """What is missing; ends only when all of it came and is what it should be."""
        if self._tally.position < start:
            near = self._part if self._part.place.near else self._source
            missed = near.place.read(near.path, self._tally.position)
            self._tally.catch_up(missed, start)
        position = start
        while position < self.size:
            cut = CutOffError(f"{self._source} ended before its byte {self.size}")
            try:
                for chunk in self._source.place.read(self._source.path, position):
                    if self._tally.add(position, chunk):
                        self._retrying.progress()
                    position += len(chunk)
                    yield chunk
            except CutOffError as error:
                cut = error
            if position < self.size:
                self._retrying.rest(cut)
                self._check_same()
        self._check_same()
        self._check_sum(expected)

    def _check_same(self) -> None:
        if self._retrying.again(self._found) != self._seen or self._tally.position > self.size:
            raise JobError(Exit.CHANGED, f"{self._source} was changed while it was read")

    def _check_sum(self, expected: str | None) -> None:
        if expected is not None and self._tally.sha256 != expected.lower():
            raise JobError(
                Exit.CHANGED,
                f"{self._source} has the sha256 {self._tally.sha256}, and {expected} was expected",
            )

    def publish(self) -> None:
        """Give the part its name; a lost answer is no reason to think that it failed."""
        if self._part != self._target:
            self._retrying.again(self._rename)

    def _rename(self) -> None:
        place = self._part.place
        if self._asked_to_rename and place.look(self._part.path) is None:
            there = place.look(self._target.path)
            if there is not None and there.size == self.size:
                return
        self._asked_to_rename = True
        place.rename(self._part.path, self._target.path)
