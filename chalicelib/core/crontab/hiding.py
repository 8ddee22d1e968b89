"""Secrets in the lines of a crontab: documents would keep them for ever, and a report show them."""

import re
from collections.abc import Iterator

from chalicelib.core.crontab.lines import Comment, Entry, Line, Variable
from chalicelib.core.secrecy import HIDDEN, is_secret_name, secret_in

_ASSIGNED = re.compile(r"(?<![A-Za-z0-9_${])([A-Za-z_][A-Za-z0-9_-]*)[\"']?\s*=\s*(\S+)")
_OPTION = re.compile(r"(?<!\S)--([A-Za-z][A-Za-z0-9_-]*)\s+([^\s-]\S*)")
_IN_URL = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
_REFERENCE = re.compile(r"[\"']?[$`]")  # `PASSWORD=$(cat …)` has none
_HEADER = re.compile(
    r"(?:\b|(?<=-H))((?:proxy-)?authorization|x-api-key|api-key|cookie)\s*:\s*"
    r"(?:(?:bearer|basic|token)\s+)?(\S+)",
    re.IGNORECASE,
)
_OF_PLACE = re.compile(r"(?:file|path|dir)$", re.IGNORECASE)  # `DB_PASSWORD_FILE` has none


def secret_of(line: Line, text: str) -> str:
    """What is secret in a line, as "the value of PGPASSWORD"; empty for nothing."""
    kind = secret_in(text)
    if kind:
        return f"what looks like {kind}"
    if isinstance(line, Variable) and line.value and _is_named(line.name, line.value):
        return f"the value of {line.name}"
    return next(_named(text), "")


def shown_line(line: Line, text: str) -> str:
    """The line as it may be shown: where it has a secret, only how it begins."""
    if not secret_of(line, text):
        return text
    match line:
        case Variable(name):
            return f"{name}={HIDDEN}"
        case Entry(times=times):
            return f"{' '.join(times)} {HIDDEN}"
        case Comment():
            return f"# {HIDDEN}"
        case _:
            return HIDDEN


def _named(text: str) -> Iterator[str]:
    for pattern in (_ASSIGNED, _OPTION):
        for name, value in pattern.findall(text):
            if _is_named(name, value):
                yield f"the value of {name}"
    for name, value in _HEADER.findall(text):
        if not _REFERENCE.match(value):
            yield f"the value of {name}"
    if any(not _REFERENCE.match(found) for found in _IN_URL.findall(text)):
        yield "the password of a URL"


def _is_named(name: str, value: str) -> bool:
    if _REFERENCE.match(value) or _OF_PLACE.search(name):
        return False
    return is_secret_name(name)
