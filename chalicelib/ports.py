"""What the services ask of the world, as Protocols. Each has an honest fake in chalicelib.local.

Every adapter raises the errors of chalicelib.errors and no other; times are aware UTC.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from chalicelib.claim_ports import Claims, NoClaims
from chalicelib.core.batch import JobDetail, Outcome, QueueLimits, Submission
from chalicelib.core.granting import TokenRecord
from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.run import Change, Event, JobState, Run, RunHeader
from chalicelib.core.schedule import JobSpec
from chalicelib.notice_ports import NoOutbox, Outbox
from chalicelib.timing_ports import CalendarStore, TriggerStore


class Clock(Protocol):
    """Where the time comes from."""

    def __call__(self) -> datetime:
        """Now, aware UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSchedule:
    """One accepted version of a schedule's document."""

    schedule_id: str
    version: int
    digest: str  # SHA-256 of `document`, hexadecimal
    document: str  # JSON text as validated
    stored_at: datetime
    stored_by: str
    name: str = ""
    jobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """That a schedule was taken out of use: when, by whom and why."""

    at: datetime
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """One job of a run as it is stored: what a reader sees without loading the graph."""

    spec: JobSpec
    state: JobState
    position: int


class ScheduleStore(Protocol):
    """Keeps every accepted version of every schedule."""

    def put_schedule(self, schedule: StoredSchedule) -> None:
        """Store a new version.

        Raises ConflictError if that version of that schedule exists; then nothing is written.
        """

    def get_schedule(self, schedule_id: str, version: int | None = None) -> StoredSchedule:
        """One version, the newest for None. Raises NotFoundError.

        A deleted schedule has no newest version; those that were are still read by their numbers.
        """

    def list_schedules(
        self, *, prefix: str = "", after: str = "", limit: int | None = None
    ) -> list[StoredSchedule]:
        """The newest version of each schedule, ordered by id, `document` left empty.

        Those whose ids begin with `prefix` and come behind `after`; none that are deleted.
        """

    def list_versions(
        self, schedule_id: str, *, before: int | None = None, limit: int | None = None
    ) -> list[StoredSchedule]:
        """Every version there ever was, the newest first, `document` left empty.

        Of a deleted schedule too. Only those below `before`.
        """

    def delete_schedule(self, schedule: StoredSchedule, deletion: Deletion) -> None:
        """Take a schedule out of use whose newest version is the one given; versions stay.

        A later version brings it back. Raises ConflictError unless that version is the newest,
        and when the schedule is deleted already.
        """

    def get_deletion(self, schedule_id: str) -> Deletion | None:
        """Why a schedule is not there; None for one that is in use, or never was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """A change of the run itself, for its history."""

    act: str
    before: str
    after: str
    at: datetime
    actor: str
    reason: str = ""


RunKey = tuple[datetime, str]  # the start of a run and its id: runs are listed by it


class RunStore(Protocol):
    """Keeps runs: a header, one item a job, events that are only ever appended.

    When the details of a run have expired (see Retention) its header is all there is: whatever
    reads or moves jobs or events raises ExpiredError.
    """

    def create_run(
        self, header: RunHeader, specs: Sequence[JobSpec], states: Mapping[str, JobState]
    ) -> None:
        """Store a new run with all its jobs and the event of its start, whole or not at all.

        Raises ConflictError if the run exists.
        """

    def get_header(self, run_id: str) -> RunHeader:
        """Raises NotFoundError."""

    def find_headers(
        self,
        *,
        schedule_id: str | None = None,
        status: RunStatus | None = None,
        prefix: str = "",
        limit: int = 50,
        before: RunKey | None = None,
    ) -> list[RunHeader]:
        """Newest first; `prefix` is the beginning of a run id.

        Of runs that were started at once that with the greatest id comes first. `before` is the
        key of the last run of an earlier list: what comes after that is listed, whatever was
        started meanwhile.
        """

    def load_run(self, run_id: str) -> Run:
        """The whole run. Raises NotFoundError."""

    def load_for_turn(self, run_id: str) -> Run:
        """The run as a turn needs it; what is final may be told by its status alone.

        What it says may be behind only where the next write then conflicts: after a conflict a
        driver goes on with `load_run`. Raises NotFoundError.
        """

    def close_turn(self, run: Run) -> None:
        """Write what a turn leaves to its end: the counts in the header follow here at the latest.

        Raises ConflictError unless the stored header has the revision of the run's.
        """

    def find_jobs(
        self,
        run_id: str,
        *,
        statuses: Iterable[JobStatus] | None = None,
        limit: int | None = None,
        after: int = -1,
    ) -> list[JobRecord]:
        """Jobs of a run in the document's order, of the given statuses only unless None.

        Only those behind the position `after`.
        """

    def get_jobs(self, run_id: str, names: Iterable[str]) -> list[JobRecord]:
        """The named jobs that exist, in the document's order."""

    def record(
        self,
        before: RunHeader,
        changes: Sequence[Change],
        *,
        after: RunHeader | None = None,
        run_changes: Sequence[RunChange] = (),
    ) -> None:
        """Write changes of jobs, their events, the header and the run's own events at once.

        Raises ConflictError, and writes nothing, unless the stored header has the revision of
        `before` and every job the version of its change's `before`. `after` None leaves the header
        as it is but for its counts, which follow the changes now or with `close_turn`; then many
        changes may be written in parts, in order, and an error leaves the parts before it. A run
        that is given a header is not sealed any more.
        """

    def events(self, run_id: str, *, job: str | None = None, after: int = 0) -> list[Event]:
        """Events with a sequence above `after`, oldest first, of one job unless None."""


