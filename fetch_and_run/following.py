"""Following work of another service as if it were the job itself: begun once, seen to its end.

The claim tells where the attempt stands, so that a container that AWS Batch starts again for it
goes on there. Its `remote` is empty, then has STARTING while a start is being made, then what the
kind finds its work again by:

    {}  ->  {startAskedAt}  ->  {what start() answered}

Who finds STARTING does not know whether the work began: it is looked for by the token, and begun
again only when surely none was.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fetch_and_run.exits import Exit
from fetch_and_run.world import World

STARTING = "startAskedAt"  # a member of `remote`: when a start was asked for last, ISO 8601
STEP = "step"  # a member of `remote`: which of several works it is of, from 0; absent for the first
LINK = "link"  # a member of `remote` that kinds may give: where a person sees the work or its logs

Remote = Mapping[str, str]


class AgainError(Exception):
    """Not now: throttled, or out of reach; nothing was done, and the same may be asked again."""


class InDoubtError(Exception):
    """The answer was lost, or can't be had: nobody knows here whether the work was begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How work ended. `reason` is a clause without a full stop: "has failed: no such table"."""

    succeeded: bool
    reason: str
    logs: str = ""  # a link; empty: the LINK of `remote`, if it has one
    code: int = Exit.FAILED  # batch-job's exit code when it has not succeeded
    outputs: Mapping[str, str] = field(default_factory=dict)  # told to the claim on success


class Work(Protocol):
    """Work of another service. A method asks once and answers soon (within 10 s or so).

    Retries, pauses and time limits are `follow`'s. Any method but `describe` may raise AgainError.
    """

    @property
    def what(self) -> str:
        """What it is, for messages: "Glue job etl"."""

    @property
    def settling(self) -> float:
        """For how many seconds after it was asked for `find` may miss it, in the worst case."""

    def start(self, token: str) -> Remote:
        """Begin it, with the token in it; the answer is what finds it again, never empty.

        AgainError says that surely nothing began. Raises JobError (NOT_STARTED, REFUSED) when it
        is refused, and InDoubtError when the answer was lost. It is called again for the same
        token only after AgainError, or when `find` has said that none was begun.
        """

    def find(self, token: str) -> Remote | None:
        """The work begun with the token; None when there is none.

        Raises InDoubtError when the service can't tell: its text says what to look at.
        """

    def look(self, remote: Remote) -> Outcome | None:
        """How it ended; None while it goes on. Raises JobError when that can't be seen."""

    def cancel(self, remote: Remote) -> None:
        """Ask for its end; fine when it has ended. Raises JobError when it can't be cancelled."""

    def describe(self) -> Mapping[str, object]:
        """What would be asked, for --dry-run: as JSON."""


# A step's work may need what the step before it left in `remote` (a session's id); {} for the first.
Step = Callable[[Remote], Work]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for what; all in seconds."""

    timeout: float | None = None  # from the claim to the outcome; then it is cancelled
    first: float = 2  # between the first looks
    longest: float = 30  # between looks at last
    starting: float = 900  # how long a start may be put off by AgainError
    grace: float = 25  # to cancel in after SIGTERM; AWS Batch kills 30 s after it
    cancelling: float = 120  # to cancel in after the time-out


def follow(work: Work, world: World, patience: Patience) -> int:
    """Begin the work unless the attempt has begun it, see it to its end; the exit code."""
    return follow_steps([lambda _: work], world, patience)


def follow_steps(steps: Sequence[Step], world: World, patience: Patience) -> int:
    """Follow one work after the other until one has not succeeded.

    Each has a token of its own, and `remote` is of one at a time. A step's work is made from the
    `remote` of the step before it, with STARTING when a start of it was asked for before.
    """
    raise NotImplementedError
