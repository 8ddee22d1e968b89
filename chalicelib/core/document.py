"""The document of a schedule, as people write it: JSON or YAML with these fields."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from chalicelib.core.fields import SCHEDULE_ID, WHOLE, Scalar
from chalicelib.core.job_document import Job, JobDefaults, JobDefinition, Tags
from chalicelib.core.model import Model
from chalicelib.core.notice_document import NotifyRule
from chalicelib.core.timing.trigger_document import TriggerDocument

MAX_JOBS = 10_000  # of a run, finally jobs included
MAX_TRIGGERS = 100

ParameterType = Literal["string", "integer", "number", "boolean", "date"]


class Parameter(Model):
    """A value that a run is given and that fills `${name}` in the jobs' texts."""

    type: ParameterType = Field(
        "string", description="What the value must be; a `date` is written `2026-11-23`."
    )
    default: Scalar | None = Field(None, description="The value of a run that is given none.")
    allowed_values: list[Scalar] | None = Field(
        None, min_length=1, description="The only values that are accepted."
    )
    required: Annotated[bool, Field(strict=True)] | None = Field(
        None,
        description="Whether a run must be given a value. True unless there is a default; with"
        " `false` and no default the value is empty.",
    )
    description: str | None = Field(None, description="For people.")


class ScheduleDocument(Model):
    """A named graph of jobs with its policies."""

    schedule_id: str = Field(
        pattern=SCHEDULE_ID,
        description="Names the schedule everywhere; letters, digits, `_`, `.` and `-`.",
    )
    schedule_name: str | None = Field(None, max_length=256, description="For people.")
    category: str | None = Field(None, max_length=256, description="Groups schedules in lists.")
    description: str | None = Field(None, description="For people.")
    job_list: list[Job] = Field(
        min_length=1, max_length=MAX_JOBS, description="The jobs, in any order."
    )
    finally_jobs: list[Job] | None = Field(
        None,
        alias="finally",
        max_length=MAX_JOBS,
        description="Jobs that run after all others have ended, however they ended.",
    )
    defaults: JobDefaults | None = Field(
        None, description="What holds for every job that does not say otherwise."
    )
    job_definitions: dict[Annotated[str, Field(min_length=1)], JobDefinition] | None = Field(
        None, description="Job definitions of this document, by name."
    )
    parameters: (
        dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")], Parameter] | None
    ) = Field(None, description="What a run may be given, by name; fills `${name}` in texts.")
    triggers: list[TriggerDocument] | None = Field(
        None, max_length=MAX_TRIGGERS, description="What starts runs by itself."
    )
    on_failure: Literal["continue", "stop"] | None = Field(
        None,
        description="After the first failed job: `continue` (default) with what does not depend"
        " on it, or `stop` the run.",
    )
    max_concurrency: Annotated[int, Field(ge=1), WHOLE] | None = Field(
        None, description="How many jobs may be in the queue at once; no limit unless given."
    )
    wait_time: Annotated[int, Field(ge=1), WHOLE] = Field(
        60, alias="wait_time", description="Seconds between two looks at the queue at the latest."
    )
    working_directory: str | None = Field(
        None, min_length=1, description="Where jobs on one machine are started."
    )
    schedule_sns_topic: str | None = Field(
        None, description="ARN of the SNS topic that is told of failures and ends."
    )
    notify: list[NotifyRule] | None = Field(
        None,
        max_length=20,
        description="Who is told of what, besides: each entry one receiver and its occasions.",
    )
    tags: Tags | None = Field(None, description="Labels of the schedule.")
    schedule_status: str | None = Field(
        None, description="Status of a run of an older version; means nothing to a new run."
    )
    start_date_time: str | None = Field(
        None, description="Start of a run of an older version; means nothing to a new run."
    )
    last_date_time: str | None = Field(
        None, description="End of a run of an older version; means nothing to a new run."
    )

    @property
    def jobs(self) -> list[Job]:
        """All jobs, finally jobs last."""
        return [*self.job_list, *(self.finally_jobs or ())]

    @cached_property
    def text(self) -> str:
        """The document as canonical JSON: the same document gives the same text."""
        return self.model_dump_json(by_alias=True, exclude_unset=True)

    def __hash__(self) -> int:
        """Pydantic's own hash fails: lists have none."""
        return hash(self.text)
