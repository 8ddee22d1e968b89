"""What became of each line of a crontab."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What became of one line."""

    CARRIED = "carried over"
    APPROXIMATED = "approximated"
    NOT = "not carried over"
    NOTHING = "nothing to carry over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a crontab comes from, as far as it does not say so itself."""

    user: str  # whose it is; of a system's crontab, whose lines are wanted
    home: str  # of that user; empty if nobody knows
    timezone: str
    is_zone_told: bool = False  # it goes before CRON_TZ, for a person has said it
    is_system: bool = False  # each line has a user between its times and its command
    prefix: str = ""  # of the ids
    now: datetime  # from which on changes of clocks are looked for


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to be said of a line; remarks say what is approximated, or why it is not carried."""

    outcome: Outcome
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedLine:
    """One line of the crontab; `document` is the schedule that it has become."""

    number: int
    text: str  # with secrets hidden
    judged: Judged
    document: Mapping[str, Any] | None = None

    @property
    def schedule_id(self) -> str:
        return self.document["scheduleId"] if self.document else ""


@dataclass(frozen=True, slots=True)
class Imported:
    """All lines, and what holds for more than one of them."""

    lines: tuple[ImportedLine, ...]
    notes: tuple[str, ...]

    @property
    def documents(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(line.document for line in self.lines if line.document is not None)
