"""A web server on 127.0.0.1 that answers any request as it is told, in order."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from threading import Thread

from tests.functional.receivers import Handler, Received, Receiver, status

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _keep_and_answer(handler: Handler) -> None:
    """Keep what came, its method before its path."""
    body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    came = Received(f"{handler.command} {handler.path}", dict(handler.headers), body)
    handler.receiver.received.append(came)
    answer = handler.receiver.answers.pop(0) if handler.receiver.answers else status(200)
    answer(handler)


@contextmanager
def web_server(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    receiver = Receiver()
    answering = {f"do_{method}": _keep_and_answer for method in METHODS}
    kind = type("Own", (Handler,), {"receiver": receiver, **answering})
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
