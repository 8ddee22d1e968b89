"""The tokens of the HTTP API in SQLite."""

import json
from datetime import datetime
from typing import Any

from chalicelib.core.access import Role
from chalicelib.core.granting import USE_NOTED, TokenRecord
from chalicelib.core.records import decode_time, encode_time
from chalicelib.local.database import Database
from chalicelib.store_words import no_token, token_exists

_COLUMNS = (
    "id, digest, name, role, scopes, created_at, created_by, expires_at, "
    "revoked_at, revoked_by, last_used_at"
)
_INSERT = f"INSERT INTO tokens ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_ONE = f"SELECT {_COLUMNS} FROM tokens WHERE id = ?"  # noqa: S608 - our own words alone
_ALL = f"SELECT {_COLUMNS} FROM tokens ORDER BY created_at, id"  # noqa: S608 - as above
_EXISTS = "SELECT 1 FROM tokens WHERE id = ?"
_REVOKE = "UPDATE tokens SET revoked_at = ?, revoked_by = ? WHERE id = ? AND revoked_at IS NULL"
_NOTE = """
UPDATE tokens SET last_used_at = :at
WHERE id = :id AND (last_used_at IS NULL OR last_used_at <= :before)
"""


class SqliteTokens:
    """ports.TokenStore on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_token(self, record: TokenRecord) -> None:
        """Store a new one. Raises ConflictError if its id exists."""
        with self._database.writing("create token") as connection:
            if connection.execute(_EXISTS, (record.id,)).fetchone():
                raise token_exists(record)
            connection.execute(_INSERT, _row(record))

    def get_token(self, token_id: str) -> TokenRecord:
        """Raises NotFoundError."""
        with self._database.reading("get token") as connection:
            row = connection.execute(_ONE, (token_id,)).fetchone()
        if row is None:
            raise no_token(token_id)
        return _record(row)

    def list_tokens(self) -> list[TokenRecord]:
        """The oldest first."""
        with self._database.reading("list tokens") as connection:
            return [_record(row) for row in connection.execute(_ALL)]

    def revoke_token(self, token_id: str, at: datetime, by: str) -> None:
        """Revoke it for good; one that is revoked stays as it is. Raises NotFoundError."""
        with self._database.writing("revoke token") as connection:
            if not connection.execute(_EXISTS, (token_id,)).fetchone():
                raise no_token(token_id)
            connection.execute(_REVOKE, (encode_time(at), by, token_id))

    def note_use(self, token_id: str, at: datetime) -> None:
        """Say that it was used then, unless a use shortly before is noted."""
        times = {"at": encode_time(at), "before": encode_time(at - USE_NOTED)}
        with self._database.writing("note use") as connection:
            connection.execute(_NOTE, {"id": token_id, **times})


def _row(record: TokenRecord) -> tuple[Any, ...]:
    return (
        record.id,
        record.digest,
        record.name,
        record.role.word,
        json.dumps(record.scopes),
        encode_time(record.created_at),
        record.created_by,
        encode_time(record.expires_at),
        _time_text(record.revoked_at),
        record.revoked_by,
        _time_text(record.last_used_at),
    )


def _record(row: tuple[Any, ...]) -> TokenRecord:
    token_id, digest, name, role, scopes, created_at, created_by, expires_at, *marks = row
    revoked_at, revoked_by, last_used_at = marks
    return TokenRecord(
        id=token_id,
        digest=digest,
        name=name,
        role=Role[role.upper()],
        scopes=tuple(json.loads(scopes)),
        created_at=decode_time(created_at),
        created_by=created_by,
        expires_at=decode_time(expires_at),
        revoked_at=decode_time(revoked_at) if revoked_at else None,
        revoked_by=revoked_by,
        last_used_at=decode_time(last_used_at) if last_used_at else None,
    )


def _time_text(at: datetime | None) -> str | None:
    return encode_time(at) if at else None
