"""The logs of jobs: one file an attempt, read by offset or from its end."""

from pathlib import Path

from chalicelib.errors import BackendError
from chalicelib.local.host_slates import log_name
from chalicelib.ports import LogChunk

_CHUNK = 1024 * 1024  # bytes of a GetLogEvents page, kept here
_BLOCK = 64 * 1024  # bytes read at a time from the end


class HostLogs:
    """Reads the logs of a state directory, whether its host runs or not."""

    def __init__(self, state_dir: Path) -> None:
        self._logs = state_dir / "logs"

    def read(self, job_id: str, attempt: int, offset: int = 0) -> LogChunk:
        """Whole lines from a byte offset on, about a megabyte at most; invalid UTF-8 replaced."""
        path = self._path(job_id, attempt)
        if path is None:
            return LogChunk(exists=False)
        text = _read(path, offset, _CHUNK)
        end = text.rfind(b"\n") + 1
        if not end and len(text) == _CHUNK:
            end = _CHUNK  # a line longer than a chunk comes in pieces
        return LogChunk(_lines(text[:end]), offset + end)

    def tail(self, job_id: str, attempt: int, lines: int) -> LogChunk:
        """The last lines, of at most a megabyte; a last line without an end is one."""
        path = self._path(job_id, attempt)
        if path is None:
            return LogChunk(exists=False)
        size = path.stat().st_size
        start, text = size, b""
        while start > 0 and text.count(b"\n") <= lines and len(text) < _CHUNK:
            start = max(0, start - _BLOCK)
            text = _read(path, start, size - start)
        found = _lines(text)
        return LogChunk(found[-lines:] if lines > 0 else (), size)

    def _path(self, job_id: str, attempt: int) -> Path | None:
        path = self._logs / log_name(job_id, attempt)
        is_inside = path.parent.parent == self._logs and ".." not in path.parts
        return path if is_inside and path.is_file() else None


def _read(path: Path, offset: int, size: int) -> bytes:
    try:
        with path.open("rb") as log:
            log.seek(offset)
            return log.read(size)
    except OSError as error:
        raise BackendError("logs", "read", str(error), retryable=True) from error


def _lines(text: bytes) -> tuple[str, ...]:
    # Only "\n" ends a line; str.splitlines would cut at form feeds and the like too.
    whole = text.decode("utf-8", "replace").split("\n")
    if not whole[-1]:
        whole.pop()
    return tuple(whole)
