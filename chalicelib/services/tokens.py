"""The verbs over tokens: create, list, revoke; and who it is that comes with one."""

import logging
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.core.access import Principal
from chalicelib.core.granting import (
    Refusal,
    TokenRecord,
    TokenWish,
    check_room,
    check_wish,
    grant,
    reaches,
    recognise,
)
from chalicelib.core.tokens import make_token, named_id, parse_token
from chalicelib.errors import ConflictError, NotFoundError, SchedulerError
from chalicelib.ports import TokenStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """A new token: what is stored of it, and its text, which is told this once."""

    record: TokenRecord
    text: str = field(repr=False)


def create(
    store: TokenStore, wish: TokenWish, by: Principal, now: datetime, chance: bytes
) -> CreatedToken:
    """Give a token, made from `RANDOM_BYTES` bytes that nobody knows.

    Raises InvalidInputError for more than `by` has himself, ConflictError for a third active one
    of the same name.
    """
    check_wish(wish, by)
    check_room(wish, store.list_tokens(), by, now)
    token = make_token(chance)
    record = grant(wish, token, by, now)
    store.create_token(record)
    return CreatedToken(record, token.text)


def list_(store: TokenStore, by: Principal) -> list[TokenRecord]:
    """The tokens within the principal's own role and scopes, the oldest first."""
    return [record for record in store.list_tokens() if reaches(by, record)]


def revoke(store: TokenStore, text: str, by: Principal, now: datetime) -> TokenRecord:
    """Revoke the token that the text names: its id or the beginning of that, or the token itself.

    One that is revoked already stays as it is. Raises NotFoundError, and ConflictError when several
    begin so.
    """
    record = _find(store, named_id(text), by)
    store.revoke_token(record.id, now, by.actor)
    return store.get_token(record.id)


def authenticate(store: TokenStore, text: str, now: datetime) -> Principal | Refusal:
    """Who comes with this text as his token, or why nobody does. Raises BackendError only."""
    token = parse_token(text)
    if token is None:
        return Refusal.MALFORMED
    record: TokenRecord | None
    try:
        record = store.get_token(token.id)
    except NotFoundError:
        record = None
    return recognise(token, record, now)


def note_use(store: TokenStore, principal: Principal, now: datetime) -> None:
    """Note that the principal's token is in use, if that is due; never fails."""
    if not principal.is_use_due:
        return
    try:
        store.note_use(principal.token_id, now)
    except SchedulerError as error:
        logger.warning("The use of token %s could not be noted: %s", principal.token_id, error)


def _find(store: TokenStore, beginning: str, by: Principal) -> TokenRecord:
    found = [each for each in list_(store, by) if beginning and each.id.startswith(beginning)]
    if not found:
        raise NotFoundError("token", beginning, "The tokens there are: batch-scheduler token list.")
    if len(found) > 1:
        ids = ", ".join(each.id for each in found)
        raise ConflictError(
            f"More than one token begins with {beginning!r}: {ids}.", event="revoke"
        )
    return found[0]
