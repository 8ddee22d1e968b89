"""What of the world a command of batch-job may use; `fetch_and_run.main` makes the real one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from fetch_and_run.claims import Claims
from fetch_and_run.identity import Identity
from fetch_and_run.printing import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Time, chance, the environment and what is on record.

    `who` and `claims` are both there or both None: then nothing is on record of this process, and
    it runs as it would without a scheduler.
    """

    now: Callable[[], datetime]  # aware, UTC
    sleep: Callable[[float], None]  # seconds
    chance: Callable[[], float]  # at least 0, less than 1
    environment: Mapping[str, str]
    who: Identity | None
    claims: Claims | None
    out: Log
    err: Log
