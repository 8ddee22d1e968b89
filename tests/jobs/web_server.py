"""A web server on 127.0.0.1 that answers any request as it is told, in order."""

import ssl
from contextlib import AbstractContextManager

from tests.functional.receivers import Handler, Received, Receiver, listening, status

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _keep_and_answer(handler: Handler) -> None:
    """Keep what came, its method before its path."""
    body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    came = Received(f"{handler.command} {handler.path}", dict(handler.headers), body)
    handler.receiver.received.append(came)
    answer = handler.receiver.answers.pop(0) if handler.receiver.answers else status(200)
    answer(handler)


_Answering = type(
    "_Answering", (Handler,), dict.fromkeys(map("do_{}".format, METHODS), _keep_and_answer)
)


def web_server(tls: ssl.SSLContext | None = None) -> AbstractContextManager[Receiver]:
    return listening(_Answering, tls)
