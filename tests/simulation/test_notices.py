"""F37 and F38: people are told of each end at least once, and no run fares otherwise for it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cache

import pytest

from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.notice_rules import Means, NoticeRule, Occasion, Receiver
from chalicelib.core.notices import Letter, Posted
from chalicelib.driving_ports import DrivingPorts
from chalicelib.errors import BackendError
from chalicelib.local.memory_outbox import MemoryOutbox, MemoryWebhooks
from chalicelib.local.memory_store import MemoryStore
from chalicelib.notice_ports import Flow
from chalicelib.ports import Ports
from chalicelib.services.delivering import Couriers, deliver_due
from chalicelib.services.posting import Poster
from tests.simulation.driven_world import DrivenWorld
from tests.simulation.faults import Crash, Fault, Tap, TappedStore
from tests.simulation.oracle import judge
from tests.simulation.scenarios import SCENARIOS, Scenario
from tests.simulation.world import World

RULES = (
    NoticeRule(
        on=tuple(Occasion),
        receiver=Receiver(means=Means.WEBHOOK, address="https://hooks.example.com/x"),
    ),
)
_HOUR = 3600.0  # s
_OF_THE_OUTBOX = ("add", "pending", "flow", "done", "failed", "fold", "left", "post")
TOLD = [
    replace(each, policy=replace(each.policy, notify=RULES))
    for each in SCENARIOS
    if each.name in ("chain", "failure", "restart", "cancel", "engine-retry", "stop-at-failure")
]
each_scenario = pytest.mark.parametrize("scenario", TOLD, ids=lambda scenario: scenario.name)


class TappedOutbox:
    """notice_ports.Outbox, every call through the tap; `is_broken`: none of them works."""

    def __init__(self, tap: Tap, outbox: MemoryOutbox, is_broken: Callable[[], bool]) -> None:
        self._tap = tap
        self._outbox = outbox
        self._is_broken = is_broken

    def _call(self, operation: str, act: Callable[[], object]) -> object:
        if self._is_broken():
            raise BackendError("outbox", operation, "broken", retryable=True)
        return self._tap.call(operation, act)

    def add(self, letter: Letter, next_at: datetime) -> bool:
        return bool(self._call("add", lambda: self._outbox.add(letter, next_at)))

    def pending(self, now: datetime, limit: int) -> list[Posted]:
        found = self._call("pending", lambda: self._outbox.pending(now, limit))
        assert isinstance(found, list)
        return found

    def flow(self, group: str, since: datetime) -> Flow:
        found = self._call("flow", lambda: self._outbox.flow(group, since))
        assert isinstance(found, Flow)
        return found

    def done(self, key: str, at: datetime) -> None:
        self._call("done", lambda: self._outbox.done(key, at))

    def failed(
        self, key: str, tries: int, at: datetime, next_at: datetime | None, error: str
    ) -> None:
        self._call("failed", lambda: self._outbox.failed(key, tries, at, next_at, error))

    def fold(self, members: Sequence[Letter], folded: Letter, at: datetime) -> None:
        self._call("fold", lambda: self._outbox.fold(members, folded, at))

    def left(self) -> int:
        return self._outbox.left()


class TappedWebhooks:
    """notice_ports.Webhooks, every call through the tap."""

    def __init__(self, tap: Tap, webhooks: MemoryWebhooks) -> None:
        self._tap = tap
        self._webhooks = webhooks

    def post(self, letter: Letter) -> None:
        self._tap.call("post", lambda: self._webhooks.post(letter))


class Telling:
    """What both worlds have to tell people with."""

    def __init__(self) -> None:
        self.kept = MemoryOutbox()
        self.webhooks = MemoryWebhooks()
        self.is_broken = False

    def outbox(self, tap: Tap) -> TappedOutbox:
        return TappedOutbox(tap, self.kept, lambda: self.is_broken)

    @property
    def ids(self) -> list[str]:
        return [letter.id for letter in self.webhooks.posted]

    @property
    def kinds(self) -> set[str]:
        return {f"{letter.id.split('/')[-2]} {letter.kind}" for letter in self.webhooks.posted}


class Teller:
    """local.engine.Telling, which delivers nothing by itself."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster

    def poster(self) -> Poster:
        return self._poster

    def take_up(self) -> None:
        self._poster.tell_ends()


