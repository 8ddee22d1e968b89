"""Who may do what: roles that contain each other, and the schedules that they hold for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, Self


class Role(IntEnum):
    """What somebody may do; each role may do what those below it may."""

    VIEWER = 1  # look at everything but tokens
    OPERATOR = 2  # start, restart and cancel runs, act on their jobs, `pause` schedules
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
    `is_use_due` asks whoever serves him to note that the token is in use.
    """

    actor: str  # for the audit trail
    role: Role
    scopes: tuple[str, ...] = ("",)
    token_id: str = ""  # of the token that he came with, if with one
    is_use_due: bool = False

    def sees(self, schedule_id: str) -> bool:
        """Say whether the schedule is within the scopes: what is not, is not there for him."""
        return any(schedule_id.startswith(scope) for scope in self.scopes)

    def to_context(self) -> dict[str, str]:
        """What an authorizer hands on: API Gateway makes every value of it a text."""
        return {
            "actor": self.actor,
            "role": self.role.word,
            "scopes": json.dumps(self.scopes),
            "token": self.token_id,
            "useDue": json.dumps(self.is_use_due),
        }

    @classmethod
    def of_context(cls, context: Mapping[str, str]) -> Self:
        """Read what `to_context` gave. Raises KeyError or ValueError for anything else."""
        scopes = json.loads(context["scopes"])
        if not isinstance(scopes, list) or not all(isinstance(each, str) for each in scopes):
            # The empty text is all schedules: nothing may become it by a lenient reading.
            raise ValueError("scopes are a list of texts")
        return cls(
            actor=context["actor"],
            role=Role[context["role"].upper()],
            scopes=tuple(scopes),
            token_id=context.get("token", ""),
            is_use_due=context.get("useDue") == "true",
        )


class Decision(IntEnum):
    """What becomes of a request, as the status that HTTP has for it."""

    ALLOW = 200
    UNAUTHENTICATED = 401  # nobody was recognised
    FORBIDDEN = 403  # the role does not suffice, whatever there is
    HIDDEN = 404  # the schedule is out of scope: told as if it were not there


class Guarded(Protocol):
    """What a route says of who may use it."""

    @property
    def role(self) -> Role | None:
        """The least that may use it, None for everybody without a token."""

    @property
    def is_scoped(self) -> bool:
        """Whether it is about one schedule, by its path."""


def decide(route: Guarded, principal: Principal | None, schedule_id: str | None = None) -> Decision:
    """The one rule of who may do what.

    `schedule_id` is what the request is about, also where it is said in the query or the body;
    None for requests about no schedule.
    """
    if route.role is None:
        return Decision.ALLOW
    if principal is None:
        return Decision.UNAUTHENTICATED
    if principal.role < route.role:
        return Decision.FORBIDDEN
    is_about_one = route.is_scoped or schedule_id is not None
    if is_about_one and not principal.sees(schedule_id or ""):
        return Decision.HIDDEN
    return Decision.ALLOW
