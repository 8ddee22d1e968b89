"""Staying with a run until it ends: driving it or following it, Ctrl-C included."""

import math
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
from chalicelib.core.lifecycle import STARTED, RunStatus
from chalicelib.core.wording import counted
from chalicelib.errors import ConflictError
from chalicelib.services.overview import Generation, generation

TO_DELIVER = 3.0  # s that notices get before the program ends
_STEP = 0.2  # s between looks at the keyboard and at the other engine's work
_REST = 4  # times as long as a look at another's work took: of a large run it costs
_SECOND_CHANCE = 3.0  # s in which a second Ctrl-C cancels
_SHOWN_RUNNING = 8


@dataclass(slots=True)
class _Interrupts:
    """How often Ctrl-C was typed, and when last, in seconds of the monotonic clock."""

    count: int = 0
    at: float = 0.0
    told: bool = False  # what a second one would do

    def note(self, _signal: int, _frame: FrameType | None) -> None:
        self.count += 1
        self.at = time.monotonic()


def accompany(session: Session, run_id: str, doing: str, since: int) -> Exit:
    """Wait for the end of the run, moving it on if no other engine does.

    What its history has up to the event `since` is not told again.
    """
    with _interrupts() as interrupts, session.edition.driver(doing) as driver:
        with progress_for(session, since) as progress:
            exit_code = _follow(_Lookout(session, driver, run_id), progress, interrupts)
        runs = session.edition.ports.runs
        leaves_work = driver.is_driving and bool(
            runs.find_headers(status=RunStatus.RUNNING, limit=1)
        )
        undelivered = 0 if leaves_work else driver.deliver(TO_DELIVER)
    tell_undelivered(session, undelivered)
    if leaves_work:
        left = session.edition.start_background()
        session.say(f"An engine goes on in the background ({left}).")
    return exit_code


def tell_undelivered(session: Session, count: int) -> None:
    """Say that people were not told yet of what there was to tell."""
    if count:
        goes_on = f"batch-scheduler delivers {'it' if count == 1 else 'them'} when it drives again"
        session.say(f"{counted(count, 'notice')} could not be delivered yet; {goes_on}.")


def _follow(lookout: "_Lookout", progress: Progress, interrupts: _Interrupts) -> Exit:
    driver = lookout.driver
    told, looked_at, pause = False, -math.inf, 0.0
    while True:
        driver.step(_STEP)
        if driver.is_driving:  # a run that it no longer holds has ended
            pause = 0.0 if driver.run(lookout.run_id) is None else _STEP
        if time.monotonic() >= looked_at + pause:
            began = time.monotonic()
            if not driver.is_driving and not told:
                told = True
                progress.tell(f"Driven by {driver.other()}; following.")
            view = lookout.look()
            progress.show(view)
            if view.header.status is not RunStatus.RUNNING:
                return OF_RUN[view.header.status]
            looked_at = time.monotonic()
            pause = max(driver.pause, _REST * (looked_at - began))
        if interrupts.count and _leave(lookout, progress, interrupts):
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


def _leave(lookout: _Lookout, progress: Progress, interrupts: _Interrupts) -> bool:
    """True when Ctrl-C was typed once and the time for a second one has passed."""
    session, run_id = lookout.session, lookout.run_id
    if interrupts.count >= 2:
        interrupts.count, interrupts.told = 0, False
        progress.tell("Cancelling the run; waiting for its jobs to end.")
        try:
            session.verbs.runs.cancel(run_id, "Ctrl-C twice")
        except ConflictError as error:
            progress.tell(str(error))
        return False
    if not interrupts.told:
        interrupts.told = True
        progress.tell("Ctrl-C: leaving the run to go on. Once more within 3 s cancels it.")
    if time.monotonic() < interrupts.at + _SECOND_CHANCE:
        return False
    back = command(session, ("watch", run_id))
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
