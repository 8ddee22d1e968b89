"""Writing what happened in a run to DynamoDB."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.aws.board import Board
from chalicelib.aws.dynamo_calls import MAX_ACTIONS, ConditionFailedError, DynamoCalls, Write
from chalicelib.aws.dynamo_creation import Creation
from chalicelib.aws.dynamo_headers import (
    STANDS_STILL,
    flushed_values,
    header_item,
    key_of,
)
from chalicelib.aws.dynamo_items import event_text
from chalicelib.aws.dynamo_memory import Remembered, board_of
from chalicelib.aws.dynamo_moves import (
    Move,
    checked_run_write,
    job_write,
    mend,
    moves_of,
    own_events,
    parts_of,
)
from chalicelib.aws.dynamo_orders import BigOrder, Orders
from chalicelib.aws.dynamo_reading import Reading
from chalicelib.aws.dynamo_sealing import Sealing
from chalicelib.aws.names import Tables
from chalicelib.core.lifecycle import FINAL
from chalicelib.core.records import Record
from chalicelib.core.run import Change, Event, Run, RunHeader
from chalicelib.errors import BackendError, ConflictError, NotFoundError
from chalicelib.ports import RunChange
from chalicelib.store_words import job_moved, no_run, run_moved

_MENDINGS = 3  # of one transaction: a full item, a status that a person spelt, and one for luck


@dataclass(frozen=True, slots=True)
class _Whole:
    """What is written together with a new header."""

    after: RunHeader
    moves: Sequence[Move]
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Recording:
    """Writes on the condition that the run's header stands still, and each job."""

    calls: DynamoCalls
    tables: Tables
    reading: Reading
    orders: Orders
    creation: Creation
    sealing: Sealing

    def record(
        self,
        before: RunHeader,
        changes: Sequence[Change],
        after: RunHeader | None,
        run_changes: Sequence[RunChange],
    ) -> None:
        """As ports.RunStore.record says."""
        known = self._known(before)
        moves, sequence = moves_of(before.run_id, changes, known.sequence)
        own = own_events(run_changes, sequence)
        try:
            if after is None:
                self._write_facts(before, known, moves, own)
            else:
                self._write_whole(before, known, _Whole(after, moves, own))
        except (BackendError, ConflictError):
            self.reading.memory.forget(before.run_id)
            raise

    def close_turn(self, run: Run) -> None:
        """One write to the header; none if its board says all already."""
        known = self._known(run.header)
        board = board_of(run.specs.values(), run.states)
        if board == known.flushed:
            return
        try:
            self.calls.write(self._flush(run.header, known, board, known.sequence))
        except ConditionFailedError as error:
            self.reading.memory.forget(run.header.run_id)
            raise _moved(run.header, error.items[0]) from error
        known.flushed, known.board = board, board.copy()

    def _known(self, before: RunHeader) -> Remembered:
        """What is remembered of the run at this revision, else what its header says now.

        Raises ConflictError if the run has moved on.
        """
        known = self.reading.memory.get(before.run_id, before.revision)
        if known is not None:
            return known
        stored = self.orders.settled(before.run_id)
        if stored.old is not None:
            self.creation.adopt(stored)
            stored = self.orders.settled(before.run_id)
        if stored.header.revision != before.revision:
            raise run_moved(before, stored.header.revision, stored.header.status)
        return self.reading.remember(stored)

    def _write_facts(
        self, before: RunHeader, known: Remembered, moves: Sequence[Move], own: Sequence[Event]
    ) -> None:
        guard = self._guard(before)
        *earlier, latest = parts_of(moves, MAX_ACTIONS - 1 - bool(own))
        for chunk in earlier:
            self._transact(before, guard, chunk, ())
        board, sequence = _moved_on(before, known, moves, own)
        if flushes := any(_is_out_of_sight(known, move) for move in moves):
            guard = self._flush(before, known, board, sequence)
        self._transact(before, guard, latest, own)
        known.board, known.sequence = board, sequence
        if flushes:
            known.flushed = board.copy()

    def _flush(self, header: RunHeader, known: Remembered, board: Board, sequence: int) -> Write:
        """Bring the header's board and counts up to date, if it stands still."""
        values = flushed_values(board, known.counts(board), sequence)
        return Write(
            table=self.tables.history,
            key=key_of(header.run_id),
            update=f"SET {', '.join(f'#{name} = :{name}' for name in values)}",
            condition=STANDS_STILL,
            values={f":{name}": value for name, value in values.items()}
            | {":revision": header.revision},
        )

    def _write_whole(self, before: RunHeader, known: Remembered, order: _Whole) -> None:
        moves = order.moves
        board, sequence = _moved_on(before, known, moves, order.events)
        self.sealing.unseal(before, known.sealed)
        item = header_item(order.after, board, known.counts(board), sequence, known.specs_key)
        if len(parts_of(moves, MAX_ACTIONS - 1 - bool(order.events))) == 1:
            guard = self._guard(before, item)
            self._transact(before, guard, moves, order.events)
        else:
            self._order(BigOrder(before=before, moves=moves, header=item, events=order.events))
        known.revision, known.sequence = order.after.revision, sequence
        known.board, known.flushed, known.sealed = board, board.copy(), ""

    def _order(self, order: BigOrder) -> None:
        try:
            self.orders.write(order)
        except ConditionFailedError as error:
            raise _moved(order.before, error.items[0]) from error

    def _guard(self, before: RunHeader, item: Record | None = None) -> Write:
        """The header's part in a transaction: a new item, or only the condition."""
        return Write(
            table=self.tables.history,
            key=key_of(before.run_id),
            item=item or {},
            condition=STANDS_STILL,
            values={":revision": before.revision},
        )

    def _transact(
        self, before: RunHeader, guard: Write, moves: Sequence[Move], own: Sequence[Event]
    ) -> None:
        jobs, run_id = self.tables.jobs, before.run_id
        texts = [event_text(event) for event in own]
        last = [checked_run_write(jobs, run_id, texts, own[-1].sequence)] if own else []
        spellings: dict[str, str] = {}
        for _ in range(_MENDINGS):
            writes = [job_write(jobs, run_id, each, spellings.get(each.job, "")) for each in moves]
            try:
                self.calls.transact([guard, *writes, *last])
            except ConditionFailedError as error:
                found = dict(error.items)
                if 0 in found:
                    raise _moved(before, found[0]) from error
                failed = [([*moves, None][index - 1], item) for index, item in found.items()]
                spellings |= mend(self.calls, jobs, run_id, failed)
            else:
                return
        reason = "items keep changing under our hands"
        raise BackendError("DynamoDB", "TransactWriteItems", reason, retryable=True)


def _moved_on(
    before: RunHeader, known: Remembered, moves: Sequence[Move], own: Sequence[Event]
) -> tuple[Board, int]:
    """The board, and the number of the last event, after these. Raises ConflictError."""
    if any(move.job not in known.positions for move in moves):
        raise job_moved(before.run_id)
    board = known.board.copy()
    for move in moves:
        board.put(known.positions[move.job], move.reached)
    return board, max([known.sequence, *(move.last for move in moves)]) + len(own)


def _is_out_of_sight(known: Remembered, move: Move) -> bool:
    """Say whether a turn would not see where the job is: not by the index, nor by the board.

    So it is with a job that begins and ends within one turn.
    """
    return move.reached in FINAL and not known.flushed.is_open(known.positions[move.job])


def _moved(before: RunHeader, found: Record) -> ConflictError | NotFoundError:
    """Why a header did not stand still."""
    if "revision" not in found:
        return no_run(before.run_id)
    if found["revision"] != before.revision:
        return run_moved(before, found["revision"], found["scheduleStatus"])
    return ConflictError(
        f"An order over many jobs of run {before.run_id!r} is being written; load it again.",
        status=found["scheduleStatus"],
        event="record",
    )
