"""When each attempt of each job was handed over, ran and ended: the bars of a Gantt chart.

Made of the history. What the queue told of the last attempt is more exact than when we saw it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.core.lifecycle import FINAL, LIVE, STARTED, Act, JobStatus
from chalicelib.core.run import Event, JobState

_IN_QUEUE = LIVE | {JobStatus.RESERVED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One attempt. `status` is what became of it, empty while it lasts."""

    attempt: int
    handed_over_at: datetime
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    status: str = ""
    job_id: str = ""
    exit_code: int | None = None


def timeline(events: Iterable[Event], states: Mapping[str, JobState]) -> dict[str, list[Bar]]:
    """The attempts of each of these jobs, in order; events of other jobs are passed over."""
    bars: dict[str, dict[int, Bar]] = {name: {} for name in states}
    for event in events:
        if event.job in bars:
            _draw(bars[event.job], event)
    return {
        name: [_exact(bar, states[name]) for bar in drawn.values()] for name, drawn in bars.items()
    }


def _draw(bars: dict[int, Bar], event: Event) -> None:
    if event.act == Act.UNRESERVE:
        bars.pop(event.attempt + 1, None)  # it never reached the queue, and its number is free
        return
    bar = bars.get(event.attempt)
    if event.after in _IN_QUEUE:
        bar = bar or Bar(attempt=event.attempt, handed_over_at=event.at)
        began = event.at if event.after in STARTED and bar.started_at is None else bar.started_at
        bars[event.attempt] = replace(bar, started_at=began, job_id=event.job_id or bar.job_id)
    elif bar is not None and event.before in _IN_QUEUE:
        # A failure that a retry answers is told by the retry alone.
        status = JobStatus.FAILED if event.act == Act.RETRY else event.after
        bars[event.attempt] = replace(
            bar,
            stopped_at=event.at,
            status=str(status),
            exit_code=event.exit_code,
            job_id=event.job_id or bar.job_id,
        )


def _exact(bar: Bar, state: JobState) -> Bar:
    """The bar with the times that the queue told, if it is of the last attempt."""
    if bar.attempt != state.attempt or bar.job_id != state.job_id:
        return bar
    ended = state.stopped_at if state.status in FINAL else None
    return replace(
        bar,
        started_at=state.started_at or bar.started_at,
        stopped_at=ended or bar.stopped_at,
    )
