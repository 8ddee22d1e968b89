"""Explanations and logs, by routes of a server."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.core.run import JobState
from chalicelib.ports import LogChunk
from chalicelib.reading_ports import ReadingPorts
from chalicelib.remote.decoding import advice_of, cause_of, place_of
from chalicelib.remote.reading import run_path
from chalicelib.remote.wire import Query, Wire
from chalicelib.services.explanations import Explanation
from chalicelib.services.finding import get_job
from chalicelib.services.logs import Place, parse_attempt
from chalicelib.verbs.asked import Log

_MOST_LINES = 10_000  # of an end, at once


class RemoteViews:
    """verbs.asked.Views."""

    def __init__(self, wire: Wire, ports: ReadingPorts) -> None:
        self._wire = wire
        self._ports = ports

    def explain(self, run_id: str, job: str) -> Explanation:
        query = [("job", job)] if job else []
        reply = self._wire.get(f"{run_path(run_id)}/explain", query)
        header = self._ports.runs.get_header(run_id)
        return reply.read(
            lambda shape: Explanation(
                header,
                cause_of(shape["cause"]),
                {name: tuple(lines) for name, lines in shape["logs"].items()},
                [advice_of(each, run_id) for each in shape["possible"]],
            )
        )

    def log(self, run_id: str, which: tuple[str, str], attempt: str) -> Log:
        parse_attempt(attempt)  # what is wrong with it is said where it was typed
        return RemoteLog(self._wire, self._ports, run_id, which, attempt)

    def driven_by(self, run_id: str) -> str | None:
        return self._wire.get(run_path(run_id)).read(_driver_of)


@dataclass(frozen=True, slots=True)
class _Part:
    """Part of a log, from an offset on, and what was told with it."""

    place: Place | None
    chunk: LogChunk
    has_ended: bool
    is_forgotten: bool
    children: int


class RemoteLog:
    """verbs.asked.Log. What one request has told is not asked for again by the next question."""

    def __init__(
        self, wire: Wire, ports: ReadingPorts, run_id: str, which: tuple[str, str], attempt: str
    ) -> None:
        self.name, child = which
        self.run_id = run_id
        self._wire = wire
        self._ports = ports
        self._job = f"{self.name}:{child}" if child else self.name
        self._attempt = attempt
        self._offset = 0  # from where the next lines are expected to be asked for
        self._ahead: _Part | None = None  # what was told from there on, until it is asked for

    @property
    def children(self) -> int:
        return self._look().children

    def state(self) -> JobState:
        return get_job(self._ports, self.run_id, self.name).state

    def is_forgotten(self) -> bool:
        return self._look().is_forgotten

    def place(self) -> Place | None:
        return self._look().place

    def has_ended(self) -> bool:
        """Asked anew: what was told before may have changed, the lines it came with not."""
        self._ahead = None
        return self._look().has_ended

    def read(self, place: Place, offset: int) -> LogChunk:
        ahead, self._ahead = self._ahead, None
        if ahead is None or ahead.place != place or offset != self._offset:
            ahead = self._part(_exactly(place), [("offset", str(offset))])
        self._offset = ahead.chunk.offset
        return ahead.chunk

    def tail(self, place: Place, count: int) -> LogChunk:
        if count > _MOST_LINES:
            kept: deque[str] = deque(maxlen=count)
            chunk = self.read(place, 0)
            while chunk.lines:
                kept += chunk.lines
                chunk = self.read(place, chunk.offset)
            return LogChunk(tuple(kept), chunk.offset)
        part = self._part(_exactly(place), [("tail", str(max(count, 1)))])
        self._ahead, self._offset = None, part.chunk.offset
        return part.chunk

    def lines(self, place: Place, last: int) -> Iterator[str]:
        if last:
            yield from self.tail(place, last).lines
            return
        chunk = self.read(place, 0)
        while chunk.lines:
            yield from chunk.lines
            chunk = self.read(place, chunk.offset)

    def _look(self) -> _Part:
        if self._ahead is None:
            self._ahead = self._part(self._attempt, [("offset", str(self._offset))])
        return self._ahead

    def _part(self, attempt: str, which: Query) -> _Part:
        given = [("attempt", attempt)] if attempt else []
        path = f"{run_path(self.run_id)}/logs"
        return self._wire.get(path, [("job", self._job), *given, *which]).read(_part_of)


def _part_of(shape: Any) -> _Part:
    return _Part(
        place=place_of(shape),
        chunk=LogChunk(tuple(shape["lines"]), int(shape["nextOffset"] or 0), shape["exists"]),
        has_ended=bool(shape["hasEnded"]),
        is_forgotten=bool(shape["isForgotten"]),
        children=int(shape["children"]),
    )


def _driver_of(shape: Any) -> str | None:
    told = shape["drivenBy"]
    return None if told is None else str(told)


def _exactly(place: Place) -> str:
    return f"{place.attempt}.{place.queue_attempt}"
