"""A stage on which everything may go wrong, watched at every step."""

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from chalicelib.core.lifecycle import Act
from chalicelib.errors import BackendError, ConflictError
from tests.rehearsal.ledger import Ledger
from tests.rehearsal.people import People
from tests.rehearsal.plots import Deed, Plot, has_run, start
from tests.simulation.faults import Crash, Taken
from tests.strict.answers import Call, Fault
from tests.strict.bus import Delays, at_once
from tests.strict.stage import Json, Setup, StrictStage

BOUND = timedelta(hours=2)  # of virtual time after the last disturbance, in which all must end
_AT_ONCE = 3000  # steps without any time passing: more is a circle
_AGAIN = timedelta(seconds=5)  # until people try again what was not answered
_MOVING = {"RESERVED", "SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"}
_REFUSALS = 12  # after which people let it be
_PATIENCE = timedelta(hours=1)  # of people with one deed

Hook = Callable[["Rehearsal"], object]
Weather = Callable[[Call], Fault | None]


@dataclass(slots=True)
class Running:
    """A function that is being called."""

    function: str
    event: Json
    execution: str  # that called it; empty for an event's


@dataclass(slots=True)
class Surprise:
    """An error that a function answered with, and that nobody expects of it."""

    function: str
    error: Exception


class WatchedStage(StrictStage):
    """Knows what runs, and which errors came of it.

    `breaks` has the errors that functions fail with, one after the other, before they do anything.
    """

    def __init__(self, setup: Setup) -> None:
        self.breaks: dict[str, list[Exception]] = {}
        self.running: list[Running] = []
        self.surprises: list[Surprise] = []
        super().__init__(setup)

    def invoke(self, function: str, event: Json) -> Json:
        self.running.append(Running(function, event, _execution_of(event)))
        try:
            self._break(function)
            return super().invoke(function, event)
        except (BackendError, ConflictError):
            raise
        except Exception as error:
            self.surprises.append(Surprise(function, error))
            raise
        finally:
            self.running.pop()

    def _break(self, function: str) -> None:
        if self.breaks.get(function):
            raise self.breaks[function].pop(0)


def _execution_of(event: Json) -> str:
    leg = event.get("leg", event)
    return str(leg.get("driver") or leg.get("execution") or "")


