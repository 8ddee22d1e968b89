"""Secrets where they don't belong: known by their looks and refused, by their names and hidden.

A job gets its secrets by reference: from the `secrets` of its job definition on AWS, from a file or
a program on one machine. What is written into a document or given to a run is kept for ever.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from chalicelib.core.notice_rules import with_hosts_alone
from chalicelib.core.wording import json_path
from chalicelib.errors import Problem

HIDDEN = "(hidden)"  # in the place of a value that is not shown; refused when it is put back

# Only what is a secret beyond doubt: formats that their makers gave a beginning of their own.
_LOOKS = {
    "an access key of AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
    "a token of this scheduler": r"\babs_[a-z0-9]+_[A-Za-z0-9]{43}_",
    "a token of GitHub": r"\bgh[pousr]_[A-Za-z0-9]{36}",
    "a token of GitLab": r"\bglpat-[A-Za-z0-9_-]{20}",
    "a token of Slack": r"\bxox[abprs]-[A-Za-z0-9-]{10}",
    "a key of Google's": r"\bAIza[A-Za-z0-9_-]{35}",
    "a key of Stripe": r"\b[rs]k_live_[A-Za-z0-9]{24}",
    "a JSON Web Token": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.",
}
# A user, or a password, or what signs or opens a URL in its query.
_IN_URL = re.compile(
    r"\b[a-z][a-z0-9+.-]*://(?:[^/?#\s]*@|\S*[?&#;](?:X-Amz-Signature|X-Amz-Security-Token"
    r"|Signature|sig|access_token|id_token|token|api_?key|password|client_secret)=)",
    re.IGNORECASE,
)
_ANY = re.compile("|".join([*_LOOKS.values(), re.escape(f'"{HIDDEN}"')]))
_KINDS = {kind: re.compile(pattern) for kind, pattern in _LOOKS.items()}
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SECRET_WORDS = frozenset(
    {"password", "passwd", "pwd", "passphrase", "secret", "secrets", "token", "credential"}
    | {"credentials", "apikey", "privatekey"}
)
_SECRET_PAIRS = frozenset({("api", "key"), ("private", "key"), ("access", "key")})
_RUN_TOGETHER = re.compile(r"(?:password|passwd|passphrase|secret)$", re.IGNORECASE)  # PGPASSWORD
_REFERENCES = frozenset({"secretHeaders"})  # say where values are, of whatever name
_INSTEAD = "a reference: `secrets` of the job definition, a file, a program that fetches it"


def secret_in(text: str) -> str:
    """What kind of secret is in the text, as "a token of GitHub"; empty for none."""
    return next((kind for kind, looks in _KINDS.items() if looks.search(text)), "")


def has_secret_url(text: str) -> bool:
    """Whether a URL in the text opens more than its address: that it is one is not beyond doubt."""
    return _IN_URL.search(text) is not None


def is_suspicious(text: str) -> bool:
    """A quick look at a whole document: whether anything in it is to be refused."""
    return _ANY.search(text) is not None


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name is not for everybody's eyes: `DB_PASSWORD`, `apiKey`."""
    if _RUN_TOGETHER.search(name):
        return True
    words = [word.lower() for word in _WORDS.findall(name)]
    pairs = pairwise(words)
    return not (_SECRET_WORDS.isdisjoint(words) and _SECRET_PAIRS.isdisjoint(pairs))


def check_secrets(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Every secret in a document's texts, with its path, which is never quoted.

    The addresses of webhooks are left out: they are hidden wherever they would be shown.
    """
    for field, value in document.items():
        if field != "notify":
            yield from _check(value, (field,))


def check_value(path: str, text: object) -> Iterator[Problem]:
    """Whether a text is a secret, or stands in the place of one that was hidden."""
    if not isinstance(text, str):
        return
    if text == HIDDEN:
        yield Problem(path, "was hidden when it was shown", allowed=f"its value, or {_INSTEAD}")
    elif kind := secret_in(text):
        yield Problem(path, f"looks like {kind}, and would be kept for ever", allowed=_INSTEAD)


def _check(value: Any, path: tuple[str | int, ...]) -> Iterator[Problem]:
    match value:
        case Mapping():
            for key, member in value.items():
                yield from _check(member, (*path, key))
        case list():
            for index, member in enumerate(value):
                yield from _check(member, (*path, index))
        case _:
            yield from check_value(json_path(path), value)


def hidden_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a run as they may be shown: not those whose names say that they are secret."""
    return {name: HIDDEN if is_secret_name(name) else value for name, value in values.items()}


def shown_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """A stored document as it may be shown: of webhooks the host alone, and no secret's value."""
    shown = with_hosts_alone(document)
    # Rules about notices name what is secret, and never have it.
    return {key: value if key == "notify" else _hidden(value) for key, value in shown.items()}


def _hidden(value: Any) -> Any:
    match value:
        case {"name": str(name), "value": _} if is_secret_name(name):
            return {**value, "value": HIDDEN}
        case Mapping():
            return {key: _hidden_member(key, member) for key, member in value.items()}
        case list():
            return [_hidden(member) for member in value]
        case _:
            return value


def _hidden_member(key: str, member: Any) -> Any:
    """Environments are mappings of names to values, parameters of names to what has a default."""
    match member:
        case Mapping() if key == "with":
            # Fields of ours hold references; what is below them has names of the document's own.
            return {
                name: value if name in _REFERENCES else _hidden(value)
                for name, value in member.items()
            }
        case {"default": _} if is_secret_name(key):
            return {**member, "default": HIDDEN}
        case str() | int() | float() if is_secret_name(key):
            return HIDDEN
        case _:
            return _hidden(member)
