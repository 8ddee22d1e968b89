"""What work of another service must offer to be followed: `fetch_and_run.following` does that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fetch_and_run.exits import Exit

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

    Retries, pauses and time limits are the follower's. Any method but `describe` may raise
    AgainError.
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


# Makes one of several works from what the one before it left in `remote`: {} for the first.
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
