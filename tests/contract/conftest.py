"""The stores that every test of the contract is given in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.local.memory_store import MemoryStore
from chalicelib.local.sqlite_store import SqliteStore
from tests.contract.store_contents import Store


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: Store = MemoryStore() if request.param == "memory" else SqliteStore.open(tmp_path)
    yield opened
    opened.close()
