"""Errors as problem documents (RFC 9457): one table of statuses for the whole tree of errors."""

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from chalicelib.api.pages import ProblemShape
from chalicelib.core.advising import as_routes
from chalicelib.errors import (
    BackendError,
    BusyError,
    ChangedError,
    ConflictError,
    ContradictionError,
    ExpiredError,
    InvalidInputError,
    NotFoundError,
    Problem,
    SchedulerError,
)
from chalicelib.services.repeating import BUSY_TYPE

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

# BackendError is none of these: whether the same call may succeed later decides.
OF_ERROR: Mapping[type[SchedulerError], HTTPStatus] = {
    InvalidInputError: HTTPStatus.BAD_REQUEST,
    ContradictionError: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ExpiredError: HTTPStatus.GONE,
    ConflictError: HTTPStatus.CONFLICT,
    BusyError: HTTPStatus.CONFLICT,
    ChangedError: HTTPStatus.PRECONDITION_FAILED,
}


class RefusedError(Exception):
    """What only HTTP refuses: a role that is too low, a type or a size that is not taken."""

    def __init__(self, status: HTTPStatus, detail: str, problems: tuple[Problem, ...] = ()) -> None:
        self.status = status
        self.detail = detail
        self.problems = problems
        super().__init__(detail)


def status_of(error: SchedulerError) -> HTTPStatus:
    """The status that tells of an error."""
    if isinstance(error, BackendError):
        return HTTPStatus.SERVICE_UNAVAILABLE if error.retryable else HTTPStatus.BAD_GATEWAY
    return OF_ERROR[type(error)]


def told(error: Exception) -> tuple[HTTPStatus, dict[str, Any]]:
    """The status and the problem document of any error; of a bug, nothing that is inside."""
    if isinstance(error, RefusedError):
        return error.status, document(error.status, error.detail, error.problems)
    if not isinstance(error, SchedulerError):
        logger.error("a request failed by a bug: %s", type(error).__name__, exc_info=error)
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return status, document(status, "This is a fault of the server; its log says more.")
    status = status_of(error)
    if isinstance(error, BackendError):
        logger.warning("a request failed: %s", error)
    problems = error.problems if isinstance(error, InvalidInputError) else ()
    made = document(status, str(error), problems)
    return status, {**made, "type": BUSY_TYPE} if isinstance(error, BusyError) else made


def document(status: HTTPStatus, detail: str, problems: tuple[Problem, ...] = ()) -> dict[str, Any]:
    """A problem document; `problems` are those of an input, each with its JSON path."""
    shape: dict[str, Any] = {
        "type": f"urn:batch-scheduler:problem:{status.phrase.lower().replace(' ', '-')}",
        "title": status.phrase,
        "status": status.value,
        "detail": as_routes(detail),
    }
    if problems:
        shape["problems"] = problem_shapes(problems)
    return shape


def problem_shapes(problems: Iterable[Problem]) -> list[ProblemShape]:
    """What is wrong with an input, each with its path."""
    return [
        {
            "path": each.path,
            "reason": as_routes(each.reason),
            "found": each.found,
            "allowed": as_routes(each.allowed),
            "suggestion": each.suggestion,
        }
        for each in problems
    ]
