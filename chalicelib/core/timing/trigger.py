"""What starts runs of a schedule, after its document was read: a kind, and policies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum

from chalicelib.core.timing.wall_time import Dst


@dataclass(frozen=True, slots=True)
class Cron:
    """Fires at times of the wall clock; `text` as `cron_rule` reads it."""

    text: str


@dataclass(frozen=True, slots=True)
class Rate:
    """Fires at the multiples of so many seconds since 1970-01-01T00:00Z, wherever it is."""

    seconds: int


@dataclass(frozen=True, slots=True)
class At:
    """Fires once, at a time of the wall clock (naive)."""

    local: datetime


class RunResult(StrEnum):
    """The end of another run that is waited for."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ENDED = "ended"  # whichever it is, CANCELLED among them


@dataclass(frozen=True, slots=True)
class OnRun:
    """Fires when a run of another schedule ends."""

    schedule: str
    status: RunResult = RunResult.SUCCEEDED


@dataclass(frozen=True, slots=True)
class OnFile:
    """Fires when an object of S3 (bucket, prefix, suffix) or a file (path, a glob) arrives."""

    bucket: str = ""
    prefix: str = ""
    suffix: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Http:
    """Fires when somebody asks for a start by HTTP."""


Clock = Cron | Rate | At
Kind = Clock | OnRun | OnFile | Http


class Roll(StrEnum):
    """Where a fire time goes that is not on a business day."""

    SKIP = "skip"
    FORWARD = "forward"  # to the next business day, at the same local time
    BACK = "back"  # to the previous one


class CatchUp(StrEnum):
    """What becomes of fire times that were missed because nobody looked."""

    NONE = "none"
    LATEST = "latest"  # the newest starts one run
    ALL = "all"  # each starts one, the newest 100 at most


class Overlap(StrEnum):
    """What becomes of a start while the run before it goes on."""

    ALLOW = "allow"
    SKIP = "skip"
    QUEUE = "queue"
    CANCEL = "cancel"  # the run before it


@dataclass(frozen=True, slots=True)
class DayRule:
    """The calendar of a trigger, by name, and what it does to fire times."""

    calendar: str
    ordinal: int | None = None  # which business day of the month, -1 the last; None is each day
    roll: Roll = Roll.SKIP


@dataclass(frozen=True, slots=True)
class Window:
    """Local times within which runs may start, the end excluded; may span midnight."""

    begin: time
    end: time

    def has(self, moment: time) -> bool:
        if self.begin < self.end:
            return self.begin <= moment < self.end
        return moment >= self.begin or moment < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One trigger of a schedule; its name is unique there. Lengths are seconds."""

    name: str
    kind: Kind
    timezone: str = "UTC"
    dst: Dst = Dst.NEXT
    days: DayRule | None = None
    window: Window | None = None
    jitter: int = 0  # at most
    catch_up: CatchUp = CatchUp.LATEST
    overlap: Overlap = Overlap.SKIP
    deadline: int | None = None  # after the fire time
    parameters: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True

    @property
    def clock(self) -> Clock | None:
        """Its kind, if the clock alone makes it fire."""
        return self.kind if isinstance(self.kind, Cron | Rate | At) else None


@dataclass(frozen=True, slots=True)
class FireTime:
    """The planned instant of a start: in UTC, and on the trigger's wall clock.

    `note` says why it is not when the trigger's text says; empty when it is.
    """

    at: datetime
    local: datetime
    note: str = ""
