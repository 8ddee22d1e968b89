"""Headers of a request: what is secret comes by reference."""

import re
from collections.abc import Mapping, Sequence

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.references import text_at

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
SECRET = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"})
# These say how a request is sent, and are said by who sends it.
OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})


def headers_of(given: Sequence[str]) -> dict[str, str]:
    """Read `Name: value` each; raises JobError."""
    headers = {}
    for each in given:
        name, colon, value = each.partition(":")
        if name.strip().lower() in SECRET:  # the value is not quoted
            raise JobError(
                Exit.REFUSED, f"{name.strip()} is a secret: give it by --secret-header {name}=REF"
            )
        headers[header_name(name if colon else "")] = _value(name, value)
    return headers


def secret_headers(
    given: Sequence[str], bearer: str | None, environment: Mapping[str, str]
) -> dict[str, str]:
    """Read `Name=REF` each, and what a bearer is; raises JobError."""
    headers = {}
    for each in given:
        name, equals, reference = each.partition("=")
        headers[header_name(name if equals else "")] = _value(name, text_at(reference, environment))
    if bearer:
        headers["Authorization"] = _value("Authorization", f"Bearer {text_at(bearer, environment)}")
    return headers


def names_of(given: Sequence[str], bearer: str | None) -> dict[str, str]:
    """The secret headers without their secrets."""
    names = [each.partition("=")[0] for each in given] + (["Authorization"] if bearer else [])
    return dict.fromkeys(names, "")


def header_name(name: str) -> str:
    """A header that can be given; raises JobError."""
    name = name.strip()
    if not NAME.fullmatch(name) or name.lower() in OURS:
        raise JobError(Exit.REFUSED, f"{name!r} is no header that can be given")
    return name


def _value(name: str, value: str) -> str:
    value = value.strip()
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        value = "\n"
    if any(ord(each) < 32 or ord(each) == 127 for each in value):
        raise JobError(
            Exit.REFUSED, f"the value of the header {name.strip()!r} has characters it can't have"
        )
    return value
