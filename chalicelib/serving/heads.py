"""The head of an HTTP/1.1 request: its first line and its fields, read strictly.

What two programs could read differently is refused, never guessed: that is how requests are
smuggled past a proxy (RFC 9112, section 11.2). So no folded lines, no bare line feeds, no blanks
before a colon, no field twice that stands once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

MAX_HEAD = 16 * 1024  # bytes of the first line and all fields
MAX_FIELDS = 64

_FIRST = re.compile(rb"([A-Z]{1,16}) ([!-~]+) HTTP/1\.([01])\r\n")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*\r\n")
_LENGTH = re.compile(r"[0-9]{1,12}")
_LISTS = frozenset(
    {"accept", "accept-encoding", "accept-language", "cache-control", "cookie", "connection",
     "forwarded", "if-match", "if-none-match", "te", "via", "x-forwarded-for"}
)  # fmt: skip


class HeadError(Exception):
    """A head that is not taken. Nothing after it can be read: where would it begin?"""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Head:
    """What was asked. Names of fields are in lower case."""

    method: str
    target: str
    is_1_0: bool
    fields: Mapping[str, str]

    @property
    def has_body(self) -> bool:
        """Whether anything follows, of whatever length."""
        return "transfer-encoding" in self.fields or self.fields.get("content-length", "0") != "0"

    @property
    def length(self) -> int:
        """How many bytes of body follow. Raises HeadError when that can't be said."""
        if "transfer-encoding" in self.fields:
            # Also with Content-Length beside it: then the two could disagree.
            # With another coding than chunked, which nobody sends, as well: the remedy is the same.
            told = (
                "Transfer-Encoding is not taken; "
                "send the body whole, with its number of bytes in Content-Length."
            )
            raise HeadError(HTTPStatus.LENGTH_REQUIRED, told)
        text = self.fields.get("content-length", "0")
        if not _LENGTH.fullmatch(text):
            raise HeadError(HTTPStatus.BAD_REQUEST, "Content-Length is no number of bytes.")
        return int(text)

    @property
    def keeps_alive(self) -> bool:
        """Whether the client wants to ask more over the same connection."""
        words = self.fields.get("connection", "").lower().replace(" ", "").split(",")
        return "close" not in words and not self.is_1_0


def parse(lines: list[bytes]) -> Head:
    """The head in these lines, the empty one after it left out. Raises HeadError."""
    first = _FIRST.fullmatch(lines[0])
    if first is None:
        raise HeadError(HTTPStatus.BAD_REQUEST, "This is no request of HTTP/1.1.")
    method, target, minor = first.groups()
    fields: dict[str, str] = {}
    for line in lines[1:]:
        found = _FIELD.fullmatch(line)
        if found is None:
            raise HeadError(HTTPStatus.BAD_REQUEST, "A header field is malformed.")
        name, value = found[1].decode("ascii").lower(), found[2].decode("latin-1")
        fields[name] = value if name not in fields else _joined(name, fields[name], value)
    return Head(method.decode("ascii"), target.decode("ascii"), minor == b"0", fields)


def _joined(name: str, before: str, value: str) -> str:
    if name not in _LISTS:
        status = HTTPStatus.FORBIDDEN if name in ("host", "origin") else HTTPStatus.BAD_REQUEST
        raise HeadError(status, f"The header {name[:64]} is there twice.")
    return f"{before}{'; ' if name == 'cookie' else ', '}{value}"
