"""A job as a document gives it: AWS Batch's own fields, and ours beside them."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from chalicelib.core.fields import (
    DECIMAL,
    LIST_FORM,
    MAPPING_FORM,
    TEXT,
    WHOLE,
    Command,
    EnvironmentName,
    ExitAction,
    JobId,
    JobName,
    OldJobStatus,
    ResourceType,
    RuleName,
    Text,
    complaint,
)
from chalicelib.core.kind_document import KindName, With, of_kind
from chalicelib.core.model import Model

# Bounds are those of API_SubmitJob unless a comment says otherwise.
_REASON_GLOB = r"^[^*]*\*?$"


class NamedValue(Model):
    """One variable of the environment, as AWS Batch writes it."""

    name: EnvironmentName = Field(description="Name of the variable; not AWS_BATCH….")
    value: Text = Field(description="Its value.")


def _environment_form(value: Any) -> str:
    return LIST_FORM if isinstance(value, list | tuple) else MAPPING_FORM


Variables = dict[EnvironmentName, Text]
Environment = Annotated[
    Annotated[Variables, Tag(MAPPING_FORM)] | Annotated[list[NamedValue], Tag(LIST_FORM)],
    Discriminator(_environment_form),
]
TagName = Annotated[str, Field(min_length=1, max_length=128)]
TagValue = Annotated[str, Field(max_length=256), TEXT]
Tags = Annotated[dict[TagName, TagValue], Field(max_length=50)]


class ResourceRequirement(Model):
    """An amount of one resource."""

    type: ResourceType = Field(description="`VCPU`, `MEMORY` (MiB) or `GPU`.")
    value: Text = Field(description="The amount, a number; `0.25` is a quarter of a vCPU.")


class ExitRule(Model):
    """What to do after an attempt that ended in a certain way; all patterns given must match."""

    on_status_reason: str | None = Field(
        None,
        max_length=512,
        pattern=_REASON_GLOB,
        description="Matches the job's status reason, without regard to case; `*` at the end only.",
    )
    on_reason: str | None = Field(
        None,
        max_length=512,
        pattern=_REASON_GLOB,
        description="Matches the container's reason, without regard to case; `*` at the end only.",
    )
    on_exit_code: Annotated[str, Field(max_length=512, pattern=r"^[0-9]*\*?$"), TEXT] | None = (
        Field(None, description="Matches the exit code in decimal; digits, `*` at the end only.")
    )
    action: ExitAction = Field(description="`RETRY` or `EXIT`, in any case.")


class RetryStrategy(Model):
    """Attempts that the queue makes by itself, one after the other without a delay."""

    attempts: Annotated[int, Field(ge=1, le=10), WHOLE] | None = Field(
        None, description="Attempts in all, the first included."
    )
    evaluate_on_exit: list[ExitRule] | None = Field(
        None,
        max_length=5,
        description="The first rule that matches decides; when none does, the job is tried again.",
    )


class Timeout(Model):
    """How long one attempt may run."""

    attempt_duration_seconds: Annotated[int, Field(ge=60), WHOLE] = Field(
        description="Seconds from the start of an attempt until it is terminated."
    )


class ArrayProperties(Model):
    """Makes the job an array: the same work many times, each with its own index."""

    size: Annotated[int, Field(ge=2, le=10_000), WHOLE] = Field(
        description="How many; each finds its number, from 0, in `AWS_BATCH_JOB_ARRAY_INDEX`."
    )


class Retry(Model):
    """Attempts that the engine makes, with a delay between them."""

    attempts: Annotated[int, Field(ge=1, le=100), WHOLE] = Field(
        description="Attempts in all, the first included."
    )
    delay_seconds: Annotated[float, Field(ge=0, le=604_800), DECIMAL] = Field(
        0.0, description="Seconds before the second attempt."
    )
    backoff: Annotated[float, Field(ge=1, le=1000), DECIMAL] = Field(
        1.0, description="Each later delay is this many times the one before."
    )
    max_delay_seconds: Annotated[float, Field(ge=0, le=604_800), DECIMAL] = Field(
        86_400.0, description="No delay is longer than this many seconds."
    )


class Resources(Model):
    """What a job needs of the machine it runs on."""

    resource_requirements: list[ResourceRequirement] | None = Field(
        None, max_length=3, description="Amounts of vCPU, memory and GPU."
    )
    vcpus: Annotated[float, Field(gt=0), DECIMAL] | None = Field(
        None, description="Short for a resource requirement `VCPU`."
    )
    memory: Annotated[int, Field(ge=4), WHOLE] | None = Field(
        None, description="Short for a resource requirement `MEMORY`, in MiB."
    )


class ContainerOverrides(Resources):
    """What is different from the job definition for this job."""

    command: list[Text] | None = Field(None, description="The argument vector.")
    environment: Environment | None = Field(
        None, description="Variables: a mapping, or AWS Batch's list of `name` and `value`."
    )


class Work(Model):
    """What a definition and a job both may say."""

    uses: KindName | None = Field(
        None,
        description="A ready-made kind of work, in the place of a command and a job definition.",
    )
    with_: With | None = Field(
        None, alias="with", description="What the kind of work named by `uses` is told."
    )
    command: Command | None = Field(
        None, description="The argument vector; one string only with `shell: true`."
    )
    shell: Annotated[bool, Field(strict=True)] | None = Field(
        None, description="Whether `command` is a text for `/bin/sh -c`."
    )
    environment: Environment | None = Field(
        None, description="Variables: a mapping, or AWS Batch's list of `name` and `value`."
    )
    parameters: dict[str, Text] | None = Field(
        None, description="Values for the placeholders `Ref::name` of the command."
    )
    retry_strategy: RetryStrategy | None = Field(
        None, description="Attempts that the queue makes by itself."
    )
    timeout: Timeout | None = Field(None, description="How long one attempt may run.")

    @field_validator("with_", mode="before")
    @classmethod
    def _of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        if "uses" not in info.data:  # which is told already
            return None
        kind = info.data["uses"]
        if kind is None:
            raise complaint("is only for a job with `uses`", "`uses` beside it")
        return of_kind(kind, value)


class JobDefinition(Work, Resources):
    """A job definition given in the document itself."""


class JobDefaults(Work):
    """What holds for every job that does not say otherwise."""

    job_definition: str | None = Field(
        None,
        min_length=1,
        description="A name under `jobDefinitions`, or AWS Batch's job definition (name or ARN).",
    )
    job_queue: str | None = Field(None, min_length=1, description="Job queue (name or ARN).")
    container_overrides: ContainerOverrides | None = Field(
        None, description="What is different from the job definition."
    )
    array_properties: ArrayProperties | None = Field(None, description="Makes the job an array.")
    scheduling_priority: Annotated[int, Field(ge=0, le=9999), WHOLE] | None = Field(
        None, description="Priority within a fair-share queue; the highest goes first."
    )
    share_identifier: str | None = Field(
        None, min_length=1, max_length=255, description="Share of a fair-share queue."
    )
    tags: Tags | None = Field(None, description="Labels of the job, for AWS Batch too.")
    propagate_tags: Annotated[bool, Field(strict=True)] | None = Field(
        None, description="Whether AWS Batch hands the tags on to the ECS task."
    )
    trigger_rule: RuleName | None = Field(
        None,
        description="What its upstream jobs must have come to; in `finally` it is `all done`"
        " unless given.",
    )
    retry: Retry | None = Field(
        None, description="Attempts that the engine makes, with a delay between them."
    )
    runnable_timeout: Annotated[int, Field(ge=1), WHOLE] | None = Field(
        None, description="Seconds that the job may wait in RUNNABLE before it counts as failed."
    )


class Job(JobDefaults):
    """One node of the graph."""

    job_name: JobName = Field(
        description="Unique in the schedule, without regard to case; none of `/ * ? [ ,`."
    )
    job_dependencies: list[str] = Field(
        default=[],
        max_length=10_000,
        description="Names of the upstream jobs: those this one waits for.",
    )
    description: str | None = Field(None, description="For people.")
    hold: Annotated[bool, Field(strict=True)] | None = Field(
        None,
        description="Makes the job a gate: it waits until a person releases it. It may do without"
        " a command.",
    )
    job_status: OldJobStatus | None = Field(
        None,
        description="`PASS` or `SKIP`: counted as done, never run. Other statuses stay from"
        " runs of older versions and mean nothing to a new run.",
    )
    job_id: JobId | None = Field(
        None, description="The queue's id in a run of an older version; means nothing to a new run."
    )
