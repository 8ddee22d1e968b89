"""What a process remembers of the runs it has loaded, so that a write need not read first.

All of it may be old: every write is conditional on the revision that it was made from. It is
forgotten when a write fails.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from chalicelib.aws.board import UNTOUCHED, Board
from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.run import JobState, initial_state
from chalicelib.core.schedule import JobSpec

Value = TypeVar("Value")

_RUNS = 16  # remembered at once: a Lambda function or a terminal sees few


@dataclass(slots=True)
class Remembered:
    """A run as its header was when it was read or written here last, and what followed."""

    revision: int
    specs_key: str
    sequence: int  # of the last event known
    board: Board
    flushed: Board  # as it is in the header's item
    positions: Mapping[str, int]
    firsts: Sequence[JobStatus]  # statuses that the jobs' specs begin with
    sealed: str = ""

    def counts(self, board: Board | None = None) -> dict[str, int]:
        return (board or self.board).counts(self.firsts)


class Memory:
    """The runs that this process has seen last."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, Remembered] = OrderedDict()
        self._specs: OrderedDict[str, str] = OrderedDict()

    def get(self, run_id: str, revision: int) -> Remembered | None:
        known = self._runs.get(run_id)
        return known if known is not None and known.revision == revision else None

    def newest(self, run_id: str) -> Remembered | None:
        return self._runs.get(run_id)

    def keep(self, run_id: str, remembered: Remembered) -> Remembered:
        _keep(self._runs, run_id, remembered)
        return remembered

    def forget(self, run_id: str) -> None:
        self._runs.pop(run_id, None)

    def specs(self, key: str) -> str | None:
        """The frozen specs under this key, which never change, as text."""
        return self._specs.get(key)

    def keep_specs(self, key: str, text: str) -> None:
        _keep(self._specs, key, text)


def _keep(kept: OrderedDict[str, Value], key: str, value: Value) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > _RUNS:
        kept.popitem(last=False)


def board_of(specs: Iterable[JobSpec], states: Mapping[str, JobState]) -> Board:
    """The board that says where these jobs stand."""
    board = Board([UNTOUCHED] * len(states))
    for position, spec in enumerate(specs):
        state = states[spec.name]
        if state != initial_state(spec):
            board.put(position, state.status)
    return board
