"""How a wrong input is spoken of: JSON paths, what was found, the name that was probably meant."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SHOWN_CHARACTERS = 60
_LONGEST_NAME = 128  # comparing longer ones costs time, and no name is longer
_COMPARISONS = 20_000  # about half a second; 10,000 names by 10,000 would take an hour


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 job`, `2 jobs`; a plural that is more than an s is given."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def json_path(parts: Iterable[str | int], root: str = "$") -> str:
    """`$.jobList[3].timeout`; keys that are no plain words are quoted: `$.tags["a b"]`."""
    path = root
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            path += f".{part}"
        else:
            path += f"[{quoted(part)}]"
    return path


def quoted(text: str) -> str:
    """The text in double quotes, shortened, everything unprintable escaped."""
    short = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
    return '"' + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short) + '"'


def shown(value: object) -> str:
    """What was found, in a few words, whatever it is."""
    match value:
        case None | bool():
            return json.dumps(value)
        case int() | float() | Decimal():
            return _shown_number(value)
        case str():
            return quoted(value)
        case Mapping():
            return "an object"
        case Sequence():
            return f"a list of {len(value)}"
        case _:
            return f"a {type(value).__name__}"


def _shown_number(value: float | Decimal) -> str:
    # Python refuses to print integers of more than 4300 digits.
    if isinstance(value, int) and value.bit_length() > 128:
        return "a very large number"
    return str(value)


class Speller:
    """Suggests names; gives up quietly once it has compared a great many."""

    def __init__(self) -> None:
        """Start with the whole allowance of comparisons."""
        self._left = _COMPARISONS

    def nearest(self, name: str, names: Iterable[str], cutoff: float = 0.6) -> str:
        """The most similar of `names`, or "" when none is near; `cutoff` 1 takes only the same."""
        if self._left < 0 or len(name) > _LONGEST_NAME:
            return ""
        candidates = {candidate.casefold(): candidate for candidate in names}
        self._left -= len(candidates)
        if self._left < 0:
            return ""
        found = difflib.get_close_matches(name.casefold(), candidates, n=1, cutoff=cutoff)
        return candidates[found[0]] if found else ""
