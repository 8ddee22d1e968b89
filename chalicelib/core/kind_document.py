"""Ready-made kinds of work as a document gives them: `uses` names one, `with` has its fields.

Each field is an option of `batch-job KIND`, which checks once more what it is told.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Discriminator, Field, GetJsonSchemaHandler, Tag, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from chalicelib.core.fields import WHOLE, Text, complaint
from chalicelib.core.kind_fields import (
    Flag,
    Form,
    Json,
    Name,
    Names,
    Pairs,
    Said,
    Seconds,
    needed,
    one_of,
    only,
    shaped,
)
from chalicelib.core.model import Model

_S3_OBJECT = shaped(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+", "s3://BUCKET/KEY")
_SHA256 = shaped(r"[0-9A-Fa-f]{64}", "64 hexadecimal digits")


class Kind(Model):
    """What every kind takes."""

    timeout: Seconds | None = Field(
        None, description="Seconds after which the work is cancelled, and the job has failed."
    )


class Glue(Kind):
    """`uses: glue`: a Glue job or a crawler."""

    job: Name | None = Field(None, description="Name of the Glue job.")
    crawler: Name | None = Field(None, description="Name of the crawler, instead of a job.")
    arguments: Pairs | None = Field(None, description="Arguments of the job, by name: `--table`.")
    worker_type: Name | None = Field(None, description="Type of the job's workers: `G.1X`.")
    workers: Annotated[int, Field(ge=1, le=299), WHOLE] | None = Field(
        None, description="How many workers the job has."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        one_of(self, "job", "crawler")
        return self


class Lambda(Kind):
    """`uses: lambda`: a function of Lambda."""

    function: Name = Field(description="Name or ARN of the function.")
    payload: Json | None = Field(None, description="What the function is given.")


class StepFunctions(Kind):
    """`uses: stepfunctions`: an execution of a state machine."""

    state_machine: Name = Field(description="ARN of the state machine.")
    input: Json | None = Field(None, description="What the execution is given.")


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
    """`uses: redshift`: the statements of a file, by the Data API."""

    database: Name = Field(description="Name of the database.")


class Sftp(Kind):
    """`uses: sftp`: files of an SFTP server."""

    action: Annotated[Literal["get", "put", "wait"], Said(Form.WORD)] = Field(
        description="What to do."
    )


class Ftp(Kind):
    """`uses: ftp`: files of an FTP server."""

    action: Annotated[Literal["get", "put", "wait"], Said(Form.WORD)] = Field(
        description="What to do."
    )


class Http(Kind):
    """`uses: http`: a request, and what it began."""

    url: Name = Field(description="Where it is sent to.")
    insecure: Flag | None = Field(None, description="x.")


class Script(Model):
    """`uses: script`: a script in S3, or an archive with one in it, fetched and run."""

    url: Annotated[Name, _S3_OBJECT] = Field(description="The object: `s3://BUCKET/KEY`.")
    version: Name | None = Field(None, description="Its version, where a bucket keeps several.")
    sha256: Annotated[Name, _SHA256] | None = Field(
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


KindName = Literal[
    "ec2", "ftp", "glue", "http", "lambda", "redshift", "script", "sftp", "stepfunctions"
]

KINDS: tuple[KindName, ...] = get_args(KindName)

# Marks of the kinds in places of errors; `#` keeps them apart from keys of a document.
EC2, FTP, GLUE, HTTP = "#ec2", "#ftp", "#glue", "#http"
LAMBDA, REDSHIFT, SCRIPT, SFTP = "#lambda", "#redshift", "#script", "#sftp"
STEP_FUNCTIONS = "#stepfunctions"

MARKED: Mapping[str, type[Model]] = MappingProxyType(
    {
        EC2: Ec2,
        FTP: Ftp,
        GLUE: Glue,
        HTTP: Http,
        LAMBDA: Lambda,
        REDSHIFT: Redshift,
        SCRIPT: Script,
        SFTP: Sftp,
        STEP_FUNCTIONS: StepFunctions,
    }
)


class _OfKind(dict[str, Any]):
    """The fields of a kind that is said beside them."""

    mark: str


def of_kind(kind: KindName, value: Any) -> Any:
    """The value so that it is read as the fields of that kind."""
    if not isinstance(value, Mapping):
        raise complaint("is no object", "an object")
    fields = _OfKind(value)
    fields.mark = f"#{kind}"
    return fields


def model_of(kind: str) -> type[Model]:
    """The fields that a kind has."""
    return MARKED[f"#{kind}"]


_MARKS = {model: mark for mark, model in MARKED.items()}


def _mark(value: Any) -> str:
    return value.mark if isinstance(value, _OfKind) else _MARKS[type(value)]


class _AnyOf:
    """Describes a union as one of which several may fit: the kind is not said in it."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The forms under the word that allows for more than one."""
        return {"anyOf": handler(schema)["oneOf"]}


With = Annotated[
    Annotated[Ec2, Tag(EC2)]
    | Annotated[Ftp, Tag(FTP)]
    | Annotated[Glue, Tag(GLUE)]
    | Annotated[Http, Tag(HTTP)]
    | Annotated[Lambda, Tag(LAMBDA)]
    | Annotated[Redshift, Tag(REDSHIFT)]
    | Annotated[Script, Tag(SCRIPT)]
    | Annotated[Sftp, Tag(SFTP)]
    | Annotated[StepFunctions, Tag(STEP_FUNCTIONS)],
    Discriminator(_mark),
    _AnyOf(),
]
