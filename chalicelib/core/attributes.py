"""DynamoDB's typed values, `{"S": "daily"}`, as plain ones: exported tables are full of them.

Own code, because exports are read on machines too where no boto3 is installed.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_TYPES = frozenset({"S", "N", "BOOL", "NULL", "L", "M", "SS", "NS", "B", "BS"})
_WHOLE = re.compile(r"-?[0-9]{1,38}")  # DynamoDB's numbers have at most 38 digits
_DECIMAL = re.compile(r"-?[0-9]*\.?[0-9]+([eE][-+]?[0-9]{1,3})?")


def is_typed(item: object) -> bool:
    """Whether every member of an item says its type, as those of DynamoDB's API do."""
    return (
        isinstance(item, Mapping)
        and bool(item)
        and all(isinstance(each, Mapping) and len(each) == 1 for each in item.values())
        and all(_TYPES.issuperset(each) for each in item.values())
    )


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """The item without its types; what is no typed value stays as it is."""
    return {key: _plain(attribute) for key, attribute in item.items()}


def _plain(attribute: Any) -> Any:
    match attribute:
        case {"N": str(text)}:
            return _number(text)
        case {"L": list(values)}:
            return [_plain(value) for value in values]
        case {"M": Mapping() as values}:
            return plain(values)
        case {"NULL": _}:
            return None
        case {"S": value} | {"BOOL": value} | {"SS": value} | {"NS": value}:
            return value
        case _:
            return attribute


def _number(text: str) -> object:
    """The number; text that is none stays what it is, for whoever reads it to tell of."""
    if _WHOLE.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else text
