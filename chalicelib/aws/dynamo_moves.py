"""Changes of jobs as writes to their items: one write a job, with its events, on one condition."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count

from chalicelib.aws.dynamo_calls import ConditionFailedError, DynamoCalls, Write
from chalicelib.aws.dynamo_items import (
    RUN_ITEM,
    event_text,
    page_name,
    state_values,
)
from chalicelib.core.lifecycle import FINAL, JobStatus
from chalicelib.core.records import Record, decode_job_status, event_of, is_event
from chalicelib.core.run import Change, Event, JobState
from chalicelib.errors import InvalidInputError
from chalicelib.ports import RunChange
from chalicelib.store_words import event_of_run, job_moved

# Events that stay in a job's own item; then they move to a page. With reasons of 1,024 bytes 100
# items stay below 3 MB of the 4 MB that a transaction may have (API_TransactWriteItems).
MANY_EVENTS = 24
_MOST_TOLD = 768 * 1024  # bytes of what the jobs of one transaction have told

STATE = (
    "jobStatus",
    "version",
    "attempt",
    "failures",
    "queueName",
    "jobId",
    "intent",
    "lookups",
    "reservedAt",
    "notBefore",
    "runnableSince",
    "startedAt",
    "stoppedAt",
    "exitCode",
    "reason",
    "told",  # only of jobs that have ended: it is not in the index of open ones
)
READ = ("run", "jobName", "position", "last", *STATE)  # what a load wants of an item


@dataclass(slots=True)
class Move:
    """All changes of one job in one record: from a version and status to a new state."""

    job: str
    version: int
    status: JobStatus
    state: Record  # as an item has it
    events: list[str] = field(default_factory=list)
    last: int = 0  # the last event's sequence; 0: none

    @property
    def reached(self) -> JobStatus:
        return JobStatus(self.state["jobStatus"])


def parts_of(moves: Sequence[Move], most: int) -> list[Sequence[Move]]:
    """The moves, in order, in parts that one transaction each can take; at least one part."""
    parts: list[Sequence[Move]] = []
    first = told = 0
    for index, move in enumerate(moves):
        size = len(move.state.get("told", ""))
        if index - first == most or (index > first and told + size > _MOST_TOLD):
            parts.append(moves[first:index])
            first, told = index, 0
        told += size
    return [*parts, moves[first:]]


def moves_of(run_id: str, changes: Iterable[Change], sequence: int) -> tuple[list[Move], int]:
    """One move a job, and the number of the last event; the first is `sequence` + 1.

    Raises ConflictError if a change does not follow from the one before it.
    """
    moves: dict[str, Move] = {}
    for change in changes:
        before = change.before
        move = moves.setdefault(
            change.job, Move(change.job, before.version, before.status, {"version": before.version})
        )
        if move.state["version"] != before.version:
            raise job_moved(run_id)
        move.state = state_values(change.after)
        if is_event(change):
            sequence += 1
            move.events.append(event_text(event_of(change, sequence)))
            move.last = sequence
    return list(moves.values()), sequence


def own_events(run_changes: Iterable[RunChange], sequence: int) -> list[Event]:
    """The run's own events, numbered on from `sequence`."""
    return [event_of_run(*pair) for pair in zip(run_changes, count(sequence + 1), strict=False)]


def job_item(position: int, state: JobState, *, untouched: bool) -> Record:
    """A job's item as it is created, without its key."""
    is_open = not untouched and state.status not in FINAL
    own = {"open": position} if is_open else {}
    return state_values(state) | {"position": position, "events": []} | own


def job_write(table: str, run_id: str, move: Move, spelling: str = "") -> Write:
    """The move, if the job stands where it begins; `spelling` is how a person wrote that."""
    write = settled_write(table, run_id, move)
    status = {":status": spelling or str(move.status), ":many": MANY_EVENTS}
    return replace(
        write,
        condition=f"{write.condition} AND #jobStatus = :status AND size(#events) < :many",
        values={**write.values, **status},
    )


def settled_write(table: str, run_id: str, move: Move) -> Write:
    """The move of an order that is decided: done once, whatever a person wrote meanwhile."""
    values = {f":{name}": value for name, value in move.state.items()}
    if move.events:
        values |= {":events": move.events, ":last": move.last}
    return Write(
        table=table,
        key={"run": run_id, "jobName": move.job},
        update=_update(move),
        condition="#version = :before",
        values=values | {":before": move.version},
    )


def _update(move: Move) -> str:
    assigned = [f"#{name} = :{name}" for name in move.state]
    removed = [f"#{name}" for name in STATE if name not in move.state]
    if move.reached in FINAL:
        removed.append("#open")
    else:
        assigned.append("#open = #position")
    if move.events:
        assigned += ["#events = list_append(#events, :events)", "#last = :last"]
    removal = f" REMOVE {', '.join(removed)}" if removed else ""
    return f"SET {', '.join(assigned)}{removal}"


def run_write(table: str, run_id: str, events: Sequence[str], last: int) -> Write:
    """The run's own events, appended to its own item."""
    return Write(
        table=table,
        key={"run": run_id, "jobName": RUN_ITEM},
        update="SET #events = list_append(#events, :events), #last = :last",
        values={":events": list(events), ":last": last},
    )


def checked_run_write(table: str, run_id: str, events: Sequence[str], last: int) -> Write:
    """The same, unless the item is full."""
    write = run_write(table, run_id, events, last)
    values = {**write.values, ":many": MANY_EVENTS}
    return replace(write, condition="size(#events) < :many", values=values)


def mend(
    calls: DynamoCalls, table: str, run_id: str, failed: Iterable[tuple[Move | None, Record]]
) -> dict[str, str]:
    """Make way for moves that were refused although their jobs stand where they begin.

    `failed` are the moves, None for the run's own events, with the items that were found. Gives
    how people spelt the statuses of some; full items are emptied into a page. Raises ConflictError
    if a job has moved.
    """
    spellings = {}
    for move, found in failed:
        if move is not None:
            if not stands(move, found):
                raise job_moved(run_id)
            spellings[move.job] = str(found["jobStatus"])
        if len(found.get("events", ())) >= MANY_EVENTS:
            _turn_page(calls, table, found)
    return spellings


def stands(move: Move, found: Record) -> bool:
    """Say whether an item is where a move begins."""
    if found.get("version") != move.version:
        return False
    try:
        return decode_job_status(str(found["jobStatus"])) is move.status
    except InvalidInputError:
        return False


def _turn_page(calls: DynamoCalls, table: str, found: Record) -> None:
    """Move the events of an item to a page of their own; somebody else may do so meanwhile."""
    run, name, pages = found["run"], found["jobName"], found.get("pages", 0) + 1
    page = {"events": found["events"], "last": found["last"]}
    emptied = Write(
        table=table,
        key={"run": run, "jobName": name},
        update="SET #events = :none, #pages = :pages",
        condition="#last = :last AND size(#events) = :length",
        values={
            ":none": [],
            ":pages": pages,
            ":last": found["last"],
            ":length": len(found["events"]),
        },
    )
    kept = Write(table=table, key={"run": run, "jobName": page_name(name, pages)}, item=page)
    with suppress(ConditionFailedError):
        calls.transact([kept, emptied])
