"""What is the same in JSON and YAML: numbers, bounds, and keys that are given twice."""

import re
from dataclasses import dataclass

MAX_DEPTH = 32  # levels of lists and objects
MAX_NODES = 1_000_000  # values in all, each alias counted with all that it stands for

NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
MAX_DIGITS = 18  # of a whole number, so that it fits into 64 bits everywhere


class WrittenFloat(float):
    """A number that remembers how it was written: as text, `1.10` must not become `1.1`."""

    __slots__ = ("text",)
    text: str

    @classmethod
    def of(cls, text: str) -> "WrittenFloat":
        """The number that `text` is, NaN and the infinities among them."""
        number = cls(text)
        number.text = text
        return number


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A key that an object has twice; `place` says line and column if they are known."""

    path: tuple[str | int, ...]
    place: str = ""


def written_number(text: str) -> int | float:
    """The value of a number of JSON; infinite when it has more digits than anything can hold."""
    digits = text.lstrip("-")
    if not digits.isdigit():
        return WrittenFloat.of(text)
    return int(text) if len(digits) <= MAX_DIGITS else _too_long(text)


def _too_long(text: str) -> WrittenFloat:
    number = WrittenFloat("inf")
    number.text = text
    return number
