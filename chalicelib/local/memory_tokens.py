"""The tokens of the HTTP API in memory: the same contract as the other stores'."""

from dataclasses import replace
from datetime import datetime

from chalicelib.core.granting import TokenRecord
from chalicelib.store_words import no_token, token_exists


class MemoryTokens:
    """ports.TokenStore."""

    def __init__(self) -> None:
        self._records: dict[str, TokenRecord] = {}

    def create_token(self, record: TokenRecord) -> None:
        """Store a new one. Raises ConflictError if its id exists."""
        if record.id in self._records:
            raise token_exists(record)
        self._records[record.id] = record

    def get_token(self, token_id: str) -> TokenRecord:
        """Raises NotFoundError."""
        if token_id not in self._records:
            raise no_token(token_id)
        return self._records[token_id]

    def list_tokens(self) -> list[TokenRecord]:
        """The oldest first."""
        return sorted(self._records.values(), key=lambda each: (each.created_at, each.id))

    def revoke_token(self, token_id: str, at: datetime, by: str) -> None:
        """Revoke it for good; one that is revoked stays as it is. Raises NotFoundError."""
        record = self.get_token(token_id)
        if record.revoked_at is None:
            self._records[token_id] = replace(record, revoked_at=at, revoked_by=by)

    def note_use(self, token_id: str, at: datetime) -> None:
        """Say that it was used then, unless a use shortly before is noted."""
        record = self._records.get(token_id)
        if record is not None and record.is_use_due(at):
            self._records[token_id] = replace(record, last_used_at=at)
