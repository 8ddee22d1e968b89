"""One host for a test, ended with all its jobs after it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.local.host_client import HostClient
from chalicelib.local.host_protocol import HostSettings
from tests.functional.hosts import Connect, gone, runs


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def connect(state: Path) -> Iterator[Connect]:
    """Make clients of one host, which is ended with all its jobs after the test."""
    clients: list[HostClient] = []

    def make(fence: int | None = None, **members: Any) -> HostClient:
        settings = {"vcpus": 2, "memory_mib": 512, "idle_seconds": 0.05} | members
        clients.append(HostClient(state, settings=HostSettings(**settings), fence=fence))
        return clients[-1]

    yield make
    for client in clients:
        if client.host_pid and runs(client.host_pid):
            os.kill(client.host_pid, signal.SIGTERM)
            gone(client.host_pid)
        client.close()
