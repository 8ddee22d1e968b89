"""What a person can ask an edition for, whoever does it: we on our own store, or a server.

Who asks, and when it was, the edition knows; errors are those of the services.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from chalicelib.core.lifecycle import Act

if TYPE_CHECKING:
    from chalicelib.core.document import ScheduleDocument
    from chalicelib.core.granting import TokenRecord, TokenWish
    from chalicelib.core.operating import Operation
    from chalicelib.core.restarting import RestartPlan
    from chalicelib.core.run import JobState, RunHeader
    from chalicelib.core.timing.agenda import Pause, ScheduleEvent
    from chalicelib.core.timing.calendar_document import CalendarDocument
    from chalicelib.errors import Problem
    from chalicelib.ports import LogChunk, StoredSchedule
    from chalicelib.services.explanations import Explanation
    from chalicelib.services.logs import Place
    from chalicelib.services.operations import Selection
    from chalicelib.services.tokens import CreatedToken
    from chalicelib.services.triggers import LookAhead
    from chalicelib.services.waiting_starts import Dropped, Waiting
    from chalicelib.timing_ports import StoredCalendar


@dataclass(frozen=True, slots=True)
class Put:
    """The version that is in use now; `warnings` looks for what in it is hardly meant."""

    stored: "StoredSchedule"
    warnings: "Callable[[], Sequence[Problem]]"


@dataclass(frozen=True, slots=True)
class History:
    """What became of a schedule: its versions, and what people did to it, each newest first."""

    versions: "Sequence[StoredSchedule]"
    events: "Sequence[ScheduleEvent]"


class ScheduleVerbs(Protocol):
    """Over schedules."""

    def put(self, document: "ScheduleDocument") -> Put:
        """Store it as the newest version, if it differs from that."""

    def delete(self, schedule_id: str, reason: str) -> "StoredSchedule":
        """Take it out of use, and give its last version."""

    def history(self, schedule_id: str, limit: int) -> History:
        """Its history, deleted or not, with at most `limit` versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a run is started with."""

    parameters: dict[str, object] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsAct:
    """A verb over jobs; `downstream` takes everything downstream along."""

    act: Act
    reason: str = ""
    downstream: bool = False


class RunVerbs(Protocol):
    """Over runs and their jobs."""

    def start(
        self, stored: "StoredSchedule", asked: Start, document: "ScheduleDocument | None" = None
    ) -> "RunHeader | Waiting":
        """Start a run of this version; `document` spares reading the stored one again.

        A server may let it wait, by the policies of the schedule's `http` trigger.
        """

    def preview_restart(self, run_id: str) -> "RestartPlan":
        """What a restart would do; its changes may be left out."""

    def restart(self, run_id: str, reason: str) -> "RestartPlan":
        """Go on where it stopped; the changes may be left out of what is told."""

    def cancel(self, run_id: str, reason: str) -> "RunHeader":
        """Ask for its end."""

    def act_on_jobs(self, selection: "Selection", asked: JobsAct) -> "Operation":
        """Do a verb to jobs; what is refused is told job by job and stops nothing else."""


class Log(Protocol):
    """The logs of one job of a run, or of one child of it; see `services.logs.LogSource`."""

    @property
    def name(self) -> str:
        """The job's."""

    @property
    def run_id(self) -> str: ...

    @property
    def children(self) -> int:
        """How many logs it has instead of one of its own."""

    def state(self) -> "JobState":
        """Where the job stands now."""

    def is_forgotten(self) -> bool:
        """Say whether the queue no longer knows where it wrote."""

    def place(self) -> "Place | None":
        """The log that is meant; None if there is none yet."""

    def has_ended(self) -> bool:
        """Say whether nothing more will be written."""

    def read(self, place: "Place", offset: int) -> "LogChunk":
        """Lines from an offset on."""

    def tail(self, place: "Place", count: int) -> "LogChunk":
        """The last lines."""

    def lines(self, place: "Place", last: int) -> Iterator[str]:
        """The last lines, or all there are now if `last` is 0."""


class Views(Protocol):
    """Over what there is to see of a run, besides what the reading ports tell."""

    def explain(self, run_id: str, job: str) -> "Explanation":
        """Why the run, or a job of it, stands where it stands."""

    def log(self, run_id: str, which: tuple[str, str], attempt: str) -> Log:
        """The logs of a job, and of a child of it unless its number is empty."""

    def driven_by(self, run_id: str) -> str | None:
        """Who drives the run now, for people; None when nobody does."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """The fire times that come, who keeps them from starting anything, and starts that wait."""

    pause: "Pause | None"
    found: "LookAhead"
    waiting: "Sequence[Waiting]" = ()


class TimingVerbs(Protocol):
    """Over triggers and calendars."""

    def pause(self, schedule_id: str, reason: str) -> "Pause | None":
        """Let no trigger start runs of it; the pause that holds now."""

    def resume(self, schedule_id: str, reason: str) -> "Pause | None":
        """Let its triggers start runs again."""

    def cancel_start(self, run_id: str, reason: str) -> "Dropped":
        """Take away a start that waits, of which this run would have come."""

    def find_start(self, run_id: str) -> "Waiting | Dropped":
        """The start of which this run is to come, or would have come."""

    def next_fire_times(self, schedule_id: str, count: int, after: datetime) -> Ahead:
        """The next fire times of a schedule."""

    def preview(self, begin: datetime, end: datetime, limit: int) -> "LookAhead":
        """The fire times of all schedules within (begin, end], at most `limit`."""

    def put_calendar(self, document: "CalendarDocument") -> "StoredCalendar":
        """Store a calendar."""

    def delete_calendar(self, name: str) -> "StoredCalendar":
        """Delete a calendar that no schedule goes by, and give what it was."""


class TokenVerbs(Protocol):
    """Over tokens of the HTTP API."""

    def create(self, wish: "TokenWish") -> "CreatedToken":
        """Give a token."""

    def list_(self) -> "list[TokenRecord]":
        """Those there are, the oldest first."""

    def revoke(self, text: str) -> "TokenRecord":
        """Revoke the token that the text names: its id or the beginning of that."""


class Verbs(Protocol):
    """All of them, by what they are about."""

    @property
    def schedules(self) -> ScheduleVerbs: ...

    @property
    def runs(self) -> RunVerbs: ...

    @property
    def views(self) -> Views: ...

    @property
    def timing(self) -> TimingVerbs: ...

    @property
    def tokens(self) -> TokenVerbs: ...
