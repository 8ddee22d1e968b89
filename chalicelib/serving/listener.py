"""The socket that clients connect to, and the thread that takes them in."""

import socket
import socketserver
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from chalicelib.api.local_gateway import refusal
from chalicelib.errors import BackendError
from chalicelib.serving.connections import Admit, Answer, Connection, written
from chalicelib.serving.gate import Gate
from chalicelib.serving.workers import Workers

_BACKLOG = 128  # connections that the kernel keeps for us
_LOOK = 0.05  # s between two looks whether to stop taking in


class Listener:
    """Listens from the beginning on, answers after `start`, until `close`."""

    def __init__(
        self, host: str, port: int, workers: Workers, answer: Answer, admit: Admit
    ) -> None:
        """Take the port, any that is free for 0. Raises BackendError."""
        self._workers = workers
        try:
            self._server = _Server(host, port, self._welcome)
        except OSError as error:
            reason = f"{host}, port {port}: {error.strerror}; choose another with --port"
            raise BackendError("server", "listen", reason, retryable=False) from error
        self.port = int(self._server.server_address[1])
        self._check = Gate(self.port).check
        self._answer = answer
        self._admit = admit
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_LOOK,))

    def start(self) -> None:
        self._thread.start()

    def close(self, seconds: float) -> bool:
        """Take in nobody more; say whether all that was asked was answered in that time."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        return self._workers.close(seconds, time.monotonic)

    def _welcome(self, channel: socket.socket) -> None:
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(channel, self._check, self._answer, self._admit)
        if self._workers.take(connection):
            return
        busy = refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Too many are asking; try again.")
        channel.setblocking(False)  # it fits into the socket's buffer, or nobody waits for it
        with suppress(OSError):
            channel.send(written(busy, with_body=True, closes=True))
        channel.close()


class _Server(socketserver.TCPServer):
    allow_reuse_address = True
    request_queue_size = _BACKLOG

    def __init__(self, host: str, port: int, welcome: Callable[[socket.socket], None]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._welcome = welcome
        super().__init__((host, port), socketserver.BaseRequestHandler)

    def process_request(self, request: Any, client_address: Any) -> None:
        del client_address
        self._welcome(request)
