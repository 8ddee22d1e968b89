"""What a document says of ready-made kinds of work: `uses` names one, `with` has its fields.

Each field is an option of `batch-job KIND`, which checks once more what it is told.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, GetJsonSchemaHandler, Tag
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from chalicelib.core.fields import complaint
from chalicelib.core.model import Model
from chalicelib.core.service_kinds import Ec2, Glue, Lambda, Redshift, Script, StepFunctions
from chalicelib.core.transfer_kinds import Ftp, Http, Sftp

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
