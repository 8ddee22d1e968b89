"""What of a job is run as code: words of a command that shells and interpreters run, and more.

Whatever a job has told must not stand there: it would be code. Other readers of code, a query or a
command for another machine, nobody can tell by their names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.core.guarding import is_kept

_SHELL = re.compile(r"(?:.*/)?(?:ba|da|a|k|z|fi|c|tc)?sh")
# Each with the letters of the options behind which its code stands; awk has it behind none.
_INTERPRETERS = tuple(
    (re.compile(rf"(?:.*/)?(?:{names})"), letters)
    for names, letters in (
        (r"python[0-9.]*", "c"),
        (r"perl[0-9.]*", "eE"),
        (r"ruby[0-9.]*", "e"),
        (r"node(?:js)?", "ep"),
        (r"php[0-9.]*", "r"),
        (r"[gm]?awk", ""),
        (r"env", "S"),
    )
)
_LONG = frozenset({"--command", "--eval", "--print", "--run", "--split-string"})


def code_in_command(command: Sequence[str]) -> Iterator[str]:
    """The words that are run, that of the program first; what runs others is seen through."""
    yield from command[:1]
    for place, word in enumerate(command):
        is_shell = _SHELL.fullmatch(word) is not None
        letters = "c" if is_shell else _letters_of(word)
        if letters is not None:
            yield from _code(command[place + 1 :], letters, is_shell=is_shell)


def code_in_environment(environment: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Names and values of the variables that decide what the image's own code does."""
    for variable in environment:
        if is_kept(variable["name"]):
            yield variable["name"], variable["value"]


def _letters_of(word: str) -> str | None:
    return next((found for names, found in _INTERPRETERS if names.fullmatch(word)), None)


def _code(words: Sequence[str], letters: str, *, is_shell: bool) -> Iterator[str]:
    """The code among the words behind a shell or an interpreter."""
    is_next, is_value = not letters, False
    for word in words:
        if is_value:  # of an option
            is_value = False
        elif word[:1] in ("-", "+") and len(word) > 1:
            if _brings_code(word, letters):
                is_next = True
                yield word  # it may stand in the same word
            is_value = is_shell and word.endswith("o")  # -euo pipefail
        else:
            if is_next:
                yield word
            return


def _brings_code(option: str, letters: str) -> bool:
    if option.startswith("--"):
        return option.partition("=")[0] in _LONG
    return any(letter in option for letter in letters)
