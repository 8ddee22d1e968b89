"""What starts runs, and the calendars it goes by, in DynamoDB's table of states.

The index `due` holds only what is due at some time: a tick reads what is due, and nothing else.
"""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any

from chalicelib.aws.clients import Clients
from chalicelib.aws.dynamo_calls import (
    MAX_ACTIONS,
    ConditionFailedError,
    DynamoCalls,
    Key,
    Question,
    Write,
)
from chalicelib.aws.dynamo_items import short
from chalicelib.aws.names import Tables
from chalicelib.core.records import Record, decode_time, encode_time
from chalicelib.errors import InvalidInputError
from chalicelib.store_words import calendar_moved, no_calendar, triggers_moved
from chalicelib.timing_ports import StoredCalendar, StoredTriggers

# Partitions of the index: one takes 1,000 writes a second (dynamodb-dg, partitions), and at
# midnight many schedules move at once.
SHARDS = 8
_CALENDARS = "calendars"
_SAME = "#revision = :revision"


class DynamoTriggers:
    """ports.TriggerStore and ports.CalendarStore."""

    def __init__(self, clients: Clients, tables: Tables) -> None:
        self._calls = DynamoCalls(clients)
        self._table = tables.state

    def get_triggers(self, schedule_id: str) -> StoredTriggers | None:
        """None for a schedule that never had any."""
        item = self._calls.get(self._table, _key(schedule_id))
        return _triggers(item) if item else None

    def put_triggers(self, before: StoredTriggers | None, after: StoredTriggers) -> None:
        """Replace `before` by `after`. Raises ConflictError, and InvalidInputError for too many."""
        heard, hears = set(before.listens if before else ()), set(after.listens)
        writes = [
            self._put(before, after),
            *(self._listener(event, after, delete=True) for event in sorted(heard - hears)),
            *(self._listener(event, after) for event in sorted(hears - heard)),
        ]
        if len(writes) > MAX_ACTIONS:
            allowed = f"at most {MAX_ACTIONS - 1} in one change"
            raise InvalidInputError.at("$.triggers", "listen to too many events", allowed=allowed)
        try:
            self._calls.write(writes[0]) if len(writes) == 1 else self._calls.transact(writes)
        except ConditionFailedError as error:
            raise triggers_moved(after.schedule_id) from error

    def due_triggers(self, now: datetime, limit: int) -> list[StoredTriggers]:
        """Those whose `next_at` is not after `now`, the earliest first."""
        found = [each for shard in range(SHARDS) for each in self._due(shard, now, limit)]
        earliest = sorted(found, key=lambda item: (item["nextAt"], item["part"]))[:limit]
        keys = [{"part": item["part"], "id": item["id"]} for item in earliest]
        read = map(_triggers, self._calls.get_many(self._table, keys))
        due = [(each.next_at, each.schedule_id, each) for each in read if each.next_at]
        return [each for next_at, _, each in sorted(due, key=lambda one: one[:2]) if next_at <= now]

    def listeners(self, event: str) -> list[str]:
        """The ids of the schedules that listen to the event, in order."""
        return [item["id"] for item in self._of_part(_event(event))]

    def get_calendar(self, name: str) -> StoredCalendar:
        """Raises NotFoundError."""
        item = self._calls.get(self._table, _calendar_key(name)) if name else None
        if item is None:
            raise no_calendar(name)
        return _calendar(item)

    def list_calendars(self) -> list[StoredCalendar]:
        """All of them, ordered by name."""
        return [_calendar(item) for item in self._of_part(_CALENDARS)]

    def put_calendar(self, calendar: StoredCalendar) -> None:
        """Store it. Raises ConflictError unless its revision is the next one."""
        is_new = calendar.revision == 1
        write = Write(
            table=self._table,
            key=_calendar_key(calendar.name),
            item={
                "revision": calendar.revision,
                "document": calendar.document,
                "storedAt": encode_time(calendar.stored_at),
                "storedBy": short(calendar.stored_by),
            },
            condition="attribute_not_exists(#id)" if is_new else _SAME,
            values={} if is_new else {":revision": calendar.revision - 1},
        )
        try:
            self._calls.write(write)
        except ConditionFailedError as error:
            raise calendar_moved(calendar.name, "put calendar") from error

    def delete_calendar(self, name: str, revision: int) -> None:
        """Raises NotFoundError, and ConflictError when the stored one has another revision."""
        self.get_calendar(name)
        write = Write(
            table=self._table,
            key=_calendar_key(name),
            delete=True,
            condition=_SAME,
            values={":revision": revision},
        )
        try:
            self._calls.transact([write])
        except ConditionFailedError as error:
            raise calendar_moved(name, "delete calendar") from error

    def _put(self, before: StoredTriggers | None, after: StoredTriggers) -> Write:
        due = {"shard": _shard(after.schedule_id), "nextAt": encode_time(after.next_at)} if (
            after.next_at
        ) else {}  # fmt: skip
        return Write(
            table=self._table,
            key=_key(after.schedule_id),
            item={
                "scheduleId": after.schedule_id,
                "revision": after.revision,
                "listens": list(after.listens),
                "record": after.record,
                **due,
            },
            condition=_SAME if before else "attribute_not_exists(#id)",
            values={":revision": before.revision} if before else {},
        )

    def _listener(self, event: str, triggers: StoredTriggers, *, delete: bool = False) -> Write:
        key = {"part": _event(event), "id": triggers.schedule_id}
        item = {} if delete else {"scheduleId": triggers.schedule_id}
        return Write(table=self._table, key=key, item=item, delete=delete)

    def _due(self, shard: int, now: datetime, limit: int) -> Iterator[Record]:
        question = Question(
            table=self._table,
            index="due",
            condition="#shard = :shard AND #nextAt <= :now",
            values={":shard": str(shard), ":now": encode_time(now)},
            consistent=False,
        )
        return islice(self._calls.query(question), limit)

    def _of_part(self, part: str) -> Iterator[Record]:
        question = Question(table=self._table, condition="#part = :part", values={":part": part})
        return self._calls.query(question)


def _key(schedule_id: str) -> Key:
    return {"part": f"triggers/{schedule_id}", "id": "triggers"}


def _calendar_key(name: str) -> Key:
    return {"part": _CALENDARS, "id": name}


def _event(event: str) -> str:
    return f"listeners/{event}"


def _shard(schedule_id: str) -> str:
    return str(sha256(schedule_id.encode()).digest()[0] % SHARDS)


def _triggers(item: Record) -> StoredTriggers:
    next_at = item.get("nextAt")
    return StoredTriggers(
        schedule_id=item["scheduleId"],
        revision=item["revision"],
        next_at=decode_time(next_at) if next_at else None,
        listens=tuple(item["listens"]),
        record=item["record"],
    )


def _calendar(item: Any) -> StoredCalendar:
    return StoredCalendar(
        name=item["id"],
        revision=item["revision"],
        document=item["document"],
        stored_at=decode_time(item["storedAt"]),
        stored_by=item["storedBy"],
    )
