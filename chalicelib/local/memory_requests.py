"""Requests in memory: the same contract as SQLite's, for tests and simulations."""

from datetime import datetime

from chalicelib.services.repeating import RequestRecord
from chalicelib.store_words import request_moved


class MemoryRequests:
    """services.repeating.Requests."""

    def __init__(self) -> None:
        self._records: dict[str, RequestRecord] = {}

    def get_request(self, key: str, now: datetime) -> RequestRecord | None:
        """None if there is none, or its time is over."""
        found = self._records.get(key)
        return found if found is not None and found.expires_at > now else None

    def put_request(self, record: RequestRecord, now: datetime) -> None:
        """Keep it in the place of its version before. Raises ConflictError."""
        found = self.get_request(record.key, now)
        if (found.version if found else 0) != record.version - 1:
            raise request_moved()
        self._records[record.key] = record
