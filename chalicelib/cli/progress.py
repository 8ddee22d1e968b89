"""How a run looks while one waits for it: a live bar on a terminal, lines when piped."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from chalicelib.cli.session import Session
from chalicelib.cli.tables import one_line
from chalicelib.core.facts import telling
from chalicelib.core.lifecycle import FINAL, SATISFIED, JobStatus
from chalicelib.core.run import RunHeader
from chalicelib.services.overview import Generation

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

_LINE_EVERY = timedelta(seconds=10)
_EACH_END = 200  # jobs up to which every job's end gets a line of its own


@dataclass(frozen=True, slots=True)
class View:
    """What there is to show of a run at one moment; `running` are names and starts."""

    header: RunHeader
    generation: Generation
    counts: Mapping[str, int]
    running: Sequence[tuple[str, datetime | None]]
    at: datetime

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        return sum(self.counts.get(status, 0) for status in FINAL)

    @property
    def elapsed(self) -> timedelta:
        return (self.header.ended_at or self.at) - self.generation.began_at

    @property
    def left(self) -> timedelta | None:
        """About how long it takes yet, if the rest goes like what is done; None: can't be told."""
        satisfied = sum(self.counts.get(status, 0) for status in SATISFIED)
        own = satisfied - self.generation.kept
        if own <= 0 or self.done == self.total:
            return None
        return self.elapsed * ((self.total - self.done) / own)


class Progress(Protocol):
    """Where progress is shown."""

    def show(self, view: View) -> None:
        """Bring what is shown up to date."""

    def tell(self, line: str) -> None:
        """One line that stays."""


def last_event(session: Session, header: RunHeader) -> int:
    """The event behind which lines begin for somebody who comes to a run that is on its way."""
    if sum(header.counts.values()) > _EACH_END:
        return 0  # no line tells of an event there
    events = session.edition.ports.runs.events(header.run_id)
    return events[-1].sequence if events else 0


@contextmanager
def progress_for(session: Session, since: int) -> Iterator[Progress]:
    """The progress that fits where the output goes; none at all with `--json`.

    Lines tell of events behind `since`.
    """
    if session.as_json:
        yield _Quiet(session)
    elif sys.stdout.isatty():
        from rich.live import Live

        with Live(console=session.console, auto_refresh=False, transient=True) as live:
            yield _Bar(live)
    else:
        yield _Lines(session, since)


@dataclass(slots=True)
class _Quiet:
    session: Session

    def show(self, view: View) -> None:
        """Nothing: the answer is the JSON at the end."""

    def tell(self, line: str) -> None:
        self.session.warn([line])


class _Bar:
    """A bar with counts, running jobs, elapsed time and estimate."""

    def __init__(self, live: "Live") -> None:
        self._live = live

    def show(self, view: View) -> None:
        self._live.update(_drawing(view), refresh=True)

    def tell(self, line: str) -> None:
        self._live.console.print(line, markup=False)


class _Lines:
    """A line when a job ends, or now and then in a large run."""

    def __init__(self, session: Session, since: int) -> None:
        self._session = session
        self._last_event = since
        self._next_line: datetime | None = None

    def show(self, view: View) -> None:
        if view.total <= _EACH_END:
            self._show_ends(view.header.run_id)
        elif self._next_line is None or view.at >= self._next_line:
            self._next_line = view.at + _LINE_EVERY
            self._session.say(f"{view.at:%H:%M:%S} {summary(view)}")

    def _show_ends(self, run_id: str) -> None:
        events = self._session.edition.ports.runs.events(run_id, after=self._last_event)
        for event in events:
            self._last_event = event.sequence
            ended = event.job and event.after in FINAL and event.before != event.after
            if ended or event.act == "RETRY":
                reason = f": {one_line(words)}" if (words := telling(event.reason)) else ""
                self._session.say(f"{event.at:%H:%M:%S} {event.after:15} {event.job}{reason}")

    def tell(self, line: str) -> None:
        self._session.say(line)


def summary(view: View) -> str:
    """`12/40 done, 1 FAILED, 2 RUNNING, 0:00:12 elapsed, about 0:00:30 left`."""
    shown = [status for status in JobStatus if status not in SATISFIED or status is JobStatus.PASS]
    counts = [f"{view.counts[status]} {status}" for status in shown if view.counts.get(status)]
    parts = [f"{view.done}/{view.total} done", *counts, f"{clock_text(view.elapsed)} elapsed"]
    if view.left is not None:
        parts.append(f"about {clock_text(view.left)} left")
    return ", ".join(parts)


def clock_text(duration: timedelta) -> str:
    """Hours, minutes and seconds: 1:02:03."""
    return str(timedelta(seconds=round(duration.total_seconds())))


def _drawing(view: View) -> "Group":
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    failed = sum(view.counts.get(status, 0) for status in FINAL - SATISFIED)
    head = Table.grid(padding=(0, 1))
    bar = ProgressBar(
        total=max(view.total, 1),
        completed=view.done,
        width=32,
        complete_style="red" if failed else "green",
        finished_style="red" if failed else "green",
    )
    head.add_row(Text(view.header.schedule_id, style="bold"), bar, Text(summary(view)))
    rows = Table.grid(padding=(0, 1))
    for name, started_at in view.running:
        elapsed = clock_text(view.at - started_at) if started_at else ""
        rows.add_row(Text("  ▸", style="cyan"), Text(name), Text(elapsed, style="dim"))
    return Group(head, rows)
