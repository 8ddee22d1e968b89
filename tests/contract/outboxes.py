"""The outboxes that every test of their contract is given in turn, and letters for them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from chalicelib.aws.clients import Clients
from chalicelib.aws.dynamo_outbox import DynamoOutbox
from chalicelib.core.notice_rules import Means, Occasion, Receiver
from chalicelib.core.notices import Letter
from chalicelib.local.memory_outbox import MemoryOutbox
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.local.sqlite_store import SqliteStore
from chalicelib.notice_ports import Outbox
from tests.aws import tables
from tests.aws.on_moto import moto
from tests.contract.store_contents import START
from tests.strict.stores import stores

KINDS = ("memory", "sqlite", "dynamo", "strict")
LOG = Receiver(means=Means.LOG)


@contextmanager
def opened_outbox(kind: str, directory: Path) -> Iterator[Outbox]:
    if kind == "memory":
        yield MemoryOutbox()
    elif kind == "sqlite":
        with closing(SqliteStore.open(directory)) as store:
            yield store.outbox
    elif kind == "strict":
        clients = Clients(stores(VirtualClock()))
        tables.make(clients)
        yield DynamoOutbox(clients, tables.TABLES)
    else:
        with moto() as clients:
            tables.make(clients)
            yield DynamoOutbox(clients, tables.TABLES)


def letter(id: str = "etl/1/failed", receiver: Receiver = LOG, minutes: int = 0) -> Letter:
    return Letter(
        id=id,
        kind=Occasion.FAILED,
        schedule_id="etl",
        run_id="etl/1",
        subject="etl: run FAILED",
        message="It failed.\nBéla's job 😀",
        commands=("batch-scheduler explain etl/1",),
        at=START.replace(minute=minutes),
        receiver=receiver,
    )
