"""Headers of runs as items of the History table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.aws.board import Board
from chalicelib.aws.documents import to_json
from chalicelib.aws.dynamo_calls import DynamoCalls, Key
from chalicelib.aws.dynamo_items import from_json, header_of, header_values
from chalicelib.aws.names import Tables
from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.old_records import OldRun, parse_old_record
from chalicelib.core.records import Record, encode_time
from chalicelib.core.run import RunHeader
from chalicelib.errors import InvalidInputError
from chalicelib.ports import Clock
from chalicelib.store_words import check_kept, counts_of, no_run, without_seal

_OLD_JOBS = "jobList"  # what only a record of the first version has
CREATING = "creating"  # the token of who creates the run, which no reader sees until it is whole
ADOPTING = "adopting"  # the token of who puts a run in the place of an old record
PENDING = "pending"  # the order that is being written; see dynamo_orders
SEALED = "sealed"  # see dynamo_sealing
# The sparse index of ended runs that are not sealed yet: the same key for all, then their ends.
UNSEALED = "unsealed"
ENDED = "unsealedSince"

_NEEDED = ("scheduleStatus", "counts", "board", "sequence", "specs")
STANDS_STILL = f"#revision = :revision AND attribute_not_exists(#{PENDING})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHeader:
    """A header's item. `old` is the whole run if the item is a record of the first version."""

    key: Key
    header: RunHeader
    board: Board
    sequence: int = 0
    specs_key: str = ""
    pending: str = ""
    sealed: str = ""
    is_unsealed: bool = False  # it has ended, and is yet to be sealed
    old: OldRun | None = None


def key_of(run_id: str) -> Key:
    """The two parts of a run's id (core.naming.run_id)."""
    schedule_id, _, start = run_id.partition("/")
    return {"scheduleId": schedule_id, "startDateTime": start}


def _older_keys(key: Key) -> Iterator[Key]:
    """Where the first version may have put the run: it wrote no zone, and no zeros."""
    start = key["startDateTime"]
    if start.endswith("Z"):
        yield {**key, "startDateTime": start[:-1]}
        if start.endswith(".000000Z"):
            yield {**key, "startDateTime": start[: -len(".000000Z")]}


def header_item(
    header: RunHeader, board: Board, counts: Mapping[str, int], sequence: int, specs_key: str
) -> Record:
    """All attributes but the key: those of a run that is not sealed."""
    own = header_values(without_seal(header)) | unsealed_values(header)
    return own | flushed_values(board, counts, sequence) | {"specs": specs_key}


def unsealed_values(header: RunHeader) -> Record:
    """What brings an ended run into the index of those to be sealed."""
    if header.status is RunStatus.RUNNING:
        return {}
    return {UNSEALED: "yes", ENDED: encode_time(header.ended_at or header.started_at)}


def flushed_values(board: Board, counts: Mapping[str, int], sequence: int) -> Record:
    """What the end of a turn brings up to date."""
    return {"board": board.pack(), "counts": to_json(dict(counts)), "sequence": sequence}


class Headers:
    """Reads headers; what is being created is not there."""

    def __init__(self, calls: DynamoCalls, tables: Tables, clock: Clock) -> None:
        self._calls = calls
        self.tables = tables
        self._clock = clock

    def get(self, run_id: str) -> StoredHeader:
        """As it is now. Raises NotFoundError."""
        key = key_of(run_id)
        if not key["startDateTime"]:
            raise no_run(run_id)
        for candidate in (key, *_older_keys(key)):
            values = self._calls.get(self.tables.history, candidate)
            found = self.read(values) if values else None
            if found is not None:
                return found
        raise no_run(run_id)

    def read(self, values: Mapping[str, Any]) -> StoredHeader | None:
        """None for an item that is no run yet. Raises InvalidInputError for one that never was."""
        if _OLD_JOBS in values:
            return _old(values)
        if CREATING in values:
            return None
        lacking = [name for name in _NEEDED if name not in values]
        if lacking:
            place = f"{values['scheduleId']}/{values['startDateTime']}"
            raise InvalidInputError.at(place, f"is no run: it has no {', '.join(lacking)}")
        return StoredHeader(
            key=key_in(values),
            header=header_of(values, from_json(values["counts"])),
            board=Board.unpack(values["board"]),
            sequence=values["sequence"],
            specs_key=values["specs"],
            pending=values.get(PENDING, ""),
            sealed=values.get(SEALED, ""),
            is_unsealed=UNSEALED in values,
        )

    def check_kept(self, header: RunHeader) -> None:
        """Raise ExpiredError when the header is all that is left.

        TTL deletes hours or days late (DynamoDB developer guide, "Time to Live").
        """
        check_kept(header, self._clock())


def key_in(values: Mapping[str, Any]) -> Key:
    """The key of an item, whichever index it came from."""
    return {name: values[name] for name in ("scheduleId", "startDateTime")}


def _old(values: Mapping[str, Any]) -> StoredHeader:
    # Who began to take it over may have been cut off: it is an old record still.
    record = {name: value for name, value in values.items() if name != ADOPTING}
    header, specs, states = parse_old_record(record)
    counted = replace(header, counts=counts_of(states.values()))
    old = (counted, specs, states)
    return StoredHeader(key=key_in(values), header=counted, board=Board(()), old=old)
