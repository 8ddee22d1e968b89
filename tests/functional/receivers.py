"""A receiver of webhooks on 127.0.0.1: a real server, that answers as it is told."""

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

Answer = Callable[["Handler"], None]


@dataclass
class Received:
    """One POST as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """What came, and how the next ones are answered; with 200 once nothing else is said."""

    port: int = 0
    answers: list[Answer] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    over: Event = field(default_factory=Event)  # lets those that wait end

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


class Handler(BaseHTTPRequestHandler):
    """Keeps what came and answers."""

    receiver: Receiver

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        self.receiver.received.append(Received(self.path, dict(self.headers), body))
        answer = self.receiver.answers.pop(0) if self.receiver.answers else status(200)
        answer(self)

    def do_GET(self) -> None:
        raise AssertionError("a redirect was followed")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hangs_up(handler: Handler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def says_no_http(handler: Handler) -> None:
    handler.wfile.write(b"\x00\xff what is this\r\n\r\n")


def never_ends(handler: Handler) -> None:
    """An answer whose body goes on for as long as anybody listens."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while not handler.receiver.over.is_set():
            handler.wfile.write(b"x" * 65_536)
    except OSError:
        handler.close_connection = True


def is_silent(handler: Handler) -> None:
    """No answer at all, until the test is over."""
    handler.receiver.over.wait()
    handler.close_connection = True


@contextmanager
def listening(
    handler: type[Handler] = Handler, tls: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    receiver = Receiver()
    kind = type("Own", (handler,), {"receiver": receiver})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    if tls:
        # A handshake belongs to its connection's thread, not to the one that accepts.
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    server.block_on_close = True
    server.daemon_threads = False
    receiver.port = server.server_port
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
