"""Ready-made kinds of work as a document gives them: `uses` names one, `with` has its fields.

Each field is an option of `batch-job KIND`, which checks once more what it is told.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from chalicelib.core.fields import DECIMAL, WHOLE, Text, complaint
from chalicelib.core.kind_fields import (
    Flag,
    Form,
    Json,
    Name,
    Names,
    Pairs,
    Reference,
    Said,
    Seconds,
    at_most_one,
    needed,
    one_of,
    only,
    shaped,
    without,
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
_SHA256 = shaped(r"[0-9A-Fa-f]{64}", "64 hexadecimal digits")


def _address(scheme: str) -> AfterValidator:
    allowed = f"{scheme}://HOST[:PORT]/PATH, without a user and a password"
    return shaped(rf"{scheme}://[^/@\s]+/[^?#]+", allowed, hidden=True)


class Kind(Model):
    """What every kind takes."""

    timeout: Seconds | None = Field(
        None, description="Seconds after which the work is cancelled, and the job has failed."
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


class Transfer(Kind):
    """What files of servers have in common."""

    action: Annotated[Literal["get", "put", "wait"], Said(Form.WORD)] = Field(
        description="`get` a file from the server, `put` one there, or `wait` until one is there"
        " and stays the same."
    )
    here: Annotated[Name, Said(Form.REST)] | None = Field(
        None,
        description="`get`, `put`: a path, or `s3://BUCKET/KEY`; of `get` a directory ends with"
        " `/`.",
    )
    sha256: Annotated[Name, _SHA256] | None = Field(
        None, description="`get`, `put`: what its SHA-256 must be: 64 hexadecimal digits."
    )
    sha256_beside: Annotated[Flag, Said(Form.FLAG, "--sha256-beside")] | None = Field(
        None,
        alias="sha256Beside",
        description="`get`: compare with the file NAME.sha256 beside it; `put`: write that, too.",
    )
    retries: Annotated[int, Field(ge=0), WHOLE] | None = Field(
        None, description="`get`, `put`: how often in a row in vain; 5 unless given."
    )
    stable: Annotated[int, Field(ge=0, le=86_400), WHOLE] | None = Field(
        None, description="`wait`: seconds for which its size and time stay; 30 unless given."
    )
    every: Annotated[int, Field(ge=0, le=86_400), WHOLE] | None = Field(
        None, description="`wait`: seconds between two looks; 10 unless given."
    )

    @model_validator(mode="after")
    def _fits_its_action(self) -> Self:
        if self.action == "wait":
            without(self, self.action, ["here", "sha256", "sha256_beside", "retries"])
        else:
            needed(self, self.action, ["here"])
            without(self, self.action, ["stable", "every"])
        return self


class Sftp(Transfer):
    """`uses: sftp`: files of an SFTP server."""

    server: Annotated[Name, _address("sftp"), Said(Form.REST)] = Field(
        description="The file there: `sftp://HOST[:PORT]/PATH`; of `wait` a pattern, too."
    )
    user: Name = Field(description="Who logs in.")
    password_from: Reference | None = Field(
        None, description="Where the password is: `env:NAME` or `file:/PATH`."
    )
    key_from: Reference | None = Field(None, description="Where the private key is.")
    passphrase_from: Reference | None = Field(
        None, description="Where the passphrase of the key is."
    )
    known_hosts_from: Reference | None = Field(
        None, description="Where lines of a known_hosts file are."
    )
    host_keys: Annotated[Names, Said(name="--host-key")] | None = Field(
        None, description="Fingerprints of the server's key: `SHA256:…`."
    )


class Ftp(Transfer):
    """`uses: ftp`: files of an FTP server."""

    server: Annotated[Name, _address("ftp"), Said(Form.REST)] = Field(
        description="The file there: `ftp://HOST[:PORT]/PATH`; of `wait` a pattern, too."
    )
    user: Name | None = Field(None, description="Who logs in; `anonymous` unless given.")
    password_from: Reference | None = Field(
        None, description="Where the password is: `env:NAME` or `file:/PATH`."
    )
    tls: Flag | None = Field(None, description="Encrypt, and check the server's certificate.")
    ca_from: Reference | None = Field(
        None, description="`tls`: where certificates to trust are, as PEM."
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