class JobQueue(Protocol):
    """Hands jobs to AWS Batch, or to what stands for it."""

    @property
    def limits(self) -> QueueLimits:
        """What this queue can express."""

    def lacks(self, request: Mapping[str, Any]) -> str:
        """What the request must have besides so that this queue can run it; empty for nothing.

        A cheap look before anything is stored, not all that the queue may object to.
        """

    def pin(self, requests: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The requests as a run freezes them: what a name means now is what it means to its end.

        Raises InvalidInputError for names that mean nothing.
        """

    def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Hand over each once, never retried here: one outcome each, in order.

        At most `limits.max_submissions` of them. Never raises: a lost reply is an outcome.
        """

    def describe(self, job_ids: Sequence[str]) -> list[JobDetail]:
        """What the queue knows of these, any number; unknown and forgotten ids are absent."""

    def find(self, job_name: str, job_queue: str) -> list[JobDetail]:
        """The jobs of that name (ListJobs by JOB_NAME), newest first."""

    def cancel(self, job_id: str, reason: str) -> None:
        """End the job if it has not started; else do nothing. Unknown ids do nothing."""

    def terminate(self, job_id: str, reason: str) -> None:
        """End the job in whatever status it is. Ended and unknown ids do nothing."""


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Part of a job's log: whole lines, and the offset to read on from."""

    lines: tuple[str, ...] = ()
    offset: int = 0
    exists: bool = True


class JobLogs(Protocol):
    """Reads what jobs wrote."""

    def read(self, job_id: str, attempt: int, offset: int = 0) -> LogChunk:
        """Lines from `offset` on of the queue's own attempt (1 is the first)."""

    def tail(self, job_id: str, attempt: int, lines: int) -> LogChunk:
        """The last lines."""


class Wakes(Protocol):
    """Wakes a driver that waits. A wake is a hint: losing or doubling one changes nothing."""

    def wait(self, seconds: float) -> frozenset[str]:
        """Wait at most that long; the job ids that may have changed since the last call."""


class Drivers(Protocol):
    """Whatever drives runs, as the services that move a run know it."""

    def nudge(self, header: RunHeader) -> None:
        """Say that the run may have something to do. A hint, as a wake is."""


class WatchingDrivers:
    """Drivers that look at the store themselves, as on one machine: they need no word."""

    def nudge(self, header: RunHeader) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything a service may touch."""

    schedules: ScheduleStore
    runs: RunStore
    queue: JobQueue
    clock: Clock
    triggers: TriggerStore
    calendars: CalendarStore
    directory: str = ""  # where jobs of runs work that nobody starts from a directory of his own
    drivers: Drivers = field(default_factory=WatchingDrivers)
    outbox: Outbox = field(default_factory=NoOutbox)
    claims: Claims = field(default_factory=NoClaims)
    where: tuple[str, ...] = ()  # the options by which a command means what is driven here


class TokenStore(Protocol):
    """Keeps what is known of the tokens of the HTTP API, of their secrets the digests alone."""

    def create_token(self, record: TokenRecord) -> None:
        """Store a new one. Raises ConflictError if its id exists; then nothing is written."""

    def get_token(self, token_id: str) -> TokenRecord:
        """As it is now, never as it was. Raises NotFoundError."""

    def list_tokens(self) -> list[TokenRecord]:
        """All there are, the oldest first; those that expired long ago may be gone."""

    def revoke_token(self, token_id: str, at: datetime, by: str) -> None:
        """Revoke it for good; one that is revoked stays as it is. Raises NotFoundError."""

    def note_use(self, token_id: str, at: datetime) -> None:
        """Say that it was used then, unless a use within `USE_NOTED` before is noted.

        Does nothing for an unknown id.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPorts:
    """What recognising people touches, and nothing more."""

    tokens: TokenStore
    clock: Clock
