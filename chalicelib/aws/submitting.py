"""SubmitJob, each at most once: the only module that calls it, through a client without retries.

SubmitJob has no client token (API_SubmitJob), so a reply that is lost leaves two worlds, and
whoever sends again may start a second job. What an error says about them is judged here:

- AWS answered that it will not: Refused if the request is at fault, Deferred if the moment is;
- no connection was ever made, or nothing could be signed: Deferred, for nothing was sent;
- all else, a 5xx too: Unanswered. It is looked up by name, and never sent again from here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from chalicelib.aws.clients import Clients
from chalicelib.core.batch import Accepted, Deferred, Outcome, Refused, Unanswered
from chalicelib.core.guarding import without_revision
from chalicelib.driving_ports import SubmitBudget
from chalicelib.errors import BackendError, ConflictError
from chalicelib.ports import Clock

Arguments = Mapping[str, Any]
Delay = tuple[float, float]  # s, at least and at most; jitter keeps runs from coming back together

_AT_ONCE = 20  # submissions taken from the budget at a time: a second's worth (SUBMIT_RATE)
_CALL = 30.0  # s that one call may take: the time-outs of its client, and the write of its answer
_THROTTLED: Delay = (2.0, 10.0)
_UNREACHABLE: Delay = (20.0, 60.0)
_LONGEST = 600.0  # s that any trouble keeps us from trying again
_DOUBLINGS = 10  # after which more failures in a row change nothing
_DENIED: Delay = (45.0, 75.0)
_PATIENCE = timedelta(minutes=15)  # of denials: policies take effect within minutes (iam: eventual)
_DENIAL_GAP = timedelta(minutes=5)  # a longer silence says nothing about the time between
_ALLOWANCE_KEPT = timedelta(seconds=30)  # later it would add to what others may send

_THROTTLE_CODES = frozenset(
    {
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
    }
)
_DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
# The caller's own credentials or clock are at fault, never the job (CommonErrors).
_CREDENTIAL_CODES = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
# Raised before a byte of the request leaves: at resolving, connecting, or signing.
_NEVER_SENT = (
    boto.EndpointConnectionError,
    boto.ConnectTimeoutError,
    boto.ProxyConnectionError,
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.MetadataRetrievalError,
    boto.NoAuthTokenError,
    boto.TokenRetrievalError,
    boto.SSOError,
    boto.LoginError,
    boto.NoRegionError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast submissions may follow each other, and how long their caller can wait."""

    budget: SubmitBudget
    clock: Clock
    sleep: Callable[[float], None]
    remaining: Callable[[], float]  # s that are left to the caller when it calls
    chance: Random


@dataclass(slots=True)
class _Denial:
    """Since when, and last when, SubmitJob was denied for one queue and definition."""

    since: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class _Allowance:
    """Submissions that the budget has given, from a time on, and that were not made."""

    count: int
    at: datetime


