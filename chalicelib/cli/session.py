"""What every verb has at hand: the opened edition, the way to print, and who is typing."""

import json
import sys
from codecs import lookup
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from chalicelib.config import Settings
from chalicelib.errors import InvalidInputError

if TYPE_CHECKING:
    from rich.console import Console

    from chalicelib.bootstrap import Edition, StoredEdition
    from chalicelib.core.run import RunHeader
    from chalicelib.verbs.asked import Verbs

LARGEST = 2**31 - 1  # number that may be typed: no store has to take a larger one


class Session:
    """One use of the program. Opens nothing until it is needed.

    `where` are the options that said on the command line which edition, stage or state directory.
    """

    def __init__(self, settings: Settings, *, as_json: bool, where: Sequence[str] = ()) -> None:
        self.settings = settings
        self.as_json = as_json
        self.where = where
        self._open = ExitStack()

    @cached_property
    def edition(self) -> "Edition":
        """Store, queue and logs of the state directory, made if it is not there yet."""
        from chalicelib.bootstrap import open_edition

        return self._open.enter_context(open_edition(self.settings))

    @cached_property
    def console(self) -> "Console":
        """Where people read: colours on a terminal only, plain text when piped."""
        from chalicelib.cli.terminal import Terminal

        return Terminal(
            highlight=False,
            no_color=self.settings.no_color or None,
            width=None if sys.stdout.isatty() else 200,
            soft_wrap=not sys.stdout.isatty(),
        )

    @cached_property
    def stored_edition(self) -> "StoredEdition":
        """The same for what only a store in reach can do. Raises InvalidInputError."""
        from chalicelib.bootstrap import open_stored_edition

        return self._open.enter_context(open_stored_edition(self.settings))

    @property
    def verbs(self) -> "Verbs":
        """What can be asked of the edition."""
        return self.edition.verbs

    def now(self) -> datetime:
        return self.edition.ports.clock()

    def find_run(self, text: str = "") -> "RunHeader":
        """The run that a person means; see `services.finding.find_run`."""
        from chalicelib.services.finding import find_run

        return find_run(self.edition.ports, text)

    def answer(self, value: Any, show: Callable[[], None]) -> None:
        """Print `value` as JSON if that was asked for, else call `show`."""
        if self.as_json:
            self.write_json(value)
        else:
            show()

    def write_json(self, value: Any) -> None:
        sys.stdout.write(json_text(value, sys.stdout, indent=2) + "\n")

    def say(self, text: str) -> None:
        """One line for people, not on the standard output when that is JSON."""
        stream = sys.stderr if self.as_json else sys.stdout
        stream.write(text + "\n")
        stream.flush()

    def warn(self, lines: Iterable[str]) -> None:
        """Lines that are no part of the answer."""
        for line in lines:
            sys.stderr.write(line + "\n")

    def close(self) -> None:
        self._open.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def json_text(value: Any, file: TextIO, indent: int | None = None) -> str:
    """The value as JSON that stays JSON in the encoding of the file it goes to."""
    encoding = getattr(file, "encoding", None) or "utf-8"
    return json.dumps(value, indent=indent, ensure_ascii=lookup(encoding).name != "utf-8")


def read_file(path: Path) -> bytes:
    """The content of a file that was named on the command line; `-` is the standard input."""
    from chalicelib.core.reading import MAX_BYTES

    most = MAX_BYTES + 1  # by which the reader sees that it is too large; a device has no end
    if str(path) == "-":
        return sys.stdin.buffer.read(most)
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise InvalidInputError.at(str(path), f"can't be read: {error.strerror}") from error
