"""What every store of tokens promises."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.aws.clients import Clients
from chalicelib.aws.dynamo_tokens import DynamoTokens
from chalicelib.core.access import Role
from chalicelib.core.granting import USE_NOTED, TokenRecord
from chalicelib.errors import ConflictError, NotFoundError
from chalicelib.local.memory_queue import VirtualClock
from chalicelib.local.memory_tokens import MemoryTokens
from chalicelib.local.sqlite_store import SqliteStore
from chalicelib.ports import TokenStore
from tests.aws import tables
from tests.aws.on_moto import moto
from tests.strict.stores import stores
from tests.unit.runs import NOW

RECORD = TokenRecord(
    id="k3abcdefgh",
    digest="0" * 63 + "1",
    name="ann",
    role=Role.OPERATOR,
    scopes=("etl-", ""),
    created_at=NOW,
    created_by="arn: someone, who has ünusual letters",
    expires_at=NOW + timedelta(days=30),
)
MOMENT = timedelta(microseconds=1)


@pytest.fixture(params=["memory", "sqlite", "dynamo", "strict"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TokenStore]:
    match request.param:
        case "memory":
            yield MemoryTokens()
        case "sqlite":
            with closing(SqliteStore.open(tmp_path)) as opened:
                yield opened.tokens
        case "dynamo":
            with moto() as clients:
                tables.make(clients)
                yield DynamoTokens(clients, tables.TABLES)
        case _:
            clients = Clients(stores(VirtualClock()))
            tables.make(clients)
            yield DynamoTokens(clients, tables.TABLES)


def test_what_was_stored_is_read_again(store: TokenStore) -> None:
    marked = replace(
        RECORD, id="marked", revoked_at=NOW + MOMENT, revoked_by="eve", last_used_at=NOW
    )
    for record in (RECORD, marked):
        store.create_token(record)
        assert store.get_token(record.id) == record


def test_an_id_is_given_once(store: TokenStore) -> None:
    store.create_token(RECORD)
    with pytest.raises(ConflictError, match="There is a token 'k3abcdefgh' already"):
        store.create_token(replace(RECORD, name="eve"))
    assert store.list_tokens() == [RECORD]


@pytest.mark.parametrize("token_id", ["k3abcdefgh", ""])
def test_what_is_not_there_is_not_found(store: TokenStore, token_id: str) -> None:
    with pytest.raises(NotFoundError, match="There is no token"):
        store.get_token(token_id)
    assert store.list_tokens() == []


def test_they_are_listed_the_oldest_first(store: TokenStore) -> None:
    later = replace(RECORD, id="a", created_at=NOW + MOMENT)
    earlier = replace(RECORD, id="z", created_at=NOW - MOMENT)
    for record in (RECORD, later, earlier):
        store.create_token(record)
    assert store.list_tokens() == [earlier, RECORD, later]


def test_one_is_revoked_once_and_stays_as_it_was_revoked_first(store: TokenStore) -> None:
    other = replace(RECORD, id="other")
    store.create_token(RECORD)
    store.create_token(other)
    store.revoke_token(RECORD.id, NOW + MOMENT, "bob")
    store.revoke_token(RECORD.id, NOW + 2 * MOMENT, "eve")
    revoked = replace(RECORD, revoked_at=NOW + MOMENT, revoked_by="bob")
    assert store.get_token(RECORD.id) == revoked
    assert store.get_token("other") == other


def test_what_is_not_there_can_not_be_revoked(store: TokenStore) -> None:
    with pytest.raises(NotFoundError, match="There is no token"):
        store.revoke_token("k3abcdefgh", NOW, "bob")
    assert store.list_tokens() == []


def test_a_use_is_noted_at_most_once_an_hour_and_never_moved_back(store: TokenStore) -> None:
    store.create_token(RECORD)
    for at, noted in (
        (NOW, NOW),
        (NOW + USE_NOTED - MOMENT, NOW),
        (NOW - 2 * USE_NOTED, NOW),
        (NOW + USE_NOTED, NOW + USE_NOTED),
    ):
        store.note_use(RECORD.id, at)
        assert store.get_token(RECORD.id) == replace(RECORD, last_used_at=noted)


def test_a_use_of_what_is_not_there_is_not_noted(store: TokenStore) -> None:
    store.note_use("k3abcdefgh", NOW)
    assert store.list_tokens() == []


def test_a_revoked_token_may_be_seen_in_use(store: TokenStore) -> None:
    store.create_token(RECORD)
    store.revoke_token(RECORD.id, NOW, "bob")
    store.note_use(RECORD.id, NOW)
    assert store.get_token(RECORD.id).last_used_at == NOW


def test_many_are_listed_whole(store: TokenStore) -> None:
    # More than one page of a Scan, 1 MB, has.
    scopes = tuple(f"{number:03d}-{'x' * 120}" for number in range(300))
    records = [
        replace(RECORD, id=f"{number:010d}", scopes=scopes, created_at=NOW + number * MOMENT)
        for number in range(35)
    ]
    for record in records:
        store.create_token(record)
    assert store.list_tokens() == records


def test_an_item_is_deleted_long_after_its_token_has_ended() -> None:
    clients = Clients(stores(VirtualClock()))
    tables.make(clients)
    DynamoTokens(clients, tables.TABLES).create_token(RECORD)
    (item,) = clients["dynamodb"].scan(TableName=tables.TABLES.tokens)["Items"]
    ended = int(RECORD.expires_at.timestamp())
    assert int(item["expiresAt"]["N"]) == ended + 90 * 24 * 3600
