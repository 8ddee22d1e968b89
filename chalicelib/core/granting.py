"""Who may give whom which token, and what a token that was given is worth."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.core.access import Principal, Role
from chalicelib.core.run import ENGINE
from chalicelib.core.tokens import Token, without_secrets
from chalicelib.errors import ConflictError, InvalidInputError, Problem

ALL = ("",)  # scopes of a token for all schedules; nobody writes it so
DEFAULT_DAYS = 30
MAX_DAYS = 90
MAX_ACTIVE = 2  # tokens of one name: the old one and the one that takes its place
MAX_SCOPES = 20  # API Gateway hands on what it is told of a principal, within limits
USE_NOTED = timedelta(hours=1)  # how exactly the last use of a token is known

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
# Who else acts in histories: nobody may pass for them. `table` is who edits statuses by hand.
_OURS = frozenset({ENGINE, "table"})
# The beginning of a schedule's id is a possible id too (SCHEDULE_ID of core/document.py).
_SCOPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


class Standing(StrEnum):
    """What a token is worth now."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Refusal(StrEnum):
    """Why nobody was recognised: for our log. The client is told the same of all of them."""

    MALFORMED = "malformed"
    UNKNOWN = "unknown"  # no such id, or another secret
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRecord:
    """What is stored of a token."""

    id: str
    digest: str = field(repr=False)  # of its secret
    name: str  # whose acts are its bearer's
    role: Role
    scopes: tuple[str, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str = ""
    last_used_at: datetime | None = None  # to `USE_NOTED`

    def standing(self, now: datetime) -> Standing:
        if self.revoked_at is not None:
            return Standing.REVOKED
        return Standing.ACTIVE if now < self.expires_at else Standing.EXPIRED

    def is_use_due(self, now: datetime) -> bool:
        """Say whether a use now is to be noted."""
        return self.last_used_at is None or now - self.last_used_at >= USE_NOTED


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenWish:
    """What somebody asks a token for."""

    name: str
    role: Role
    scopes: tuple[str, ...] = ALL
    days: int = DEFAULT_DAYS


def read_role(text: str, path: str) -> Role:
    """The role of that name. Raises InvalidInputError that says it is wrong at `path`."""
    for role in Role:
        if role.word == text:
            return role
    allowed = ", ".join(role.word for role in Role)
    raise InvalidInputError.at(path, f"there is no role {_found(text)}", allowed=allowed)


def check_wish(wish: TokenWish, by: Principal) -> None:
    """Raise InvalidInputError for a token that can't be, or that `by` may not give."""
    problems = [*_faults(wish), *_excesses(wish, by)]
    if problems:
        raise InvalidInputError(problems)


def check_room(wish: TokenWish, others: Iterable[TokenRecord], by: Principal, at: datetime) -> None:
    """Raise ConflictError if the name is not for `by` to give, or has its active tokens already.

    Acts are on record by name, so nobody may take one that stood for more than he may give.
    """
    same = [record for record in others if record.name == wish.name]
    if not all(reaches(by, each) for each in same):
        told = f"{wish.name!r} names tokens outside your role or scopes; choose another name."
        raise ConflictError(told, event="create")
    active = [each for each in same if each.standing(at) is Standing.ACTIVE]
    if len(active) < MAX_ACTIVE:
        return
    ids = [each.id for each in sorted(active, key=lambda each: each.created_at)]
    raise ConflictError(
        f"{wish.name!r} has {MAX_ACTIVE} active tokens already: {' and '.join(ids)}. Revoke the "
        f"one that is not needed any more, the oldest by batch-scheduler token revoke {ids[0]}",
        event="create",
    )


def grant(wish: TokenWish, token: Token, by: Principal, now: datetime) -> TokenRecord:
    """What is stored of the token that the wish is granted with."""
    return TokenRecord(
        id=token.id,
        digest=token.digest,
        name=wish.name,
        role=wish.role,
        scopes=wish.scopes,
        created_at=now,
        created_by=by.actor,
        expires_at=now + timedelta(days=wish.days),
    )


def reaches(principal: Principal, record: TokenRecord) -> bool:
    """Say whether all that a token reaches is within the principal's own role and scopes.

    Other tokens are not there for him.
    """
    within = all(principal.sees(scope) for scope in record.scopes)
    return within and record.role <= principal.role


def recognise(token: Token, record: TokenRecord | None, now: datetime) -> Principal | Refusal:
    """Who comes with the token; `record` is what is stored under its id, None for nothing."""
    is_genuine = token.fits(record.digest if record else None)
    if record is None or not is_genuine:
        return Refusal.UNKNOWN
    standing = record.standing(now)
    if standing is not Standing.ACTIVE:
        return Refusal.REVOKED if standing is Standing.REVOKED else Refusal.EXPIRED
    return Principal(
        actor=record.name,
        role=record.role,
        scopes=record.scopes,
        token_id=record.id,
        is_use_due=record.is_use_due(now),
    )


def _faults(wish: TokenWish) -> Iterator[Problem]:
    if wish.name.lower() in _OURS:
        yield Problem("$.name", "histories call others so", repr(wish.name), "another name")
    if not _NAME.fullmatch(wish.name):
        allowed = "1 to 64 letters, digits, . _ @ and -, the first a letter or digit"
        yield Problem("$.name", "is no name of a token", _found(wish.name), allowed)
    if not 1 <= wish.days <= MAX_DAYS:
        yield Problem("$.days", "a token can't last that long", str(wish.days), f"1 to {MAX_DAYS}")
    if not 1 <= len(wish.scopes) <= MAX_SCOPES:
        found, allowed = str(len(wish.scopes)), f"1 to {MAX_SCOPES}"
        yield Problem("$.scopes", "that many scopes can't be given", found, allowed)
    for number, scope in enumerate(wish.scopes):
        # A pasted token would look like the id of a schedule.
        is_plain = _SCOPE.fullmatch(scope) and without_secrets(scope) == scope
        if scope and not is_plain:
            place, allowed = f"$.scopes[{number}]", "how the ids of schedules begin, as they are"
            yield Problem(place, "no schedule's id begins so", _found(scope), allowed)


def _excesses(wish: TokenWish, by: Principal) -> Iterator[Problem]:
    """What is asked for, and is more than the one who gives it has himself."""
    if wish.role > by.role:
        allowed = ", ".join(role.word for role in Role if role <= by.role)
        yield Problem("$.role", "is more than your own", wish.role.word, allowed)
    for number, scope in enumerate(wish.scopes):
        if not by.sees(scope):
            allowed = ", ".join(f"{own}…" for own in by.scopes) or "nothing"
            place = f"$.scopes[{number}]"
            yield Problem(place, "is not within your own", _found(scope), allowed)


def _found(text: str) -> str:
    """What was given, ready to print, without secrets."""
    return repr(without_secrets(text)[:80])
