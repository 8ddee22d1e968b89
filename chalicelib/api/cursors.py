"""Where a list goes on: texts that only we read, made of the last key that was told."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error

from chalicelib.core.naming import parse_start, start_text
from chalicelib.errors import InvalidInputError
from chalicelib.ports import RunKey


def of_run(key: RunKey | None) -> str | None:
    """The cursor behind a run; None where a list has ended."""
    return None if key is None else _packed([start_text(key[0]), key[1]])


def run_key(cursor: str) -> RunKey | None:
    """The run that a cursor is behind; None for none. Raises InvalidInputError."""
    match _unpacked(cursor):
        case None:
            return None
        case [str(start), str(run_id)]:
            try:
                return parse_start(start), run_id
            except InvalidInputError as error:
                raise _strange() from error
        case _:
            raise _strange()


def of_name(name: str | None) -> str | None:
    """The cursor behind a name."""
    return None if name is None else _packed(name)


def name(cursor: str) -> str:
    """The name that a cursor is behind; empty for none. Raises InvalidInputError."""
    match _unpacked(cursor):
        case None:
            return ""
        case str(found):
            return found
        case _:
            raise _strange()


def of_number(number: int | None) -> str | None:
    """The cursor behind a number."""
    return None if number is None else _packed(number)


def number(cursor: str) -> int | None:
    """The number that a cursor is behind; None for none. Raises InvalidInputError."""
    match _unpacked(cursor):
        case None:
            return None
        case bool():
            raise _strange()
        case int(found) if 0 <= found < 2**31:
            return found
        case _:
            raise _strange()


def _packed(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _unpacked(cursor: str) -> object:
    if not cursor:
        return None
    try:
        return json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (Error, ValueError, RecursionError) as error:
        raise _strange() from error


def _strange() -> InvalidInputError:
    return InvalidInputError.at("?cursor", "is none of ours", allowed="the nextCursor of a page")
