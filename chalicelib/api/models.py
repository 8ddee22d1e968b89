"""What may be asked: queries and bodies, as pydantic checks them and the pages describe them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from chalicelib.core.fields import SCHEDULE_ID
from chalicelib.core.formats import Format
from chalicelib.core.lifecycle import RunStatus

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
MOST_NAMES = 10_000  # as many jobs as a run may have
LARGEST = 2**31 - 1  # number that may be asked for: no store has to take a larger one

_ATTEMPT = r"^([1-9][0-9]{0,5}(\.[1-9][0-9]{0,5})?)?$"
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many at most.")]
Cursor = Annotated[
    str, Field(max_length=1024, description="`nextCursor` of the page before; empty: the first.")
]
Version = Annotated[int, Field(ge=1, le=LARGEST)]
Reason = Annotated[str, Field(max_length=1024, description="Why, for the audit trail.")]
Name = Annotated[str, Field(max_length=256)]
Words = Annotated[list[Name], Field(max_length=MOST_NAMES)]
Scope = Annotated[Name, Field(min_length=1)]
JobName = Annotated[Name, Field(description="Of this job only.")]


class Asked(BaseModel):
    """What all of them share: unknown names are refused, nothing changes."""

    model_config = ConfigDict(
        frozen=True, defer_build=True, extra="forbid", alias_generator=to_camel, allow_inf_nan=False
    )


class Nothing(Asked):
    """Nothing."""


class SchedulesQuery(Asked):
    """Which schedules."""

    prefix: Name = Field("", description="Only those whose ids begin so.")
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor = ""


class VersionQuery(Asked):
    """Which version."""

    version: Version | None = Field(None, description="A version; the newest unless given.")


class VersionsQuery(Asked):
    """Which versions."""

    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor = ""


class DiffQuery(Asked):
    """Which two versions."""

    before: Version | None = Field(None, description="The one before `after` unless given.")
    after: Version | None = Field(None, description="The newest unless given.")


class GraphQuery(Asked):
    """How to draw."""

    format: Format = Field(Format.TEXT, description="How to write it.")


class ScheduleGraphQuery(GraphQuery):
    """How to draw which version."""

    version: Version | None = Field(None, description="A version; the newest unless given.")


class RunsQuery(Asked):
    """Which runs."""

    schedule_id: Name = Field("", description="Only runs of this schedule.")
    status: RunStatus | None = Field(None, description="Only runs of this status.")
    prefix: Name = Field("", description="Only runs whose ids begin so.")
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor = ""


class JobsQuery(Asked):
    """Which jobs of a run."""

    status: Words = Field(default=[], description="Only jobs of this status; may be repeated.")
    job: Words = Field(default=[], description="Names of jobs, or globs; may be repeated.")
    whole: bool = Field(False, description="With what each froze.")
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor = ""


class EventsQuery(Asked):
    """Which lines of history."""

    job: JobName = ""
    own: bool = Field(False, description="Those of the run itself only, and of no job.")
    after: Annotated[int, Field(ge=0, le=LARGEST)] = Field(
        0, description="Only those with a greater `sequence`."
    )
    limit: Limit = DEFAULT_LIMIT


class TimelineQuery(Asked):
    """Which jobs."""

    limit: Limit = MAX_LIMIT
    cursor: Cursor = ""


class LogsQuery(Asked):
    """Which log, and which part of it."""

    job: Name = Field(min_length=1, description="A job; `JOB:3` is child 3 of an array.")
    attempt: Annotated[str, Field(pattern=_ATTEMPT)] = Field(
        "", description="Attempt N; `N.M` is the queue's own M-th; the last unless given."
    )
    offset: Annotated[int, Field(ge=0, le=2**53)] | None = Field(
        None, description="From here on, as `nextOffset` said."
    )
    tail: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="Only the last so many lines."
    )


class ExplainQuery(Asked):
    """What to explain."""

    job: Name = Field("", description="This job; the whole run unless given.")


class StartBody(Asked):
    """A run that is to be started."""

    schedule_id: str = Field(pattern=SCHEDULE_ID, description="Of which schedule.")
    version: Version | None = Field(
        None, description="Of which version of it; the newest unless given."
    )
    parameters: dict[str, Any] = Field(
        default={}, description="Values for the parameters that it declares."
    )
    reason: Reason = ""


class ReasonBody(Asked):
    """Why."""

    reason: Reason = ""


class ReasonQuery(Asked):
    """Why."""

    reason: Reason = ""


class JobsBody(Asked):
    """The jobs that are meant: those that match any name and have one of the statuses."""

    jobs: Words = Field(default=[], description="Names of jobs, or globs.")
    status: Words = Field(default=[], description="Only jobs of these statuses.")
    reason: Reason = ""


class RerunBody(JobsBody):
    """The jobs that are to run once more."""

    downstream: Annotated[bool, Field(strict=True)] = Field(
        False, description="And everything downstream of them."
    )


class MarkBody(JobsBody):
    """What became of jobs."""

    outcome: Literal["succeeded", "failed"] = Field(alias="as", description="What became of them.")


class NextQuery(Asked):
    """How far to look ahead."""

    count: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = Field(10, description="How many.")
    after: Annotated[str, Field(max_length=64)] = Field(
        "", description="A time; those after it. Now unless given."
    )


class PreviewQuery(Asked):
    """Which fire times."""

    begin: Annotated[str, Field(max_length=64)] = Field(
        "", alias="from", description="A time; those after it. Now unless given."
    )
    end: Annotated[str, Field(max_length=64)] = Field(
        "", alias="to", description="A time; those until it. A day after `from` unless given."
    )
    limit: Limit = DEFAULT_LIMIT


class TokenBody(Asked):
    """A token that is to be given."""

    name: Annotated[str, Field(max_length=64)] = Field(description="Whose acts are its bearer's.")
    role: Literal["viewer", "operator", "author", "admin"] = Field(description="What it may do.")
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=20)] | None = Field(
        None, description="Beginnings of the ids of schedules; all schedules unless given."
    )
    days: Annotated[int, Field(ge=1, le=90, strict=True)] = Field(30, description="How long.")
