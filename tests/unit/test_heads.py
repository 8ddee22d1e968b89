"""The head of a request, as bytes, and what the gate lets in of it."""

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.serving.gate import Gate
from chalicelib.serving.heads import Head, HeadError, parse

NAME = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", min_size=1)
VALUE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


def head(*lines: str) -> Head:
    return parse([f"{line}\r\n".encode("latin-1") for line in lines])


@given(
    fields=st.dictionaries(NAME.map(str.lower), VALUE, max_size=8),
    blanks=st.sampled_from(["", " ", "\t "]),
)
def test_fields_are_read_as_they_were_written(fields: dict[str, str], blanks: str) -> None:
    lines = [f"{name.title()}:{blanks}{value}{blanks}" for name, value in fields.items()]
    assert head("GET /runs?a=1 HTTP/1.1", *lines).fields == fields


@given(line=st.binary(max_size=40))
def test_any_bytes_are_a_head_or_are_refused(line: bytes) -> None:
    try:
        found = parse([b"GET / HTTP/1.1\r\n", line + b"\r\n"])
    except HeadError:
        return
    [(name, value)] = found.fields.items()
    assert name == name.lower()
    assert not set(name + value) & set("\r\n\0")


def test_lists_are_joined_and_anything_else_stands_once() -> None:
    found = head("GET / HTTP/1.1", "If-Match: a", "if-match: b", "Cookie: x=1", "Cookie: y=2")
    assert found.fields == {"if-match": "a, b", "cookie": "x=1; y=2"}
    with pytest.raises(HeadError, match="The header authorization is there twice"):
        head("GET / HTTP/1.1", "Authorization: a", "Authorization: a")


@pytest.mark.parametrize(
    ("minor", "connection", "keeps"),
    [(1, "", True), (1, "close", False), (1, "TE, Close", False), (0, "keep-alive", False)],
)
def test_a_client_says_whether_it_will_ask_again(minor: int, connection: str, keeps: bool) -> None:
    assert head(f"GET / HTTP/1.{minor}", f"Connection: {connection}").keeps_alive is keeps


@pytest.mark.parametrize("besides", [[], ["Content-Length: 5"]])
def test_a_body_in_chunks_is_refused_with_what_to_send_instead(besides: list[str]) -> None:
    found = head("POST /runs HTTP/1.1", "Transfer-Encoding: chunked", *besides)
    with pytest.raises(HeadError, match="its number of bytes in Content-Length") as refused:
        _ = found.length
    assert refused.value.status is HTTPStatus.LENGTH_REQUIRED


@given(host=VALUE, origin=st.none() | VALUE)
def test_only_what_names_the_server_as_it_is_named_passes(host: str, origin: str | None) -> None:
    fields = {"host": host} | ({} if origin is None else {"origin": origin})
    with pytest.raises(HeadError) as refused:
        Gate(8080).check(Head("GET", "/", is_1_0=False, fields=fields))
    assert refused.value.status is HTTPStatus.FORBIDDEN


def test_the_port_that_needs_no_naming_may_be_left_out() -> None:
    Gate(80).check(Head("GET", "/", is_1_0=False, fields={"host": "localhost"}))
    with pytest.raises(HeadError, match="Host"):
        Gate(8080).check(Head("GET", "/", is_1_0=False, fields={"host": "localhost"}))
