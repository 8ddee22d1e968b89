"""The verbs over tokens, on the store in memory."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.core.access import Principal, Role
from chalicelib.core.granting import USE_NOTED, Refusal, TokenWish
from chalicelib.core.tokens import RANDOM_BYTES
from chalicelib.errors import BackendError, ConflictError, InvalidInputError, NotFoundError
from chalicelib.local.memory_tokens import MemoryTokens
from chalicelib.services import tokens
from chalicelib.services.tokens import CreatedToken
from tests.unit.runs import NOW

ROOT = Principal(actor="root", role=Role.ADMIN)
ETL = Principal(actor="bob", role=Role.ADMIN, scopes=("etl-",))
WISH = TokenWish(name="ann", role=Role.OPERATOR, scopes=("etl-",))


class FailingTokens(MemoryTokens):
    """A store that can't be written any more."""

    def note_use(self, token_id: str, at: datetime) -> None:
        raise BackendError("DynamoDB", "UpdateItem", "throttled", retryable=True)


@pytest.fixture
def store() -> MemoryTokens:
    return MemoryTokens()


def created(
    store: MemoryTokens, number: int = 0, *, by: Principal = ROOT, wish: TokenWish = WISH
) -> CreatedToken:
    chance = bytes([number]) * RANDOM_BYTES
    return tokens.create(store, wish, by, NOW + timedelta(seconds=number), chance)


def test_who_comes_with_a_new_token_is_recognised(store: MemoryTokens) -> None:
    made = created(store)
    assert store.list_tokens() == [made.record]
    assert made.record.created_by == "root"
    found = tokens.authenticate(store, made.text, NOW)
    assert isinstance(found, Principal)
    assert (found.actor, found.role, found.scopes) == ("ann", Role.OPERATOR, ("etl-",))


def test_what_may_not_be_given_is_not_stored(store: MemoryTokens) -> None:
    with pytest.raises(InvalidInputError, match="is not within your own"):
        created(store, by=ETL, wish=replace(WISH, scopes=("",)))
    created(store, 1)
    created(store, 2)
    with pytest.raises(ConflictError, match="2 active tokens already"):
        created(store, 3)
    assert len(store.list_tokens()) == 2


def test_after_one_is_revoked_there_is_room_again(store: MemoryTokens) -> None:
    first, _ = created(store, 1), created(store, 2)
    tokens.revoke(store, first.record.id, ROOT, NOW)
    created(store, 3)


def test_each_reason_why_nobody_is_recognised(store: MemoryTokens) -> None:
    made, revoked = created(store, 1), created(store, 2)
    tokens.revoke(store, revoked.record.id, ROOT, NOW)
    stranger = created(MemoryTokens(), 3)
    later = NOW + timedelta(days=31)
    assert tokens.authenticate(store, "", NOW) is Refusal.MALFORMED
    assert tokens.authenticate(store, made.text[:-1], NOW) is Refusal.MALFORMED
    assert tokens.authenticate(store, stranger.text, NOW) is Refusal.UNKNOWN
    assert tokens.authenticate(store, revoked.text, NOW) is Refusal.REVOKED
    assert tokens.authenticate(store, made.text, later) is Refusal.EXPIRED


def test_a_list_holds_what_the_reader_could_have_given(store: MemoryTokens) -> None:
    own = created(store, 1).record
    created(store, 2, wish=replace(WISH, name="eve", scopes=("",)))
    assert tokens.list_(store, ETL) == [own]
    assert len(tokens.list_(store, ROOT)) == 2


def test_a_token_is_revoked_by_its_id_a_beginning_or_itself(store: MemoryTokens) -> None:
    for number in (1, 2, 3):
        made = created(store, number, wish=replace(WISH, name=f"n{number}"))
        text = (made.record.id, made.record.id[:4], made.text)[number - 1]
        record = tokens.revoke(store, text, ETL, NOW)
        assert record == replace(made.record, revoked_at=NOW, revoked_by="bob")


def test_one_that_is_revoked_again_stays_as_it_was(store: MemoryTokens) -> None:
    made = created(store)
    first = tokens.revoke(store, made.record.id, ROOT, NOW)
    assert tokens.revoke(store, made.record.id, ETL, NOW + timedelta(days=1)) == first


def test_a_beginning_that_several_have_revokes_none(store: MemoryTokens) -> None:
    chance = (bytes(5) + bytes([number]) * 33 for number in (1, 2))
    ids = [tokens.create(store, WISH, ROOT, NOW, each).record.id for each in chance]
    with pytest.raises(ConflictError) as caught:
        tokens.revoke(store, "00000", ROOT, NOW)
    assert str(caught.value) == f"More than one token begins with '00000': {ids[0]}, {ids[1]}."
    assert all(record.revoked_at is None for record in store.list_tokens())


@pytest.mark.parametrize("text", ["", "abs_", "nope", "x" * 43])
def test_what_names_no_token_revokes_none(store: MemoryTokens, text: str) -> None:
    created(store)
    with pytest.raises(NotFoundError, match="There is no token"):
        tokens.revoke(store, text, ROOT, NOW)


def test_a_token_out_of_scope_is_not_there_to_be_revoked(store: MemoryTokens) -> None:
    made = created(store, wish=replace(WISH, scopes=("",)))
    with pytest.raises(NotFoundError):
        tokens.revoke(store, made.record.id, ETL, NOW)
    assert store.get_token(made.record.id).revoked_at is None


def test_a_use_is_noted_when_it_is_due(store: MemoryTokens) -> None:
    made = created(store)
    for minutes in (0, 30, 59):
        now = NOW + timedelta(minutes=minutes)
        found = tokens.authenticate(store, made.text, now)
        assert isinstance(found, Principal)
        assert found.is_use_due == (minutes == 0)
        tokens.note_use(store, found, now)
        assert store.get_token(made.record.id).last_used_at == NOW
    found = tokens.authenticate(store, made.text, NOW + USE_NOTED)
    assert isinstance(found, Principal)
    assert found.is_use_due


def test_a_use_that_is_not_due_costs_no_write(caplog: pytest.LogCaptureFixture) -> None:
    tokens.note_use(FailingTokens(), ROOT, NOW)
    assert caplog.messages == []


def test_a_use_that_can_not_be_noted_fails_nothing(caplog: pytest.LogCaptureFixture) -> None:
    store = FailingTokens()
    made = created(store)
    found = tokens.authenticate(store, made.text, NOW)
    assert isinstance(found, Principal)
    tokens.note_use(store, found, NOW)
    told = f"The use of token {made.record.id} could not be noted: DynamoDB UpdateItem: throttled"
    assert caplog.messages == [told]
    assert caplog.records[0].levelno == logging.WARNING
