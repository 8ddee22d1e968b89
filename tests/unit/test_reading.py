import json
import math
import re
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.reading import MAX_BYTES, parse
from chalicelib.core.written import MAX_DEPTH, WrittenFloat
from chalicelib.errors import InvalidInputError

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(1 - 10**18, 10**18 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def refusal(content: bytes, name: str = "") -> str:
    with pytest.raises(InvalidInputError) as caught:
        parse(content, name)
    return str(caught.value)


def parse_yaml(text: str) -> Any:
    return parse(text.encode(), "x.yaml")


@given(VALUES)
def test_json_is_read_as_the_standard_library_reads_it(value: object) -> None:
    text = json.dumps(value)
    assert parse(text.encode(), "x.json") == json.loads(text)


# YAML does not know JSON's escapes of surrogate pairs, and its keys have at most 1,024 characters.
@given(VALUES.filter(lambda value: not re.search(r'\\ud[89ab]|[^"]{1000}":', json.dumps(value))))
def test_json_is_yaml_too(value: object) -> None:
    text = json.dumps([value])
    assert parse_yaml(text) == parse(text.encode(), "x.json")


# PyYAML writes YAML 1.1, where `1e3` is a text; here, as in YAML 1.2 and JSON, it is a number.
TEXT_OF_BOTH = TEXT.filter(lambda text: not re.fullmatch(r"[-+]?[0-9]+[eE][-+]?[0-9]+", text))


@given(
    st.recursive(
        TEXT_OF_BOTH, lambda i: st.lists(i) | st.dictionaries(TEXT_OF_BOTH, i), max_leaves=10
    )
)
def test_texts_that_pyyaml_writes_are_read_back(value: object) -> None:
    written = yaml.safe_dump([value], allow_unicode=True)
    assert parse_yaml(written) == yaml.safe_load(written)


@given(st.binary(max_size=200), st.sampled_from(["", "a.json", "a.yaml"]))
def test_f34_any_bytes_are_read_or_refused(content: bytes, name: str) -> None:
    with suppress(InvalidInputError):
        parse(content, name)


@given(st.text("{}[]:,-&*!<>|'\"#%@ \nab1.", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidInputError):
        parse_yaml(text)


def test_a_brace_at_the_beginning_means_json() -> None:
    assert "is not JSON" in refusal(b"  {a: 1}")


def test_the_name_decides_before_the_first_character() -> None:
    assert "is not JSON" in refusal(b"a: 1", "schedule.JSON")


def test_a_byte_order_mark_is_ignored() -> None:
    assert parse(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("content", [b"", b" \n\t", b"\xef\xbb\xbf"])
def test_nothing_is_no_document(content: bytes) -> None:
    assert refusal(content) == "$: the document is empty"


def test_other_encodings_are_refused_with_their_line() -> None:
    assert refusal(b"a: 1\nb: caf\xe9\nc: 1\n").startswith("line 2: is not UTF-8")


def test_ten_megabytes_are_enough() -> None:
    spaces = b" " * (MAX_BYTES - 2)
    assert parse(b"{" + spaces + b"}") == {}
    assert refusal(b"{" + spaces + b" }").startswith("$: the document is too large")


def test_a_mistake_in_json_is_placed() -> None:
    assert refusal(b'{\n "a": 1,\n "b" 2\n}').startswith("line 3, column 6: is not JSON")


def test_a_mistake_in_yaml_is_placed() -> None:
    assert refusal(b"a: 1\nb: [1, 2\nc: 3").startswith("line 3, column 2: is not YAML")


def test_a_control_character_in_the_source_of_yaml_is_refused() -> None:
    assert "is not YAML" in refusal(b"a: \x07")


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_f34_keys_given_twice_are_all_named_by_their_paths(name: str) -> None:
    content = b'{"a": 1, "b": [{"c d": 1, "c d": 2}], "a": 3}'
    if name == "a.yaml":
        content = b"- " + content
    with pytest.raises(InvalidInputError) as caught:
        parse(content, name)
    root = "$[0]" if name == "a.yaml" else "$"
    paths = {problem.path for problem in caught.value.problems}
    assert paths == {f'{root}.b[0]["c d"]', f"{root}.a"}


def test_a_key_given_twice_in_yaml_has_line_and_column() -> None:
    assert refusal(b"a: 1\nb: 2\na: 3") == (
        "$.a: is given twice (line 3, column 1); allowed: each key once"
    )


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 19, "9" * 5000]
)
def test_f34_numbers_that_nothing_can_hold_are_refused(number: str) -> None:
    answer = refusal(f'{{"a": [1, {number}]}}'.encode())
    assert answer.startswith("$.a[1]: is no number that can be kept")


@pytest.mark.parametrize("number", [".nan", ".NaN", ".inf", "-.INF", "+.inf", "1e999"])
def test_yaml_has_no_infinite_numbers_either(number: str) -> None:
    assert refusal(f"a: {number}".encode()).startswith("$.a: is no number that can be kept")


def test_eighteen_digits_are_a_number() -> None:
    assert parse(b'{"a": -999999999999999999}') == {"a": -(10**18 - 1)}


def nested(levels: int) -> bytes:
    return b'{"a":' * (levels - 1) + b"[1]" + b"}" * (levels - 1)


def test_thirty_two_levels_are_the_deepest() -> None:
    assert parse(nested(MAX_DEPTH))
    answer = refusal(nested(MAX_DEPTH + 1))
    path = "$" + ".a" * MAX_DEPTH
    assert answer == f"{path}: is nested too deeply; allowed: at most 32 levels"


def test_f34_very_deep_json_is_refused_without_a_traceback() -> None:
    assert refusal(nested(100_000)) == "$: is nested too deeply; allowed: at most 32 levels"


def test_deep_yaml_is_refused_where_it_begins_to_be() -> None:
    assert parse(b"- " * MAX_DEPTH + b"x")
    answer = refusal(b"- " * 5000 + b"x")
    assert answer.startswith("line 1, column 65 ($[0]")
    assert answer.endswith("is nested too deeply; allowed: at most 32 levels")


@pytest.mark.parametrize("escape", ["\\u0000", "\\u0007", "\\b", "\\u007f", "\\u009b", "\\ud800"])
def test_control_characters_and_half_surrogates_are_refused(escape: str) -> None:
    answer = refusal(f'{{"a": ["x{escape}"]}}'.encode())
    assert answer.startswith("$.a[0]: has a control character")


def test_control_characters_in_keys_are_refused() -> None:
    answer = refusal(b'{"a": {"b\\u0000": 1}}')
    assert answer.startswith('$.a: has a control character; found "b\\x00"')


def test_every_unsound_part_is_told_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(b'{"a": "\\u0000", "b": [NaN], "c": "\\u0001"}')
    assert [problem.path for problem in caught.value.problems] == ["$.a", "$.b[0]", "$.c"]


def test_tabs_and_newlines_are_text() -> None:
    assert parse(b'{"a": "x\\t\\r\\n"}') == {"a": "x\t\r\n"}


@pytest.mark.parametrize(
    "text", ["yes", "No", "on", "OFF", "y", "010", "+1", "1_000", "0x1F", "1:30", ".5", "1.",
             "2026-11-23", "nUll", "tRUE", "--", "1e", "=", ".inf.", "-a"],
)  # fmt: skip
def test_yaml_keeps_as_text_what_only_older_versions_took_for_more(text: str) -> None:
    assert parse_yaml(f"a: {text}") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("", None), ("~", None), ("NULL", None), ("true", True), ("False", False), ("-12", -12),
     ("0", 0), ("1.50", 1.5), ("-1e3", -1000.0)],
)  # fmt: skip
def test_yaml_knows_the_scalars_of_its_core_schema(text: str, value: object) -> None:
    found = parse_yaml(f"a: {text}")["a"]
    assert found == value
    assert type(found) is type(value) or isinstance(found, WrittenFloat)


