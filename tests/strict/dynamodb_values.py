"""DynamoDB's attribute values: whether they are allowed, how large they are, how they compare."""

from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from tests.strict.answers import AwsError

Value = dict[str, Any]  # as on the wire: {"S": "x"}. Never changed in place once accepted.
Item = dict[str, Value]

_DIGITS = 38
_DEPTH = 32  # levels of lists and maps
_EXACT = Context(prec=_DIGITS + 2)
_LARGEST, _LEAST = 125, -130  # exponents of ten


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def accepted_item(item: Item) -> Item:
    """The item as DynamoDB keeps it, sharing nothing with the caller's."""
    return {name: accepted(value) for name, value in item.items()}


def accepted(value: Value, depth: int = 0) -> Value:
    """The value as DynamoDB keeps it. Raises ValidationException for one that it refuses."""
    if len(value) != 1:
        raise invalid("Supplied AttributeValue has more or less than one datatypes set")
    ((kind, content),) = value.items()
    if kind == "S":
        return {"S": content}
    if kind == "N":
        return {"N": number(content)}
    if kind in ("L", "M"):
        if depth >= _DEPTH:
            raise invalid("Nesting Levels have exceeded supported limits")
        if kind == "L":
            return {"L": [accepted(each, depth + 1) for each in content]}
        return {"M": {name: accepted(each, depth + 1) for name, each in content.items()}}
    if kind == "NULL" and content is not True:
        raise invalid("Null attribute value types must have the value of true")
    return {kind: _accepted_set(kind, content)} if kind in ("SS", "NS", "BS") else _other(value)


def _other(value: Value) -> Value:
    if "B" in value:
        content = value["B"]
        return {"B": content.encode() if isinstance(content, str) else bytes(content)}
    return dict(value)


def _accepted_set(kind: str, content: Any) -> list[Any]:
    members = [next(iter(accepted({kind[0]: each}).values())) for each in content]
    if not members:
        raise invalid("One or more parameter values were invalid: An set may not be empty")
    if len(set(members)) != len(members):
        raise invalid("One or more parameter values were invalid: Input collection has duplicates")
    return members


@lru_cache(maxsize=100_000)
def number(text: str) -> str:
    """The number without needless digits. Raises ValidationException for one out of bounds."""
    try:
        exact = Decimal(text)
    except InvalidOperation:
        exact = Decimal("NaN")
    if not exact.is_finite():
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
    if len("".join(map(str, exact.as_tuple().digits)).strip("0")) > _DIGITS:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    if exact and exact.adjusted() > _LARGEST:
        raise invalid(
            "Number overflow. Attempting to store a number with magnitude larger than "
            "supported range"
        )
    if exact and exact.adjusted() < _LEAST:
        raise invalid(
            "Number underflow. Attempting to store a number with magnitude smaller than "
            "supported range"
        )
    return format(_EXACT.normalize(exact), "f") if exact else "0"


def copied_item(item: Item) -> Item:
    """A copy for a caller, who may do with it what he likes."""
    return {name: copied(value) for name, value in item.items()}


def copied(value: Value) -> Value:
    ((kind, content),) = value.items()
    if kind == "M":
        return {"M": copied_item(content)}
    if kind == "L":
        return {"L": [copied(each) for each in content]}
    return {kind: list(content)} if kind in ("SS", "NS", "BS") else {kind: content}


def item_size(item: Item) -> int:
    """Bytes as DynamoDB counts them, names included."""
    return sum(text_size(name) + value_size(value) for name, value in item.items())


def value_size(value: Value) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            size = text_size(content)
        case "N":
            size = _number_size(content)
        case "B":
            size = len(content)
        case "M":
            size = 3 + len(content) + item_size(content)
        case "L":
            size = 3 + len(content) + sum(map(value_size, content))
        case "SS" | "NS" | "BS":
            size = sum(value_size({kind[0]: each}) for each in content)
        case _:  # BOOL, NULL
            size = 1
    return size


def text_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


@lru_cache(maxsize=100_000)
def _number_size(text: str) -> int:
    digits = text.lstrip("-").replace(".", "").strip("0")
    return (len(digits) + 1) // 2 + 1 + text.startswith("-")


def plain(value: Value) -> tuple[str, Any]:
    """The type and a content that is equal, and sorts, as DynamoDB has it."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return kind, content.encode()
        case "N":
            return kind, Decimal(content)
        case "SS" | "NS" | "BS":
            return kind, frozenset(content)
        case "L":
            return kind, tuple(map(plain, content))
        case "M":
            return kind, frozenset((name, plain(each)) for name, each in content.items())
    return kind, content
