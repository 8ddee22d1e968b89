"""Moments as people write them in a query or on a command line."""

from datetime import UTC, datetime

from chalicelib.errors import InvalidInputError

_ALLOWED = "2026-11-23, or 2026-11-23T14:55 with Z or an offset; UTC without"


def parse_moment(text: str, place: str) -> datetime:
    """A day, which is its first moment, or a time; without a zone it is UTC.

    `place` says where it was written. Raises InvalidInputError.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInputError.at(place, f"{text!r} is no time", allowed=_ALLOWED) from error
