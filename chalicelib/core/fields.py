"""The kinds of values that the fields of a document take, and what each forgives.

Numbers may be written as text and text as numbers: documents that were once in DynamoDB or were
typed into YAML have both. Every kind keeps its JSON Schema true to what it accepts.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.schedule import TriggerRule
from chalicelib.core.written import WrittenFloat

_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,18}(\.[0-9]{1,18})?")
_ALPHANUMERIC = re.compile(r"[^\W_]")
_NAME_REFUSED = frozenset("/*?[,")  # the terminal takes lists and globs of names


SCHEDULE_ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"


def complaint(
    reason: str, allowed: str = "", suggestion: str = "", *, hidden: bool = False
) -> PydanticCustomError:
    """The error of a validator of ours.

    `allowed` says what would have been accepted, `suggestion` what was probably meant. What was
    found is not told where it may be a secret: `hidden`.
    """
    facts = {"reason": reason, "allowed": allowed, "suggestion": suggestion, "hidden": hidden}
    return PydanticCustomError("refused", "{reason}", facts)


class Forgiving:
    """Annotates a type whose values may be written in more ways than one."""

    def __init__(self, read: Callable[[Any], Any], **described: Any) -> None:
        """`read` makes a value what the type wants; `described` goes into its JSON Schema."""
        self._read = read
        self._described = described

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read before the type's own rules are applied."""
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The type's own schema, bounds included, as far as it is not described otherwise."""
        return {**handler(schema), **self._described}


def _numeral(kind: str, pattern: re.Pattern[str]) -> Forgiving:
    def read(value: Any) -> Any:
        if isinstance(value, str) and pattern.fullmatch(value.strip()):
            return value.strip()
        if isinstance(value, bool | str):
            raise complaint("is no number", "a number")
        return value

    return Forgiving(read, type=[kind, "string"], pattern=rf"^\s*{pattern.pattern}\s*$")


# Numbers that may be given as text: `"60"`.
WHOLE = _numeral("integer", _WHOLE)
DECIMAL = _numeral("number", _DECIMAL)


def as_text(value: Any) -> Any:
    """Text for a number or a truth value: `sleep: [sleep, 5]` is what people write in YAML."""
    match value:
        case bool():
            return "true" if value else "false"
        case WrittenFloat():
            return value.text
        case Decimal():
            return format(value, "f")  # 60 may come as 6E+1
        case int() | float():
            return str(value)
        case _:
            return value


def _spelt(**described: Any) -> Any:
    """What a JSON Schema says of a value before we read it."""
    return Annotated[Any, WithJsonSchema(described)]


TEXT = Forgiving(as_text, type=["string", "number", "boolean"])
Text = Annotated[str, TEXT]


def _scalar(value: Any) -> Any:
    if isinstance(value, WrittenFloat):
        # Stored as JSON, 1.10 would come back as 1.1; text can still be read as a number.
        return float(value) if str(float(value)) == value.text else value.text
    if isinstance(value, str | int | float | Decimal):
        return float(value) if isinstance(value, Decimal) else value
    raise complaint("is no single value", "text, a number, true or false")


Scalar = Annotated[Any, BeforeValidator(_scalar, json_schema_input_type=str | int | float | bool)]


def _check_job_name(name: str) -> str:
    if not _ALPHANUMERIC.search(name):
        raise complaint("is no name", "a name with at least one letter or digit")
    if not name.isprintable() or name != name.strip():
        raise complaint("is no name", "printable characters, no blank first or last")
    refused = _NAME_REFUSED.intersection(name)
    if refused:
        raise complaint(
            f"is no name: it has {' '.join(sorted(refused))}", "names without / * ? [ ,"
        )
    return name


JobName = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_check_job_name)]


def alike(name: str) -> str:
    """What two names have in common that people take for the same: case, width, accents' form."""
    return unicodedata.normalize("NFKC", name).casefold()


def _check_environment_name(name: str) -> str:
    if name.upper().startswith("AWS_BATCH"):
        # "Environment variables must not start with AWS_BATCH" (API_KeyValuePair).
        raise complaint("is a name that AWS Batch keeps for itself", "names not with AWS_BATCH")
    return name


EnvironmentName = Annotated[
    str, Field(pattern=r"^[^=\s$\x00]+$", max_length=256), AfterValidator(_check_environment_name)
]


def _upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


def _either_case(*words: str) -> Any:
    spellings = (spelling for word in words for spelling in (str(word), word.lower()))
    return _spelt(enum=list(dict.fromkeys(spellings)))


ExitAction = Annotated[
    Literal["RETRY", "EXIT"],
    BeforeValidator(_upper, json_schema_input_type=_either_case("RETRY", "EXIT")),
]
ResourceType = Annotated[
    Literal["GPU", "VCPU", "MEMORY"],
    BeforeValidator(_upper, json_schema_input_type=_either_case("GPU", "VCPU", "MEMORY")),
]


def _read_status(value: Any) -> Any:
    status = _upper(value)
    return "PASS" if status == "SKIP" else status


OldJobStatus = Annotated[
    JobStatus,
    BeforeValidator(
        _read_status, json_schema_input_type=_either_case("PASS", "SKIP", *JobStatus, " ")
    ),
]


def _read_job_id(value: Any) -> Any:
    return value["jobId"] if isinstance(value, Mapping) and "jobId" in value else value


_JOB_ID_FORMS = [{"type": "string"}, {"type": "object", "required": ["jobId"]}]
JobId = Annotated[
    str, BeforeValidator(_read_job_id, json_schema_input_type=_spelt(anyOf=_JOB_ID_FORMS))
]


def _words(spelling: str) -> str:
    return re.sub(r"[-_\s]+|(?<=[a-z])(?=[A-Z])", " ", spelling.strip()).lower()


def _read_rule(value: Any) -> Any:
    return _words(value) if isinstance(value, str) else value


def _rule_spellings() -> list[str]:
    spellings = []
    for rule in TriggerRule:
        first, *rest = rule.split()
        camel = first + "".join(map(str.capitalize, rest))
        spellings += [rule.value, camel, rule.replace(" ", "_"), rule.replace(" ", "-")]
    return spellings


RuleName = Annotated[
    TriggerRule,
    BeforeValidator(_read_rule, json_schema_input_type=_spelt(enum=_rule_spellings())),
]


# Marks of the forms that one field takes; `#` keeps them apart from keys of a document.
TEXT_FORM, LIST_FORM, MAPPING_FORM = "#text", "#list", "#mapping"


def text_or_list(value: Any) -> str:
    """The form that a value is in, for a field that takes both."""
    return LIST_FORM if isinstance(value, list | tuple) else TEXT_FORM


Command = Annotated[
    Annotated[str, Field(min_length=1), Tag(TEXT_FORM)]
    | Annotated[list[Text], Field(min_length=1), Tag(LIST_FORM)],
    Discriminator(text_or_list),
]
