"""Every exit code of the program, in one table."""

from collections.abc import Mapping
from enum import IntEnum

from chalicelib.core.lifecycle import RunStatus
from chalicelib.errors import (
    BackendError,
    BusyError,
    ChangedError,
    ConflictError,
    ContradictionError,
    ExpiredError,
    InvalidInputError,
    NotFoundError,
    SchedulerError,
)


class Exit(IntEnum):
    """What the program's exit code means."""

    DONE = 0  # done; a run that was waited for SUCCEEDED
    RUN_FAILED = 1  # the run that was waited for FAILED
    INVALID = 2  # a document, parameter or option can't be accepted; nothing was changed
    RUN_CANCELLED = 3  # the run that was waited for was CANCELLED
    NOT_FOUND = 4  # no such schedule, run or job, or its details have expired
    REFUSED = 5  # a status, or a token's role, forbids it for a job at least; not all taken over
    BACKEND = 6  # the store, the host, the disk or the server failed
    DETACHED = 130  # no longer waited for: Ctrl-C, or its start waits; the run goes on


OF_ERROR: Mapping[type[SchedulerError], Exit] = {
    InvalidInputError: Exit.INVALID,
    ContradictionError: Exit.INVALID,
    NotFoundError: Exit.NOT_FOUND,
    ExpiredError: Exit.NOT_FOUND,
    ConflictError: Exit.REFUSED,
    ChangedError: Exit.REFUSED,
    BusyError: Exit.REFUSED,
    BackendError: Exit.BACKEND,
}
OF_RUN: Mapping[RunStatus, Exit] = {
    RunStatus.RUNNING: Exit.DONE,
    RunStatus.SUCCEEDED: Exit.DONE,
    RunStatus.FAILED: Exit.RUN_FAILED,
    RunStatus.CANCELLED: Exit.RUN_CANCELLED,
}
