"""A function's process, as Lambda has one: what it takes of time and memory is its own.

botocore makes, signs and serializes each request and parses each answer; only the sending is
replaced: requests go to the process that fakes AWS, through a pipe. Nothing of the fake is imported
here.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

import app
from chalicelib.bootstrap import serving
from chalicelib.bootstrap.on_aws import Timing, stage_ports
from chalicelib.config import Settings
from tests.simulation.chance import Chance


@dataclass(slots=True)
class Use:
    """What a call took: seconds of CPU, and the most memory that the process ever had, in MiB."""

    cpu: float
    peak: float


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """An answer of HTTP."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Response(AWSResponse):  # type: ignore[misc]  # botocore has no types
    """An answer of HTTP whose body is in memory."""

    def __init__(self, url: str, answer: WireAnswer) -> None:
        super().__init__(url, answer.status, answer.headers, Raw(answer.body))


class Raw:
    """The body as urllib3 gives it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self, amount: int | None = None, **_: Any) -> bytes:
        end = len(self._body) if amount is None else amount
        read, self._body = self._body[:end], self._body[end:]
        return read

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()

    def close(self) -> None:
        self._body = b""


class Parent:
    """The process at the other end of the pipe: AWS, and the time that passes there."""

    def __init__(self, pipe: Connection) -> None:
        self.now = datetime.now(UTC)  # until the first answer tells
        self._pipe = pipe
        self._session = boto3.Session("test", "test", region_name="eu-central-1")
        self._request: tuple[str, str, dict[str, Any]] = ("", "", {})

    def ask(self, *question: Any) -> Any:
        """Ask, and hear what time it is meanwhile. Raises what the answer is, if it is an error."""
        self._pipe.send(question)
        self.now, answer = self._pipe.recv()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def sleep(self, seconds: float) -> None:
        self.ask("sleep", seconds)

    def client(self, service_name: str, *, config: Config) -> Any:
        client = self._session.client(service_name, config=config)
        client.meta.events.register_last("before-parameter-build", self._keep)
        client.meta.events.register_first("before-send", self._send)
        return client

    def _keep(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self._request = (model.service_model.service_name, model.name, params)

    def _send(self, request: Any, **_: Any) -> Response:
        return Response(request.url, self.ask("request", *self._request))


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a function of itself."""

    parent: Parent
    deadline: datetime

    def get_remaining_time_in_millis(self) -> int:
        return max(0, (self.deadline - self.parent.now) // timedelta(milliseconds=1))


def serve(descriptor: int) -> None:
    """Answer calls until the pipe is closed."""
    pipe = Connection(descriptor)
    settings: Settings = pipe.recv()
    parent = Parent(pipe)
    parent.ask("begin")
    timing = Timing(clock=lambda: parent.now, sleep=parent.sleep, chance=Chance(0))
    ports = stage_ports(settings, parent, timing)
    pipe.send(("ready", _use(0.0)))
    with contextlib.suppress(EOFError), serving(ports):
        while True:
            parent.now, function, event, deadline = pipe.recv()
            began = time.process_time()
            try:
                answer = getattr(app, function)(event, Context(parent, deadline))
            except Exception as error:
                answer = error
            pipe.send(("done", answer, _use(began)))


def _use(began: float) -> Use:
    # Not ru_maxrss: the kernel lets that begin with what the process had from which it was forked.
    peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    return Use(time.process_time() - began, int(peak) / 1024)
