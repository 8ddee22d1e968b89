"""Looks for files of this machine that somebody waits for."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from glob import iglob
from pathlib import Path
from stat import S_ISREG

from chalicelib.ports import Clock
from chalicelib.timing_ports import FoundFile

# A file that was touched within this time may still be written to: most programs write more often.
SETTLE = timedelta(seconds=10)
_NANOSECONDS = 1000  # in a microsecond


class LocalFiles:
    """ports.Files: a file arrives when its inode last changed, by a write, a rename or a link.

    Not when it was last modified: what is moved here keeps that time from where it was.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        """Patterns that are relative begin in `directory`."""
        self._directory = directory
        self._clock = clock

    def arrived(self, pattern: str, after: datetime) -> list[FoundFile]:
        """The files of that pattern that arrived after that time, in the order of their arrival."""
        settled = self._clock() - SETTLE
        found = [file for file in self._files(pattern) if after < file.at <= settled]
        return sorted(found, key=lambda file: (file.at, file.path))

    def _files(self, pattern: str) -> Iterator[FoundFile]:
        # Not Path.glob, which finds hidden files: under such names lies what is not ready yet.
        for name in iglob(str(self._directory / pattern)):  # noqa: PTH207
            try:
                about = Path(name).stat()
            except OSError:
                continue  # taken away in between, or not ours to look at
            if S_ISREG(about.st_mode):
                yield FoundFile(name, _moment(about.st_ctime_ns))


def _moment(nanoseconds: int) -> datetime:
    """In microseconds, rounded up: what comes later must not seem to come at the same time."""
    microseconds = -(-nanoseconds // _NANOSECONDS)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
