"""Answers of a server, and problem documents as the errors that they were made of."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from chalicelib.core.advising import as_commands
from chalicelib.core.tokens import without_secrets
from chalicelib.errors import (
    BackendError,
    ChangedError,
    ConflictError,
    ContradictionError,
    ExpiredError,
    InvalidInputError,
    NotFoundError,
    Problem,
    SchedulerError,
)
from chalicelib.remote.bearing import HOW

T = TypeVar("T")

PROBLEM = "application/problem+json"
_LATER = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What `host` answered; `is_problem` tells a problem document of ours from any other body."""

    host: str
    status: int
    value: Any
    is_problem: bool = False

    def read(self, decode: Callable[[Any], T]) -> T:
        """What was asked for. Raises the error that was answered instead, and BackendError."""
        if self.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise error_of(self)
        with _understood(self.host):
            return decode(self.value)

    @property
    def detail(self) -> str:
        """What a problem document says, as it may stand on a screen; empty for none."""
        return _plain(self.value.get("detail", "")) if self.is_problem else ""

    @property
    def problems(self) -> list[Problem]:
        """What a problem document says is wrong, one by one."""
        with _understood(self.host):
            return [_problem(each) for each in self.value.get("problems", ())]


def error_of(reply: Reply) -> SchedulerError:
    """The error that a server tells of."""
    if reply.status == HTTPStatus.UNAUTHORIZED:
        told = (
            f"{reply.host} does not take the token: it has ended, is none of its own, or none came"
        )
        return InvalidInputError.at("--token-file", f"{told}; {HOW}")
    if reply.status == HTTPStatus.FORBIDDEN:  # a gateway refuses in words of its own
        told = reply.detail or "The token's role or its scopes do not allow this."
        return ConflictError(told, status="forbidden")
    if reply.is_problem and reply.status in _TOLD:
        return _TOLD[reply.status](reply)
    is_known = reply.is_problem or reply.status in _LATER
    strange = f"answers {reply.status}, which this API never does; is the URL right?"
    reason = reply.detail or (f"answers {reply.status}" if is_known else strange)
    return BackendError("server", reply.host, reason, retryable=reply.status in _LATER)


def _invalid(reply: Reply) -> InvalidInputError:
    return InvalidInputError(reply.problems or [Problem("request", reply.detail)])


_TOLD: Mapping[int, Callable[[Reply], SchedulerError]] = {
    HTTPStatus.BAD_REQUEST: _invalid,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _invalid,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: _invalid,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: _invalid,
    HTTPStatus.NOT_FOUND: lambda reply: NotFoundError("", "", told=reply.detail),
    HTTPStatus.GONE: lambda reply: ExpiredError("", "", "", told=reply.detail),
    HTTPStatus.CONFLICT: lambda reply: ConflictError(reply.detail),
    HTTPStatus.PRECONDITION_FAILED: lambda reply: ChangedError(reply.detail),
    HTTPStatus.UNPROCESSABLE_ENTITY: lambda reply: ContradictionError(
        reply.problems or [Problem("request", reply.detail)]
    ),
}


def not_understood(host: str) -> BackendError:
    """What an answer is that no batch-scheduler of our time gives."""
    reason = "answers what this program does not understand; are both of about one version?"
    return BackendError("server", host, reason, retryable=False)


@contextmanager
def _understood(host: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, InvalidInputError) as error:
        raise not_understood(host) from error


def _problem(shape: Mapping[str, str]) -> Problem:
    keys = ("path", "reason", "found", "allowed", "suggestion")
    return Problem(*(_plain(shape[key]) for key in keys))


def _plain(text: str) -> str:
    """What a server says, as people type it, without what would steer a terminal or any token."""
    shown = "".join(c if c.isprintable() or c == "\n" else " " for c in str(text))
    return as_commands(without_secrets(shown))
