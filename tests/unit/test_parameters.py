from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.document import Parameter
from chalicelib.core.parameters import Value, check, fill, names_in
from chalicelib.errors import InvalidInputError, Problem
from tests.builders import job, loaded

TEXTS = st.text(st.characters(codec="utf-8"))
NESTED = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def declared(**fields: Any) -> dict[str, Parameter]:
    return {"value": Parameter.model_validate(fields)}


def checked(given: object, **fields: Any) -> Value:
    return check(declared(**fields), {"value": given})["value"]


def problems(parameters: dict[str, Parameter], given: dict[str, object]) -> tuple[Problem, ...]:
    with pytest.raises(InvalidInputError) as caught:
        check(parameters, given)
    return caught.value.problems


@pytest.mark.parametrize(
    ("type_", "given", "value"),
    [
        ("string", "a b", "a b"),
        ("string", 5, "5"),
        ("string", True, "true"),
        ("string", "", ""),
        ("integer", "-12", -12),
        ("integer", " 12 ", 12),
        ("integer", 12, 12),
        ("number", "1.5", 1.5),
        ("number", "2", 2),
        ("number", 1.5, 1.5),
        ("number", "1e3", 1000.0),
        ("boolean", "True", True),
        ("boolean", "false", False),
        ("boolean", False, False),
        ("date", "2026-11-23", "2026-11-23"),
        ("date", " 2024-02-29 ", "2024-02-29"),
    ],
)
def test_a_value_is_read_in_its_type(type_: str, given: object, value: Value) -> None:
    found = checked(given, type=type_)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("type_", "given", "allowed"),
    [
        ("string", "a\x00", "text without control characters"),
        ("string", "\udc80", "text without control characters"),
        ("string", ["a"], "text without control characters"),
        ("integer", "1.0", "a whole number"),
        ("integer", True, "a whole number"),
        ("integer", 1.5, "a whole number"),
        ("integer", "9" * 19, "a whole number"),
        ("number", "one", "a number"),
        ("number", "nan", "a number"),
        ("number", "1e999", "a number"),
        ("number", False, "a number"),
        ("number", None, "a number"),
        ("boolean", "yes", "true or false"),
        ("boolean", 1, "true or false"),
        ("date", "2026-02-29", "a date such as 2026-11-23"),
        ("date", "20261123", "a date such as 2026-11-23"),
        ("date", 20261123, "a date such as 2026-11-23"),
    ],
)
def test_a_value_of_another_type_is_refused(type_: str, given: object, allowed: str) -> None:
    (problem,) = problems(declared(type=type_), {"value": given})
    assert (problem.path, problem.allowed) == ("$.parameters.value", allowed)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for type_ in ("string", "integer", "number", "boolean", "date"):
        with suppress(InvalidInputError):
            checked(text, type=type_)


def test_a_default_stands_in_in_the_parameters_type() -> None:
    assert check(declared(type="integer", default="3"), {}) == {"value": 3}


def test_a_value_given_beats_the_default() -> None:
    assert checked("4", type="integer", default=3) == 4


@pytest.mark.parametrize("fields", [{}, {"required": True}])
def test_a_parameter_without_a_default_needs_a_value(fields: dict[str, object]) -> None:
    (problem,) = problems(declared(type="date", **fields), {})
    assert problem.reason == 'parameter "value" needs a value'
    assert problem.allowed == "a date such as 2026-11-23"


def test_a_parameter_that_is_not_required_is_empty() -> None:
    assert check(declared(type="integer", required=False), {}) == {"value": ""}


def test_a_value_that_is_not_allowed_is_refused_with_the_choices() -> None:
    choices = declared(type="string", allowedValues=["full", "delta"])
    (problem,) = problems(choices, {"value": "ful"})
    assert problem.found == '"ful"'
    assert problem.allowed == '"full", "delta"'
    assert problem.suggestion == "full"


def test_choices_are_compared_in_the_parameters_type() -> None:
    assert checked("2", type="integer", allowedValues=[1, "2"]) == 2


def test_everything_wrong_is_told_at_once() -> None:
    parameters = {
        "date": Parameter(type="date"),
        "size": Parameter(type="integer"),
        "mode": Parameter(),
    }
    found = problems(parameters, {"dat": "x", "size": "big"})
    assert [(p.reason, p.suggestion) for p in found] == [
        ("the schedule has no such parameter", "date"),
        ('parameter "date" needs a value', ""),
        ("is no value of this parameter", ""),
        ('parameter "mode" needs a value', ""),
    ]


def test_a_schedule_without_parameters_takes_none() -> None:
    with pytest.raises(InvalidInputError, match="it declares no parameters"):
        check(None, {"a": "1"})
    assert check(None, {}) == {}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"type": "integer", "default": "three"}, "default"),
        ({"type": "date", "default": "today"}, "default"),
        ({"default": "c", "allowedValues": ["a", "b"]}, "default"),
        ({"type": "integer", "allowedValues": [1, "x"]}, "allowedValues[1]"),
        ({"default": "a", "required": True}, "required"),
    ],
)
def test_a_declaration_must_agree_with_itself(fields: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        loaded(job("a"), parameters={"p": fields})
    assert [problem.path for problem in caught.value.problems] == [f"$.parameters.p.{path}"]


VALUES: dict[str, Value] = {"date": "2026-11-23", "n": 3, "x": 1.5, "flag": True, "none": ""}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${date}", "2026-11-23"),
        ("a-${n}-${n}", "a-3-3"),
        ("${x} ${flag} <${none}>", "1.5 true <>"),
        ("$${date}", "${date}"),
        ("$${HOME:-/}", "${HOME:-/}"),
        ("${HOME:-/}", "${HOME:-/}"),
        ("$$ $date ${", "$$ $date ${"),
        ("${${n}}", "${3}"),
    ],
)
def test_names_in_braces_are_filled(text: str, filled: str) -> None:
    assert fill(text, VALUES) == filled


def test_a_value_is_not_filled_again() -> None:
    assert fill("${a}", {"a": "${b}", "b": "no"}) == "${b}"


def test_texts_are_filled_at_any_depth_but_keys_are_not() -> None:
    nested = {"${n}": ["${n}", {"a": ("${n}", 1, None)}]}
    assert fill(nested, VALUES) == {"${n}": ["3", {"a": ["3", 1, None]}]}


@given(NESTED.filter(lambda value: "$" not in repr(value)))
def test_what_has_no_dollar_is_left_alone(value: object) -> None:
    assert fill(value, VALUES) == value


@given(TEXTS, TEXTS)
def test_a_doubled_dollar_protects_any_text(before: str, name: str) -> None:
    protected = before.replace("$", "") + "$${" + name.replace("$", "")
    assert fill(protected, {}) == protected.replace("$$", "$")


def test_names_are_found_in_order_and_protected_ones_are_not() -> None:
    assert names_in("${b} $${c} ${a} ${1}") == ["b", "a"]
    assert names_in("$b") == []
