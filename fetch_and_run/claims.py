"""Claims: one a run, job and attempt; who has it runs, and what he tells is kept in it.

Kept as JSON with the members of `Claim` in camel case: a file on one machine, an item on AWS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.identity import Identity

WHERE = "BATCH_SCHEDULER_CLAIMS"  # directory:/path or dynamodb:table


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job says that it is."""

    percent: float
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is on record of an attempt.

    `remote` is the work of another service that the attempt follows, by the members that its kind
    needs to find it again; empty before it was asked for. `outputs` and `links` are by name.
    """

    owner: str
    claimed_at: datetime
    remote: Mapping[str, str] = field(default_factory=dict)
    progress: Progress | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)


class Claims(Protocol):
    """Where claims are.

    Every method raises JobError: LOST_CLAIM when another owner has it, NO_CLAIMS when nobody can
    say. What is told makes the claim first where the owner has not taken it yet.
    """

    def take(self, who: Identity, now: datetime) -> Claim:
        """Claim the attempt unless another has it; the owner gets what is on record again."""

    def tell_progress(self, who: Identity, progress: Progress) -> None:
        """Replace the progress."""

    def tell_outputs(self, who: Identity, outputs: Mapping[str, str]) -> None:
        """Add outputs, each replacing one of its name."""

    def tell_links(self, who: Identity, links: Mapping[str, str]) -> None:
        """Add links, each replacing one of its name."""

    def tell_remote(self, who: Identity, remote: Mapping[str, str]) -> None:
        """Replace what finds the remote work again."""


def lost(who: Identity, owner: str) -> JobError:
    """The error for an attempt that another has."""
    return JobError(
        Exit.LOST_CLAIM,
        f"attempt {who.attempt} of job {who.job!r} is done by job {owner} already; "
        "this copy of it does nothing",
    )