@pytest.mark.parametrize("text", ["'12'", '"true"', "|-\n  ~", "'<<'"])
def test_quotes_make_text(text: str) -> None:
    assert isinstance(parse_yaml(f"a: {text}")["a"], str)


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_a_decimal_number_remembers_how_it_was_written(name: str) -> None:
    found = parse(b"[1.10]", name)
    assert isinstance(found, list)
    assert found[0].text == "1.10"
    assert math.isclose(found[0], 1.1)


def test_keys_of_yaml_are_text_as_written() -> None:
    assert parse_yaml("1: a\nno: b\n~: c\n") == {"1": "a", "no": "b", "~": "c"}


def test_an_alias_stands_for_what_its_anchor_names() -> None:
    assert parse_yaml("a: &x [1]\nb: *x\nc: &y text\nd: *y\n&k e: *k\n") == {
        "a": [1], "b": [1], "c": "text", "d": "text", "e": "e",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["a: *b", "a: &b [*b]", "a: &b {c: *b}"])
def test_an_alias_of_nothing_or_of_itself_is_refused(text: str) -> None:
    assert "*b stands for nothing" in refusal(text.encode())


def test_f34_aliases_do_not_become_a_billion_values() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    answer = refusal("\n".join(lines).encode())
    assert answer.startswith("line 6, column ")
    assert "the document is too large" in answer


def test_f34_a_million_values_are_too_many_in_json() -> None:
    answer = refusal(b'{"a": [' + b"1," * 1_000_000 + b"1]}")
    assert answer == "$: the document is too large; allowed: 1,000,000 values"


def test_merge_keys_fill_in_what_is_not_given() -> None:
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {c: 3, <<: [*x, *y], d: 4}\n"
    assert parse_yaml(text)["z"] == {"a": 1, "b": 1, "c": 3, "d": 4}


def test_a_single_mapping_can_be_merged() -> None:
    assert parse_yaml("x: &x {a: 1}\nz:\n  <<: *x\n  a: 2\n")["z"] == {"a": 2}


def test_what_is_merged_must_be_objects() -> None:
    assert "<< merges what is no object" in refusal(b"a: {<<: [1]}")


def test_a_merge_key_in_quotes_is_a_key() -> None:
    assert parse_yaml('a: {"<<": 1}') == {"a": {"<<": 1}}


def test_two_merge_keys_are_a_key_given_twice() -> None:
    answer = refusal(b"a: {<<: {b: 1}, <<: {c: 1}}")
    assert answer.startswith('$.a["<<"]: is given twice (line 1, column 17)')


@pytest.mark.parametrize("text", ["!!python/object:os.system x", "!!str x", "! x", "a: !!map {}"])
def test_tags_are_refused(text: str) -> None:
    assert "has the tag" in refusal(text.encode())


@pytest.mark.parametrize("text", ["? [a]\n: b", "? {a: b}\n: c", "a: &x b\n*x : c"])
def test_only_text_is_a_key(text: str) -> None:
    assert "a key is" in refusal(text.encode())


def test_a_second_document_is_refused() -> None:
    assert refusal(b"a: 1\n---\nb: 2").startswith("line 2, column 1 ($): a second document")
