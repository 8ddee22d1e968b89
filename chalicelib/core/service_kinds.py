"""Kinds of work that services of AWS do, and scripts, by the fields of a document."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from chalicelib.core.fields import DECIMAL, WHOLE, Text
from chalicelib.core.kind_fields import (
    SHA256,
    Form,
    Json,
    Kind,
    Name,
    Names,
    Pairs,
    Said,
    at_most_one,
    needed,
    one_of,
    only,
    shaped,
)
from chalicelib.core.model import Model

_S3_OBJECT = shaped(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+", "s3://BUCKET/KEY")
_STATE_MACHINE = shaped(
    r"arn:[a-z-]+:states:[a-z0-9-]+:[0-9]{12}:stateMachine:[^:/\s]+(:[^:/\s]+)?",
    "the ARN of a state machine",
)
_SECRET = shaped(
    r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:\S+",
    "the ARN of a secret, never itself",
    hidden=True,
)


class Glue(Kind):
    """`uses: glue`: a run of a Glue job, or of a crawler."""

    job: Name | None = Field(None, description="Name of the Glue job.")
    crawler: Name | None = Field(
        None, description="Instead of `job`: name of the crawler, which takes no more than that."
    )
    arguments: Annotated[Pairs, Said(Form.PAIRS, "--argument")] | None = Field(
        None, description="Arguments of the job's script, by name, with or without `--`."
    )
    worker_type: Name | None = Field(None, description="Type of the workers: `G.1X`.")
    workers: Annotated[int, Field(ge=1), WHOLE] | None = Field(
        None, description="How many workers."
    )
    max_capacity: Annotated[float, Field(gt=0), DECIMAL] | None = Field(
        None, description="DPUs of a Python shell job: 0.0625 or 1."
    )
    execution_class: Literal["STANDARD", "FLEX"] | None = Field(
        None, description="Whether it may wait for cheaper capacity."
    )
    run_timeout: Annotated[int, Field(ge=1), WHOLE] | None = Field(
        None, description="Minutes after which Glue ends the run."
    )
    security_configuration: Name | None = Field(
        None, description="Name of a security configuration of Glue."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        one_of(self, "job", "crawler")
        if self.crawler is not None:
            only(self, "crawler", ["crawler"])
        return self


class Lambda(Kind):
    """`uses: lambda`: an invocation of a function."""

    function: Name = Field(description="Name or ARN of the function.")
    qualifier: Name | None = Field(None, description="An alias or a version of it.")
    payload: Json | None = Field(None, description="What the function gets.")
    payload_file: Name | None = Field(
        None, description="Instead of `payload`: a file of the image that has it as JSON."
    )
    is_async: Annotated[bool, Field(strict=True), Said(Form.FLAG, "--async")] | None = Field(
        None,
        alias="async",
        description="Hand it over and succeed at once: nobody sees what becomes of it.",
    )
    outputs: Annotated[Pairs, Said(Form.PAIRS, "--output")] | None = Field(
        None, description="Outputs of the job by their places in the answer: `result.rows`."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        at_most_one(self, "payload", "payload_file")
        if self.is_async:
            at_most_one(self, "is_async", "outputs")
        return self


class StepFunctions(Kind):
    """`uses: stepfunctions`: an execution of a standard state machine."""

    state_machine: Annotated[Name, _STATE_MACHINE] = Field(
        description="ARN of the state machine, or of a version or an alias of it."
    )
    input: Json | None = Field(None, description="What the execution gets.")
    input_file: Name | None = Field(
        None, description="Instead of `input`: a file of the image that has it as JSON."
    )
    outputs: Annotated[Pairs, Said(Form.PAIRS, "--output")] | None = Field(
        None, description="Outputs of the job by their places in the execution's output."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        at_most_one(self, "input", "input_file")
        return self


class Ec2(Kind):
    """`uses: ec2`: a command on instances, by SSM; or instances started or stopped."""

    action: Annotated[Literal["run", "start", "stop"], Said(Form.WORD)] = Field(
        description="`run` a command on instances; `start` or `stop` them."
    )
    instances: Annotated[Names, Said(name="--instance")] | None = Field(
        None, max_length=50, description="Ids of the instances."
    )
    tags: Annotated[Pairs, Said(Form.PAIRS, "--tag")] | None = Field(
        None, max_length=5, description="Instead of `instances`: those that have all these tags."
    )
    command: Name | None = Field(None, description="`run`: what a shell there runs.")
    script: Name | None = Field(
        None, description="`run`, instead of `command`: a file of what it runs, or an S3 URL."
    )
    directory: Name | None = Field(None, description="`run`: where it runs there.")
    log_group: Name | None = Field(
        None, description="`run`: log group that SSM writes the whole output to."
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.action == "run":
            one_of(self, "instances", "tags")
            one_of(self, "command", "script")
        else:
            needed(self, self.action, ["instances"])
            only(self, self.action, ["instances"])
        return self


class Redshift(Kind):
    """`uses: redshift`: statements one by one, by the Data API."""

    cluster: Name | None = Field(None, description="A provisioned cluster.")
    workgroup: Name | None = Field(None, description="Instead of `cluster`: one of Serverless.")
    database: Name = Field(description="Name of the database.")
    secret: Annotated[Name, _SECRET] | None = Field(
        None, description="ARN of the secret of a database user; never the secret itself."
    )
    user: Name | None = Field(
        None,
        description="Instead of `secret`: a database user of the cluster. Without both it is the"
        " one of the job's role.",
    )
    file: Name | None = Field(
        None, description="The statements: a file of the image, or an object in S3."
    )
    sql: Name | None = Field(None, description="Instead of `file`: the statements themselves.")
    parameters: Annotated[Pairs, Said(Form.PAIRS, "--parameter")] | None = Field(
        None, description="What stands for `:name` in the statements, as values."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        one_of(self, "cluster", "workgroup")
        one_of(self, "file", "sql")
        at_most_one(self, "secret", "user")
        at_most_one(self, "workgroup", "user")
        return self


class Script(Model):
    """`uses: script`: a script in S3, or an archive with one in it, fetched and run."""

    url: Annotated[Name, _S3_OBJECT] = Field(description="The object: `s3://BUCKET/KEY`.")
    version: Name | None = Field(None, description="Its version, where a bucket keeps several.")
    sha256: Annotated[Name, SHA256] | None = Field(
        None, description="What its SHA-256 must be: 64 hexadecimal digits."
    )
    program: Name | None = Field(
        None, description="The file to run in it, if it is a zip archive; unset for a script."
    )
    arguments: list[Text] | None = Field(None, description="What the script is called with.")


SCRIPT_VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "url": "BATCH_FILE_S3_URL",
        "version": "BATCH_FILE_S3_VERSION",
        "sha256": "BATCH_FILE_SHA256",
    }
)
"""The fields of a script that batch-job reads from its environment."""
