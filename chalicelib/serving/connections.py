"""One connection of a client: its requests, one after the other, each within its time."""

import io
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import formatdate
from http import HTTPStatus

from chalicelib.api.local_gateway import Asked, Reply, refusal
from chalicelib.core.reading import MAX_BYTES
from chalicelib.serving.heads import MAX_FIELDS, MAX_HEAD, Head, HeadError, parse

logger = logging.getLogger(__name__)

_BUFFER = 64 * 1024  # bytes
_LINGER = 1.0  # s for what a client still sends after it was refused
_BODILESS = frozenset({HTTPStatus.NO_CONTENT.value, HTTPStatus.NOT_MODIFIED.value})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client is waited for, in seconds: each holds a thread."""

    idle: float = 60.0  # without asking
    head: float = 10.0  # for all of a head, from its first byte
    body: float = 30.0  # for all of a body, and until all of an answer is taken


Check = Callable[[Head], None]  # raises HeadError
Answer = Callable[[Asked], Reply]
# By the head alone: a refusal, or the request with who was recognised.
Admit = Callable[[Asked], Reply | Asked]


class Connection:
    """A client's connection.

    `waits_since` is when it began to do nothing, None while it works: from a whole head on, of
    somebody who is let in where a body follows, until the end of the answer.
    """

    def __init__(
        self,
        channel: socket.socket,
        check: Check,
        answer: Answer,
        admit: Admit,
        patience: Patience = Patience(),
    ) -> None:
        self.waits_since: float | None = time.monotonic()
        self._channel = channel
        self._check = check
        self._answer = answer
        self._admit = admit
        self._patience = patience
        self._stream = _Stream(channel)
        self._reader = io.BufferedReader(self._stream, _BUFFER)
        self._is_retired = False

    def serve(self) -> None:
        """Answer until the client has enough, or no more is wanted."""
        try:
            while self._wait() and self._serve_one():
                pass
        except OSError:
            pass  # it has left, or takes too long: nobody is there to be told
        except Exception:  # a bug must cost one connection, not a thread
            logger.exception("a connection failed by a bug")
        finally:
            self._reader.close()
            self._channel.close()

    def retire(self) -> None:
        """Answer what was asked, and no more. From any thread."""
        self._is_retired = True
        if self.waits_since is not None:
            self.waits_since = None
            self._shut(socket.SHUT_RD)  # which ends its waiting; what has come can still be read

    def abort(self) -> None:
        """End at once. From any thread."""
        self._is_retired = True
        self._shut(socket.SHUT_RDWR)

    def _shut(self, how: int) -> None:
        with suppress(OSError):  # it is closed already
            self._channel.shutdown(how)

    def _wait(self) -> bool:
        """Wait for the next request; False when there is none."""
        self._idle(self._patience.idle)
        return bool(self._reader.peek(1))

    def _idle(self, seconds: float) -> None:
        """Wait that long from now on, unless somebody else needs the place."""
        now = time.monotonic()
        self.waits_since, self._stream.until = now, now + seconds
        if self._is_retired:  # before it could be seen that we wait
            self._shut(socket.SHUT_RD)

    def _serve_one(self) -> bool:
        """Answer one request; say whether another may follow."""
        self._stream.until = time.monotonic() + self._patience.head
        with_body = True
        try:
            head = parse(self._read_head())
            self.waits_since = None
            with_body = head.method != "HEAD"
            found = self._admitted(head)
            if isinstance(found, Asked) and head.length:
                found = replace(found, body=self._read_body(head))
        except HeadError as error:
            self._refuse(refusal(error.status, error.detail), with_body=with_body)
            return False
        except TimeoutError:
            late = refusal(HTTPStatus.REQUEST_TIMEOUT, "The request did not come in its time.")
            self._send(late, with_body=with_body, closes=True)
            return False
        if isinstance(found, Reply) and head.has_body:
            self._refuse(found, with_body=with_body)
            return False
        reply = found if isinstance(found, Reply) else self._answer(found)
        closes = self._is_retired or not head.keeps_alive
        self._send(reply, with_body=with_body, closes=closes)
        return not closes

    def _admitted(self, head: Head) -> Asked | Reply:
        """A request that may come in, or its refusal; a body is not even waited for."""
        try:
            self._check(head)
        except HeadError as error:
            return refusal(error.status, error.detail)
        asked = Asked(head.method, head.target, head.fields, b"")
        return self._admit(asked) if head.length else asked

    def _read_head(self) -> list[bytes]:
        lines: list[bytes] = []
        left = MAX_HEAD
        while (line := self._reader.readline(left)) != b"\r\n":
            left -= len(line)
            if left <= 0 or len(lines) > MAX_FIELDS:
                told = f"The head has more than {MAX_HEAD} bytes or {MAX_FIELDS} fields."
                raise HeadError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, told)
            if not line:
                raise ConnectionAbortedError
            lines.append(line)
        if not lines:
            raise HeadError(HTTPStatus.BAD_REQUEST, "An empty line is no request.")
        return lines

    def _read_body(self, head: Head) -> bytes:
        length = head.length
        if length > MAX_BYTES:
            told = f"The body has {length:,} bytes; at most {MAX_BYTES:,} are taken."
            raise HeadError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)
        if "content-type" not in head.fields:
            # A page of another site may send bodies without one, or with that of a form.
            told = "The body has no Content-Type; send application/json."
            raise HeadError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, told)
        if head.fields.get("expect", "").lower() == "100-continue":
            self._channel.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._stream.until = time.monotonic() + self._patience.body
        body = self._reader.read(length)
        if len(body) < length:
            raise ConnectionAbortedError
        return body

    def _send(self, reply: Reply, *, with_body: bool, closes: bool) -> None:
        self._channel.settimeout(self._patience.body)
        self._channel.sendall(written(reply, with_body=with_body, closes=closes))

    def _refuse(self, reply: Reply, *, with_body: bool) -> None:
        """Let a client that is still sending read why it was refused.

        Closing with unread bytes resets the connection, and the answer would be lost with it.
        """
        self._send(reply, with_body=with_body, closes=True)
        self._shut(socket.SHUT_WR)
        self._idle(_LINGER)
        with suppress(TimeoutError):
            while self._reader.read1(_BUFFER):
                pass


class _Stream(io.RawIOBase):
    """Bytes of a connection, until a moment of the monotonic clock."""

    def __init__(self, channel: socket.socket) -> None:
        self.until = 0.0
        self._channel = channel

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # as it is called
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._channel.settimeout(left)
        return self._channel.recv_into(buffer)


def written(reply: Reply, *, with_body: bool, closes: bool) -> bytes:
    """An answer as bytes, in one piece: two would wait for each other (Nagle)."""
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"Date: {formatdate(usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    if reply.status not in _BODILESS:
        lines.append(f"Content-Length: {len(reply.body)}")
    if closes:
        lines.append("Connection: close")
    head = "\r\n".join([*lines, "\r\n"]).encode("latin-1")
    return head + reply.body if with_body and reply.status not in _BODILESS else head
