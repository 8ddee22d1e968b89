"""Lambda's Invoke, strict in what `batch-job lambda` asks of it, over HTTP."""

import base64
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import parse_qs, unquote, urlsplit

FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:load"


@dataclass(slots=True)
class Asked:
    """One request."""

    function: str
    qualifier: str
    way: str
    payload: str


@dataclass(slots=True)
class Does:
    """What becomes of one invocation."""

    payload: object = None
    error: str = ""  # of the function: Handled or Unhandled
    log: str = ""
    status: int = 200  # of the service; its answer is an error from 300 on
    code: str = ""
    drops: bool = False  # it is done, and the connection is dropped
    terminates: bool = False  # SIGTERM comes when it has begun
    holds: bool = False  # it goes on until the test lets it end


@dataclass(slots=True)
class Functions:
    """The function `load`; it does `plan` in turn, and the last again and again."""

    url: str
    plan: list[Does] = field(default_factory=lambda: [Does()])
    asked: list[Asked] = field(default_factory=list)
    may_end: Event = field(default_factory=Event)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        does = self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]
        asked = _asked(request)
        if does.status < 300:
            self.asked.append(asked)
        if does.terminates:
            os.kill(os.getpid(), signal.SIGTERM)
        if does.holds:
            self.may_end.wait(30)
        if does.drops:
            request.close_connection = True
            return
        if does.status >= 300:
            body = json.dumps({"message": f"{does.code} it is"}).encode()
            _send(request, does.status, {"x-amzn-errortype": does.code}, body)
        elif asked.way == "Event":
            _send(request, 202, {"x-amzn-requestid": "request-1"}, b"")
        else:
            headers = {"x-amz-function-error": does.error} if does.error else {}
            headers["x-amz-log-result"] = base64.b64encode(does.log[-4096:].encode()).decode()
            _send(request, 200, headers, json.dumps(does.payload).encode())


def _asked(request: BaseHTTPRequestHandler) -> Asked:
    parts = urlsplit(request.path)
    head, function, tail = parts.path.rsplit("/", 2)
    assert (head, tail) == ("/2015-03-31/functions", "invocations")
    way = request.headers["x-amz-invocation-type"]
    assert request.headers.get("x-amz-log-type") == ("Tail" if way != "Event" else None)
    payload = request.rfile.read(int(request.headers["content-length"])).decode()
    json.loads(payload)
    [qualifier] = parse_qs(parts.query).get("Qualifier", [""])
    return Asked(unquote(function), qualifier, way, payload)


def _send(
    request: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("content-length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@contextmanager
def functions() -> Iterator[Functions]:
    """Serve them."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            served.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Functions(f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        served.may_end.set()
        server.shutdown()
        thread.join()
        server.server_close()
