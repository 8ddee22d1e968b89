"""The host's side of its socket: who is connected, what they ask, what they are still owed."""

import contextlib
import json
import selectors
import socket
from pathlib import Path
from typing import Any

from chalicelib.local.host_protocol import FrameBuffer, encode

_READ = 256 * 1024  # bytes
_READS = 16  # a turn: nobody keeps the others waiting for more than that
_BUSY_GAP = 0.2  # s
_IDLE_GAP = 0.002  # s between two pushes while there is nothing better to do


class Connection:
    """One client."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.fence: int | None = None
        self.subscribed = False
        self.untold: dict[str, None] = {}  # changed job ids
        self.told_at = 0.0
        self.blocked = False  # the selector tells us when the client takes more
        self._buffer = FrameBuffer()
        self._out: list[bytes] = []

    def read(self) -> list[bytes]:
        """The frames that have come. Raises OSError or ValueError when there will be no more."""
        frames: list[bytes] = []
        for _ in range(_READS):
            try:
                chunk = self.channel.recv(_READ)
            except BlockingIOError:
                break
            if not chunk:
                raise ConnectionResetError
            frames += self._buffer.feed(chunk)
        return frames

    @property
    def is_owed(self) -> bool:
        """True when there is something to send, or was at the last flush."""
        return bool(self.untold or self._out or self.blocked)

    def owe(self, text: str) -> None:
        """Send that line with the next flush."""
        self._out.append(text.encode() + b"\n")

    def flush(self) -> bool:
        """Send what the client takes; True when nothing is left. Raises OSError."""
        if not self._out:
            return True
        whole = b"".join(self._out)
        try:
            sent = self.channel.send(whole)
        except BlockingIOError:
            sent = 0
        self._out = [whole[sent:]] if sent < len(whole) else []
        return not self._out


Frame = tuple[Connection, str, dict[str, Any]]  # who asks, the line, what it says


class Connections:
    """All clients, and the selector that the host sleeps in."""

    def __init__(self, address: Path, wakeup: socket.socket) -> None:
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._address = address
        address.unlink(missing_ok=True)
        self._listener.bind(str(address))
        address.chmod(0o600)
        self._file = address.stat().st_ino
        self._listener.listen(64)
        self._listener.setblocking(False)
        self._wakeup = wakeup
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(wakeup, selectors.EVENT_READ)
        self.clients: set[Connection] = set()

    def close(self) -> None:
        """Let nobody in any more, and let everybody go."""
        with contextlib.suppress(FileNotFoundError):
            # Where the state directory was removed and made anew, the socket is another host's.
            if self._address.stat().st_ino == self._file:
                self._address.unlink()
        for connection in list(self.clients):
            self.drop(connection)
        self._listener.close()
        self._selector.close()

    def poll(self, seconds: float | None) -> list[Frame]:
        """Sleep until something happens, at most that long; the frames that have come."""
        frames: list[Frame] = []
        for key, events in self._selector.select(seconds):
            if key.fileobj is self._wakeup:
                self._wakeup.recv(4096)
            elif key.fileobj is self._listener:
                self._accept()
            elif events & selectors.EVENT_READ:
                frames += self._read(key.data)
        return frames

    def tell(self, changed: dict[str, None]) -> None:
        """Owe every subscriber the news that these jobs changed."""
        for connection in self.clients:
            if connection.subscribed:
                connection.untold.update(changed)

    def flush(self, now: float, *, busy: bool) -> float | None:
        """Send what is owed; the seconds until news that were held back may go. `now` in s."""
        gap = _BUSY_GAP if busy else _IDLE_GAP
        waits: list[float] = []
        for connection in [each for each in self.clients if each.is_owed]:
            try:
                wait = self._flush(connection, now, gap)
            except OSError:
                self.drop(connection)
                continue
            if wait is not None:
                waits.append(wait)
        return min(waits, default=None)

    def drop(self, connection: Connection) -> None:
        """Let that client go."""
        self.clients.discard(connection)
        self._selector.unregister(connection.channel)
        connection.channel.close()

    def _flush(self, connection: Connection, now: float, gap: float) -> float | None:
        wait = None
        if connection.untold:
            wait = connection.told_at + gap - now
            if wait <= 0 and connection.flush():
                connection.owe(encode({"changed": list(connection.untold)}))
                connection.untold.clear()
                connection.told_at = now
                wait = None
        blocked = not connection.flush()
        if blocked is not connection.blocked:
            connection.blocked = blocked
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if blocked else 0)
            self._selector.modify(connection.channel, events, connection)
        return None if blocked else wait

    def _accept(self) -> None:
        try:
            channel, _ = self._listener.accept()
        except OSError:
            return  # the client has gone already, or we have no file descriptors left
        channel.setblocking(False)
        connection = Connection(channel)
        self.clients.add(connection)
        self._selector.register(channel, selectors.EVENT_READ, connection)

    def _read(self, connection: Connection) -> list[Frame]:
        frames: list[Frame] = []
        try:
            for line in connection.read():
                text = line.decode()
                frames.append((connection, text, _members(text)))
        except (OSError, ValueError, RecursionError):
            self.drop(connection)
        return frames


def _members(text: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(text)
    if type(members) is not dict or type(members.get("id")) is not int:
        raise ValueError(text)
    return members
