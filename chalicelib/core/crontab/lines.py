"""What one line of a crontab is: nothing, a comment, a variable, or a command with its times.

As crontab(5) of cronie and Debian have it, which agree but for what is said where it is read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Nothing:
    """A blank line."""


@dataclass(frozen=True, slots=True)
class Comment:
    """What people tell each other; `text` without `#`."""

    text: str


@dataclass(frozen=True, slots=True)
class Variable:
    """Part of the environment of the lines after it."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A command and when it starts; `times` is one word that begins with @, or five."""

    times: tuple[str, ...]
    user: str  # empty in the crontab of a user
    command: str
    is_quiet: bool  # a `-` before it, of cronie, keeps it out of the log


@dataclass(frozen=True, slots=True)
class Malformed:
    """What cron would not accept, and why."""

    reason: str


Line = Nothing | Comment | Variable | Entry | Malformed

# As load_env of cron reads it: quotes are around the whole, a value without goes to the end.
_VARIABLE = re.compile(
    r"""[ \t]*(?:"([^"=]*)"|'([^'=]*)'|([^\s="'][^\s=]*))\s*=\s*"""
    r"""(?:"([^"]*)"\s*|'([^']*)'\s*|((?!["']).*))""",
    re.DOTALL,
)
MAX_LINE = 10_000  # characters; cron itself takes 1,000
_BLANKS = r"[ \t]+"
_WORD = rf"(\S+){_BLANKS}"


def lines_of(content: bytes) -> Iterator[tuple[str, bool]]:
    """Each line of a crontab, and whether it is UTF-8; what is not is escaped."""
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for line in lines if lines[-1] else lines[:-1]:
        bare = line.removesuffix(b"\r")
        try:
            yield bare.decode(), True
        except UnicodeDecodeError:
            yield bare.decode(errors="backslashreplace"), False


def read_line(text: str, *, is_system: bool) -> Line:
    """What a line is; with `is_system` a user stands before the command."""
    bare = text.strip()
    if not bare:
        return Nothing()
    if bare.startswith("#"):
        return Comment(bare.lstrip("#").strip())
    if len(text) > MAX_LINE:
        return Malformed(f"is longer than {MAX_LINE:,} characters")
    variable = _VARIABLE.fullmatch(text)
    if variable:
        name, value = (
            next((each for each in part if each is not None), "")
            for part in (variable.groups()[:3], variable.groups()[3:])
        )
        return Variable(name, value if variable[6] is None else value.rstrip())
    return _entry(text.lstrip(" \t"), is_system=is_system)


def _entry(text: str, *, is_system: bool) -> Entry | Malformed:
    bare = text.removeprefix("-")
    count = 1 if bare.startswith("@") else 5
    words = re.match(_WORD * (count + is_system), bare)
    wanted = "one of @daily and its like" if count == 1 else "five times"
    wanted += ", a user and a command" if is_system else " and a command"
    if words is None or not bare[words.end() :].strip():
        return Malformed(f"is neither a variable nor {wanted}")
    return Entry(
        times=words.groups()[:count],
        user=words[count + 1] if is_system else "",
        command=bare[words.end() :],
        is_quiet=text.startswith("-"),
    )
