"""What a job and a run can be, and the one table of who may follow whom.

Two rules about this file. Every change of a job's status anywhere is one row of `TRANSITIONS`: an
act, done by the engine, the queue or an operator, leads from one status to a set of statuses. And
nothing else decides what is allowed: `core` asks `follow`, the terminal asks `possible_acts`, the
diagram in docs/architecture.md is printed from the table.

A job that is final leaves its status only by an operator's act (`RERUN`, `RESTART`, `PASS`, the
marks, and `REVIVE`, which follows from one of those upstream).
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class JobStatus(StrEnum):
    """Where a job of a run stands."""

    WAITING = "WAITING"  # not handed to the queue yet
    HELD = "HELD"  # an operator holds it
    RESERVED = "RESERVED"  # the intent to submit is written, the job id is not yet
    SUBMITTED = "SUBMITTED"
    PENDING = "PENDING"
    RUNNABLE = "RUNNABLE"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    UPSTREAM_FAILED = "UPSTREAM_FAILED"  # never ran: something upstream failed
    CANCELLED = "CANCELLED"  # an operator ended it
    PASS = "PASS"  # noqa: S105 - counted as done without running
    SKIPPED = "SKIPPED"  # its own condition said no
    NOTFOUND = "NOTFOUND"  # the queue forgot the id and no end was ever seen


class RunStatus(StrEnum):
    """Where a run stands."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Act(StrEnum):
    """What can happen to a job. The first group is the engine's, the last the operators'."""

    RESERVE = "RESERVE"  # write the intent to submit
    ACCEPT = "ACCEPT"  # the queue gave a job id, now or found again after a crash
    REFUSE = "REFUSE"  # the queue will never take the request, or an output in it is missing
    LOOK_UP = "LOOK_UP"  # a look-up of a reservation found nothing yet
    UNRESERVE = "UNRESERVE"  # the fence passed and the queue knows nothing of the request
    OBSERVE = "OBSERVE"  # the queue says where the job stands
    WITHDRAW = "WITHDRAW"  # taken back from the queue before it started
    FORGET = "FORGET"  # the queue no longer knows the id
    RETRY = "RETRY"  # the attempt failed; the engine's policy allows another
    DOOM = "DOOM"  # upstream makes it impossible
    SKIP = "SKIP"  # its trigger rule can't come true, and nothing failed
    OPEN = "OPEN"  # a gate without a command was released: nothing to run
    REVIVE = "REVIVE"  # an operator's act upstream made it possible again

    HOLD = "HOLD"
    RELEASE = "RELEASE"
    PASS = "PASS"  # noqa: S105 - an operator's verb
    CANCEL = "CANCEL"
    TERMINATE = "TERMINATE"
    MARK_SUCCEEDED = "MARK_SUCCEEDED"
    MARK_FAILED = "MARK_FAILED"
    RERUN = "RERUN"
    RESTART = "RESTART"


_J = JobStatus

QUEUED = frozenset({_J.SUBMITTED, _J.PENDING, _J.RUNNABLE})  # handed over, not started
STARTED = frozenset({_J.STARTING, _J.RUNNING})
LIVE = QUEUED | STARTED  # the queue has it and has not ended it
SATISFIED = frozenset({_J.SUCCEEDED, _J.PASS, _J.SKIPPED})  # downstream goes on
BROKEN = frozenset({_J.FAILED, _J.UPSTREAM_FAILED, _J.NOTFOUND})
FINAL = SATISFIED | BROKEN | {_J.CANCELLED}
OPERATOR_ACTS = frozenset(
    {
        Act.HOLD,
        Act.RELEASE,
        Act.PASS,
        Act.CANCEL,
        Act.TERMINATE,
        Act.MARK_SUCCEEDED,
        Act.MARK_FAILED,
        Act.RERUN,
        Act.RESTART,
    }
)

_Row = Mapping[Act, frozenset[JobStatus]]


def _to(*statuses: JobStatus) -> frozenset[JobStatus]:
    return frozenset(statuses)


