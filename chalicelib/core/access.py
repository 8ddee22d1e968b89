"""Who may do what: roles that contain each other, and the schedules that they hold for."""

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """What somebody may do; each role may do what those below it may."""

    VIEWER = 1  # look at everything but tokens
    OPERATOR = 2  # start, restart and cancel runs, act on their jobs, pause schedules
    AUTHOR = 3  # write schedules and calendars: run code under every role that jobs may have
    ADMIN = 4  # give and revoke tokens

    @property
    def word(self) -> str:
        """The role as people write it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who was recognised.

    `scopes` are beginnings of schedules' ids; the empty text is the beginning of all of them.
    """

    actor: str  # for the audit trail
    role: Role
    scopes: tuple[str, ...] = ("",)

    def sees(self, schedule_id: str) -> bool:
        """Say whether the schedule is within the scopes: what is not, is not there for him."""
        return any(schedule_id.startswith(scope) for scope in self.scopes)
