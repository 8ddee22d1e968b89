"""Where a run stands, read without loading it: what failed, what runs, what waits for what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.core.claims import Progress
from chalicelib.core.drawing import Node, nodes_of
from chalicelib.core.lifecycle import FINAL, SATISFIED, STARTED, Act, JobStatus, RunStatus
from chalicelib.core.run import DRIVER_FAILED, Event, RunHeader
from chalicelib.ports import JobRecord
from chalicelib.reading_ports import ReadingPorts
from chalicelib.services.claims import progress_of

FAILED = (JobStatus.FAILED, JobStatus.NOTFOUND)
# In the order in which they are worth knowing: the first need a person.
WAITING = (
    (JobStatus.HELD,),
    (JobStatus.RESERVED,),
    (JobStatus.RUNNABLE,),
    (JobStatus.SUBMITTED, JobStatus.PENDING),
    (JobStatus.WAITING,),
)


_BEGIN_AGAIN = frozenset({Act.RESTART, Act.RERUN})


@dataclass(frozen=True, slots=True)
class Generation:
    """When the run's present generation began, and how many jobs were done by then."""

    began_at: datetime
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that has not started, and the names of the unfinished jobs upstream of it."""

    record: JobRecord
    waits_for: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The first jobs of each kind; how many there are of all is in the header's counts."""

    header: RunHeader
    began_at: datetime  # of the present generation
    failed: tuple[JobRecord, ...]
    running: tuple[JobRecord, ...]
    waiting: tuple[Waiting, ...]
    driver_failure: Event | None = None
    progress: Mapping[str, Progress] = field(default_factory=dict)  # of those that run, by name

    def seconds(self, now: datetime) -> float | None:
        """Seconds from the beginning of the generation to its end, or until now."""
        end = self.header.end_by(now)
        return (end - self.began_at).total_seconds() if end else None

    def count(self, statuses: Iterable[JobStatus]) -> int:
        return sum(self.header.counts.get(status, 0) for status in statuses)


def began_at(ports: ReadingPorts, header: RunHeader) -> datetime:
    """When the present generation began: the idle time before a restart is nobody's work."""
    beginning = _beginning(ports, header)
    return beginning.at if beginning else header.began_at


def generation(ports: ReadingPorts, header: RunHeader) -> Generation:
    """The present generation. Reads all of its events, unless it is the first."""
    beginning = _beginning(ports, header)
    if beginning is None:
        return Generation(header.began_at)
    since = ports.runs.events(header.run_id, after=beginning.sequence)
    last = {event.job: event.after for event in since if event.job}
    own = sum(status in SATISFIED for status in last.values())
    done = sum(header.counts.get(status, 0) for status in SATISFIED)
    return Generation(beginning.at, max(0, done - own))


def _beginning(ports: ReadingPorts, header: RunHeader) -> Event | None:
    """The event that began a later generation than the first."""
    if header.generation == 1:
        return None
    own = ports.runs.events(header.run_id, job="")  # those of the run itself
    return next((event for event in reversed(own) if event.act in _BEGIN_AGAIN), None)


def driver_failure(ports: ReadingPorts, header: RunHeader) -> Event | None:
    """The failure of the run's last driver, if no other drives it yet; on AWS only."""
    if header.status is not RunStatus.RUNNING or header.driver or not header.handovers:
        return None
    last = ports.runs.events(header.run_id, job="")[-1]
    return last if last.act == DRIVER_FAILED else None


def overview(ports: ReadingPorts, header: RunHeader, limit: int) -> Overview:
    """The first `limit` jobs of each kind, in the document's order within a status."""
    runs, run_id = ports.runs, header.run_id
    failed = runs.find_jobs(run_id, statuses=FAILED, limit=limit)
    running = runs.find_jobs(run_id, statuses=STARTED, limit=limit)
    waiting: list[JobRecord] = []
    for statuses in WAITING:
        if any(header.counts.get(status) for status in statuses) and len(waiting) < limit:
            waiting += runs.find_jobs(run_id, statuses=statuses, limit=limit - len(waiting))
    return Overview(
        header=header,
        began_at=began_at(ports, header),
        driver_failure=driver_failure(ports, header),
        failed=tuple(failed),
        running=tuple(running),
        progress=progress_of(ports, run_id, running),
        waiting=tuple(_with_upstream(ports, run_id, waiting)),
    )


def nodes_of_run(ports: ReadingPorts, run_id: str) -> list[Node]:
    """The jobs of a run as they are drawn, with their statuses."""
    records = ports.runs.find_jobs(run_id)
    statuses = {record.spec.name: record.state.status.value for record in records}
    return nodes_of((record.spec for record in records), statuses)


def _with_upstream(ports: ReadingPorts, run_id: str, records: Sequence[JobRecord]) -> list[Waiting]:
    names = {name for record in records for name in _awaited(record)}
    upstream = ports.runs.get_jobs(run_id, names) if names else []
    unfinished = {record.spec.name for record in upstream if record.state.status not in FINAL}
    return [
        Waiting(record, tuple(name for name in _awaited(record) if name in unfinished))
        for record in records
    ]


def _awaited(record: JobRecord) -> Iterable[str]:
    """What the job waits for, and jobs further up whose outputs it reads."""
    return dict.fromkeys((*record.spec.upstream, *(each.job for each in record.spec.reads)))