class ToldWorld(World):
    """One machine whose engines tell people; what they posted is delivered between their steps."""

    def __init__(self, scenario: Scenario, faults: Mapping[int, Fault] | None = None) -> None:
        self.telling = Telling()
        super().__init__(scenario, faults)

    def telling_of(self, ports: Ports, view: MemoryStore) -> Teller:
        ports = replace(ports, outbox=self.telling.outbox(self.tap))
        return Teller(Poster(ports, view, lambda: None))

    def watch(self) -> None:
        super().watch()
        self.deliver()

    def deliver(self) -> None:
        """What the thread does: it may crash by itself, and a later look goes on."""
        webhooks = TappedWebhooks(self.tap, self.telling.webhooks)
        outbox = self.telling.outbox(self.tap)
        try:
            deliver_due(Couriers(outbox=outbox, clock=self.clock, webhooks=webhooks), lambda: False)
        except (Crash, BackendError):
            self.crashes += 1

    def rest(self) -> None:
        """After the end: whoever drives next tells what is untold, then all is delivered."""
        for _ in range(4):
            ports = replace(self.raw, runs=TappedStore(self.tap, self.store))
            with suppress(Crash, BackendError):
                self.telling_of(ports, self.store).take_up()
            self.deliver()
            self.queue.advance(_HOUR)


class ToldDrivenWorld(DrivenWorld):
    """A stage whose functions tell people."""

    def __init__(self, scenario: Scenario, faults: Mapping[int, Fault] | None = None) -> None:
        self.telling = Telling()
        super().__init__(scenario, faults)

    def ports(self) -> DrivingPorts:
        return replace(
            super().ports(),
            outbox=self.telling.outbox(self.tap),
            webhooks=TappedWebhooks(self.tap, self.telling.webhooks),
        )


Told = ToldWorld | ToldDrivenWorld


def lived(kind: type[Told], scenario: Scenario, faults: Mapping[int, Fault] | None = None) -> Told:
    world = kind(scenario, faults)
    finish(world)
    return world


def finish(world: Told) -> None:
    world.drive()
    if isinstance(world, ToldWorld):
        world.rest()
    else:
        world.rest(_HOUR)


def undisturbed(kind: type[Told], name: str) -> Told:
    return _undisturbed(KINDS.index(kind), name)


@cache
def _undisturbed(kind: int, name: str) -> Told:
    return lived(KINDS[kind], next(each for each in TOLD if each.name == name))


def fared(world: Told) -> object:
    return world.header.status, world.statuses()


def end_of(world: Told) -> set[str]:
    """How the run ended, in words of notices; one that was restarted at once may be told or not."""
    words = {RunStatus.FAILED: ("failed",), RunStatus.SUCCEEDED: ("succeeded", "recovered")}
    return {f"{world.header.generation} {word}" for word in words.get(world.header.status, ())}


def is_told_of_its_end(world: Told) -> bool:
    wanted = end_of(world)
    return not wanted or bool(wanted & world.telling.kinds)


KINDS: tuple[type[Told], ...] = (ToldWorld, ToldDrivenWorld)
each_kind = pytest.mark.parametrize("kind", KINDS, ids=["one machine", "aws"])


@each_kind
@each_scenario
def test_every_end_is_told_once(kind: type[Told], scenario: Scenario) -> None:
    world = undisturbed(kind, scenario.name)
    judge(world.evidence())
    telling = world.telling
    assert len(telling.ids) == len(set(telling.ids))
    assert is_told_of_its_end(world)
    assert telling.kept.left() == 0


@each_kind
@each_scenario
def test_f37_nobody_can_be_told_and_no_run_fares_otherwise(
    kind: type[Told], scenario: Scenario
) -> None:
    world = kind(scenario)
    world.telling.webhooks.is_down = True
    finish(world)
    judge(world.evidence())
    assert fared(world) == fared(undisturbed(kind, scenario.name))
    assert world.telling.kept.left() > 0 or world.header.status is RunStatus.CANCELLED


@each_kind
@each_scenario
def test_f37_an_outbox_that_never_works_changes_nothing_of_a_run(
    kind: type[Told], scenario: Scenario
) -> None:
    world = kind(scenario)
    world.telling.is_broken = True
    finish(world)
    judge(world.evidence())
    assert fared(world) == fared(undisturbed(kind, scenario.name))


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())
@each_kind
@each_scenario
def test_f38_a_fault_at_any_call_of_telling_loses_no_end_and_doubles_none_but_with_its_id(
    kind: type[Told], scenario: Scenario, fault: Fault
) -> None:
    clean = undisturbed(kind, scenario.name)
    indexes = [i for i, call in enumerate(clean.tap.calls) if call in _OF_THE_OUTBOX]
    busy = [i for i in indexes if clean.tap.calls[i] != "pending"]
    for index in [*busy, *indexes[:2]]:
        world = lived(kind, scenario, {index: fault})
        judge(world.evidence())
        told = world.telling
        assert world.header.status == clean.header.status, clean.tap.calls[index]
        assert is_told_of_its_end(world), clean.tap.calls[index]
        failures = {"1 jobFailed"} & clean.telling.kinds
        assert failures <= told.kinds, clean.tap.calls[index]
        by_id = {letter.id: letter for letter in told.webhooks.posted}
        assert all(by_id[letter.id].subject == letter.subject for letter in told.webhooks.posted)
