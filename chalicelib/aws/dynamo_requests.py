"""Requests with their answers, one item each, which DynamoDB deletes after their time."""

import gzip
from datetime import datetime
from math import ceil
from typing import Any

from chalicelib.aws.clients import Clients
from chalicelib.aws.dynamo_calls import ConditionFailedError, DynamoCalls, Key, Write
from chalicelib.aws.names import Tables
from chalicelib.core.records import Record, decode_time, encode_time
from chalicelib.services.repeating import Reply, RequestRecord
from chalicelib.store_words import request_moved

# An item has at most 400 KB (DynamoDB quotas): an answer that is longer is made anew.
_LARGEST = 300_000  # bytes of a compressed body


class DynamoRequests:
    """services.repeating.Requests."""

    def __init__(self, clients: Clients, tables: Tables) -> None:
        self._calls = DynamoCalls(clients)
        self._table = tables.state

    def get_request(self, key: str, now: datetime) -> RequestRecord | None:
        """None if there is none, or its time is over: TTL deletes hours or days late."""
        item = self._calls.get(self._table, _key(key))
        record = _record(key, item) if item else None
        return record if record is not None and record.expires_at > now else None

    def put_request(self, record: RequestRecord, now: datetime) -> None:
        """Keep it in the place of its version before. Raises ConflictError."""
        value: str | int
        if record.version == 1:
            condition, value = "attribute_not_exists(#part) OR #over <= :value", encode_time(now)
        else:
            condition, value = "#version = :value", record.version - 1
        write = Write(
            table=self._table,
            key=_key(record.key),
            item=_item(record),
            condition=condition,
            values={":value": value},
        )
        try:
            self._calls.write(write)
        except ConditionFailedError as error:
            raise request_moved() from error


def _key(key: str) -> Key:
    return {"part": f"request/{key}", "id": "-"}


def _item(record: RequestRecord) -> Record:
    item: dict[str, Any] = {
        "version": record.version,
        "digest": record.digest,
        "at": encode_time(record.at),
        "until": encode_time(record.until),
        "over": encode_time(record.expires_at),
        "expiresAt": ceil(record.expires_at.timestamp()),
    }
    reply = record.reply
    body = gzip.compress(reply.body.encode(), mtime=0) if reply else b""
    if reply is not None and len(body) <= _LARGEST:
        about = {"mediaType": reply.media_type, "location": reply.location}
        item |= {"status": reply.status, "body": body, **about}
    return item


def _record(key: str, item: Record) -> RequestRecord:
    reply = None
    if "status" in item:
        reply = Reply(
            status=item["status"],
            body=gzip.decompress(bytes(item["body"])).decode(),
            media_type=item["mediaType"],
            location=item["location"],
        )
    return RequestRecord(
        key=key,
        version=item["version"],
        digest=item["digest"],
        at=decode_time(item["at"]),
        until=decode_time(item["until"]),
        expires_at=decode_time(item["over"]),
        reply=reply,
    )
