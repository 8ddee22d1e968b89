"""Which runs there are: the newest first, by schedule, by status, by the beginning of their ids."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from heapq import merge
from itertools import groupby, islice
from typing import Any

from chalicelib.aws.dynamo_calls import DynamoCalls, Key, Question
from chalicelib.aws.dynamo_headers import ENDED, UNSEALED, Headers, StoredHeader, key_in
from chalicelib.aws.names import Tables
from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.records import Record, encode_time
from chalicelib.core.run import RunHeader
from chalicelib.errors import InvalidInputError
from chalicelib.ports import RunKey

logger = logging.getLogger(__name__)

_BY_STATUS = "byStatus"
_UNSEALED = "unsealed"
_AT_ONCE = 100  # headers read by one call


class Finding:
    """Lists headers. What the index names is read again; what it lacks yet is listed later."""

    def __init__(self, calls: DynamoCalls, tables: Tables, headers: Headers) -> None:
        self._calls = calls
        self._table = tables.history
        self._headers = headers

    def of_schedule(
        self, schedule_id: str, status: RunStatus | None, prefix: str, before: RunKey | None
    ) -> Iterator[RunHeader]:
        """`prefix` is the beginning of a run's id."""
        own = f"{schedule_id}/"
        start = prefix[len(own) :] if prefix.startswith(own) else ""
        if not schedule_id or not (own.startswith(prefix) or prefix.startswith(own)):
            return
        # A key has one condition: with both, the start of an id is the narrower one.
        bound = "" if before is None else encode_time(before[0])
        own = " AND #startDateTime <= :start" if bound else ""
        question = Question(
            table=self._table,
            condition="#scheduleId = :schedule"
            + (" AND begins_with(#startDateTime, :start)" if start else own),
            values={":schedule": schedule_id}
            | ({":start": start or bound} if start or bound else {}),
            newest_first=True,
        )
        for stored in map(self._read, self._calls.query(question)):
            if (
                stored is not None
                and status in (None, stored.header.status)
                and _is_before(stored.header, before)
            ):
                yield stored.header

    def of_all(
        self,
        statuses: Collection[RunStatus],
        prefix: str,
        limit: int,
        before: RunKey | None,
    ) -> Iterator[RunHeader]:
        """`prefix` is the beginning of a schedule's id; `limit` is how many are wanted."""
        bound = "" if before is None else encode_time(before[0])
        keys = self._newest_keys(statuses, prefix, bound)
        for stored in self._read_again(keys, min(limit, _AT_ONCE)):
            if stored.header.status in statuses and _is_before(stored.header, before):
                yield stored.header

    def _read_again(self, keys: Iterator[Key], at_once: int) -> Iterator[StoredHeader]:
        """What the items that an index has named say now."""
        while some := list(islice(keys, at_once)):
            items = {_key_of(item): item for item in self._calls.get_many(self._table, some)}
            for key in some:
                stored = self._read(items[_key_of(key)]) if _key_of(key) in items else None
                if stored is not None:
                    yield stored

    def unsealed(self, before: datetime) -> Iterator[RunHeader]:
        """Ended runs that are not sealed, the earliest end first; the index may be behind."""
        question = Question(
            table=self._table,
            index=_UNSEALED,
            condition=f"#{UNSEALED} = :yes AND #{ENDED} < :before",
            values={":yes": "yes", ":before": encode_time(before)},
            consistent=False,
            page=_AT_ONCE,
        )
        keys = map(key_in, self._calls.query(question))
        for stored in self._read_again(keys, _AT_ONCE):
            if stored.is_unsealed:
                yield stored.header

    def _newest_keys(self, statuses: Iterable[RunStatus], prefix: str, bound: str) -> Iterator[Key]:
        """Each once, although the index may name a run under two statuses for a moment."""
        seen = set()
        streams = [self._keys(status, bound) for status in statuses]
        # An index does not order what was started at once.
        for _, group in groupby(merge(*streams, key=_start_of, reverse=True), key=_start_of):
            for key in sorted(group, key=_key_of, reverse=True):
                if key["scheduleId"].startswith(prefix) and _key_of(key) not in seen:
                    seen.add(_key_of(key))
                    yield key

    def _keys(self, status: RunStatus, bound: str) -> Iterator[Key]:
        """From a start on that is no later than `bound`, if there is one."""
        question = Question(
            table=self._table,
            index=_BY_STATUS,
            condition="#scheduleStatus = :status"
            + (" AND #startDateTime <= :bound" if bound else ""),
            values={":status": str(status)} | ({":bound": bound} if bound else {}),
            consistent=False,
            newest_first=True,
        )
        for item in self._calls.query(question):
            yield key_in(item)

    def _read(self, item: Record) -> StoredHeader | None:
        try:
            return self._headers.read(item)
        except InvalidInputError as error:  # one bad record must not hide the others
            about = {"action": "find_headers", "schedule_id": item["scheduleId"]}
            logger.warning("%s can't be read: %s", item["startDateTime"], error, extra=about)
            return None


def _is_before(header: RunHeader, before: RunKey | None) -> bool:
    return before is None or (header.started_at, header.run_id) < before


def _key_of(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["scheduleId"], item["startDateTime"]


def _start_of(key: Key) -> str:
    return key["startDateTime"]
