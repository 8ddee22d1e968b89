"""What answers mean: statuses, members of JSON, and how long to wait. Pure."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from fetch_and_run.exits import Exit, JobError

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})  # asked again where that does no harm
LONGEST_WAIT = 3_600.0  # s: a server may not say longer
_PLACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Statuses:
    """Statuses that are meant: `200,201,2xx`."""

    text: str

    def __post_init__(self) -> None:
        """Raise ValueError for what is no list of statuses."""
        for each in self.text.split(","):
            if not re.fullmatch(r"[1-5](\d\d|xx)", each):
                raise ValueError(f"{each!r} is no status")

    def __contains__(self, status: int) -> bool:
        return any(each in (str(status), f"{status // 100}xx") for each in self.text.split(","))


@dataclass(frozen=True, slots=True)
class Condition:
    """A member of a JSON answer, and the value that it must have."""

    member: str
    value: str

    def is_met(self, document: object) -> bool:
        return said(document, self.member) == self.value

    def __str__(self) -> str:
        return f"{self.member}={self.value}"


def condition(text: str) -> Condition:
    """Read `member.of.it=VALUE`; raises ValueError."""
    member, equals, value = text.partition("=")
    if not member or not equals:
        raise ValueError(text)
    return Condition(member, value)


def said(document: object, member: str) -> str | None:
    """What a member says, as JSON has it but without quotes; None when it is not a single value.

    `a.b` is the member b of the member a, `a.0` the first of a list.
    """
    found = document
    for name in member.split("."):
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    if isinstance(found, dict | list):
        return None
    return found if isinstance(found, str) else json.dumps(found)


def first_met(conditions: Sequence[Condition], document: object) -> Condition | None:
    return next((each for each in conditions if each.is_met(document)), None)


def filled(template: str, document: object) -> str:
    """A URL with `{member}` in it, filled from an answer; raises JobError."""

    def value(place: re.Match[str]) -> str:
        text = said(document, place[1])
        # Dots alone would lead to another path than the one that was written.
        if not text or not text.strip("."):
            raise JobError(Exit.UNKNOWN, f"the answer has no {place[1]!r} to fill {template} with")
        return quote(text, safe="")

    return _PLACE.sub(value, template)


def retry_after(header: str | None, now: datetime) -> float:
    """The seconds that a server asks to wait for (RFC 9110, 10.2.3); 0 when it asks for none."""
    if header is None:
        return 0.0
    if header.strip().isdecimal():
        return min(LONGEST_WAIT, float(header.strip()[:9]))
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(LONGEST_WAIT, max(0.0, (at - now).total_seconds()))
