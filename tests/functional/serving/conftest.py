"""One server for the tests of a module that change nothing of it, and one for each other test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.functional.serving.servers import LocalServer

Serve = Callable[..., LocalServer]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server that several tests share."""
    started = LocalServer(tmp_path_factory.mktemp("server"))
    yield started
    started.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers of this test's own state directory."""
    started: list[LocalServer] = []

    def start(*options: str, **environment: str) -> LocalServer:
        started.append(LocalServer(tmp_path, *options, **environment))
        return started[-1]

    yield start
    for each in reversed(started):
        each.close()
