"""The tokens of the HTTP API as texts: made from random bytes, read, compared with what is stored.

A token is `abs_<id>_<secret>_<checksum>`. The checksum tells scanners of code and us a token from
what only looks like one, or was mistyped, without a look-up. Only the secret's digest is stored:
it has 256 bits of chance in it, so nobody finds it by trying, and a slow digest would buy nothing.
"""

import hmac
import re
import string
from dataclasses import dataclass, field
from hashlib import sha256
from zlib import crc32

RANDOM_BYTES = 38  # that one token is made of: 6 for its id, 32 for its secret
ID_LENGTH = 10  # 36 ** 10 > 2 ** 48
_ID_BYTES = 6
_SECRET_LENGTH = 43  # 62 ** 43 > 2 ** 256
_CHECKSUM_LENGTH = 6  # 62 ** 6 > 2 ** 32
_PREFIX = "abs"

# Ids are typed by people, so in one case only.
_OF_IDS = string.digits + string.ascii_lowercase
_OF_SECRETS = string.digits + string.ascii_uppercase + string.ascii_lowercase

PATTERN = (
    rf"{_PREFIX}_[0-9a-z]{{{ID_LENGTH}}}_[0-9A-Za-z]{{{_SECRET_LENGTH}}}"
    rf"_[0-9A-Za-z]{{{_CHECKSUM_LENGTH}}}"
)
# The whole header `Authorization`: what a gateway may refuse before it asks anybody.
HEADER_PATTERN = rf"^[Bb][Ee][Aa][Rr][Ee][Rr] {PATTERN}$"

_IN_TEXT = re.compile(rf"({_PREFIX}_[0-9a-z]{{{ID_LENGTH}}}_)[0-9A-Za-z_]+")

# The digest of no secret: compared with where there is nothing to compare with, so that an unknown
# id takes as long as a wrong secret.
_OF_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class Token:
    """One token. Its secret is in no repr."""

    id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """The token as its bearer has it: shown once, stored nowhere."""
        body = f"{_PREFIX}_{self.id}_{self.secret}"
        return f"{body}_{_checksum(body)}"

    @property
    def digest(self) -> str:
        """What is stored of the secret: SHA-256, hexadecimal."""
        return sha256(self.secret.encode()).hexdigest()

    def fits(self, digest: str | None) -> bool:
        """Say whether the stored digest is of this secret; None, of no token, fits none."""
        return hmac.compare_digest(self.digest, digest or _OF_NOBODY)


def make_token(chance: bytes) -> Token:
    """The token of `RANDOM_BYTES` bytes, of which nobody may know any. Raises ValueError."""
    if len(chance) != RANDOM_BYTES:
        raise ValueError(f"a token takes {RANDOM_BYTES} random bytes, not {len(chance)}")
    return Token(
        _written(chance[:_ID_BYTES], _OF_IDS, ID_LENGTH),
        _written(chance[_ID_BYTES:], _OF_SECRETS, _SECRET_LENGTH),
    )


def parse_token(text: str) -> Token | None:
    """The token that the text is, None for anything else."""
    if not re.fullmatch(PATTERN, text):
        return None
    body, _, checksum = text.rpartition("_")
    _, token_id, secret = body.split("_")
    return Token(token_id, secret) if checksum == _checksum(body) else None


def borne(header: str) -> str:
    """What follows `Bearer` in the header `Authorization`; empty for another kind of header."""
    scheme, _, text = header.partition(" ")
    return text if scheme.lower() == "bearer" else ""


def named_id(text: str) -> str:
    """The id, or its beginning, in what a person typed to name a token.

    A whole token names itself. What can't be of an id is cut: no secret gets into a message.
    """
    named = text.removeprefix(f"{_PREFIX}_").partition("_")[0]
    return named if len(named) <= ID_LENGTH else f"{named[:4]}…"


def without_secrets(text: str) -> str:
    """The text with every token in it cut behind its id: people paste them anywhere."""
    return _IN_TEXT.sub(r"\1…", text)


def _checksum(body: str) -> str:
    return _written(crc32(body.encode()).to_bytes(4), _OF_SECRETS, _CHECKSUM_LENGTH)


def _written(number: bytes, digits: str, length: int) -> str:
    """The number in the given digits, the first of them as often as needed before it."""
    left, text = int.from_bytes(number), ""
    for _ in range(length):
        left, digit = divmod(left, len(digits))
        text = digits[digit] + text
    return text
