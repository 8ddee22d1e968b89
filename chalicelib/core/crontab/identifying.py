"""Ids of schedules that are made of commands: the same wherever a line stands, whenever it starts.

So a crontab that was changed can be taken over again: a command that starts at another time is
another version of the same schedule.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256

from chalicelib.core.crontab.commands import split_input

_LONGEST = 32  # characters of what people read
_WORDS = 4
_DIGEST = 6  # hexadecimal digits: only commands that read alike have to differ by them
_NAMELESS = "command"


def slug(command: str) -> str:
    """The first programs and files of a command, in letters that ids may have."""
    program, _ = split_input(command)
    words = (_plain(word) for word in program.split() if not _is_aside(word))
    chosen = [word for word in words if word][:_WORDS]
    while len(chosen) > 1 and len("-".join(chosen)) > _LONGEST:
        chosen.pop()
    return "-".join(chosen)[:_LONGEST].strip("-") or _NAMELESS


def ids_of(commands: Sequence[tuple[str, str]], prefix: str) -> list[str]:
    """The id for each command; the text beside it orders those that have the same command."""
    alike: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for index, (command, order) in enumerate(commands):
        digest = sha256(command.rstrip().encode()).hexdigest()[:_DIGEST]
        alike[f"{prefix}{slug(command)}-{digest}"].append((order, index))
    ids = [""] * len(commands)
    for name, places in alike.items():
        for count, (_, index) in enumerate(sorted(places), 1):
            ids[index] = name if count == 1 else f"{name}-{count}"
    return ids


def _is_aside(word: str) -> bool:
    """An option, a redirection or an assignment."""
    return word.startswith("-") or bool(re.search(r"[<>=]", word))


def _plain(word: str) -> str:
    last = word.rstrip("/").rpartition("/")[2]
    return re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-")
