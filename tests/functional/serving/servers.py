"""The real server in a process of its own, and how tests speak with it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from tests.functional.hosts import runs, until

PROGRAM = [sys.executable, "-m", "chalicelib.cli.main"]
Json = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class LocalServer:
    """`batch-scheduler serve` on a state directory, and verbs typed beside it."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        """Start it, and wait until it listens."""
        self.folder = folder
        self.state = folder / "state"
        self.environment = {
            **os.environ,
            "BATCH_SCHEDULER_STATE": str(self.state),
            "BATCH_SCHEDULER_HOST_IDLE": "0.1",
            "BATCH_SCHEDULER_VCPUS": "4",
            "PYTHONPATH": str(Path(__file__).parents[3]),
            **environment,
        }
        self.said = folder / "said.txt"
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(
                [*PROGRAM, "serve", "--port", "0", *options],
                cwd=folder,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
        assert self.process.stdout is not None
        self.printed = ""
        while "Listening on" not in self.printed:
            line = self.process.stdout.readline()
            assert line, self.said.read_text()
            self.printed += line
        self.url = self.printed.split("Listening on ")[1].split()[0]
        self.port = int(self.url.rpartition(":")[2])
        self.token = (self.state / "api-token").read_text().strip()

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=20)

    def socket(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def request(
        self, method: str, path: str, value: Any = None, headers: Mapping[str, str] | None = None
    ) -> Told:
        """The answer to one request, over a connection of its own, with the token unless told."""
        connection = self.connect()
        sent = self.bearer if headers is None else dict(headers)
        if value is not None:
            sent["Content-Type"] = "application/json"
        try:
            body = None if value is None else json.dumps(value)
            connection.request(method, path, body, sent)
            return told(connection.getresponse())
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        answer = self.request("GET", path)
        assert answer.status == 200, answer
        return answer.json

    def put(self, schedule_id: str, *jobs: Json, **members: Any) -> None:
        """Store a schedule, from the terminal."""
        document = {"scheduleId": schedule_id, "jobList": list(jobs), **members}
        path = self.folder / f"{schedule_id}.json"
        path.write_text(json.dumps(document))
        code, printed, said = self.type("put", str(path))
        assert code == 0, printed + said

    def start(self, schedule_id: str) -> str:
        """Start a run over HTTP, and give its id."""
        answer = self.request("POST", "/runs", {"scheduleId": schedule_id})
        assert answer.status == 202, answer
        return str(answer.json["runId"])

    def ended(self, run_id: str, status: str = "SUCCEEDED") -> Json:
        """Wait for the end of a run, which must be this one."""

        def look() -> Json | None:
            found: Json = self.get(f"/runs/{run_id}")
            return found if found["scheduleStatus"] != "RUNNING" else None

        found: Json = until(look, 30)
        assert found["scheduleStatus"] == status, found
        return found

    def type(self, *words: str) -> tuple[int, str, str]:
        """The exit code of a verb, what it printed, what it said beside it."""
        done = subprocess.run(
            [*PROGRAM, *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """Type a verb and go on without waiting for its end."""
        nothing = subprocess.DEVNULL
        return subprocess.Popen(
            [*PROGRAM, *words],
            cwd=self.folder,
            env=self.environment,
            stdout=nothing,
            stderr=nothing,
        )

    @property
    def engine(self) -> int:
        """The process that drives; waits for it."""
        return int(until(lambda: _process_of(self.state, "drive", self.process.pid)))

    @property
    def host(self) -> int:
        """The host of the jobs; waits for it."""
        return int(until(lambda: _process_of(self.state, "chalicelib.local.host")))

    def driven(self) -> None:
        """Wait until the engine holds the lease."""
        until(lambda: "serve (process" in self.holder and runs(self.engine))

    @property
    def holder(self) -> str:
        """Who took the lease last."""
        path = self.state / "engine.lock"
        return path.read_text() if path.exists() else ""

    def stop(self, by: int = signal.SIGTERM) -> int:
        """End it as told, and give its exit code."""
        self.process.send_signal(by)
        return self.process.wait(30)

    def close(self) -> None:
        """End it, its engine and its host, with all their jobs."""
        for find in ("drive", "chalicelib.local.host"):
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            pid = _process_of(self.state, find)
            if pid:
                os.kill(pid, signal.SIGTERM)
                until(lambda pid=pid: not runs(pid))  # type: ignore[misc] # a name is inferred
        assert self.process.stdout is not None
        self.process.stdout.close()


def told(response: HTTPResponse) -> Told:
    text = response.read().decode()
    return Told(response.status, {k.lower(): v for k, v in response.getheaders()}, text)


def _process_of(state: Path, word: str, parent: int = 0) -> int:
    """A live process of ours with that word among its arguments, 0 for none."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0")
            ours = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has just ended
        is_ours = word in words and str(state) in words and (not parent or ours == parent)
        if is_ours and runs(int(process.name)):
            return int(process.name)
    return 0
