"""Staying with a run until it ends: driving it or following it, Ctrl-C included."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from types import FrameType

from chalicelib.bootstrap import Driver
from chalicelib.cli.commands import command
from chalicelib.cli.exits import OF_RUN, Exit
from chalicelib.cli.progress import Progress, View, progress_for
from chalicelib.cli.session import Session
from chalicelib.core.lifecycle import STARTED, Act, RunStatus
from chalicelib.core.operating import Order
from chalicelib.core.run import RunHeader
from chalicelib.errors import ConflictError
from chalicelib.services.operations import cancel
from chalicelib.services.overview import Generation, generation

_STEP = 0.2  # s between looks at the keyboard and at the other engine's work
_SECOND_CHANCE = 15  # steps in which a second Ctrl-C cancels
_SHOWN_RUNNING = 8


@dataclass(slots=True)
class _Interrupts:
    """How often Ctrl-C was typed, and how long ago in steps."""

    count: int = 0
    steps_since: int = 0

    def note(self, _signal: int, _frame: FrameType | None) -> None:
        self.count += 1
        self.steps_since = 0


def accompany(session: Session, run_id: str, doing: str, since: int) -> Exit:
    """Wait for the end of the run, moving it on if no other engine does.

    What its history has up to the event `since` is not told again.
    """
    with _interrupts() as interrupts, session.edition.driver(doing) as driver:
        with progress_for(session, since) as progress:
            exit_code = _follow(_Lookout(session, driver, run_id), progress, interrupts)
        unfinished = session.edition.ports.runs.find_headers(status=RunStatus.RUNNING, limit=1)
        leaves_work = driver.is_driving and bool(unfinished)
    if leaves_work:
        left = session.edition.start_background()
        session.say(f"An engine goes on in the background ({left}).")
    return exit_code


def _follow(lookout: "_Lookout", progress: Progress, interrupts: _Interrupts) -> Exit:
    driver = lookout.driver
    told, next_look = False, 0.0
    while True:
        driver.step(_STEP)
        if driver.run(lookout.run_id) is not None and time.monotonic() < next_look:
            continue
        next_look = time.monotonic() + _STEP
        if not driver.is_driving and not told:
            told = True
            progress.tell(f"Driven by {driver.other()}; following.")
        view = lookout.look()
        progress.show(view)
        if view.header.status is not RunStatus.RUNNING:
            return OF_RUN[view.header.status]
        if interrupts.count and _leave(lookout.session, view.header, progress, interrupts):
            return Exit.DETACHED


class _Lookout:
    """Sees where a run stands: in the driver's memory, or on record when another drives it."""

    def __init__(self, session: Session, driver: Driver, run_id: str) -> None:
        self.session = session
        self.driver = driver
        self.run_id = run_id
        self._seen = 0  # the generation that `_generation` is of
        self._generation = Generation(session.now())

    def look(self) -> View:
        """What there is to show of the run now."""
        runs = self.session.edition.ports.runs
        run = self.driver.run(self.run_id)
        if run is None:
            header = runs.get_header(self.run_id)
            counts = dict(header.counts)
            records = runs.find_jobs(self.run_id, statuses=STARTED, limit=_SHOWN_RUNNING)
            running = [(record.spec.name, record.state.started_at) for record in records]
        else:
            header = run.header
            counts = {status.value: count for status, count in run.counts.items() if count}
            busy = islice(run.started, _SHOWN_RUNNING)
            running = [(name, run.states[name].started_at) for name in busy]
        if header.generation != self._seen:
            self._seen = header.generation
            counted = replace(header, counts=counts)
            self._generation = generation(self.session.edition.ports, counted)
        return View(header, self._generation, counts, running, self.session.now())


def _leave(
    session: Session, header: RunHeader, progress: Progress, interrupts: _Interrupts
) -> bool:
    """True when Ctrl-C was typed once and the time for a second one has passed."""
    if interrupts.count >= 2:
        interrupts.count = 0
        progress.tell("Cancelling the run; waiting for its jobs to end.")
        order = Order(act=Act.CANCEL, actor=session.actor, reason="Ctrl-C twice", at=session.now())
        try:
            cancel(session.edition.ports, header.run_id, order)
        except ConflictError as error:
            progress.tell(str(error))
        return False
    if interrupts.steps_since == 0:
        progress.tell("Ctrl-C: leaving the run to go on. Once more within 3 s cancels it.")
    interrupts.steps_since += 1
    if interrupts.steps_since <= _SECOND_CHANCE:
        return False
    back = command(session, ("watch", header.run_id))
    progress.tell(f"Detached. Come back: {back}")
    return True


@contextmanager
def _interrupts() -> Iterator[_Interrupts]:
    interrupts = _Interrupts()
    before: Callable[[int, FrameType | None], object] | int | None
    before = signal.signal(signal.SIGINT, interrupts.note)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
