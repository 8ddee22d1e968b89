"""The tokens of the HTTP API in DynamoDB, one item each."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.aws.clients import Clients
from chalicelib.aws.dynamo_calls import ConditionFailedError, DynamoCalls, Write
from chalicelib.aws.dynamo_items import short
from chalicelib.aws.names import Tables
from chalicelib.core.access import Role
from chalicelib.core.granting import USE_NOTED, TokenRecord
from chalicelib.core.records import Record, decode_time, encode_time
from chalicelib.store_words import no_token, token_exists

# How long people can still see that there was a token, whose it was and who revoked it. `expiresAt`
# is when DynamoDB deletes the item (TTL), `validUntil` when the token ends.
_KEPT = timedelta(days=90)


class DynamoTokens:
    """ports.TokenStore. `get_token` is one GetItem: all that an authorizer has to be allowed."""

    def __init__(self, clients: Clients, tables: Tables) -> None:
        self._calls = DynamoCalls(clients)
        self._table = tables.tokens

    def create_token(self, record: TokenRecord) -> None:
        """Store a new one. Raises ConflictError if its id exists."""
        write = Write(
            table=self._table,
            key={"id": record.id},
            item=_item(record),
            condition="attribute_not_exists(#id)",
        )
        try:
            self._calls.write(write)
        except ConditionFailedError as error:
            raise token_exists(record) from error

    def get_token(self, token_id: str) -> TokenRecord:
        """Raises NotFoundError."""
        # A key is never empty (API_GetItem).
        item = self._calls.get(self._table, {"id": token_id}) if token_id else None
        if item is None:
            raise no_token(token_id)
        return _record(item)

    def list_tokens(self) -> list[TokenRecord]:
        """The oldest first."""
        found = map(_record, self._calls.scan(self._table))
        return sorted(found, key=lambda each: (each.created_at, each.id))

    def revoke_token(self, token_id: str, at: datetime, by: str) -> None:
        """Revoke it for good; one that is revoked stays as it is. Raises NotFoundError."""
        try:
            self._update(
                token_id,
                "SET #revokedAt = :at, #revokedBy = :by",
                "attribute_not_exists(#revokedAt)",
                {":at": encode_time(at), ":by": short(by)},
            )
        except ConditionFailedError as error:
            if not error.items.get(0):
                raise no_token(token_id) from error

    def note_use(self, token_id: str, at: datetime) -> None:
        """Say that it was used then, unless a use shortly before is noted."""
        try:
            self._update(
                token_id,
                "SET #lastUsedAt = :at",
                "attribute_not_exists(#lastUsedAt) OR #lastUsedAt <= :before",
                {":at": encode_time(at), ":before": encode_time(at - USE_NOTED)},
            )
        except ConditionFailedError:
            return

    def _update(self, token_id: str, update: str, condition: str, values: Record) -> None:
        """Change the item if it is there and the condition holds. Raises ConditionFailedError."""
        self._calls.write(
            Write(
                table=self._table,
                key={"id": token_id},
                update=update,
                condition=f"attribute_exists(#id) AND ({condition})",
                values=values,
            )
        )


def _item(record: TokenRecord) -> Record:
    """All but the key; what is not known yet is absent."""
    item = {
        "digest": record.digest,
        "name": record.name,
        "role": record.role.word,
        "scopes": list(record.scopes),
        "createdAt": encode_time(record.created_at),
        "createdBy": short(record.created_by),
        "validUntil": encode_time(record.expires_at),
        "expiresAt": int((record.expires_at + _KEPT).timestamp()),
        "revokedAt": record.revoked_at and encode_time(record.revoked_at),
        "revokedBy": short(record.revoked_by),
        "lastUsedAt": record.last_used_at and encode_time(record.last_used_at),
    }
    return {name: value for name, value in item.items() if value}


def _record(item: Mapping[str, Any]) -> TokenRecord:
    return TokenRecord(
        id=item["id"],
        digest=item["digest"],
        name=item["name"],
        role=Role[item["role"].upper()],
        scopes=tuple(item["scopes"]),
        created_at=decode_time(item["createdAt"]),
        created_by=item["createdBy"],
        expires_at=decode_time(item["validUntil"]),
        revoked_at=_time_of(item, "revokedAt"),
        revoked_by=item.get("revokedBy", ""),
        last_used_at=_time_of(item, "lastUsedAt"),
    )


def _time_of(item: Mapping[str, Any], name: str) -> datetime | None:
    return decode_time(item[name]) if name in item else None
