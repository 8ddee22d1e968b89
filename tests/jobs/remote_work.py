"""Work of an honest service in memory, and one attempt's containers that follow it.

Whatever is asked, of the service or of the claims, is a request; what becomes of each is planned by
its index. Time is virtual.
"""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from io import StringIO
from typing import Any, TypeVar

from chalicelib.local.memory_queue import VirtualClock
from fetch_and_run.claims import Claim, Claims, Progress, lost
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.following import follow_steps
from fetch_and_run.identity import Identity
from fetch_and_run.work import AgainError, InDoubtError, Outcome, Patience, Remote, Step
from fetch_and_run.world import World

WHO = Identity(run="r-1", job="load", attempt=1, owner="aws-job-1")

T = TypeVar("T")


class Happens(Enum):
    """What becomes of one request."""

    THROTTLED = "not done, and the answer says so"
    UNDONE = "not done, and no answer"
    UNHEARD = "done, and no answer"
    TERMINATED_BEFORE = "done, after SIGTERM"
    TERMINATED_AFTER = "done, then SIGTERM"
    KILLED_BEFORE = "not done: the container is dead"
    KILLED_AFTER = "done: the container is dead, and hears of nothing"


class DeadError(BaseException):
    """The container is dead; nothing may catch it but the test."""


@dataclass(slots=True)
class Item:
    """One work of the service."""

    token: str
    begun_at: datetime
    stopped_at: datetime | None = None


@dataclass(slots=True)
class Service:
    """Begins what it is asked for, each time anew: it knows no client token.

    `lag` is how long `find` misses what was begun; `can_tell` False is a service without tokens.
    """

    clock: VirtualClock
    lasts: float = 300.0  # seconds
    succeeds: bool = True
    lag: float = 0.0
    can_tell: bool = True
    can_cancel: bool = True
    stops_in: float = 0.0  # seconds from a cancel to the end
    refuses: bool = False
    items: list[Item] = field(default_factory=list)
    plan: Mapping[int, Happens] = field(default_factory=dict)
    always: Mapping[str, Happens] = field(default_factory=dict)  # by what is asked for
    asked: list[str] = field(default_factory=list)
    times: list[tuple[str, datetime]] = field(default_factory=list)  # of what was asked

    def request(self, name: str, lost: type[Exception], act: Callable[[], T]) -> T:
        """Do what is asked, or what the plan has for it."""
        happens = self.plan.get(len(self.asked), self.always.get(name))
        self.asked.append(name)
        self.times.append((name, self.clock()))
        match happens:
            case Happens.THROTTLED:
                raise AgainError("throttled")
            case Happens.UNDONE:
                raise lost("no answer")
            case Happens.KILLED_BEFORE:
                raise DeadError
            case Happens.TERMINATED_BEFORE:
                os.kill(os.getpid(), signal.SIGTERM)
        done = act()
        match happens:
            case Happens.UNHEARD:
                raise lost("no answer")
            case Happens.KILLED_AFTER:
                raise DeadError
            case Happens.TERMINATED_AFTER:
                os.kill(os.getpid(), signal.SIGTERM)
        return done

    def goes_on(self, item: Item) -> bool:
        """Whether it has not ended yet."""
        return self.clock() < self._ends_at(item)

    def has_succeeded(self, item: Item) -> bool:
        return item.stopped_at is None and self.succeeds and not self.goes_on(item)

    def _ends_at(self, item: Item) -> datetime:
        ends_at = item.begun_at + timedelta(seconds=self.lasts)
        if item.stopped_at is None:
            return ends_at
        return min(ends_at, item.stopped_at + timedelta(seconds=self.stops_in))


class ServiceWork:
    """Work of the service, as a kind offers it."""

    def __init__(self, service: Service, what: str = "work") -> None:
        self._service = service
        self.what = what

    @property
    def settling(self) -> float:
        return self._service.lag

    def start(self, token: str) -> Remote:
        return self._service.request("start", InDoubtError, lambda: self._begin(token))

    def find(self, token: str) -> Remote | None:
        return self._service.request("find", AgainError, lambda: self._found(token))

    def look(self, remote: Remote) -> Outcome | None:
        return self._service.request("look", AgainError, lambda: self._seen(remote))

    def cancel(self, remote: Remote) -> None:
        return self._service.request("cancel", AgainError, lambda: self._stop(remote))

    def describe(self) -> Mapping[str, object]:
        return {"service": "memory", "operation": "Start", "parameters": {"what": self.what}}

    def _begin(self, token: str) -> Remote:
        if self._service.refuses:
            raise JobError(Exit.NOT_STARTED, "no such work")
        self._service.items.append(Item(token, self._service.clock()))
        return self._remote(len(self._service.items) - 1)

    def _found(self, token: str) -> Remote | None:
        if not self._service.can_tell:
            raise InDoubtError("look at the console")
        shown = self._service.clock() - timedelta(seconds=self._service.lag)
        for index, item in enumerate(self._service.items):
            if item.token == token and item.begun_at <= shown:
                return self._remote(index)
        return None

    def _seen(self, remote: Remote) -> Outcome | None:
        item = self._service.items[int(remote["id"])]
        if self._service.goes_on(item):
            return None
        if item.stopped_at is not None:
            return Outcome(succeeded=False, reason="was stopped")
        if self._service.succeeds:
            return Outcome(succeeded=True, reason="has succeeded", outputs={"rows": "3"})
        return Outcome(succeeded=False, reason="has failed: no such table", code=7)

    def _stop(self, remote: Remote) -> None:
        if not self._service.can_cancel:
            raise JobError(Exit.UNKNOWN, "it can't be stopped")
        item = self._service.items[int(remote["id"])]
        if self._service.goes_on(item):
            item.stopped_at = self._service.clock()

    def _remote(self, index: int) -> Remote:
        return {"id": str(index), "link": f"https://console.example/{index}"}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        return (self.err or self.out).splitlines()[-1]