_AGAIN: _Row = {
    Act.RERUN: _to(_J.WAITING, _J.HELD),
    Act.RESTART: _to(_J.WAITING, _J.HELD),
    Act.PASS: _to(_J.PASS),
    Act.MARK_SUCCEEDED: _to(_J.SUCCEEDED),
}
_ENDS_IN_QUEUE = {
    # The queue may report any status, in any order that our reads happen to see: an attempt that
    # is retried there goes back from RUNNING to RUNNABLE.
    Act.OBSERVE: LIVE | {_J.SUCCEEDED, _J.FAILED, _J.UPSTREAM_FAILED, _J.CANCELLED},
    Act.FORGET: _to(_J.NOTFOUND),
    Act.RETRY: _to(_J.WAITING),
}
# An operator's act on a job the queue has is first an intent on the same status; the queue's answer
# then leads to the status in the second place.
_QUEUED_ROW: _Row = {
    **_ENDS_IN_QUEUE,
    Act.WITHDRAW: _to(_J.WAITING, _J.HELD, _J.PASS, _J.CANCELLED),
    Act.HOLD: QUEUED,
    Act.PASS: QUEUED,
    Act.CANCEL: QUEUED,
    Act.TERMINATE: QUEUED,
}
_STARTED_ROW: _Row = {**_ENDS_IN_QUEUE, Act.CANCEL: STARTED, Act.TERMINATE: STARTED}

TRANSITIONS: Mapping[JobStatus, _Row] = MappingProxyType(
    {
        _J.WAITING: {
            Act.RESERVE: _to(_J.RESERVED),
            Act.REFUSE: _to(_J.FAILED),
            Act.DOOM: _to(_J.UPSTREAM_FAILED),
            Act.SKIP: _to(_J.SKIPPED),
            Act.OPEN: _to(_J.PASS),
            Act.HOLD: _to(_J.HELD),
            Act.PASS: _to(_J.PASS),
            Act.CANCEL: _to(_J.CANCELLED),
            Act.TERMINATE: _to(_J.CANCELLED),
        },
        _J.HELD: {
            Act.DOOM: _to(_J.UPSTREAM_FAILED),
            Act.SKIP: _to(_J.SKIPPED),
            Act.RELEASE: _to(_J.WAITING),
            Act.PASS: _to(_J.PASS),
            Act.CANCEL: _to(_J.CANCELLED),
            Act.TERMINATE: _to(_J.CANCELLED),
        },
        _J.RESERVED: {
            Act.ACCEPT: _to(_J.SUBMITTED),
            Act.REFUSE: _to(_J.FAILED),
            Act.LOOK_UP: _to(_J.RESERVED),
            Act.UNRESERVE: _to(_J.WAITING, _J.CANCELLED),
            Act.CANCEL: _to(_J.RESERVED),
            Act.TERMINATE: _to(_J.RESERVED),
        },
        _J.SUBMITTED: _QUEUED_ROW,
        _J.PENDING: _QUEUED_ROW,
        _J.RUNNABLE: _QUEUED_ROW,
        _J.STARTING: _STARTED_ROW,
        _J.RUNNING: _STARTED_ROW,
        _J.SUCCEEDED: {
            Act.RERUN: _to(_J.WAITING, _J.HELD),
            Act.MARK_FAILED: _to(_J.FAILED),
            Act.RESTART: _to(_J.WAITING, _J.HELD),
        },
        _J.FAILED: _AGAIN,
        _J.UPSTREAM_FAILED: {**_AGAIN, Act.REVIVE: _to(_J.WAITING, _J.HELD)},
        _J.CANCELLED: _AGAIN,
        _J.PASS: {
            Act.RERUN: _to(_J.WAITING, _J.HELD),
            Act.MARK_FAILED: _to(_J.FAILED),
            Act.RESTART: _to(_J.WAITING, _J.HELD),
        },
        _J.SKIPPED: {
            Act.RERUN: _to(_J.WAITING, _J.HELD),
            Act.PASS: _to(_J.PASS),
            Act.RESTART: _to(_J.WAITING, _J.HELD),
            Act.REVIVE: _to(_J.WAITING, _J.HELD),
        },
        _J.NOTFOUND: {**_AGAIN, Act.MARK_FAILED: _to(_J.FAILED)},
    }
)


def may_follow(before: JobStatus, act: Act, after: JobStatus) -> bool:
    """Say whether `act` can lead from `before` to `after`."""
    return after in TRANSITIONS[before].get(act, frozenset())


def possible_acts(status: JobStatus) -> tuple[Act, ...]:
    """The operator's acts that `status` allows, in the order of `Act`."""
    row = TRANSITIONS[status]
    return tuple(act for act in Act if act in OPERATOR_ACTS and act in row)
