"""Where the log of a job is: which submission, which of the queue's own attempts, which child."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.core.batch import JobDetail
from chalicelib.core.lifecycle import FINAL, JobStatus
from chalicelib.core.run import JobState
from chalicelib.core.schedule import JobSpec
from chalicelib.errors import InvalidInputError, NotFoundError
from chalicelib.ports import JobRecord, LogChunk
from chalicelib.services.finding import get_job
from chalicelib.services.served import Served

_MOST_ATTEMPTS = 10  # of the queue's own (retryStrategy.attempts of API_SubmitJob)
_CHILD = re.compile(r"(.+):([0-9]{1,9})")
_ATTEMPT = re.compile(r"([1-9][0-9]{0,5})(?:\.([1-9][0-9]{0,5}))?")
_ENDED = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    """Which log, and which part: the last `tail` lines, or what there is from `offset` on."""

    job: str
    attempt: str = ""
    offset: int = 0
    tail: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """One log: the queue's job id, our attempt, and the queue's own attempt within that."""

    job_id: str
    attempt: int
    queue_attempt: int


class LogSource:
    """The logs of one job of a run, or of one child of it."""

    def __init__(self, served: Served, run_id: str, which: tuple[str, str], attempt: str) -> None:
        """`which` is the job's name and the child's number, empty for the job itself."""
        self.name, self._child = which
        self.run_id = run_id
        self._served = served
        self._attempt, self._queue_attempt = parse_attempt(attempt)

    @property
    def record(self) -> JobRecord:
        """The job as it is now."""
        return get_job(self._served.ports, self.run_id, self.name)

    def state(self) -> JobState:
        """Where the job stands now."""
        return self.record.state

    @property
    def children(self) -> int:
        """How many logs it has instead of one of its own; 0 unless an array as a whole is meant."""
        return 0 if self._child else size_of(self.record.spec)

    def is_forgotten(self) -> bool:
        """Say whether the queue once had what is meant, and no longer knows where it wrote."""
        job_id, _ = self._submission(self.state())
        return bool(job_id) and not self._served.peek_details([job_id])

    def place(self) -> Place | None:
        """The log that is meant; None if there is none yet."""
        job_id, attempt = self._submission(self.state())
        if not job_id:
            return None
        queue_attempt = self._queue_attempt or newest_on_record(self._served, job_id)
        exists = self._served.logs.tail(job_id, queue_attempt, 0).exists
        return Place(job_id, attempt, queue_attempt) if exists else None

    def has_ended(self) -> bool:
        """Say whether nothing more will be written."""
        state = self.state()
        if state.status in FINAL or (self._attempt and self._attempt < state.attempt):
            return True
        # Without an engine nobody writes down the end that the queue has seen.
        job_id, _ = self._submission(state)
        is_followed = not self._child and self._served.holder() is not None
        details = [] if is_followed else self._served.peek_details([job_id])
        return bool(details) and details[0].status in _ENDED

    def read(self, place: Place, offset: int) -> LogChunk:
        return self._served.logs.read(place.job_id, place.queue_attempt, offset)

    def tail(self, place: Place, count: int) -> LogChunk:
        return self._served.logs.tail(place.job_id, place.queue_attempt, count)

    def lines(self, place: Place, last: int, offset: int = 0) -> Iterator[str]:
        """The last lines, or all there are now from `offset` on if `last` is 0."""
        if last:
            yield from self.tail(place, last).lines
            return
        chunk = self.read(place, offset)
        while chunk.lines:
            yield from chunk.lines
            chunk = self.read(place, chunk.offset)

    def _submission(self, state: JobState) -> tuple[str, int]:
        """The queue's id of the attempt that is meant, and its number."""
        job_id, attempt = state.job_id, state.attempt
        if self._attempt not in (0, attempt):
            attempt = self._attempt
            events = self._served.ports.runs.events(self.run_id, job=self.name)
            ids = {event.attempt: event.job_id for event in events if event.job_id}
            if attempt not in ids:
                hint = f"{self.name} has had {state.attempt}."
                raise NotFoundError("attempt", str(attempt), hint)
            job_id = ids[attempt]
        return f"{job_id}:{self._child}" if job_id and self._child else job_id, attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPart:
    """Part of a log, and the offset to read on from; None for no log.

    `has_ended` says that nothing comes after it, `is_forgotten` that the queue no longer knows
    where the job wrote.
    """

    source: LogSource
    state: JobState
    place: Place | None
    lines: tuple[str, ...]
    offset: int | None
    has_ended: bool = False
    is_forgotten: bool = False


def read_log(served: Served, run_id: str, request: LogRequest) -> LogPart:
    """Part of what a job wrote. Raises NotFoundError and InvalidInputError."""
    source = log_source(served, run_id, request.job, request.attempt)
    has_ended = source.has_ended()  # asked first: what is written before the end is read below
    place = source.place()
    if place is None:
        return LogPart(
            source=source,
            state=source.state(),
            place=None,
            lines=(),
            offset=None,
            has_ended=has_ended,
            is_forgotten=source.is_forgotten(),
        )
    chunk = source.tail(place, request.tail) if request.tail else source.read(place, request.offset)
    return LogPart(
        source=source,
        state=source.state(),
        place=place,
        lines=chunk.lines,
        offset=chunk.offset,
        has_ended=has_ended,
    )


def log_source(served: Served, run_id: str, job: str, attempt: str = "") -> LogSource:
    """The logs of `job` in a run, or of `JOB:3`. Raises NotFoundError and InvalidInputError."""
    child = as_child(job)
    try:
        get_job(served.ports, run_id, job)
    except NotFoundError:
        if child is None:
            raise
        record = get_job(served.ports, run_id, child[0])
        check_child(record, child[1])
        return LogSource(served, run_id, child, attempt)
    return LogSource(served, run_id, (job, ""), attempt)


def as_child(job: str) -> tuple[str, str] | None:
    """The job and the number of its child that `JOB:3` may mean."""
    found = _CHILD.fullmatch(job)
    return (found[1], found[2]) if found else None


def check_child(record: JobRecord, child: str) -> None:
    """Raise NotFoundError for a child that the array has not."""
    size = size_of(record.spec)
    if size and int(child) >= size:
        hint = f"{record.spec.name} has {size}, from 0 to {size - 1}."
        raise NotFoundError("child", child, hint)


def size_of(spec: JobSpec) -> int:
    """How many children a job has; 0 unless it is an array."""
    return int(spec.request.get("arrayProperties", {}).get("size", 0))


def newest_on_record(served: Served, job_id: str) -> int:
    """The newest of the queue's own attempts; looked for when the queue forgot the job."""
    details = served.peek_details([job_id])
    if details:
        return newest_attempt(details[0])
    numbers = range(_MOST_ATTEMPTS, 0, -1)
    return next((n for n in numbers if served.logs.tail(job_id, n, 0).exists), 1)


def newest_attempt(detail: JobDetail) -> int:
    """The number of the queue's own attempt that runs, or of the last one that ran."""
    running = detail.status in (JobStatus.STARTING, JobStatus.RUNNING)
    return max(1, len(detail.attempts) + running)


def parse_attempt(text: str) -> tuple[int, int]:
    """`2` and `2.1`: our attempt and the queue's own, 0 for the last. Raises InvalidInputError."""
    if not text:
        return 0, 0
    found = _ATTEMPT.fullmatch(text.strip())
    if found is None:
        raise InvalidInputError.at(
            "--attempt", f"{text!r} is no attempt", allowed="a number such as 2, or 2.1"
        )
    return int(found[1]), int(found[2] or 0)
