"""DynamoDB's typed values as plain ones."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.attributes import is_typed, plain
from tests.unit.test_messages import json_values


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ({"S": "a"}, "a"),
        ({"N": "60"}, 60),
        ({"N": "-1.50"}, Decimal("-1.50")),
        ({"N": "6E+1"}, Decimal(60)),
        ({"N": "many"}, "many"),
        ({"BOOL": False}, False),
        ({"NULL": True}, None),
        ({"SS": ["a", "b"]}, ["a", "b"]),
        ({"L": [{"S": "a"}, {"N": "1"}]}, ["a", 1]),
        ({"M": {"jobId": {"S": "id-1"}}}, {"jobId": "id-1"}),
        ({"X": "what?"}, {"X": "what?"}),
        ({"L": "no list"}, {"L": "no list"}),
    ],
)
def test_each_type_has_its_plain_value_and_junk_stays(typed: dict[str, Any], value: object) -> None:
    assert plain({"member": typed}) == {"member": value}


def test_an_item_is_typed_when_all_its_members_are() -> None:
    assert is_typed({"scheduleId": {"S": "daily"}, "wait_time": {"N": "60"}})
    assert not is_typed({"scheduleId": {"S": "daily"}, "wait_time": 60})
    assert not is_typed({"output": {"scheduleId": "daily"}})
    assert not is_typed({"jobId": {"S": "a", "N": "1"}})
    assert not is_typed({})
    assert not is_typed([])


@given(st.dictionaries(st.text(), json_values))
def test_any_object_can_be_asked_and_read(item: dict[str, Any]) -> None:
    assert plain(item).keys() == item.keys()
    assert is_typed({key: {"M": each} for key, each in item.items()}) is bool(item)
