"""Requests that may come twice: done once, and answered alike each time.

A record is kept before anything is done, and the answer after it. Whoever finds a record without an
answer does the act again as it was, at the same moment, once the one before must be over: an act
that is done again finds what it did.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.errors import BackendError, BusyError, ConflictError, ContradictionError, Problem

logger = logging.getLogger(__name__)

BUSY = "The same request is being worked on; ask again in a moment."
BUSY_TYPE = "urn:batch-scheduler:problem:busy"  # by which programs know it (RFC 9457, 3.1.1)
KEPT_FOR = timedelta(hours=24)
_TRIES = 3
LONGEST = timedelta(seconds=90)  # that one request is worked on: a function has 30 s


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What was answered."""

    status: int
    body: str
    media_type: str
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One request. `key` names it, whoever asked; `digest` is that of what was asked for."""

    key: str
    version: int
    digest: str
    at: datetime  # when it was first taken up: the moment of its act
    until: datetime  # nobody else works on it before
    expires_at: datetime
    reply: Reply | None = None


class Requests(Protocol):
    """Keeps requests with their answers for a while."""

    def get_request(self, key: str, now: datetime) -> RequestRecord | None:
        """None if there is none, or its time is over."""

    def put_request(self, record: RequestRecord, now: datetime) -> None:
        """Keep it in the place of its version before.

        Raises ConflictError, and keeps nothing, unless that is what is there: nothing for the
        first version, where a record whose time is over is as good as none.
        """


@dataclass(frozen=True, slots=True)
class Turn:
    """One go at an act: at which moment it happens, and whether it may have happened already."""

    at: datetime
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A request that has a name."""

    key: str
    digest: str
    now: datetime


def once(requests: Requests, claim: Claim, act: Callable[[Turn], Reply]) -> Reply:
    """The answer to a request: that of the first time, else that of `act`.

    Raises ContradictionError for another request under the same key, BusyError while the same
    one is worked on, and what `act` raises: then the next may try at once.
    """
    found = requests.get_request(claim.key, claim.now)
    if found is not None and found.digest != claim.digest:
        reason = "belongs to another request; take a new one"
        raise ContradictionError([Problem("Idempotency-Key", reason)])
    if found is not None and found.reply is not None:
        return found.reply
    if found is not None and found.until > claim.now:
        raise _busy()
    record = _taken_up(claim, found)
    try:
        _put(requests, record, claim.now)
    except ConflictError as error:
        raise _busy() from error
    try:
        reply = act(Turn(record.at, again=found is not None))
    except Exception:
        _leave(requests, replace(record, version=record.version + 1, until=claim.now), claim.now)
        raise
    _leave(requests, replace(record, version=record.version + 1, reply=reply), claim.now)
    return reply


def _taken_up(claim: Claim, found: RequestRecord | None) -> RequestRecord:
    until = claim.now + LONGEST
    if found is not None:
        return replace(found, version=found.version + 1, until=until)
    return RequestRecord(
        key=claim.key,
        version=1,
        digest=claim.digest,
        at=claim.now,
        until=until,
        expires_at=claim.now + KEPT_FOR,
    )


def _leave(requests: Requests, record: RequestRecord, now: datetime) -> None:
    """Keep what came of it. Where that fails, the next does the act again, and finds it done."""
    try:
        _put(requests, record, now)
    except (BackendError, ConflictError) as error:
        logger.warning("the answer to a request was not kept: %s", error)


def _put(requests: Requests, record: RequestRecord, now: datetime) -> None:
    """Keep a record, if need be in several tries. Raises BackendError and ConflictError."""
    for tries_left in reversed(range(_TRIES)):
        try:
            requests.put_request(record, now)
        except BackendError as error:
            if not error.retryable or not tries_left:
                raise
        except ConflictError:
            # It was kept, and we were not told: nobody else has one like it before our first try.
            if tries_left == _TRIES - 1 or requests.get_request(record.key, now) != record:
                raise
            return
        else:
            return
    raise AssertionError("the last try returns or raises")


def _busy() -> BusyError:
    return BusyError(BUSY)
