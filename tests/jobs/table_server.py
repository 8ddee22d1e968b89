"""DynamoDB over real HTTP: the strict fake behind a port."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.clients import Clients
from chalicelib.local.memory_queue import VirtualClock
from tests.aws import tables
from tests.strict.stores import stores

_METHODS = {"UpdateItem": "update_item", "GetItem": "get_item"}
_LOCK = Lock()  # the fake is one account, asked by one at a time


class Tables:
    """The tables of a stage, and where they are served."""

    def __init__(self) -> None:
        self.aws = stores(VirtualClock(datetime(2026, 11, 30, 5, tzinfo=UTC)))
        self.clients = Clients(self.aws)
        self.port = 0
        self.refused = 0  # the next answers so many: throttled
        tables.make(self.clients)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def claim(self, run: str, key: str) -> dict[str, Any]:
        """The item of an attempt; empty when there is none."""
        found = self.clients["dynamodb"].get_item(
            TableName=tables.TABLES.jobs,
            Key={"run": {"S": f"#claim#{run}"}, "jobName": {"S": key}},
            ConsistentRead=True,
        )
        item: dict[str, Any] = found.get("Item", {})
        return item


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tables: Tables

    def do_POST(self) -> None:
        params = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].partition(".")[2]
        status, answer = 200, {}
        with _LOCK:
            try:
                if self.tables.refused:
                    self.tables.refused -= 1
                    status, answer = 400, _error("ThrottlingException", "as told")
                else:
                    answer = getattr(self.tables.clients["dynamodb"], _METHODS[operation])(**params)
                    answer.pop("ResponseMetadata")
            except ClientError as error:
                said = error.response["Error"]
                status, answer = 400, _error(said["Code"], said["Message"])
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _error(code: str, message: str) -> dict[str, str]:
    return {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}


@contextmanager
def table_server() -> Iterator[Tables]:
    """A server on 127.0.0.1 with empty tables."""
    kept = Tables()
    handler = type("Handler", (_Handler,), {"tables": kept})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        kept.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()
