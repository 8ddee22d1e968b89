"""batch-job in this process, in a world whose time passes when it sleeps."""

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fetch_and_run.claims import Claim
from fetch_and_run.directory_claims import DirectoryClaims
from fetch_and_run.identity import Identity
from fetch_and_run.main import main
from fetch_and_run.world import World

WHO = Identity(run="edw#7", job="load", attempt=1, owner="batch-1")
BEGINNING = datetime(2026, 11, 30, tzinfo=UTC)


@dataclass
class Jobs:
    """Runs commands, one after another, and keeps what they said."""

    claims: DirectoryClaims
    environment: Mapping[str, str]
    time: datetime = BEGINNING
    slept: list[float] = field(default_factory=list)
    on_sleep: list[Callable[[], object]] = field(default_factory=list)
    out: str = ""
    err: str = ""

    def run(self, argv: Iterable[str], who: Identity = WHO) -> int:
        out, err = io.StringIO(), io.StringIO()
        world = World(
            now=lambda: self.time,
            sleep=self._sleep,
            chance=lambda: 0.5,
            environment=self.environment,
            who=who,
            claims=self.claims,
            out=out,
            err=err,
        )
        try:
            return main(list(argv), world)
        finally:
            self.out, self.err = out.getvalue(), err.getvalue()

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        if self.on_sleep:
            self.on_sleep.pop(0)()

    def claim(self) -> Claim:
        return self.claims.take(WHO, self.time)


def jobs_in(directory: Path, environment: Mapping[str, str]) -> Jobs:
    return Jobs(DirectoryClaims(directory / "claims", lambda: BEGINNING), environment)
