"""Unpack a zip archive: plain files and directories below one directory, and no more than allowed.

All of an archive is looked at before anything is written.
"""

import errno
import io
import os
import shutil
import stat
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from fetch_and_run.exits import Exit, JobError

MAX_FILES = 10_000
MAX_BYTES = 4 * 1024**3  # unpacked
MAX_RATIO = 200  # unpacked to packed, of an archive that unpacks to more than FREE_BYTES
FREE_BYTES = 64 * 1024**2
_MAX_DIRECTORY = 8 * 1024**2  # bytes of an archive's table of contents
_MAX_NAME, _MAX_PART = 1024, 255  # bytes of UTF-8; the second is that of Linux
_ENCRYPTED = 0x1  # a flag (APPNOTE.TXT, 4.4.4)
_KINDS = {0, stat.S_IFREG, stat.S_IFDIR}  # 0 where the archive was not made on Unix
_CHUNK = 1024**2
# What zipfile ends with where the bytes are not what they should be.
_DAMAGED = (
    BadZipFile,
    EOFError,
    IndexError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
)


def unpack(archive: Path, directory: Path) -> None:
    """Write the archive's files below a directory that is empty. Raises JobError, REFUSED.

    A file may be run if it might be in the archive; nothing else of its mode is kept.
    """
    try:
        with _Guarded(archive) as file, ZipFile(file) as zipped:
            entries = zipped.infolist()
            _check(entries, archive.stat().st_size)
            for entry in entries:
                _write(zipped, entry, directory)
    except OSError as error:
        if error.errno != errno.EINVAL:  # zipfile looks for something before the file begins
            raise
        raise JobError(Exit.REFUSED, f"the file is no whole zip archive: {error}") from error
    except _DAMAGED as error:
        raise JobError(Exit.REFUSED, f"the file is no whole zip archive: {error}") from error


class _Guarded(io.FileIO):
    """A file that nobody gets much of at once: zipfile reads a table of contents in one go."""

    def read(self, size: int | None = -1) -> bytes:
        wanted = size if size is not None and size >= 0 else self._left()
        if wanted > _MAX_DIRECTORY:
            raise _refused(f"its table of contents is longer than {_MAX_DIRECTORY} bytes")
        return super().read(wanted) or b""

    def _left(self) -> int:
        return os.fstat(self.fileno()).st_size - self.tell()


def _check(entries: Sequence[ZipInfo], packed: int) -> None:
    if len(entries) > MAX_FILES:
        raise _refused(f"it has {len(entries)} files, and at most {MAX_FILES} are unpacked")
    total = sum(entry.file_size for entry in entries)
    if total > MAX_BYTES:
        raise _refused(f"it unpacks to {total} bytes, and at most {MAX_BYTES} are unpacked")
    if total > FREE_BYTES and total > packed * MAX_RATIO:
        raise _refused(f"it unpacks to more than {MAX_RATIO} times its size, as only bombs do")
    for entry in entries:
        fault = _fault_of(entry)
        if fault:
            raise _refused(f"its entry {entry.orig_filename!r} {fault}")
    _check_apart(entries)


def _fault_of(entry: ZipInfo) -> str:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in _KINDS:
        return "is a link or a device"
    if (kind == stat.S_IFDIR) != entry.is_dir() and kind:
        return "is a directory by its name or by its mode, not by both"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return "is neither stored nor deflated"
    return _fault_of_name(entry.orig_filename)


def _fault_of_name(name: str) -> str:
    parts = name.removesuffix("/").split("/")
    if not name.isprintable() or "\\" in name:
        return "has a name with characters that can't be printed, or with a backslash"
    if name.startswith("/") or name[1:2] == ":":
        return "has the name of a place outside, not of one in the directory"
    if {"", ".", ".."} & set(parts):
        return "has a name with nothing, . or .. between slashes"
    if len(name.encode()) > _MAX_NAME or any(len(part.encode()) > _MAX_PART for part in parts):
        return "has a name that is too long"
    return ""


def _check_apart(entries: Iterable[ZipInfo]) -> None:
    """No two entries of one name, and no file where a directory has to be."""
    names = [entry.orig_filename.removesuffix("/") for entry in entries]
    if len(set(names)) < len(names):
        raise _refused("it has two entries of one name")
    files = {entry.orig_filename for entry in entries if not entry.is_dir()}
    for name in names:
        parts = name.split("/")
        if any("/".join(parts[:depth]) in files for depth in range(1, len(parts))):
            raise _refused(f"its entry {name!r} is below a file")


def _write(zipped: ZipFile, entry: ZipInfo, directory: Path) -> None:
    to = directory / entry.orig_filename
    if entry.is_dir():
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = 0o700 if (entry.external_attr >> 16) & 0o111 else 0o600
    made = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(made, "wb") as file, zipped.open(entry) as packed:
        shutil.copyfileobj(packed, file, _CHUNK)


def _refused(reason: str) -> JobError:
    return JobError(Exit.REFUSED, f"the archive is not unpacked: {reason}")
