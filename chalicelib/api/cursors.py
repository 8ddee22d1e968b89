"""Where a list goes on: texts that only we read, made of the last key that was told."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import sha256

from chalicelib.core.naming import parse_start, start_text
from chalicelib.errors import InvalidInputError
from chalicelib.ports import RunKey

_MARK = 8  # hexadecimal digits: a cursor is told from that of another list, not kept secret


class Listing:
    """One list: its cursors are for it alone."""

    def __init__(self, *filters: object) -> None:
        """`filters` are what is listed of what; not how many on a page."""
        self._mark = sha256(repr(filters).encode()).hexdigest()[:_MARK]

    def of_run(self, key: RunKey | None) -> str | None:
        """The cursor behind a run; None where a list has ended."""
        return None if key is None else self._packed([start_text(key[0]), key[1]])

    def run_key(self, cursor: str) -> RunKey | None:
        """The run that a cursor is behind; None for none. Raises InvalidInputError."""
        match self._unpacked(cursor):
            case None:
                return None
            case [str(start), str(run_id)]:
                try:
                    return parse_start(start), run_id
                except InvalidInputError as error:
                    raise _strange() from error
            case _:
                raise _strange()

    def of_name(self, name: str | None) -> str | None:
        """The cursor behind a name."""
        return None if name is None else self._packed(name)

    def name(self, cursor: str) -> str:
        """The name that a cursor is behind; empty for none. Raises InvalidInputError."""
        match self._unpacked(cursor):
            case None:
                return ""
            case str(found):
                return found
            case _:
                raise _strange()

    def of_number(self, number: int | None) -> str | None:
        """The cursor behind a number."""
        return None if number is None else self._packed(number)

    def number(self, cursor: str) -> int | None:
        """The number that a cursor is behind; None for none. Raises InvalidInputError."""
        match self._unpacked(cursor):
            case None:
                return None
            case bool():
                raise _strange()
            case int(found) if 0 <= found < 2**31:
                return found
            case _:
                raise _strange()

    def _packed(self, value: object) -> str:
        return urlsafe_b64encode(json.dumps([self._mark, value]).encode()).decode().rstrip("=")

    def _unpacked(self, cursor: str) -> object:
        if not cursor:
            return None
        try:
            found = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except (Error, ValueError, RecursionError) as error:
            raise _strange() from error
        match found:
            case [str(mark), value] if mark == self._mark:
                return _given(value)
            case [str(mark), _] if len(mark) == _MARK:
                allowed = "the filters of the page that it was told on, or no cursor"
                raise InvalidInputError.at("?cursor", "belongs to another list", allowed=allowed)
            case _:
                raise _strange()


def _given(value: object) -> object:
    if value is None:
        raise _strange()
    return value


def _strange() -> InvalidInputError:
    return InvalidInputError.at("?cursor", "is none of ours", allowed="the nextCursor of a page")