@dataclass
class Rehearsal:
    """One plot on a stage of its own, from the upload of its document to the end of its run.

    `faults` and `hooks` are by the number of the call, counted from the start of the run on; a hook
    is done before the call. `weather` may befall any call. `refused` are operations that AWS has
    reason to refuse here.
    """

    plot: Plot
    faults: Mapping[int, Fault] = field(default_factory=dict)
    setup: Setup = field(default_factory=Setup)
    hooks: dict[int, Hook] = field(default_factory=dict)
    weather: Weather | None = None
    delays: Delays = at_once
    start: Hook = start
    is_watched: bool = True
    refused: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.stage = WatchedStage(replace(self.setup, script=self.plot.script))
        self.ledger = Ledger(self.stage.dynamodb)
        self.people = People(self.stage, self.ledger)
        self.clock = self.stage.clock
        self.taken: list[Taken] = []
        self.is_crowded = False  # whether anything happened while a function ran
        self._history: dict[str, dict[tuple[int, str], str]] = {}
        self._deeds = [Deed(lambda world: not has_run(world), self.start)]
        self._deeds += self.plot.deeds
        self._try_at = self.calm_since = self.began_at = self._deed_since = self.clock()
        self._refusals = 0
        self._steps = Counter[object]()
        self.stage.bus.delays = self.delays
        self.stage.put(self.plot.document())
        self._first = len(self.stage.aws.calls)
        self.stage.aws.faults = self._befall
        self.stage.aws.done = self._note

    # What is true now

    @property
    def calls(self) -> list[Call]:
        """Those of the run, as faults and hooks count them."""
        return self.stage.aws.calls[self._first :]

    @property
    def run_id(self) -> str:
        return self.people.run_id

    def statuses(self) -> dict[str, str]:
        return self.ledger.statuses(self.run_id)

    def status(self) -> str:
        """Of the run."""
        return str(self.ledger.headers()[self.run_id]["scheduleStatus"])

    def started_jobs(self) -> set[str]:
        submissions = self.stage.batch.submissions
        starts = self.stage.batch.starts
        return {submissions[each.job_id].tags["batch-scheduler:job"] for each in starts}

    def unfinished(self) -> list[str]:
        headers = self.ledger.headers()
        return [run for run, each in headers.items() if each["scheduleStatus"] == "RUNNING"]

    @property
    def is_over(self) -> bool:
        """True when all runs have ended, and are archived, and nobody means to do anything."""
        return self.stage.is_quiet and not self._deeds and not self._unarchived()

    @property
    def _is_done(self) -> bool:
        """True when nothing is left to do, though events of what was done may still come."""
        left = self._deeds or self.unfinished() or self._unarchived()
        return not (left or self.stage.machine.running())

    def _unarchived(self) -> list[str]:
        headers = self.ledger.headers()
        return [run for run, header in headers.items() if "archive" not in header]

    @property
    def seconds(self) -> float:
        """How long all has gone on, in virtual time."""
        return (self.clock() - self.began_at).total_seconds()

    def count(self, operation: str) -> int:
        """How many calls of an operation there were."""
        return sum(call.operation == operation for call in self.calls)

    # Time

    def drive(self) -> "Rehearsal":
        """Let everything happen until all is over."""
        while not self.is_over:
            self._step()
        return self

    def live(self, seconds: float) -> None:
        """Let that much time pass, with everything that falls into it."""
        end = self.clock() + timedelta(seconds=seconds)
        while not self.is_over and self.clock() < end:
            self._step(end - self.clock())
        self.clock.advance(max(0.0, (end - self.clock()).total_seconds()))

    def _step(self, longest: timedelta | None = None) -> None:
        self.stage.batch.settle()  # what can start has started, and people see it
        self.operate()
        if self.is_over:
            return
        moved = self.stage.step()
        self.watch()
        if not moved:
            until = self._try_at - self.clock()
            waits = [each for each in (longest, until) if each is not None and each > timedelta()]
            self.stage.pass_time(min(waits, default=None))
        self._steps[self.clock.at] += 1
        assert self._steps[self.clock.at] < _AT_ONCE, f"turns in a circle: {self.statuses()}"
        late = self.clock() - self.calm_since
        assert late <= BOUND or self._is_done, (
            f"no end after {late}: {self.unfinished()} {self.statuses()}"
        )

    def sleep(self, days: float) -> None:
        """Let days pass in which nothing of ours runs."""
        self.stage.batch.advance(days * 86_400)
        self.calm_since = self._deed_since = self.clock()

    def watch(self) -> None:
        """See that histories were only appended to since the last look."""
        if not self.is_watched:
            return
        history = self.ledger.history()
        for run_id, lines in self._history.items():
            assert lines.items() <= history.get(run_id, {}).items(), "history was rewritten"
        self._history = history

    # Faults

    def _befall(self, index: int, service: str, operation: str) -> Fault | None:
        del service, operation
        call = self.stage.aws.calls[index]
        hook = self.hooks.pop(index - self._first, None)
        if hook is not None:
            self.calm_since, self.is_crowded = self.clock(), True
            hook(self)
        fault = self.faults.get(index - self._first)
        if fault is None and self.weather is not None:
            fault = self.weather(call)
        if fault is not None:
            self.calm_since = self.clock()
        return fault

    def _note(self, call: Call) -> None:
        if call.operation != "SubmitJob":
            return
        submissions = self.stage.batch.submissions
        job_id = next(each for each in reversed(submissions) if ":" not in each)
        submission = submissions[job_id]
        lines = self.ledger.history()[submission.tags["batch-scheduler:run"]]
        self.taken.append(Taken(job_id, submission, max(lines)[0]))

    def call_again(self) -> None:
        """Call the function that runs now once more, as AWS may."""
        if self.stage.running:
            running = self.stage.running[-1]
            with contextlib.suppress(BackendError, ConflictError, Crash):
                self.stage.invoke(running.function, running.event)

    def lose_sight(self, seconds: float) -> None:
        """Let who called the function believe that it failed, and go on while it still runs."""
        running = self.stage.running[-1] if self.stage.running else None
        if running is None:
            return
        execution = self.stage.machine.executions.get(running.execution)
        if execution is not None and execution.status == "RUNNING":
            self.stage.machine.lose(execution.name)
        self.live(seconds)
        self.stage.spend(0.0)

    def abort(self) -> None:
        """Stop every execution, as a person in the console may."""
        for execution in self.stage.machine.running():
            self.stage.machine.abort(execution.name)

    # People

    def operate(self) -> None:
        """Do the next of the deeds if it is time; who gets no answer or is refused tries again."""
        if self._deeds:
            self._do_next(self._deeds[0])
        else:
            self._release_the_held()

    def do(self, deed: Hook) -> str | None:
        """Have people do something, whatever comes of it; what they were answered."""
        answer = self.people.try_to(lambda: deed(self))
        if not answer:
            self.calm_since = self.clock()
        return answer

    def _do_next(self, deed: Deed) -> None:
        is_time, answer = deed.when(self), None
        if is_time and self.clock() >= self._try_at:
            answer = self.do(deed.do)
            self._refusals += bool(answer)
            self._try_at = self.clock() + _AGAIN
        # Because of a fault its moment may never come, or be over.
        is_past = self._refusals > _REFUSALS or self.clock() > self._deed_since + _PATIENCE
        if answer == "" or is_past or (self.stage.is_quiet and self.run_id and not is_time):
            self._deeds.pop(0)
            self._refusals, self._deed_since = 0, self.clock()
            self._try_at = self.calm_since = self.clock()

    def _release_the_held(self) -> None:
        """Let held jobs go on once nothing else does: somebody always notices."""
        for run_id in self.unfinished():
            statuses = self.ledger.statuses(run_id)
            held = [name for name, status in statuses.items() if status == "HELD"]
            if held and not _MOVING & set(statuses.values()):
                self.do(partial(_release, names=held, run_id=run_id))


def _release(world: Rehearsal, names: Sequence[str], run_id: str) -> None:
    world.people.act(Act.RELEASE, names, run_id=run_id)
