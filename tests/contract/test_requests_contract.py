"""What every keeper of requests promises, each sentence of the port a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.aws.clients import Clients
from chalicelib.aws.dynamo_requests import DynamoRequests
from chalicelib.errors import ConflictError
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.local.memory_requests import MemoryRequests
from chalicelib.local.sqlite_store import SqliteStore
from chalicelib.services.repeating import Reply, RequestRecord, Requests
from tests.aws import tables
from tests.aws.on_moto import moto
from tests.contract.store_contents import START
from tests.strict.stores import stores

HOUR = timedelta(hours=1)
RECORD = RequestRecord(
    key="k",
    version=1,
    digest="d",
    at=START,
    until=START + HOUR,
    expires_at=START + 24 * HOUR,
)
REPLY = Reply(status=202, body='{"grüße": 1}', media_type="application/json", location="/runs/a")


@pytest.fixture(params=["memory", "sqlite", "dynamo", "strict"])
def requests(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Requests]:
    with _opened(request.param, tmp_path) as opened:
        yield opened


@contextmanager
def _opened(kind: str, directory: Path) -> Iterator[Requests]:
    if kind == "memory":
        yield MemoryRequests()
    elif kind == "sqlite":
        store = SqliteStore.open(directory)
        yield store.requests
        store.close()
    elif kind == "dynamo":
        with moto() as clients:
            tables.make(clients)
            yield DynamoRequests(clients, tables.TABLES)
    else:
        clients = Clients(stores(VirtualClock()))
        tables.make(clients)
        yield DynamoRequests(clients, tables.TABLES)


def test_a_request_is_read_back_as_it_was(requests: Requests) -> None:
    assert requests.get_request("k", START) is None
    requests.put_request(RECORD, START)
    assert requests.get_request("k", START) == RECORD
    assert requests.get_request("other", START) is None


def test_its_answer_takes_its_place(requests: Requests) -> None:
    requests.put_request(RECORD, START)
    answered = replace(RECORD, version=2, reply=REPLY)
    requests.put_request(answered, START)
    assert requests.get_request("k", START) == answered


@pytest.mark.parametrize("version", [1, 3])
def test_only_what_follows_is_kept(requests: Requests, version: int) -> None:
    requests.put_request(RECORD, START)
    with pytest.raises(ConflictError):
        requests.put_request(replace(RECORD, version=version, digest="other"), START)
    assert requests.get_request("k", START) == RECORD


def test_a_version_needs_the_one_before_it(requests: Requests) -> None:
    with pytest.raises(ConflictError):
        requests.put_request(replace(RECORD, version=2), START)
    assert requests.get_request("k", START) is None


def test_a_request_whose_time_is_over_is_as_good_as_none(requests: Requests) -> None:
    requests.put_request(RECORD, START)
    later = RECORD.expires_at
    assert requests.get_request("k", later - timedelta(microseconds=1)) == RECORD
    assert requests.get_request("k", later) is None
    anew = replace(RECORD, digest="new", expires_at=later + HOUR)
    requests.put_request(anew, later)
    assert requests.get_request("k", later) == anew
