"""The answers that only HTTP has: pages of what the terminal's shapes tell, and problems."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from chalicelib.services.shape_types import (
    BrokenTriggerShape,
    CalendarShape,
    EventShape,
    FireTimeShape,
    JobShape,
    RunShape,
    ScheduleEventShape,
    ScheduleShape,
    TimelineJobShape,
    TokenShape,
    ValidationShape,
    WholeJobShape,
)


class Health(TypedDict):
    """That the service answers."""

    status: Literal["ok"]


class SchedulesPage(TypedDict):
    """Schedules, and where to go on; null at the end."""

    schedules: list[ScheduleShape]
    nextCursor: str | None


class ShownSchedule(ScheduleShape):
    """One version of a schedule with its document."""

    document: dict[str, Any]


class VersionsPage(TypedDict):
    """Versions of a schedule, and where to go on; null at the end. Events are on each page."""

    scheduleId: str
    versions: list[ScheduleShape]
    events: list[ScheduleEventShape]
    nextCursor: str | None


class RunsPage(TypedDict):
    """Runs, and where to go on; null at the end. A page may be short, or empty, before that."""

    runs: list[RunShape]
    nextCursor: str | None


class CheckedSchedule(ValidationShape):
    """How large an acceptable schedule is, and what in it is allowed and yet hardly meant."""

    warnings: list["ProblemShape"]


class PutSchedule(ScheduleShape):
    """The version that is in use now, and what in it is allowed and yet hardly meant."""

    warnings: list["ProblemShape"]


class JobsPage(TypedDict):
    """Jobs of a run, and where to go on; null at the end."""

    runId: str
    jobs: list[JobShape] | list[WholeJobShape]
    nextCursor: str | None


class EventsPage(TypedDict):
    """Lines of a run's history, and whether there are more by now."""

    runId: str
    events: list[EventShape]
    more: bool


class TimelinePage(TypedDict):
    """The attempts of a run's jobs, and where to go on; null at the end."""

    run: RunShape
    jobs: list[TimelineJobShape]
    nextCursor: str | None


class ProblemShape(TypedDict):
    """One thing that is wrong; `path` is a JSON path, a query parameter as `?limit`, or a name."""

    path: str
    reason: str
    found: str
    allowed: str
    suggestion: str


class ProblemDocument(TypedDict):
    """What went wrong (RFC 9457); `problems` are all those of an input."""

    type: str
    title: str
    status: int
    detail: str
    problems: NotRequired[list[ProblemShape]]


class FireTimes(TypedDict):
    """Fire times of several schedules, the earliest first, and what others are not told for."""

    fireTimes: list[FireTimeShape]
    problems: list[BrokenTriggerShape]


class Calendars(TypedDict):
    """All calendars, by name."""

    calendars: list[CalendarShape]


class Tokens(TypedDict):
    """The tokens that the asker may see, without their secrets."""

    tokens: list[TokenShape]


class CreatedTokenShape(TokenShape):
    """A token with its secret, which is told this once."""

    token: str
