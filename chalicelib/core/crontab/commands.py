"""What cron hands to a shell, as the fields of a job."""

import re
from typing import Any

from chalicelib.core.layering import SHELL

# The command ends at the first % without a backslash; a backslash keeps what is behind it together.
_COMMAND = re.compile(r"((?:\\.|[^\\%]|\\$)*)(?:%(.*))?", re.DOTALL)
_PERCENT = re.compile(r"\\%|%")
# Jobs have nothing to read. $0 is the shell, $1 the command, $2 what it reads.
_FEED = 'printf %s "$2" | "$0" -c "$1"'


def job_fields(shell: str, text: str) -> dict[str, Any]:
    """The `command` of a job, and `shell` where it is the usual one."""
    command, given = split_input(text)
    command, given = escaped(command), escaped(given)
    if given:
        return {"command": [*SHELL, _FEED, shell, command, given]}
    if shell == SHELL[0] and command:
        return {"command": command, "shell": True}
    return {"command": [shell, SHELL[1], command]}


def split_input(text: str) -> tuple[str, str]:
    r"""The command, and what it reads: `%` ends the command and then the lines, `\%` is a `%`."""
    parts = _COMMAND.fullmatch(text)
    assert parts is not None  # noqa: S101 - each character is in one of the three
    command = re.sub(r"\\(.)", lambda pair: "%" if pair[1] == "%" else pair[0], parts[1])
    given = _PERCENT.sub(lambda sign: "%" if len(sign[0]) > 1 else "\n", parts[2] or "")
    if not given:
        return _without_blanks(command), ""
    return command, given if given.endswith("\n") else given + "\n"


def escaped(text: str) -> str:
    """The text, with what a run would fill in kept as it is."""
    return text.replace("${", "$${")


def _without_blanks(command: str) -> str:
    """Without blanks at the end, unless a backslash may be for the first of them."""
    bare = command.rstrip()
    return command if bare.endswith("\\") else bare
