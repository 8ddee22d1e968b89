"""A whole small world: one store, one queue, one clock, engines that die, operators that act."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import count

from chalicelib.claim_ports import Claims, NoClaims
from chalicelib.core.batch import QueueLimits, Submission
from chalicelib.core.lifecycle import Act, RunStatus
from chalicelib.core.operating import Order
from chalicelib.core.run import Event, JobState, RunHeader, initial_states
from chalicelib.errors import ConflictError, NotFoundError
from chalicelib.local.engine import Engine, Telling
from chalicelib.local.memory_queue import FakeSettings, MemoryQueue, VirtualClock
from chalicelib.local.memory_store import MemoryStore
from chalicelib.local.memory_triggers import MemoryTriggers
from chalicelib.local.slots import Capacity
from chalicelib.ports import Ports
from chalicelib.services import operations
from chalicelib.services.operations import Selection
from tests.simulation.faults import (
    Crash,
    Fault,
    Taken,
    Tap,
    TappedClaims,
    TappedQueue,
    TappedStore,
    TellingClaims,
)
from tests.simulation.oracle import IN_QUEUE, Evidence, Facts
from tests.simulation.scenarios import Deed, Scenario

RUN = "etl/2026-01-01T00:00:00.000000Z"
BOUND = timedelta(hours=2)  # of virtual time, in which every run must have ended
_STEPS = 100  # an engine that takes more turns than this in no time spins
_LONGEST = 1.0  # s of virtual time that a step may wait


class SpinningError(AssertionError):
    """The engine takes turns without an end."""


class World:
    """One run of a scenario, from its start to its end, whatever happens to its engines."""

    def __init__(
        self,
        scenario: Scenario,
        faults: Mapping[int, Fault] | None = None,
        *,
        hooks: Mapping[int, Callable[[], None]] | None = None,
        listing_lag: float = 0.0,
        limits: QueueLimits | None = None,
        is_fenced: bool = True,
        vcpus: float = 4.0,
    ) -> None:
        """`is_fenced` is how one machine does it: who was replaced can neither write nor submit."""
        self.scenario = scenario
        self.run_id = RUN
        self.clock = VirtualClock()
        self.tap = Tap(faults or {}, dict(hooks or {}))
        settings = FakeSettings(capacity=Capacity(vcpus, 4096), listing_lag=listing_lag)
        self.queue = MemoryQueue(self.clock, scenario.script, settings)
        self.store = MemoryStore()
        self.triggers = MemoryTriggers()
        self.taken: list[Taken] = []
        self.crashes = 0
        self.releases = False  # whether somebody releases what holds everything up
        self._limits = replace(limits or QueueLimits(), max_dependencies=scenario.max_dependencies)
        self._is_fenced = is_fenced
        self._deeds: list[Deed] = list(scenario.deeds)
        self._began = self.clock.at
        self._epoch = 0
        self._steps = 0
        self._stepped_at = self.clock.at
        self._history: list[Event] = []
        self.operators = Tap()
        self.raw = Ports(
            schedules=self.store,
            runs=TappedStore(self.operators, self.store),
            queue=self.queue,
            clock=self.clock,
            triggers=self.triggers,
            calendars=self.triggers,
        )
        header = RunHeader(
            run_id=RUN, schedule_id="etl", started_at=self.clock(), policy=scenario.policy
        )
        self.store.create_run(header, scenario.jobs, initial_states(scenario.jobs))

    # What is true now

    @property
    def header(self) -> RunHeader:
        return self.store.get_header(self.run_id)

    @property
    def has_ended(self) -> bool:
        return self.header.status is not RunStatus.RUNNING

    @property
    def is_over(self) -> bool:
        return self.has_ended and not self._deeds

    @property
    def started_jobs(self) -> set[str]:
        return {self._job_of(start.job_id) for start in self.queue.starts}

    def status_of(self, job: str) -> str:
        return str(self.state_of(job).status)

    def state_of(self, job: str) -> JobState:
        return self.store.get_jobs(self.run_id, [job])[0].state

    @property
    def seconds(self) -> float:
        """How long the run has gone on, in virtual time."""
        return (self.clock.at - self._began).total_seconds()

    def statuses(self) -> dict[str, str]:
        return {
            record.spec.name: str(record.state.status)
            for record in self.store.find_jobs(self.run_id)
        }

    def _job_of(self, job_id: str) -> str:
        return self.queue.submissions[job_id].tags["batch-scheduler:job"]

    # Engines

    def engine(self) -> Engine:
        """A new engine over the same store and queue; the one before it is fenced off."""
        self._epoch = epoch = self.store.take_epoch("engine")
        view = self.store.fenced(epoch) if self._is_fenced else self.store

        def is_current() -> bool:
            return not self._is_fenced or epoch == self._epoch

        queue = TappedQueue(self.tap, self.queue, self._limits, is_current, self._take)
        store = TappedStore(self.tap, view)
        ports = replace(self.raw, runs=store, queue=queue, claims=self.claims())
        telling = self.telling_of(ports, view)
        if self._is_fenced:
            return Engine(ports, self, view.data_version, telling=telling)
        # A view that is shared can't tell its writers apart: always look.
        return Engine(ports, self, count().__next__, telling=telling)

    def claims(self) -> Claims:
        """What jobs tell, if any of the scenario does."""
        tells = self.scenario.tells
        return TappedClaims(self.tap, TellingClaims(self.queue, tells)) if tells else NoClaims()

    def telling_of(self, ports: Ports, view: MemoryStore) -> Telling | None:
        """What tells people; nobody, unless a world says otherwise."""
        del ports, view
        return None

    def engines(self, *engines: Engine) -> None:
        """Let engines take turns by turns until all is over; one that is replaced leaves."""
        driving = list(engines)
        while not self.is_over:
            for engine in list(driving):
                try:
                    self.step(engine)
                except ConflictError:
                    driving.remove(engine)
            assert driving, "nobody drives"

    def drive(self, *, steps: int | None = None) -> None:
        """Drive until all is over, or for that many steps, with a new engine after each crash."""
        engine, epoch = self.engine(), self._epoch
        left = steps
        while not self.is_over and (left is None or left > 0):
            try:
                self.step(engine)
            except Crash:
                self.crashes += 1
                engine, epoch = self.engine(), self._epoch
            except ConflictError:
                assert epoch < self._epoch, "nobody else had taken over"
                engine, epoch = self.engine(), self._epoch
            if left is not None:
                left -= 1

    def step(self, engine: Engine) -> None:
        """Let an engine take its turns once, and see that all is as it may be."""
        self._steps = self._steps + 1 if self._stepped_at == self.clock.at else 0
        self._stepped_at = self.clock.at
        if self._steps > _STEPS:
            raise SpinningError(f"{self._steps} turns, and the run is {self.header.status}")
        if self.clock.at - self._began > BOUND:
            raise AssertionError(f"no end after {BOUND}: {self.statuses()}")
        try:
            engine.step(_LONGEST)
        finally:
            self.watch()

    def wait(self, seconds: float) -> frozenset[str]:
        """Let virtual time pass until the queue has news; implements ports.Wakes."""
        self.operate()
        changed = self.queue.wait(0.0)
        while not changed and seconds > 0:
            self.queue.advance(min(1.0, seconds))
            seconds -= 1.0
            changed = self.queue.wait(0.0)
        self.operate()
        return changed

    def sleep(self, days: float) -> None:
        """Let days pass in which no engine lives."""
        self.queue.advance(days * 86_400)
        self._began = self.clock.at

    def watch(self) -> None:
        """See that the history was only appended to since the last look."""
        events = self.store.events(self.run_id)
        assert events[: len(self._history)] == self._history, "history was rewritten"
        self._history = events

    def _take(self, job_id: str, submission: Submission) -> None:
        self.taken.append(Taken(job_id, submission, len(self.store.events(self.run_id))))

    # Operators

    def operate(self) -> None:
        """Do the next of the operators' deeds if it is time, again until it is not refused."""
        if self._deeds and self._deeds[0].when(self) and not self.try_to(self._deeds[0].do):
            self._deeds.pop(0)
        if self.releases and not self._deeds:
            self._release_the_held()

    def _release_the_held(self) -> None:
        """Let held jobs go on once nothing else does."""
        statuses = self.statuses()
        held = [name for name, status in statuses.items() if status == "HELD"]
        if held and not self.has_ended and not (IN_QUEUE | {"RESERVED"}) & set(statuses.values()):
            self.try_to(lambda world: world.act("RELEASE", *held))

    def act(self, verb: str, *names: str, downstream: bool = False) -> None:
        """One verb over jobs. Raises ConflictError if it was refused to any."""
        order = self._order(Act(verb), downstream=downstream)
        selection = Selection(run_id=self.run_id, patterns=names)
        operation = operations.act_on_jobs(self.raw, selection, order)
        if operation.refusals:
            raise ConflictError(operation.refusals[0].sentence)

    def restart(self) -> None:
        operations.restart(self.raw, self.run_id, self._order(Act.RESTART))

    def cancel(self) -> None:
        operations.cancel(self.raw, self.run_id, self._order(Act.CANCEL))

    def try_to(self, deed: Callable[["World"], None]) -> str:
        """Do it, and give the sentence of a refusal, empty if it was done."""
        try:
            deed(self)
        except (ConflictError, NotFoundError) as error:
            return str(error)
        return ""

    def before_records(self, hook: Callable[[], None], times: int) -> None:
        """Do this before the next writes of operators."""

        def again() -> None:
            if self.operators.calls[-1] == "record":
                hook()

        begin = len(self.operators.calls)
        self.operators.hooks.update(dict.fromkeys(range(begin, begin + 3 * times), again))

    def _order(self, act: Act, *, downstream: bool = False) -> Order:
        return Order(act=act, actor="ada", reason="", at=self.clock(), downstream=downstream)

    # Evidence

    def evidence(self) -> Evidence:
        """Everything that the oracle may look at."""
        details = self.queue.describe([taken.job_id for taken in self.taken])
        return Evidence(
            jobs={
                spec.name: Facts(
                    spec.upstream,
                    str(spec.trigger_rule),
                    spec.is_finally,
                    "PASS" if spec.passed else "HELD" if spec.hold else "WAITING",
                    [f"{each.job}:{each.output}" for each in spec.reads],
                )
                for spec in self.scenario.jobs
            },
            events=self.store.events(self.run_id),
            header=self.header,
            states={record.spec.name: record.state for record in self.store.find_jobs(self.run_id)},
            taken=self.taken,
            starts=self.queue.starts,
            details={detail.job_id: detail for detail in details},
            max_dependencies=self._limits.max_dependencies,
            max_concurrency=self.scenario.policy.max_concurrency,
            stops=self.scenario.policy.on_failure == "stop",
        )