class Submitter:
    """Calls SubmitJob.

    What it remembers between calls is worth remembering and may be lost: another process that
    knows none of it waits a little more, or asks AWS once more.
    """

    def __init__(self, clients: Clients, pace: Pace) -> None:
        self._clients = clients
        self._pace = pace
        self._until = pace.clock()
        self._denials: dict[tuple[str, str], _Denial] = {}
        self._resume_at: datetime | None = None
        self._failures = 0  # in a row
        self._allowance: _Allowance | None = None

    def submit(self, requests: Sequence[Arguments]) -> list[Outcome]:
        """Send each once, in order; one outcome each.

        After a sign that AWS can't take more now, or when the caller's time is up, the rest is
        Deferred and not sent.
        """
        # A connection kept by a Lambda function that was frozen may be dead, and its end looks
        # like a lost reply: then a job would wait for the whole fence. So none is kept.
        self._clients.submitting.close()
        self._until = self._pace.clock() + timedelta(seconds=self._pace.remaining())
        outcomes: list[Outcome] = []
        stop = None
        while stop is None and len(outcomes) < len(requests):
            part = requests[len(outcomes) : len(outcomes) + _AT_ONCE]
            stop = self._wait(len(part))
            if stop is None:
                stop = self._send_all(part, outcomes)
        if stop is not None:
            outcomes += self._put_off(len(requests) - len(outcomes), stop)
        return outcomes

    def _send_all(self, part: Sequence[Arguments], outcomes: list[Outcome]) -> Deferred | None:
        """Append an outcome for each until one says to stop, and then give why."""
        denied: dict[tuple[str, str], Outcome] = {}
        for request in part:
            key = _resources(request)
            outcome = denied.get(key) or self._send(request)
            if key in self._denials:
                denied[key] = outcome  # the same answer for all that is alike
            outcomes.append(outcome)
            stop = self._stop(outcome)
            if stop is not None:
                return stop
        return None

    def _wait(self, count: int) -> Deferred | None:
        """Wait until that many may be sent; else why they must be put off."""
        now, pace = self._pace.clock(), self._pace
        if self._resume_at is not None and now < self._resume_at:
            left = self._resume_at - now
            return Deferred("AWS could not take jobs just now", left.total_seconds())
        try:
            seconds = self._seconds_until_allowed(count, now)
        except (BackendError, ConflictError) as error:
            return Deferred(f"the budget of submissions can't be read: {error}", _THROTTLED[0])
        if seconds + _CALL > self._left():
            self._allowance = _Allowance(count, now + timedelta(seconds=seconds))
            return Deferred("more submissions are waiting than may be made now", seconds)
        if seconds > 0:
            pace.sleep(seconds)
        return None

    def _seconds_until_allowed(self, count: int, now: datetime) -> float:
        """By an allowance that was taken and could not be waited for, or else by a new one.

        Who dropped it and took another would come last again, and again, while what all
        have taken grows: many runs at once would end in waiting only.
        """
        kept, self._allowance = self._allowance, None
        if kept is not None and count <= kept.count and now <= kept.at + _ALLOWANCE_KEPT:
            return max(0.0, (kept.at - now).total_seconds())
        return self._pace.budget.take(count)

    def _stop(self, outcome: Outcome) -> Deferred | None:
        """Why what comes after this outcome is not sent, if it is not."""
        if self._resume_at is not None and self._pace.clock() < self._resume_at:
            return Deferred("AWS could not take the job before it", _THROTTLED[0])
        if isinstance(outcome, Unanswered):
            return Deferred("AWS gave no answer to the job before it", _THROTTLED[0])
        if self._left() < _CALL:
            return Deferred("no time was left to send it", 0.0)
        return None

    def _left(self) -> float:
        """The seconds that are left to the caller."""
        return (self._until - self._pace.clock()).total_seconds()

    def _put_off(self, count: int, why: Deferred) -> list[Outcome]:
        return [
            Deferred(why.reason, why.seconds + self._pace.chance.uniform(0.0, _THROTTLED[1]))
            for _ in range(count)
        ]

    def _send(self, request: Arguments) -> Outcome:
        try:
            reply = self._clients.submitting.submit_job(**request)
        except boto.ParamValidationError as error:
            return Refused(f"ClientException: {error}")
        except boto.ClientError as error:
            return self._answered(request, error)
        except (*_NEVER_SENT, BackendError) as error:
            return self._later(f"AWS could not be reached: {error}", _UNREACHABLE)
        except (boto.BotoCoreError, ResponseParserError) as error:
            return Unanswered(str(error))
        if not reply.get("jobId"):
            return Unanswered("the answer names no job")
        self._failures = 0
        self._denials.pop(_resources(request), None)
        return Accepted(reply["jobId"])

    def _answered(self, request: Arguments, error: Any) -> Outcome:
        """What an answer says that is not yes."""
        said = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        code, message = said.get("Code", ""), said.get("Message", "")
        reason = f"{code}: {message}"
        if status >= 500 or status == 408:
            return Unanswered(reason)
        if status == 429 or code in _THROTTLE_CODES:
            return self._later(reason, _THROTTLED)
        if code in _CREDENTIAL_CODES:
            return self._later(reason, _UNREACHABLE)
        # Batch may say a denial as a ClientException too (API_SubmitJob, Errors).
        if code in _DENIED_CODES or "not authorized to perform" in message:
            return self._denied(request, reason)
        return Refused(reason)

    def _later(self, reason: str, delay: Delay) -> Deferred:
        """Leave AWS alone, for twice as long after each failure that follows another."""
        least, most = (min(seconds * 2**self._failures, _LONGEST) for seconds in delay)
        self._failures = min(self._failures + 1, _DOUBLINGS)
        self._resume_at = self._pace.clock() + timedelta(seconds=least)
        return Deferred(reason, self._pace.chance.uniform(least, most))

    def _denied(self, request: Arguments, reason: str) -> Outcome:
        """Wait for a policy that is being changed; believe one that stays as it is.

        To refuse at once would fail every job of every run during a minute's trouble with IAM; to
        wait for ever would hang a run whose policy is wrong. Only a denial that was seen again and
        again for all of the patience, with no acceptance between, is believed.
        """
        now = self._pace.clock()
        denial = self._denials.setdefault(_resources(request), _Denial(now, now))
        if now - denial.last > _DENIAL_GAP:
            denial.since = now
        denial.last = now
        if now - denial.since >= _PATIENCE:
            return Refused(reason)
        return Deferred(reason, self._pace.chance.uniform(*_DENIED))


def _resources(request: Arguments) -> tuple[str, str]:
    """What a policy may tell apart: the queue and the definition, whatever its revision."""
    return request["jobQueue"], without_revision(request["jobDefinition"])
