"""Requests with their answers, in SQLite."""

from datetime import datetime

from chalicelib.core.records import decode_time, encode_time
from chalicelib.local.database import Database
from chalicelib.services.repeating import Reply, RequestRecord
from chalicelib.store_words import request_moved

_ONE = "SELECT * FROM requests WHERE key = ? AND expires_at > ?"
_VERSION = "SELECT version FROM requests WHERE key = ? AND expires_at > ?"
_PUT = "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SWEEP = "DELETE FROM requests WHERE expires_at <= ?"


class SqliteRequests:
    """services.repeating.Requests on a database."""

    def __init__(self, database: Database) -> None:
        self._requests = database

    def get_request(self, key: str, now: datetime) -> RequestRecord | None:
        """None if there is none, or its time is over."""
        with self._requests.reading("get request") as connection:
            row = connection.execute(_ONE, (key, encode_time(now))).fetchone()
        if row is None:
            return None
        key, version, digest, at, until, expires_at, status, body, media_type, location = row
        reply = Reply(status=status, body=body, media_type=media_type, location=location)
        return RequestRecord(
            key=key,
            version=version,
            digest=digest,
            at=decode_time(at),
            until=decode_time(until),
            expires_at=decode_time(expires_at),
            reply=reply if status else None,
        )

    def put_request(self, record: RequestRecord, now: datetime) -> None:
        """Keep it in the place of its version before. Raises ConflictError."""
        times = (record.at, record.until, record.expires_at)
        reply = record.reply or Reply(status=0, body="", media_type="")
        with self._requests.writing("put request") as connection:
            found = connection.execute(_VERSION, (record.key, encode_time(now))).fetchone()
            if (found[0] if found else 0) != record.version - 1:
                raise request_moved()
            connection.execute(_SWEEP, (encode_time(now),))
            connection.execute(
                _PUT,
                (
                    *(record.key, record.version, record.digest, *map(encode_time, times)),
                    *(reply.status, reply.body, reply.media_type, reply.location),
                ),
            )
