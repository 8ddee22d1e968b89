"""Every error raised on purpose, drawn as a tree.

SchedulerError
├── InvalidInputError       path, reason, problems        -> exit 2
│   └── ContradictionError                                -> exit 2
├── NotFoundError           kind, id                      -> exit 4
│   └── ExpiredError        archive                       -> exit 4
├── ConflictError           status, event                 -> exit 5
│   ├── ChangedError                                      -> exit 5
│   └── BusyError                                         -> exit 5
└── BackendError            service, operation, retryable -> exit 6

Anything else that escapes is a bug and keeps its traceback.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input.

    `path` is a JSON path such as `$.jobList[3].timeout`; `found` and `allowed` are ready to print,
    empty when there is nothing to say; `suggestion` is the spelling that was probably meant.
    """

    path: str
    reason: str
    found: str = ""
    allowed: str = ""
    suggestion: str = ""

    def __str__(self) -> str:
        """`path: reason; found …; allowed …; did you mean …?` without the empty parts."""
        parts = [f"{self.path}: {self.reason}"]
        if self.found:
            parts.append(f"found {self.found}")
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if self.suggestion:
            parts.append(f"did you mean {self.suggestion!r}?")
        return "; ".join(parts)


class SchedulerError(Exception):
    """Base of all errors of this tree."""


class InvalidInputError(SchedulerError):
    """What was given can't be accepted; nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Take every problem found, never an empty sequence."""
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    @classmethod
    def at(
        cls, path: str, reason: str, *, allowed: str = "", suggestion: str = ""
    ) -> "InvalidInputError":
        return cls([Problem(path, reason, allowed=allowed, suggestion=suggestion)])

    @property
    def path(self) -> str:
        return self.problems[0].path

    @property
    def reason(self) -> str:
        return self.problems[0].reason


class ContradictionError(InvalidInputError):
    """A request says to be the same as an earlier one, and asks for something else."""


class NotFoundError(SchedulerError):
    """Nothing of that kind has that id."""

    def __init__(self, kind: str, id: str, hint: str = "", *, told: str = "") -> None:
        """`kind` is a word of the glossary, `hint` says what to do, `told` is the whole message."""
        self.kind = kind
        self.id = id
        self.hint = hint
        super().__init__(told or f"There is no {kind} {id!r}." + (f" {hint}" if hint else ""))


class ExpiredError(NotFoundError):
    """The details of a run were there, and their time is over; the message says where they are."""

    def __init__(self, run_id: str, day: str, archive: str, *, told: str = "") -> None:
        """`day` is the day they expired on, `archive` the address of the whole run.

        `told` is the whole message, where it was told before.
        """
        self.archive = archive
        told = told or (
            f"The jobs and the history of run {run_id!r} expired on {day}; "
            f"the whole run is archived in {archive}"
        )
        super().__init__("run", run_id, told=told)


class ConflictError(SchedulerError):
    """What is true now forbids the act; the message says what is possible instead."""

    def __init__(self, message: str, *, status: str = "", event: str = "") -> None:
        """`status` is what the thing is now, `event` what was asked of it."""
        self.status = status
        self.event = event
        super().__init__(message)


class ChangedError(ConflictError):
    """What is true now is not what the caller said to have seen; nothing was changed."""


class BusyError(ConflictError):
    """The same is being done at this moment; a moment later it will have been."""


class BackendError(SchedulerError):
    """A store, a queue or the machine failed us; the driver's error stays as `__cause__`."""

    def __init__(self, service: str, operation: str, reason: str, *, retryable: bool) -> None:
        """`retryable` says whether the same call may succeed later without anyone's help."""
        self.service = service
        self.operation = operation
        self.reason = reason
        self.retryable = retryable
        super().__init__(f"{service} {operation}: {reason}")
