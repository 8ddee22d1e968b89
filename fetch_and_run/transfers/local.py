"""Files of this machine, as a place."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.transfers.places import CHUNK, Seen


class Local:
    """A path here is what the command line says."""

    name = ""
    near = True
    whole = False
    rewinds = 0

    def look(self, path: str) -> Seen | None:
        with _told(path):
            try:
                found = Path(path).stat()
            except FileNotFoundError:
                return None
        is_directory = stat.S_ISDIR(found.st_mode)
        return Seen(found.st_size, f"{found.st_mtime_ns}.{found.st_ino}", is_directory)

    def names(self, directory: str) -> list[str]:
        with _told(directory):
            return [each.name for each in Path(directory).iterdir()]

    def read(self, path: str, start: int) -> Iterator[bytes]:
        with _told(path), Path(path).open("rb") as stream:
            stream.seek(start)
            while chunk := stream.read(CHUNK):
                yield chunk

    def write(self, path: str, start: int, chunks: Iterable[bytes]) -> None:
        # A part is a file of ours, never a link that somebody has put in its place.
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (0 if start else os.O_TRUNC)
        with _told(path), os.fdopen(os.open(path, flags, 0o666), "wb") as stream:
            stream.seek(start)
            for chunk in chunks:
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())

    def rename(self, path: str, name: str) -> None:
        with _told(name):
            Path(path).replace(name)

    def remove(self, path: str) -> None:
        with _told(path):
            Path(path).unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing is open."""


@contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JobError(Exit.NOT_FETCHED, f"{path}: {error.strerror}") from error
