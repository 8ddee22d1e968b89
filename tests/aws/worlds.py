"""A fresh strict account for one test, with the stores' tables in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib.aws.clients import ClientFactory, Clients
from chalicelib.local.memory_queue import VirtualClock
from tests.aws import tables
from tests.aws.tapped import TappedFactory
from tests.contract.dynamo_store import DynamoStore
from tests.simulation.faults import Tap
from tests.strict.stores import stores


@dataclass
class World:
    """An account, and stores that look at it: each as a process of its own would."""

    factory: ClientFactory
    clock: VirtualClock

    def store(self, tap: Tap | None = None) -> DynamoStore:
        return DynamoStore(self.clients(tap), self.clock)

    def clients(self, tap: Tap | None = None) -> Clients:
        return Clients(self.factory if tap is None else TappedFactory(self.factory, tap))

    def item(self, table: str, **key: str) -> dict[str, Any]:
        """An item as it is in the table."""
        answer = self.clients()["dynamodb"].get_item(
            TableName=table, Key={name: {"S": value} for name, value in key.items()}
        )
        found: dict[str, Any] = answer.get("Item", {})
        return found


@contextmanager
def world() -> Iterator[World]:
    clock = VirtualClock()
    opened = World(stores(clock), clock)
    tables.make(opened.clients())
    yield opened
