"""AWS's services at the other end of the wire: real botocore clients, and answers that tests give.

botocore validates, signs and serializes each request, and parses each answer; only the sending is
replaced, at its event `before-send`.
"""

import json
from collections import deque
from collections.abc import Callable
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

# One session for all: it keeps the models of services that it has read.
_SESSION = boto3.session.Session("test", "test", region_name="eu-central-1")

Answer = tuple[int, dict[str, Any]] | Exception


def new_client(service_name: str, config: Config) -> Any:
    """A client of botocore as any other, with credentials that nobody knows."""
    return _SESSION.client(service_name, config=config)


class Wire:
    """Makes clients whose requests are kept, and answered in order; the last answer stays."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = deque(answers)
        self.sent: list[dict[str, Any]] = []
        self.closed = 0  # how often connections were dropped
        self.on_send: Callable[[], object] = lambda: None

    def client(self, service_name: str, *, config: Config) -> Any:
        client = new_client(service_name, config)
        client.meta.events.register_first("before-send", self._answer)
        close = client.close

        def closing() -> None:
            self.closed += 1
            close()

        client.close = closing
        return client

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        self.sent.append(json.loads(request.body or b"{}"))
        self.on_send()
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        return Response(request.url, status, json.dumps(body).encode())


class Response(AWSResponse):  # type: ignore[misc]
    """An answer of HTTP that has been read."""

    def __init__(self, url: str, status: int, content: bytes) -> None:
        super().__init__(url, status, {"Content-Type": "application/json"}, None)
        self._content = content


def error(status: int, code: str, message: str = "no") -> Answer:
    """An answer that is an error, in the spelling of REST services."""
    return status, {"__type": code, "code": code, "message": message}


def accepted(number: int = 1) -> Answer:
    return 200, {"jobId": f"id-{number}", "jobName": "x", "jobArn": "arn"}
