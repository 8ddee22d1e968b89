"""What the fields of ready-made kinds have in common: how each is said to batch-job."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from chalicelib.core.fields import (
    LIST_FORM,
    TEXT,
    TEXT_FORM,
    WHOLE,
    Text,
    complaint,
    text_or_list,
)
from chalicelib.core.model import Model

OPEN = "${"  # a text with it may wait for the values of a run: its form is checked with them in it


class Form(Enum):
    """How the value of a field becomes words of a command."""

    OPTION = auto()  # --name=value, once for each of several
    FLAG = auto()  # --name, when it is true
    PAIRS = auto()  # --name=key=value, once for each member and each of its values
    JSON = auto()  # --name=value, as JSON unless it is text
    WORD = auto()  # value, before all options
    REST = auto()  # the values behind all options, and behind --


@dataclass(frozen=True, slots=True)
class Said:
    """Annotates a field with its form, and with the option's name where it is not the field's."""

    form: Form = Form.OPTION
    name: str = ""
    between: str = "="  # key and value of a pair


def _read_json(value: Any) -> Any:
    if not isinstance(value, Mapping | list):
        raise complaint("is neither an object nor a list", "an object, or a list")
    return _plain(value)


def _read_body(value: Any) -> Any:
    return value if isinstance(value, str) else _read_json(value)


def _plain(value: Any) -> Any:
    """The same without numbers that JSON has no word for."""
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case Mapping():
            return {key: _plain(member) for key, member in value.items()}
        case list():
            return [_plain(member) for member in value]
        case _:
            return value


Json = Annotated[
    Any, BeforeValidator(_read_json), WithJsonSchema({"type": ["object", "array"]}), Said(Form.JSON)
]
Body = Annotated[
    Any,
    BeforeValidator(_read_body),
    WithJsonSchema({"type": ["string", "object", "array"]}),
    Said(Form.JSON),
]
PairName = Annotated[str, Field(min_length=1, pattern=r"^[^=]+$")]
Pairs = Annotated[dict[PairName, Text], Said(Form.PAIRS)]
Alternatives = Annotated[
    Annotated[Text, Tag(TEXT_FORM)] | Annotated[list[Text], Field(min_length=1), Tag(LIST_FORM)],
    Discriminator(text_or_list),
]
Conditions = Annotated[dict[PairName, Alternatives], Said(Form.PAIRS)]
Flag = Annotated[bool, Field(strict=True), Said(Form.FLAG)]
Seconds = Annotated[int, Field(ge=1), WHOLE]
Name = Annotated[str, Field(min_length=1), TEXT]
Names = Annotated[list[Name], Field(min_length=1)]


def shaped(pattern: str, allowed: str, *, hidden: bool = False) -> AfterValidator:
    """Refuse text that does not match the pattern, unless placeholders are to be filled in it.

    `hidden` is text that may be a secret, put where a reference to one belongs.
    """
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if OPEN not in text and not compiled.fullmatch(text):
            raise complaint("is not written as it must be", allowed, hidden=hidden)
        return text

    return AfterValidator(check)


Reference = Annotated[
    Name,
    shaped(
        r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+",
        "where it is, never itself: env:NAME or file:/PATH",
        hidden=True,
    ),
]


SHA256 = shaped(r"[0-9A-Fa-f]{64}", "64 hexadecimal digits")


class Kind(Model):
    """What every kind takes."""

    timeout: Seconds | None = Field(
        None, description="Seconds after which the work is cancelled, and the job has failed."
    )


def one_of(fields: Model, *names: str) -> None:
    """Refuse fields that have none or both of these."""
    at_most_one(fields, *names)
    if not any(_has(fields, name) for name in names):
        raise complaint(f"has neither {_words(fields, names, 'nor')}", "one of the two")


def at_most_one(fields: Model, *names: str) -> None:
    """Refuse fields that have both of these."""
    if all(_has(fields, name) for name in names):
        raise complaint(f"has both {_words(fields, names)}", "one of the two")


def needed(fields: Model, action: str, names: Collection[str]) -> None:
    """Refuse fields without what an action needs."""
    for name in names:
        if not _has(fields, name):
            raise complaint(f"has no `{_alias(fields, name)}`, which `{action}` needs")


def only(fields: Model, action: str, names: Collection[str]) -> None:
    """Refuse fields besides those that an action has a use for."""
    without(fields, action, fields.model_fields_set - {"action", "timeout", *names})


def without(fields: Model, action: str, names: Collection[str]) -> None:
    """Refuse fields that an action has no use for."""
    for name in sorted(names):
        if _has(fields, name):
            raise complaint(f"has `{_alias(fields, name)}`, of which `{action}` has no use")


def _has(fields: Model, name: str) -> bool:
    return getattr(fields, name) is not None


def _words(fields: Model, names: Collection[str], word: str = "and") -> str:
    return f" {word} ".join(f"`{_alias(fields, name)}`" for name in names)


def _alias(fields: Model, name: str) -> str:
    return type(fields).model_fields[name].alias or name
