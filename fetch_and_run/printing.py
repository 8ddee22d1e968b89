"""What others say, in a log: nothing of it may move a cursor, hide a line or end one."""

import re
from typing import Protocol

# All but tab and line feed; what else ends a line; halves of surrogate pairs, which have no UTF-8.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Log(Protocol):
    """As much of a stream as is printed to."""

    def write(self, text: str, /) -> object:
        """Write it."""

    def flush(self) -> object:
        """Let it be seen now."""


class Printable:
    """A log without control characters."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def write(self, text: str, /) -> object:
        return self._log.write(printable(text))

    def flush(self) -> object:
        return self._log.flush()


def printable(text: str) -> str:
    """The text, every control character replaced."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def in_one_line(text: str) -> str:
    """The text in one line, every control character replaced."""
    return " ".join(printable(text).split())
