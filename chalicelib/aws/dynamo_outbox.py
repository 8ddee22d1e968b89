"""Letters to people, in DynamoDB's table of states: one item each, all in one partition.

An item is written once when the letter is posted and once when it is delivered. Of one that is
delivered or given up only its name stays, until TTL deletes it: so a look at the partition reads
little besides what waits.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib.aws.clients import Clients
from chalicelib.aws.dynamo_calls import ConditionFailedError, DynamoCalls, Key, Question, Write
from chalicelib.aws.dynamo_items import short
from chalicelib.aws.dynamo_sealing import EXPIRES
from chalicelib.aws.names import Tables
from chalicelib.core.notices import Letter, Posted, decode_letter, encode_letter
from chalicelib.core.records import Record, decode_time, encode_time
from chalicelib.notice_ports import Flow
from chalicelib.store_words import letter_gone

_PART = "outbox"
_KEPT = timedelta(days=2)  # the name of a letter that is delivered or given up
_NEW = "attribute_not_exists(#id)"
_WAITS = "attribute_exists(#tryAt)"
_CLOSE = (
    f"SET #closedAt = :at, #isTold = :told, #{EXPIRES} = :expires REMOVE #letter, #tryAt, #error"
)
_OF_LETTER = ("letter", "tryAt", "tries", "error")


class DynamoOutbox:
    """notice_ports.Outbox."""

    def __init__(self, clients: Clients, tables: Tables) -> None:
        self._calls = DynamoCalls(clients)
        self._table = tables.state

    def add(self, letter: Letter, next_at: datetime) -> bool:
        """Keep a letter that is to be tried then; False if it was added before."""
        try:
            self._calls.write(self._new(letter, next_at))
        except ConditionFailedError:
            return False
        return True

    def pending(self, now: datetime, limit: int) -> list[Posted]:
        """Letters that are due, the oldest event first."""
        found = self._items(
            filter="#tryAt <= :now", values={":now": encode_time(now)}, fields=_OF_LETTER
        )
        due = [_posted(item) for item in found]
        return sorted(due, key=lambda posted: (posted.letter.at, posted.letter.key))[:limit]

    def flow(self, group: str, since: datetime) -> Flow:
        """How many letters of a group there were since then."""
        first = encode_time(since)
        found = list(
            self._items(
                condition=" AND begins_with(#id, :group)",
                values={":group": f"{group}/"},
                fields=("at", "closedAt", "isTold"),
            )
        )
        return Flow(
            made=sum(item["at"] >= first for item in found),
            told=sum(item.get("isTold", False) and item["closedAt"] >= first for item in found),
        )

    def done(self, key: str, at: datetime) -> None:
        """The letter was delivered."""
        self._change(self._close(key, at, is_told=True))

    def failed(
        self, key: str, tries: int, at: datetime, next_at: datetime | None, error: str
    ) -> None:
        """The letter was tried so often, and is to be tried again then; None: it is given up."""
        if next_at is None:
            self._change(self._close(key, at, is_told=False))
            return
        values = {":tries": tries, ":tryAt": encode_time(next_at), ":error": short(error)}
        self._change(
            Write(
                table=self._table,
                key=_key(key),
                update="SET #tries = :tries, #tryAt = :tryAt, #error = :error",
                condition=_WAITS,
                values=values,
            )
        )

    def fold(self, members: Sequence[Letter], folded: Letter, at: datetime) -> None:
        """Put one letter in the place of several. Raises ConflictError if one is not waiting."""
        closed = [self._close(member.key, at, is_told=False) for member in members]
        try:
            self._calls.transact([self._new(folded, at), *closed])
        except ConditionFailedError as error:
            first = min(error.items)
            raise letter_gone(members[max(first - 1, 0)].key) from error

    def left(self) -> int:
        """How many letters are neither delivered nor given up."""
        return sum(1 for _ in self._items(filter=_WAITS, fields=("id",)))

    def _change(self, write: Write) -> None:
        """Do nothing for a letter that is not waiting."""
        try:
            self._calls.write(write)
        except ConditionFailedError:
            return

    def _new(self, letter: Letter, next_at: datetime) -> Write:
        item = {
            "at": encode_time(letter.at),
            "letter": json.dumps(encode_letter(letter), separators=(",", ":")),
            "tryAt": encode_time(next_at),
            "tries": 0,
        }
        return Write(table=self._table, key=_key(letter.key), item=item, condition=_NEW)

    def _close(self, key: str, at: datetime, *, is_told: bool) -> Write:
        expires = int((at + _KEPT).timestamp())
        return Write(
            table=self._table,
            key=_key(key),
            update=_CLOSE,
            condition=_WAITS,
            values={":at": encode_time(at), ":told": is_told, ":expires": expires},
        )

    def _items(
        self,
        *,
        condition: str = "",
        filter: str = "",
        values: Mapping[str, Any] | None = None,
        fields: Sequence[str] = (),
    ) -> Iterator[Record]:
        question = Question(
            table=self._table,
            condition="#part = :part" + condition,
            values={":part": _PART, **(values or {})},
            filter=filter,
            fields=fields,
        )
        return self._calls.query(question)


def _key(key: str) -> Key:
    return {"part": _PART, "id": key}


def _posted(item: Record) -> Posted:
    return Posted(
        letter=decode_letter(json.loads(item["letter"])),
        next_at=decode_time(item["tryAt"]),
        tries=item["tries"],
        error=item.get("error", ""),
    )
