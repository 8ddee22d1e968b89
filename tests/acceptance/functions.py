"""Lambda of one stage: a server that calls the handlers of app.py, as Step Functions asks it to."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Condition, RLock, Thread
from typing import Any
from urllib.parse import unquote

import app
from chalicelib.bootstrap import serving
from chalicelib.driving_ports import DrivingPorts
from tests.simulation.driven_world import Context

_PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")  # API_Invoke
_POLL = 0.01  # s until a server that is to end looks up

Json = Any


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a function; `error` is the name of what it failed with."""

    function: str
    event: Json
    answer: Json
    error: str = ""

    @property
    def size(self) -> int:
        """Bytes of the larger of what came and what went."""
        return max(len(json.dumps(each)) for each in (self.event, self.answer))


class Functions(HTTPServer):
    """The functions of a stage, each called through its handler, with ports of its own.

    One call at a time, under `lock`: whoever touches the account besides holds it too. What is in
    `before` is done at the next calls of a function, one a call; if it raises, the function fails.
    """

    def __init__(
        self,
        prefix: str,
        ports: Callable[[], DrivingPorts],
        pass_time: Callable[[], object],
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = RLock()
        self.called_again = Condition(self.lock)
        self.calls: list[Call] = []
        self.before: dict[str, list[Callable[[], object]]] = defaultdict(list)
        self._prefix = prefix
        self._make_ports = ports
        self._ports: dict[str, DrivingPorts] = {}
        self._pass_time = pass_time

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def called(self, function: str) -> list[Call]:
        """The calls of one function, oldest first."""
        with self.lock:
            return [call for call in self.calls if call.function == function]

    def invoke(self, function: str, event: Json) -> Json:
        """Call a function, and give its answer or raise what it raises."""
        with self.lock, serving(self._ports_of(function)):
            self._pass_time()
            try:
                if waiting := self.before[function]:
                    waiting.pop(0)()
                answer = getattr(app, function)(event, Context())
            except Exception as error:
                self._keep(Call(function, event, None, type(error).__name__))
                raise
            self._keep(Call(function, event, answer))
            return answer

    def _ports_of(self, function: str) -> DrivingPorts:
        """Those of the function's process, which lives on after its call."""
        if function not in self._ports:
            self._ports[function] = self._make_ports()
        return self._ports[function]

    def _keep(self, call: Call) -> None:
        self.calls.append(call)
        self.called_again.notify_all()

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, str], Json]:
        """What Lambda answers: status, headers, payload."""
        found = _PATH.fullmatch(path)
        arn = unquote(found[1]) if found else ""
        function = arn.removeprefix(self._prefix)
        if not arn.startswith(self._prefix) or function not in app.app.handler_map:
            message = {"Message": f"Function not found: {arn}"}
            return 404, {"X-Amzn-ErrorType": "ResourceNotFoundException"}, message
        try:
            return 200, {}, self.invoke(function, json.loads(body))
        except Exception as error:  # as Lambda does
            told = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}
            return 200, {"X-Amz-Function-Error": "Unhandled"}, told


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        functions = self.server
        assert isinstance(functions, Functions)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, headers, payload = functions.answer(self.path, body)
        content = json.dumps(payload).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing of calls."""


@contextmanager
def answering(functions: Functions) -> Iterator[None]:
    """Let the functions be called until the block ends."""
    thread = Thread(target=functions.serve_forever, args=(_POLL,), name="functions")
    thread.start()
    try:
        yield
    finally:
        functions.shutdown()
        thread.join()
        functions.server_close()
