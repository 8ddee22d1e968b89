"""The stores that every test of the contract is given in turn."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from chalicelib.aws.clients import Clients
from chalicelib.aws.dynamo_triggers import DynamoTriggers
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.local.memory_store import MemoryStore
from chalicelib.local.memory_triggers import MemoryTriggers
from chalicelib.local.sqlite_store import SqliteStore
from tests.aws import tables
from tests.aws.on_moto import moto
from tests.contract.dynamo_store import DynamoStore
from tests.contract.store_contents import Keeping, LocalStore, Store, Triggers
from tests.strict.stores import stores


@pytest.fixture(params=["memory", "sqlite", "dynamo", "strict"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Every store there is."""
    with _opened(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture(params=["memory", "sqlite"])
def local_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStore]:
    """The stores of one machine, which promise more."""
    opened: LocalStore = MemoryStore() if request.param == "memory" else SqliteStore.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture(params=["memory", "dynamo", "strict"])
def keeping(request: pytest.FixtureRequest) -> Iterator[Keeping]:
    """The stores that let details expire, on a clock that the test moves."""
    clock = VirtualClock()
    if request.param == "memory":
        yield Keeping(MemoryStore(clock=clock), clock)
    elif request.param == "strict":
        clients = Clients(stores(clock))
        tables.make(clients)
        yield Keeping(DynamoStore(clients, clock), clock)
    else:
        with moto() as clients:
            tables.make(clients)
            yield Keeping(DynamoStore(clients, clock), clock)


@pytest.fixture(params=["memory", "sqlite", "dynamo", "strict"])
def triggers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Triggers]:
    """What keeps triggers and calendars."""
    if request.param == "memory":
        yield MemoryTriggers()
    elif request.param == "sqlite":
        with closing(SqliteStore.open(tmp_path)) as opened:
            yield opened
    elif request.param == "strict":
        clients = Clients(stores(VirtualClock()))
        tables.make(clients)
        yield DynamoTriggers(clients, tables.TABLES)
    else:
        with moto() as clients:
            tables.make(clients)
            yield DynamoTriggers(clients, tables.TABLES)


@contextmanager
def _opened(kind: str, directory: Path) -> Iterator[Store]:
    if kind == "dynamo":
        with moto() as clients:
            tables.make(clients)
            yield DynamoStore(clients, VirtualClock())
        return
    if kind == "strict":
        clock = VirtualClock()
        clients = Clients(stores(clock))
        tables.make(clients)
        yield DynamoStore(clients, clock)
        return
    opened: LocalStore = MemoryStore() if kind == "memory" else SqliteStore.open(directory)
    yield opened
    opened.close()
