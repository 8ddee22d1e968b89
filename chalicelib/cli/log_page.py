"""What a job wrote: all of it, its end, or line by line until the job has ended."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chalicelib.cli.commands import command
from chalicelib.cli.exits import Exit
from chalicelib.cli.log_source import find_log
from chalicelib.cli.session import Session, json_text
from chalicelib.cli.tables import one_line
from chalicelib.core.advising import Advice, words_about
from chalicelib.core.facts import telling
from chalicelib.core.lifecycle import FINAL
from chalicelib.core.run import JobState
from chalicelib.services.logs import Place
from chalicelib.services.shapes import log_shape
from chalicelib.verbs.asked import Log

_PAUSE = 0.2  # s between looks at a log that is followed


def _pause() -> None:
    time.sleep(_PAUSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    """What was asked for, as it was typed."""

    job: str
    run: str = ""
    attempt: str = ""
    follow: bool = False
    lines: int = 0


def show_log(session: Session, request: LogRequest, pause: Callable[[], None] = _pause) -> Exit:
    """Answer `logs`. Ctrl-C while following is no failure: the job goes on."""
    source = find_log(session, request.job, request.run, request.attempt)
    if not request.follow:
        _show_once(session, request, source)
        return Exit.DONE
    try:
        for place, line in follow(session, source, request.lines, pause):
            sys.stdout.write(_followed(place, line) if session.as_json else line + "\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        session.warn(["", "No longer following; the job goes on."])
        return Exit.DETACHED
    return Exit.DONE


def _show_once(session: Session, request: LogRequest, source: Log) -> None:
    state, place = source.state(), source.place()
    lines = source.lines(place, request.lines) if place else iter(())
    if session.as_json:
        session.write_json(log_shape(source, state, place, lines))
        return
    if place is None:
        session.warn([absence(session, source, state)])
    elif place.queue_attempt > 1:
        earlier = f"--attempt {place.attempt}.{place.queue_attempt - 1}"
        session.warn([f"Attempt {place.attempt}.{place.queue_attempt}; the one before: {earlier}"])
    for line in lines:
        sys.stdout.write(line + "\n")


def _followed(place: Place, line: str) -> str:
    shape = {"attempt": place.attempt, "queueAttempt": place.queue_attempt, "line": line}
    return json_text(shape, sys.stdout) + "\n"


def absence(session: Session, source: Log, state: JobState) -> str:
    """Why there is no log, and how to find out more."""
    if size := source.children:
        words = words_about(f"{source.name}:0", ("logs",))
        first = command(session, Advice(words, "", source.name, source.run_id).in_full)
        return f"{source.name} is an array: each of its {size} children has a log.\nOne: {first}"
    yet = "" if state.status in FINAL else " yet"
    if not yet and source.is_forgotten():
        yet = " that can be found: the queue has forgotten the job, and where it wrote"
    reason = f": {one_line(telling(state.reason))}" if state.reason else ""
    words = words_about(source.name, ("explain",))
    why = command(session, Advice(words, "why", source.name, source.run_id).in_full)
    return f"{source.name} has no log{yet}; it is {state.status}{reason}\nWhy: {why}"


def follow(
    session: Session, source: Log, last: int, pause: Callable[[], None]
) -> Iterator[tuple[Place, str]]:
    """Every line as it is written, the last `last` ones first, until the job has ended.

    A new attempt is told of and followed in its turn.
    """
    reader = _Reader(source, last)
    told = False
    while True:
        has_ended = source.has_ended()  # asked first: what is written before the end is read below
        now = source.place()
        lines = reader.lines()
        yield from lines
        if lines:
            continue
        if now is not None and now != reader.place:
            session.warn(reader.move(now))
            continue
        if reader.place is None and not told:
            told = True
            session.warn([absence(session, source, source.state())])
        if has_ended:
            return
        pause()


class _Reader:
    """Reads on where it was, in the log it was moved to."""

    def __init__(self, source: Log, last: int) -> None:
        self.place: Place | None = None
        self._source = source
        self._last = last
        self._offset = 0

    def move(self, place: Place) -> list[str]:
        """Go to another log, and give what is to be said about that."""
        is_first, self.place, self._offset = self.place is None, place, 0
        return [] if is_first else [f"-- attempt {place.attempt}.{place.queue_attempt} --"]

    def lines(self) -> list[tuple[Place, str]]:
        """The lines since the last call."""
        place, last = self.place, self._last
        if place is None:
            return []
        chunk = self._source.tail(place, last) if last else self._source.read(place, self._offset)
        self._offset, self._last = chunk.offset, 0
        return [(place, line) for line in chunk.lines]
