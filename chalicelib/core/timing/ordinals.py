"""Which business day of a month: "first business day", "third last business day", "2nd"."""

import re

_WORDS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth",
    "eighteenth", "nineteenth", "twentieth",
)  # fmt: skip
MOST = len(_WORDS)
_TEXT = re.compile(r"(?:(\w+)\s+)?(last\s+)?business\s+day", re.ASCII)
_NUMBER = re.compile(r"([1-9][0-9]?)(st|nd|rd|th)")


def ordinal_of(text: str) -> int | None:
    """1 for the first, -1 for the last, -3 for the third last one; None for other texts."""
    found = _TEXT.fullmatch(" ".join(text.lower().split()))
    if found is None:
        return None
    word, last = found.groups()
    if word == "last" and not last:
        return -1
    number = _number(word or "")
    if number is None:
        return None
    return -number if last else number


def ordinal_text(ordinal: int) -> str:
    """The words of an ordinal: what `ordinal_of` reads."""
    if ordinal == -1:
        return "last business day"
    return f"{_WORDS[abs(ordinal) - 1]} {'last ' if ordinal < 0 else ''}business day"


def ordinal_words() -> list[str]:
    """All of them in words, to suggest one."""
    numbers = range(1, MOST + 1)
    return [ordinal_text(sign * number) for number in numbers for sign in (1, -1)]


def _number(word: str) -> int | None:
    if word in _WORDS:
        return _WORDS.index(word) + 1
    found = _NUMBER.fullmatch(word)
    if found is None or int(found[1]) > MOST or found[2] != _suffix(int(found[1])):
        return None
    return int(found[1])


def _suffix(number: int) -> str:
    return "th" if number in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
