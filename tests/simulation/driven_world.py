"""The same small world, driven as on AWS: by the state machine, through the handlers of app.py."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import app
from chalicelib.bootstrap import serving
from chalicelib.core.batch import QueueLimits
from chalicelib.core.naming import execution_name
from chalicelib.core.run import RunHeader
from chalicelib.driving_ports import MAX_TURNS, DrivingPorts, Notice
from chalicelib.errors import BackendError, ConflictError
from chalicelib.local.memory_driving import (
    MemoryArchive,
    MemoryExecutions,
    MemoryMarks,
    MemoryNotices,
    MemoryUploads,
)
from chalicelib.local.memory_store import MemoryStore
from chalicelib.services.driving import ExecutionDrivers, start
from tests.simulation.faults import Crash, Tap, TappedQueue, TappedStore
from tests.simulation.machine import Machine
from tests.simulation.world import World

# Here no function is late, so that the fence need not outlast one: it takes a few look-ups, each of
# a whole turn, as on AWS.
LIMITS = QueueLimits(fence=120, empty_lookups=3)
_RECONCILE = timedelta(minutes=5)  # as in app.py
_FUNCTION_SECONDS = 300.0
_REST = 30.0  # s between two looks when nothing goes on
_LONGEST = 7200.0  # s of virtual time in which every run must have ended

Result = TypeVar("Result")


@dataclass(slots=True)
class Context:
    """What Lambda tells a function of itself."""

    seconds: float = _FUNCTION_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


class TappedMarks:
    """ports.WakeMarks, every call through the tap."""

    def __init__(self, tap: Tap, marks: MemoryMarks) -> None:
        self._tap = tap
        self._marks = marks

    def arm(self, run_id: str, token: str) -> bool:
        return self._tap.call("arm", lambda: self._marks.arm(run_id, token))

    def mark(self, run_id: str) -> str:
        return self._tap.call("mark", lambda: self._marks.mark(run_id))


class TappedExecutions:
    """ports.Executions, every call through the tap."""

    def __init__(self, tap: Tap, executions: MemoryExecutions) -> None:
        self._tap = tap
        self._executions = executions

    @property
    def max_turns(self) -> int:
        return self._executions.max_turns

    def start(self, name: str, payload: Mapping[str, Any]) -> None:
        self._tap.call("start", lambda: self._executions.start(name, payload))

    def is_running(self, name: str) -> bool | None:
        return self._tap.call("is_running", lambda: self._executions.is_running(name))

    def wake(self, token: str) -> None:
        self._tap.call("wake", lambda: self._executions.wake(token))


class TappedNotices:
    """ports.Notices, every call through the tap."""

    def __init__(self, tap: Tap, notices: MemoryNotices) -> None:
        self._tap = tap
        self._notices = notices

    def publish(self, notice: Notice) -> None:
        self._tap.call("publish", lambda: self._notices.publish(notice))


class TappedArchive:
    """ports.Archive, every call through the tap."""

    def __init__(self, tap: Tap, archive: MemoryArchive) -> None:
        self._tap = tap
        self._archive = archive

    def write(self, header: RunHeader, read: Callable[[], Iterable[str]]) -> str:
        return self._tap.call("archive", lambda: self._archive.write(header, read))


class TappedRetention:
    """ports.Retention, every call through the tap."""

    def __init__(self, tap: Tap, store: MemoryStore) -> None:
        self._tap = tap
        self._store = store

    def unsealed(self, before: datetime) -> Iterator[RunHeader]:
        return iter(self._tap.call("unsealed", lambda: list(self._store.unsealed(before))))

    def seal(self, header: RunHeader, archive: str, expires_at: datetime | None) -> None:
        self._tap.call("seal", lambda: self._store.seal(header, archive, expires_at))


class DrivenWorld(World):
    """A world without an engine: executions of the state machine drive the run."""

    def __init__(
        self,
        *args: Any,
        seconds: float = _FUNCTION_SECONDS,
        turns: int = MAX_TURNS,
        **options: Any,
    ) -> None:
        options.setdefault("limits", LIMITS)
        super().__init__(*args, **options)
        self.machine = Machine(self.clock, self.invoke)
        self.marks = MemoryMarks()
        self.notices = MemoryNotices()
        self.archive = MemoryArchive()
        self.executions = MemoryExecutions(self.machine.start, self.machine.wake, turns)
        self.raw = replace(self.raw, drivers=ExecutionDrivers(self.marks, self.executions))
        self.hears = True  # whether EventBridge tells of what jobs do
        self._context = Context(seconds)
        self._reconcile_due = self.clock.at + _RECONCILE
        self._moved: frozenset[str] = frozenset()  # jobs of which EventBridge has yet to tell
        self._current: tuple[str, Any] = ("reconcile", {})

    def ports(self) -> DrivingPorts:
        """What one call of a function works with."""
        tap, executions = self.tap, self.executions
        return DrivingPorts(
            schedules=self.store,
            runs=TappedStore(tap, self.store),
            queue=TappedQueue(tap, self.queue, self._limits, lambda: True, self._take),
            clock=self.clock,
            triggers=self.triggers,
            calendars=self.triggers,
            drivers=self.raw.drivers,
            marks=TappedMarks(tap, self.marks),
            executions=TappedExecutions(tap, executions),
            notices=TappedNotices(tap, self.notices),
            archive=TappedArchive(tap, self.archive),
            uploads=MemoryUploads(),
            retention=TappedRetention(tap, self.store),
            claims=self.claims(),
            keep=timedelta(days=90),
        )

    def invoke(self, function: str, event: Any) -> Any:
        """Call a handler of app.py as Lambda does."""
        self._current = function, event
        with serving(self.ports()):
            return getattr(app, function)(event, self._context)

    def invoke_again(self) -> None:
        """Call the function that runs now once more, as Lambda and Step Functions may."""
        function, event = self._current
        with contextlib.suppress(ConflictError):
            self.invoke(function, event)

    def abort(self) -> None:
        """Stop the execution that drives, as a person in the console may."""
        for execution in self.machine.running():
            self.machine.abort(execution.name)

    def drive(self, *, steps: int | None = None) -> None:
        """Let the state machine drive until all is over, or for that many of its steps."""
        start(self.executions, self.header)
        left = steps
        while not self.is_over and (left is None or left > 0):
            self.operate()
            moved = self.machine.run_due()
            self.watch()
            self._hear()
            self._reconcile()
            if not moved:
                self._pass_time()
            elif left is not None:
                left -= 1

    def rest(self, seconds: float) -> None:
        """Let time go by after the end: what is left to do is done by whoever finds it."""
        until = self.clock.at + timedelta(seconds=seconds)
        while self.clock.at < until:
            moved = self.machine.run_due()
            self.watch()
            self._hear()
            self._reconcile()
            if not moved:
                self.queue.advance(_REST)

    def _pass_time(self) -> None:
        seconds = (self.clock.at - self._began).total_seconds()
        if seconds > _LONGEST and self.has_ended:
            # A fault made the run quicker or slower than the operator: his moment never came.
            self._deeds = []
        assert seconds <= _LONGEST or self.has_ended, f"no end: {self.statuses()}"
        self._sleep(min(self.machine.next_due() or self._reconcile_due, self._reconcile_due))

    def _sleep(self, until: datetime) -> None:
        """Second by second, until then or until a job moves: before that nothing else does."""
        while not self._moved:
            self.queue.advance(1.0)
            self._moved = self.queue.wait(0.0)
            if self.clock.at >= until:
                return

    def _hear(self) -> None:
        """What EventBridge delivers; a function that dies of it is not our concern."""
        changed, self._moved = self._moved | self.queue.wait(0.0), frozenset()
        if not self.hears:
            return
        for detail in self.queue.describe(sorted(changed)):
            if detail.status in ("SUCCEEDED", "FAILED"):
                tags = dict(self.queue.submissions[detail.job_id].tags)
                self._tell("job_state_changed", "aws.batch", {"tags": tags})
        while self.machine.ended:
            ended = self.machine.ended.pop()
            self.executions.ended.add(ended.name)
            about = {"name": ended.name, "status": ended.status}
            self._tell("execution_ended", "aws.states", about)

    def _tell(self, function: str, source: str, detail: Mapping[str, Any]) -> None:
        self._forgiving(lambda: self.invoke(function, _event(source, detail)))

    def reconcile(self) -> int:
        """Call the function as its rule does; how many runs it found in need of help."""
        for execution in self.machine.executions.values():
            if execution.status != "RUNNING":
                self.executions.ended.add(execution.name)
        answer: dict[str, int] = self.invoke("reconcile", _event("aws.events", {}))
        return answer["found"]

    def _reconcile(self) -> None:
        if self.clock.at < self._reconcile_due:
            return
        self._reconcile_due = self.clock.at + _RECONCILE
        self._forgiving(self.reconcile)

    def _forgiving(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (Crash, BackendError):
            self.crashes += 1

    @property
    def driver(self) -> str:
        """The execution that drives, or drove first."""
        header = self.header
        return header.driver or execution_name(header.run_id, header.generation, header.handovers)


def _event(source: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    """As EventBridge delivers it."""
    return {
        "version": "0",
        "id": "0",
        "account": "123456789012",
        "region": "eu-central-1",
        "source": source,
        "detail-type": "",
        "time": "2026-01-01T00:00:00Z",
        "resources": [],
        "detail": dict(detail),
    }
