"""Who may do what: roles that contain each other, and the schedules that they hold for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Self


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

    def to_context(self) -> dict[str, str]:
        """What an authorizer hands on: API Gateway makes every value of it a text."""
        scopes = json.dumps(self.scopes)
        return {"actor": self.actor, "role": self.role.word, "scopes": scopes}

    @classmethod
    def of_context(cls, context: Mapping[str, str]) -> Self:
        """Read what `to_context` gave. Raises KeyError or ValueError for anything else."""
        scopes = tuple(map(str, json.loads(context["scopes"])))
        return cls(actor=context["actor"], role=Role[context["role"].upper()], scopes=scopes)
