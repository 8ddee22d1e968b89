"""Tokens as texts: made, read, told from everything else, and never shown by accident."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.tokens import (
    HEADER_PATTERN,
    PATTERN,
    RANDOM_BYTES,
    Token,
    borne,
    make_token,
    named_id,
    parse_token,
    without_secrets,
)

CHANCE = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)
LETTERS = string.ascii_letters + string.digits
ONE = make_token(bytes(range(RANDOM_BYTES)))


def test_a_token_looks_the_same_for_ever() -> None:
    assert ONE.text.startswith("abs_0001zl7h8l_1QcDiGl0T3N0")
    assert ONE.text.endswith("_3HdMCO")
    assert [len(part) for part in ONE.text.split("_")] == [3, 10, 43, 6]
    assert set("".join(ONE.text.split("_"))) <= set(LETTERS)


@given(CHANCE)
def test_what_is_made_is_read_again(chance: bytes) -> None:
    token = make_token(chance)
    assert parse_token(token.text) == token
    assert re.fullmatch(PATTERN, token.text)
    assert re.fullmatch(HEADER_PATTERN, f"Bearer {token.text}")


@given(CHANCE, CHANCE)
def test_other_chance_is_another_secret_and_another_digest(one: bytes, other: bytes) -> None:
    first, second = make_token(one), make_token(other)
    is_same = one[6:] == other[6:]
    assert (first.secret == second.secret) == is_same
    assert (first.digest == second.digest) == is_same
    assert (first.id == second.id) == (one[:6] == other[:6])


def test_every_bit_of_chance_counts() -> None:
    for byte in range(RANDOM_BYTES):
        for bit in range(8):
            chance = bytearray(range(RANDOM_BYTES))
            chance[byte] ^= 1 << bit
            assert make_token(bytes(chance)).text != ONE.text


@pytest.mark.parametrize("count", [0, RANDOM_BYTES - 1, RANDOM_BYTES + 1])
def test_less_chance_or_more_makes_no_token(count: int) -> None:
    with pytest.raises(ValueError, match="38 random bytes"):
        make_token(bytes(count))


@given(CHANCE, st.data())
def test_one_wrong_character_is_noticed_without_a_look_up(
    chance: bytes, data: st.DataObject
) -> None:
    text = make_token(chance).text
    place = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.sampled_from(LETTERS + "_").filter(lambda each: each != text[place]))
    assert parse_token(text[:place] + character + text[place + 1 :]) is None


@given(st.text())
def test_any_text_is_a_token_or_none_and_never_an_error(text: str) -> None:
    assert parse_token(text) is None
    assert parse_token(ONE.text + text) == (None if text else ONE)
    named_id(text)
    borne(text)


@pytest.mark.parametrize(
    "text", [f"{ONE.text}\n", f" {ONE.text}", ONE.text.upper(), ONE.text.replace("abs", "ghp")]
)
def test_what_only_looks_like_a_token_is_none(text: str) -> None:
    assert parse_token(text) is None


@given(CHANCE, CHANCE)
def test_a_secret_fits_its_own_digest_and_no_other(one: bytes, other: bytes) -> None:
    token, second = make_token(one), make_token(other)
    assert token.fits(token.digest)
    assert token.fits(second.digest) == (one[6:] == other[6:])


def test_nothing_stored_fits_no_secret() -> None:
    assert not ONE.fits(None)
    assert not ONE.fits("")
    # Nor does what stands for it, should anybody ever find a secret of that digest.
    assert Token("0" * 10, "x").digest != "0" * 64


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("Bearer abs_x", "abs_x"),
        ("bearer abs_x", "abs_x"),
        ("BEARER abs_x", "abs_x"),
        ("Bearer  abs_x", " abs_x"),
        ("Basic abs_x", ""),
        ("abs_x", ""),
        ("", ""),
    ],
)
def test_a_token_is_borne_in_the_header_after_the_word_bearer(header: str, text: str) -> None:
    assert borne(header) == text


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER"])
def test_what_we_would_take_gets_through_the_gateways_check(word: str) -> None:
    header = f"{word} {ONE.text}"
    assert re.search(HEADER_PATTERN, header)
    assert parse_token(borne(header)) == ONE
    for other in (f"{word}  {ONE.text}", f"{header} ", ONE.text, f"x{header}"):
        assert not re.search(HEADER_PATTERN, other)
        assert parse_token(borne(other)) is None


def test_a_token_is_named_by_its_id_a_beginning_of_it_or_itself() -> None:
    assert named_id(ONE.text) == ONE.id
    assert named_id(ONE.id) == ONE.id
    assert named_id(ONE.id[:3]) == ONE.id[:3]
    assert named_id(f"abs_{ONE.id}") == ONE.id


def test_a_secret_that_is_typed_as_a_name_is_cut() -> None:
    assert named_id(ONE.secret) == f"{ONE.secret[:4]}…"


@given(st.text(max_size=5), CHANCE, st.text("\n .,'", max_size=5))
def test_tokens_that_were_pasted_into_a_text_are_cut_behind_their_ids(
    before: str, chance: bytes, after: str
) -> None:
    token = make_token(chance)
    assert without_secrets(f"{before}{token.text}{after}") == f"{before}abs_{token.id}_…{after}"
    assert without_secrets(f"{before}{after}") == f"{before}{after}"


def test_the_secret_is_in_no_repr() -> None:
    assert repr(ONE) == f"Token(id={ONE.id!r})"
