"""Orders over more jobs than one transaction holds: written whole, or not at all, by an order log.

The order is put down in one document, then the header names it: `prepared:KEY`. While it does, no
other write to the run goes through, so it can be seen whether every job stands where the order
begins. If so the header becomes what it is after the order, and says `committed:KEY`: from then on
the order is done to everyone, because whoever reads the run first does what is missing of it. Last
the header forgets the order. A prepared order that nobody carries on is dropped after a while.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta

from chalicelib.aws.documents import Documents, digest_of, to_json
from chalicelib.aws.dynamo_calls import (
    MAX_ACTIONS,
    ConditionFailedError,
    DynamoCalls,
    Key,
    Question,
    Write,
)
from chalicelib.aws.dynamo_headers import PENDING, STANDS_STILL, Headers, StoredHeader, key_of
from chalicelib.aws.dynamo_items import FIRST_JOB, event_text, from_json
from chalicelib.aws.dynamo_moves import Move, parts_of, run_write, settled_write, stands
from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.records import Record, decode_time, encode_time
from chalicelib.core.run import Event, RunHeader
from chalicelib.ports import Clock
from chalicelib.store_words import job_moved

_PREPARED, _COMMITTED = "prepared", "committed"
_PATIENCE = timedelta(seconds=30)  # with a prepared order; dropping one too soon loses it only
_SINCE = "pendingSince"
_IS_PENDING = f"#{PENDING} = :pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class BigOrder:
    """All that an order writes."""

    before: RunHeader
    moves: Sequence[Move]
    header: Record  # the item after it, without its key
    events: Sequence[Event]  # the run's own


class Orders:
    """Writes orders, and carries on those that were left unfinished."""

    def __init__(
        self, calls: DynamoCalls, headers: Headers, documents: Documents, clock: Clock
    ) -> None:
        self._calls = calls
        self._headers = headers
        self._tables = headers.tables
        self._documents = documents
        self._clock = clock

    def write(self, order: BigOrder) -> None:
        """Raises ConditionFailedError if the header has moved, ConflictError if a job has."""
        run_id, key = order.before.run_id, key_of(order.before.run_id)
        text = _to_text(order)
        document = f"runs/{run_id}/order-{digest_of(text)}.json.gz"
        self._documents.put(document, text)
        prepared = f"{_PREPARED}:{document}"
        self._calls.write(self._prepare(key, order.before.revision, prepared))
        if not self._all_stand(run_id, order.moves):
            self._drop(key, prepared)
            raise job_moved(run_id)
        committed = f"{_COMMITTED}:{document}"
        item = {**order.header, PENDING: committed}
        values = {":pending": prepared}
        history = self._tables.history
        self._calls.write(
            Write(table=history, key=key, item=item, condition=_IS_PENDING, values=values)
        )
        self._carry_out(key, run_id, text, committed)

    def settled(self, run_id: str) -> StoredHeader:
        """The run's header, after what earlier orders left to do. Raises NotFoundError."""
        stored = self._headers.get(run_id)
        while stored.pending and self._settle(stored):
            stored = self._headers.get(run_id)
        return stored

    def _settle(self, stored: StoredHeader) -> bool:
        """Do what is missing of a committed order; drop one that was prepared long ago.

        True if the header is another one now.
        """
        kind, _, document = stored.pending.partition(":")
        if kind == _COMMITTED:
            text = self._documents.get(document)
            self._carry_out(stored.key, stored.header.run_id, text, stored.pending)
            return True
        if kind == _PREPARED and self._is_old(stored.key):
            self._drop(stored.key, stored.pending)
            return True
        return False

    def _prepare(self, key: Key, revision: int, prepared: str) -> Write:
        since = encode_time(self._clock())
        return Write(
            table=self._tables.history,
            key=key,
            update=f"SET #{PENDING} = :pending, #{_SINCE} = :since",
            condition=STANDS_STILL,
            values={":pending": prepared, ":since": since, ":revision": revision},
        )

    def _is_old(self, key: Key) -> bool:
        found = self._calls.get(self._tables.history, key, (_SINCE,)) or {}
        if _SINCE not in found:
            return False
        # Either way round: the clock of who prepared it may be ahead of ours.
        return abs(self._clock() - decode_time(found[_SINCE])) > _PATIENCE

    def _drop(self, key: Key, pending: str) -> None:
        """Forget an order; nothing if somebody else has already."""
        write = Write(
            table=self._tables.history,
            key=key,
            update=f"REMOVE #{PENDING}, #{_SINCE}",
            condition=_IS_PENDING,
            values={":pending": pending},
        )
        with suppress(ConditionFailedError):
            self._calls.write(write)

    def _all_stand(self, run_id: str, moves: Sequence[Move]) -> bool:
        question = Question(
            table=self._tables.jobs,
            condition="#run = :run AND #jobName >= :first",
            values={":run": run_id, ":first": FIRST_JOB},
            fields=("jobName", "version", "jobStatus"),
        )
        found = {item["jobName"]: item for item in self._calls.query(question)}
        return all(stands(move, found.get(move.job, {})) for move in moves)

    def _carry_out(self, key: Key, run_id: str, text: str, committed: str) -> None:
        moves, events, last = _of_text(text)
        own = [run_write(self._tables.jobs, run_id, events, last)] if events else []
        for number, part in enumerate(parts_of(moves, MAX_ACTIONS - 1)):
            chunk = [settled_write(self._tables.jobs, run_id, move) for move in part]
            try:
                self._calls.transact(chunk if number else [*own, *chunk])
            except ConditionFailedError:
                # A chunk is written whole: one job past its beginning says that all are.
                continue
        self._drop(key, committed)


def _to_text(order: BigOrder) -> str:
    """All of it but the header's item, which is in the table when this is read."""
    own = [event_text(event) for event in order.events]
    last = order.events[-1].sequence if own else 0
    return to_json({"moves": [asdict(move) for move in order.moves], "own": own, "last": last})


def _of_text(text: str) -> tuple[list[Move], list[str], int]:
    record = from_json(text)
    moves = [Move(**{**move, "status": JobStatus(move["status"])}) for move in record["moves"]]
    return moves, record["own"], record["last"]
