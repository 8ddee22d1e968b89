"""What happened since the host's last transaction: one line a round, there as soon as written.

A transaction a round would cost several times as much. The lines need not reach the disk itself:
they are for the next host, which finds them whenever this one dies and the machine does not.
"""

import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chalicelib.errors import BackendError
from chalicelib.local.host_protocol import encode

Entry = tuple[str, tuple[Any, ...]]  # what happened, and the row that says it


class Journal:
    """One file, written from its beginning again after each transaction.

    Lines carry the mark of the time between two transactions, and the transaction that takes them
    up moves the mark with them: so none is taken up twice, whatever the instant of a crash, and
    what an earlier time left further on in the file is nobody's.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises BackendError."""
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BackendError("host", "open", f"{path}: {error}", retryable=False) from error
        self._prefix = os.urandom(8).hex()  # no host's marks are another's
        self._count = 0
        self._size = 0

    @property
    def mark(self) -> str:
        """The mark of the lines that are written now."""
        return f"{self._prefix}-{self._count}"

    @property
    def next_mark(self) -> str:
        """The mark that counts once these lines are taken up."""
        return f"{self._prefix}-{self._count + 1}"

    def read(self, mark: str) -> list[Entry]:
        """What was written under that mark, in order; a torn line and what follows are nothing."""
        with open(self._descriptor, "rb", closefd=False) as file:
            text = file.read()
        entries: list[Entry] = []
        for line in text.split(b"\n")[:-1]:
            found = _unpack(line, mark)
            if found is None:
                break
            entries += found
        return entries

    def write(self, entries: Sequence[Entry]) -> None:
        """Keep them, whole or not at all. Raises OSError."""
        line = _pack(self.mark, entries)
        written = os.pwrite(self._descriptor, line, self._size)
        if written < len(line):  # the next line is written over this one
            raise OSError(f"the journal took {written} of {len(line)} bytes")
        self._size += written

    def turn(self) -> None:
        """Begin anew: all that was written is taken up."""
        self._count += 1
        self._size = 0

    def close(self) -> None:
        os.close(self._descriptor)


def _pack(mark: str, entries: Sequence[Entry]) -> bytes:
    text = encode([mark, entries]).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _unpack(line: bytes, mark: str) -> list[Entry] | None:
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    found, entries = json.loads(text)
    return [(what, tuple(row)) for what, row in entries] if found == mark else None
