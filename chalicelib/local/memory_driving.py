"""What a driver outside the process touches, in memory: honest fakes for tests and simulations."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chalicelib.core.run import RunHeader
from chalicelib.driving_ports import MAX_TURNS, Notice, Upload
from chalicelib.errors import BackendError, NotFoundError


class MemoryMarks:
    """ports.WakeMarks."""

    def __init__(self) -> None:
        self.writes = 0
        self._tokens: dict[str, str] = {}
        self._moved: set[str] = set()

    def arm(self, run_id: str, token: str) -> bool:
        self.writes += 1
        if run_id in self._moved:
            self._moved.remove(run_id)
            return False
        self._tokens[run_id] = token
        return True

    def mark(self, run_id: str) -> str:
        token = self._tokens.pop(run_id, "")
        if token or run_id not in self._moved:
            self.writes += 1
        if not token:
            self._moved.add(run_id)
        return token


class MemoryExecutions:
    """ports.Executions: names and tokens; what runs them is given by the test."""

    def __init__(
        self,
        begin: Callable[[str, Mapping[str, Any]], None] = lambda _name, _payload: None,
        wake: Callable[[str], None] = lambda _token: None,
        max_turns: int = MAX_TURNS,
    ) -> None:
        self.max_turns = max_turns
        self.started: dict[str, Mapping[str, Any]] = {}
        self.ended: set[str] = set()
        self._begin = begin
        self._wake = wake

    def start(self, name: str, payload: Mapping[str, Any]) -> None:
        if name not in self.started:
            self.started[name] = dict(payload)
            self._begin(name, payload)

    def is_running(self, name: str) -> bool | None:
        return name not in self.ended if name in self.started else None

    def wake(self, token: str) -> None:
        self._wake(token)


def _check_up(service: str, operation: str, *, is_down: bool) -> None:
    if is_down:
        raise BackendError(service, operation, "it is down", retryable=True)


class MemoryNotices:
    """ports.Notices: what was published, in order."""

    def __init__(self) -> None:
        self.published: list[Notice] = []
        self.is_down = False

    def publish(self, notice: Notice) -> None:
        _check_up("notices", "publish", is_down=self.is_down)
        self.published.append(notice)


class MemoryArchive:
    """ports.Archive: the lines of each run."""

    def __init__(self) -> None:
        self.files: dict[str, list[str]] = {}
        self.is_down = False

    def write(self, header: RunHeader, read: Callable[[], Iterable[str]]) -> str:
        _check_up("archive", "write", is_down=self.is_down)
        self.files[header.run_id] = list(read())
        return f"memory:{header.run_id}"


class MemoryUploads:
    """ports.Uploads: files with versions that count up."""

    def __init__(self) -> None:
        self._files: dict[str, Upload] = {}
        self._versions = 0

    def put(self, key: str, content: bytes) -> None:
        """Put a file, as a person does."""
        self._versions += 1
        self._files[key] = Upload(content, str(self._versions))

    def delete(self, key: str) -> None:
        """Delete a file, as a person does."""
        self._files.pop(key, None)

    def read(self, key: str) -> Upload:
        if key not in self._files:
            raise NotFoundError("file", key)
        return self._files[key]