class Attempt:
    """One attempt of a job: its claim, and the containers that AWS Batch starts for it."""

    def __init__(self, patience: Patience | None = None) -> None:
        self.clock = VirtualClock()
        self.service = Service(self.clock)
        self.claims: Claims = MemoryClaims()
        self.patience = patience or Patience()
        self.steps: list[Step] = [lambda _: ServiceWork(self.service)]

    def run(self, who: Identity | None = WHO) -> Ended:
        """Let one container run. Raises DeadError."""
        world = World(
            now=self.clock,
            sleep=self.clock.advance,
            chance=lambda: 0.5,
            environment={},
            who=who,
            claims=None if who is None else _Asked(self.claims, self.service),
            out=StringIO(),
            err=StringIO(),
        )
        assert isinstance(world.out, StringIO)
        assert isinstance(world.err, StringIO)
        try:
            code = follow_steps(self.steps, world, self.patience)
        except JobError as error:
            print(f"batch-job: {error.reason}", file=world.err)
            code = error.code
        return Ended(code, world.out.getvalue(), world.err.getvalue())

    def run_to_its_end(self) -> Ended:
        """Start containers until one lives, and reaches the claims."""
        while True:
            try:
                ended = self.run()
            except DeadError:
                continue
            if ended.code != Exit.NO_CLAIMS:
                return ended

    def claim(self) -> Claim:
        """What is on record."""
        return self.claims.take(WHO, self.clock())


class MemoryClaims:
    """Claims that need no disk: thousands of containers take none of the disk's time."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, int, str], Claim] = {}

    def take(self, who: Identity, now: datetime) -> Claim:
        key = (who.run, who.job, who.attempt, who.index)
        found = self._kept.setdefault(key, Claim(owner=who.owner, claimed_at=now))
        if found.owner != who.owner:
            raise lost(who, found.owner)
        return found

    def tell_progress(self, who: Identity, progress: Progress) -> None:
        self._change(who, progress=progress)

    def tell_outputs(self, who: Identity, outputs: Mapping[str, str]) -> None:
        self._change(who, outputs={**self._known(who).outputs, **outputs})

    def tell_links(self, who: Identity, links: Mapping[str, str]) -> None:
        self._change(who, links={**self._known(who).links, **links})

    def tell_remote(self, who: Identity, remote: Mapping[str, str]) -> None:
        self._change(who, remote=remote)

    def _known(self, who: Identity) -> Claim:
        return self.take(who, datetime.min.replace(tzinfo=UTC))

    def _change(self, who: Identity, **members: Any) -> None:
        key = (who.run, who.job, who.attempt, who.index)
        self._kept[key] = replace(self._known(who), **members)


class UnheardError(JobError):
    """Claims that could not be reached, or did not answer."""

    def __init__(self, _: str) -> None:
        super().__init__(Exit.NO_CLAIMS, "claims could not be reached")


class _Asked:
    """Claims whose requests are planned like the service's."""

    def __init__(self, claims: Claims, service: Service) -> None:
        self._claims = claims
        self._service = service

    def take(self, who: Identity, now: datetime) -> Claim:
        return self._ask("take", lambda: self._claims.take(who, now))

    def tell_progress(self, who: Identity, progress: Progress) -> None:
        self._ask("tell_progress", lambda: self._claims.tell_progress(who, progress))

    def tell_outputs(self, who: Identity, outputs: Mapping[str, str]) -> None:
        self._ask("tell_outputs", lambda: self._claims.tell_outputs(who, outputs))

    def tell_links(self, who: Identity, links: Mapping[str, str]) -> None:
        self._ask("tell_links", lambda: self._claims.tell_links(who, links))

    def tell_remote(self, who: Identity, remote: Mapping[str, str]) -> None:
        self._ask("tell_remote", lambda: self._claims.tell_remote(who, remote))

    def _ask(self, name: str, act: Callable[[], T]) -> T:
        try:
            return self._service.request(name, UnheardError, act)
        except AgainError as error:
            raise UnheardError("throttled") from error
