"""What driving runs from other processes asks of the world, as Protocols; see chalicelib.ports."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from chalicelib.core.run import RunHeader
from chalicelib.notice_ports import NoWebhooks, Webhooks
from chalicelib.ports import Ports


class WakeMarks(Protocol):
    """Who waits for a change of which run. A mark is a hint, as a wake is."""

    def arm(self, run_id: str, token: str) -> bool:
        """Keep the token of one who begins to wait; False when the run has moved since the last.

        Then nothing is kept, the mark is cleared, and the caller must not wait.
        """

    def mark(self, run_id: str) -> str:
        """Take the token that is to be woken; with none there, mark the run and give nothing.

        A run that is marked already is not written again: a burst of marks writes once.
        """


# Turns that one execution takes at most: a turn leaves about 30 events in its history, which ends
# at 25,000 (Step Functions quotas), and functions that are called again leave some besides.
MAX_TURNS = 600


class Executions(Protocol):
    """The executions of the state machine that drives runs."""

    @property
    def max_turns(self) -> int:
        """Turns after which a fresh one drives on, before the history of this one is full."""

    def start(self, name: str, payload: Mapping[str, Any]) -> None:
        """Start one; the same name again is the same execution, and no error."""

    def is_running(self, name: str) -> bool | None:
        """None when no execution of that name is known."""

    def wake(self, token: str) -> None:
        """Let the one that waits with this token go on; a token past its time does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message to people. `id` is the same when it is sent again; `topic` empty: the default."""

    id: str
    subject: str
    message: str
    topic: str = ""


class Notices(Protocol):
    """Tells people."""

    def publish(self, notice: Notice) -> None:
        """At least once. What is too long is cut. Raises BackendError."""


class Archive(Protocol):
    """Keeps finished runs for analysis."""

    def write(self, header: RunHeader, read: Callable[[], Iterable[str]]) -> str:
        """Write JSON lines under the run's own address and give it; again is the same.

        `read` gives the lines as they are now, and is called again when somebody else has written
        meanwhile: what was read earlier never replaces what was read later.
        """


class Retention(Protocol):
    """How long the details of ended runs are kept: their jobs and events. Headers stay."""

    def unsealed(self, before: datetime) -> Iterator[RunHeader]:
        """Runs that ended before that time and are not sealed, the earliest end first.

        Read as they are asked for: a look that finds nothing costs next to nothing. What is told
        may be behind by moments.
        """

    def seal(self, header: RunHeader, archive: str, expires_at: datetime | None) -> None:
        """Write where the ended run is archived, and let its details expire then; never for None.

        Cut off it may be done again; what is sealed already stays as it is. Raises ConflictError
        if the run has moved since `header` was read, or has not ended.
        """


class SubmitBudget(Protocol):
    """The submissions that all runs of the account share."""

    def take(self, count: int) -> float:
        """Take that many; the seconds to wait before the first of them may be sent."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it is now."""

    content: bytes
    version: str


class Uploads(Protocol):
    """The files that people put where schedules are taken from."""

    def read(self, key: str) -> Upload:
        """The newest version. Raises NotFoundError, and InvalidInputError for one too large."""


class Metrics(Protocol):
    """What is counted for whoever watches a stage."""

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to these; nothing of it is read by the scheduler."""


class NoMetrics:
    """Where nobody watches."""

    def count(self, counts: Mapping[str, int]) -> None:
        """Forget it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivingPorts(Ports):
    """What the handlers of a driver outside the process touch besides."""

    marks: WakeMarks
    executions: Executions
    notices: Notices
    archive: Archive
    uploads: Uploads
    retention: Retention
    keep: timedelta | None  # from the archiving of a run until its details expire; None: for ever
    webhooks: Webhooks = field(default_factory=NoWebhooks)
    metrics: Metrics = field(default_factory=NoMetrics)
