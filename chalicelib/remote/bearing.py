"""What a person's program bears: mostly a token, from where it was put, no command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from chalicelib.core.tokens import Token, parse_token
from chalicelib.errors import InvalidInputError

_MOST = 4096  # characters of a file: a token has 65
HOW = "ask an admin for one: batch-scheduler token create"
_PLACES = "--token-file, BATCH_SCHEDULER_TOKEN or BATCH_SCHEDULER_TOKEN_FILE"


class Bearer(Protocol):
    """What tells a server who asks."""

    def headers(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Mapping[str, str]:
        """The headers of a request that is about to be sent, with what tells it."""


@dataclass(frozen=True, slots=True)
class TokenBearer:
    """Bears a token."""

    token: Token = field(repr=False)

    def headers(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Mapping[str, str]:
        del method, url, body
        return {**headers, "Authorization": f"Bearer {self.token.text}"}


def token_in(text: str, place: str) -> Token:
    """The token that the text is. Raises InvalidInputError, which tells nothing of the text."""
    token = parse_token(text.strip())
    if token is None:
        raise InvalidInputError.at(
            place, "holds no token, or not the whole of one", allowed="abs_…"
        )
    return token


def token_of_file(path: Path) -> Token:
    """The token in a file. Raises InvalidInputError."""
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            text = file.read(_MOST)
    except OSError as error:
        told = f"{path} can't be read: {error.strerror}"
        raise InvalidInputError.at("--token-file", told) from error
    return token_in(text, f"--token-file {path}")


def unnamed() -> InvalidInputError:
    """What is told to whoever would sign requests to a server that only a file has named."""
    reason = "a file names this server, and what lies about gets nothing that you have signed"
    return InvalidInputError.at("--url", reason, allowed="--url or BATCH_SCHEDULER_URL")


def no_token() -> InvalidInputError:
    """What is told to whoever has none."""
    return InvalidInputError.at("--token-file", f"no token is given; {HOW}", allowed=_PLACES)
