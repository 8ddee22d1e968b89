"""What whoever looks at runs and schedules asks of the world, as Protocols.

The ports keep these promises, and so does a server elsewhere: who asks for no more works with both.
"""

from collections.abc import Iterable
from typing import Protocol

from chalicelib.claim_ports import Claims
from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.run import Event, RunHeader
from chalicelib.ports import Clock, JobRecord, StoredSchedule
from chalicelib.timing_ports import StoredCalendar


class RunReader(Protocol):
    """Runs as `ports.RunStore` tells of them."""

    def get_header(self, run_id: str) -> RunHeader:
        """Raises NotFoundError."""

    def find_headers(
        self,
        *,
        schedule_id: str | None = None,
        status: RunStatus | None = None,
        prefix: str = "",
        limit: int = 50,
    ) -> list[RunHeader]:
        """Newest first; `prefix` is the beginning of a run id."""

    def find_jobs(
        self,
        run_id: str,
        *,
        statuses: Iterable[JobStatus] | None = None,
        limit: int | None = None,
    ) -> list[JobRecord]:
        """Jobs of a run in the document's order, of the given statuses only unless None."""

    def get_jobs(self, run_id: str, names: Iterable[str]) -> list[JobRecord]:
        """The named jobs that exist, in the document's order."""

    def events(self, run_id: str, *, job: str | None = None, after: int = 0) -> list[Event]:
        """Events with a sequence above `after`, oldest first, of one job unless None."""


class ScheduleReader(Protocol):
    """Schedules as `ports.ScheduleStore` tells of them."""

    def get_schedule(self, schedule_id: str, version: int | None = None) -> StoredSchedule:
        """One version, the newest for None. Raises NotFoundError."""

    def list_schedules(self) -> list[StoredSchedule]:
        """The newest version of each schedule, ordered by id, `document` left empty."""


class CalendarReader(Protocol):
    """Calendars as `ports.CalendarStore` tells of them."""

    def get_calendar(self, name: str) -> StoredCalendar:
        """Raises NotFoundError."""

    def list_calendars(self) -> list[StoredCalendar]:
        """All of them, ordered by name."""


class ReadingPorts(Protocol):
    """What reading services touch."""

    @property
    def runs(self) -> RunReader: ...

    @property
    def schedules(self) -> ScheduleReader: ...

    @property
    def calendars(self) -> CalendarReader: ...

    @property
    def claims(self) -> Claims: ...

    @property
    def clock(self) -> Clock: ...
