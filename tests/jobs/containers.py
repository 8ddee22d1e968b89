"""batch-job in containers of one attempt, before services that tests have in their hands.

Time is virtual: pauses take none. A container may get SIGTERM or die at each request.
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

from botocore.exceptions import ReadTimeoutError

from chalicelib.local.memory_queue import VirtualClock
from fetch_and_run.claims import Claim, Progress
from fetch_and_run.directory_claims import DirectoryClaims
from fetch_and_run.identity import Identity
from fetch_and_run.main import main
from fetch_and_run.world import World
from tests.jobs.endpoint import Endpoint
from tests.strict.answers import REGION, Call, Fault
from tests.strict.aws import StrictAws

WHO = Identity(run="r-1", job="load", attempt=1, owner="aws-job-1")


class DeadError(BaseException):
    """The container has ended; nothing may catch it but the test."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container ended, and what it said."""

    code: int
    out: str
    err: str


class Containers:
    """What one attempt's containers have in common."""

    def __init__(self, directory: Path) -> None:
        self.clock = VirtualClock()
        self.aws = StrictAws(self.clock)
        self.endpoint = Endpoint(self.aws)
        self.directory = directory
        self.claims = DirectoryClaims(directory, self.clock)
        self.environment: dict[str, str] = {}
        self._is_dead = False

    def run(self, *argv: str, who: Identity | None = WHO) -> Ended:
        """Let one container run to its end. Raises DeadError."""
        self._is_dead = False
        world = World(
            now=self.clock,
            sleep=self._sleep,
            chance=lambda: 0.5,
            environment=self._environment() | self.environment,
            who=who,
            claims=None if who is None else _Mortal(self.claims, self._check_alive),
            out=StringIO(),
            err=StringIO(),
        )
        code = main(argv, world)
        assert isinstance(world.out, StringIO)
        assert isinstance(world.err, StringIO)
        return Ended(code, world.out.getvalue(), world.err.getvalue())

    def attempt_again(self, directory: Path) -> None:
        """Forget what was: the attempt is a new one, and requests are counted from 0."""
        self.claims = DirectoryClaims(directory, self.clock)
        self.aws.calls.clear()

    def claim(self) -> Claim:
        """What is on record of the attempt."""
        return self.claims.take(WHO, self.clock())

    def fail(self, faults: Mapping[int, Fault]) -> None:
        """Let requests fail, each known by its index in all."""
        self.aws.faults = lambda index, _service, _operation: faults.get(index)

    def fail_all(self, operation: str, *faults: Fault) -> None:
        """Let the first requests for an operation fail, in this order."""
        left = list(faults)

        def fault_of(_index: int, _service: str, asked: str) -> Fault | None:
            return left.pop(0) if asked == operation and left else None

        self.aws.faults = fault_of

    def terminate_at(self, index: int) -> None:
        """Send SIGTERM when that request was done, before its answer comes."""

        def done(_call: Call) -> None:
            if len(self.aws.calls) - 1 == index:
                os.kill(os.getpid(), signal.SIGTERM)

        self.aws.done = done

    def die_at(self, index: int) -> None:
        """End the container when that request was done, before its answer comes."""

        def done(call: Call) -> None:
            if len(self.aws.calls) - 1 == index:
                self._is_dead = True
                raise ReadTimeoutError(endpoint_url=call.service)

        self.aws.done = done

    def die_after(self, index: int) -> None:
        """End the container when the answer to that request has not come."""
        faults = self.aws.faults

        def fault_of(at: int, service: str, operation: str) -> Fault | None:
            self._is_dead = self._is_dead or at == index
            return faults(at, service, operation) if faults is not None else None

        self.aws.faults = fault_of

    def _environment(self) -> dict[str, str]:
        return {
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": self.endpoint.url,
        }

    def _check_alive(self) -> None:
        if self._is_dead:
            raise DeadError

    def _sleep(self, seconds: float) -> None:
        self._check_alive()
        self.clock.advance(seconds)


class _Mortal:
    """Claims, until the container is dead."""

    def __init__(self, claims: DirectoryClaims, check: Callable[[], None]) -> None:
        self._claims = claims
        self._check = check

    def take(self, who: Identity, now: datetime) -> Claim:
        self._check()
        return self._claims.take(who, now)

    def tell_progress(self, who: Identity, progress: Progress) -> None:
        self._check()
        self._claims.tell_progress(who, progress)

    def tell_outputs(self, who: Identity, outputs: Mapping[str, str]) -> None:
        self._check()
        self._claims.tell_outputs(who, outputs)

    def tell_links(self, who: Identity, links: Mapping[str, str]) -> None:
        self._check()
        self._claims.tell_links(who, links)

    def tell_remote(self, who: Identity, remote: Mapping[str, str]) -> None:
        self._check()
        self._claims.tell_remote(who, remote)


@contextmanager
def containers(directory: Path, **services: Any) -> Iterator[Containers]:
    """Containers before these services: each is made with the clock."""
    made = Containers(directory)
    for name, service in services.items():
        made.aws.serve(name.replace("_", "-"), service(made.clock).service())
    with made.endpoint:
        yield made
