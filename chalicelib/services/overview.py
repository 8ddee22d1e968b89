"""Where a run stands, read without loading it: what failed, what runs, what waits for what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chalicelib.core.lifecycle import FINAL, STARTED, JobStatus
from chalicelib.core.run import RunHeader
from chalicelib.ports import JobRecord, Ports

FAILED = (JobStatus.FAILED, JobStatus.NOTFOUND)
# In the order in which they are worth knowing: the first need a person.
WAITING = (
    (JobStatus.HELD,),
    (JobStatus.RESERVED,),
    (JobStatus.RUNNABLE,),
    (JobStatus.SUBMITTED, JobStatus.PENDING),
    (JobStatus.WAITING,),
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that has not started, and the names of the unfinished jobs upstream of it."""

    record: JobRecord
    waits_for: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The first jobs of each kind; how many there are of all is in the header's counts."""

    header: RunHeader
    failed: tuple[JobRecord, ...]
    running: tuple[JobRecord, ...]
    waiting: tuple[Waiting, ...]

    def count(self, statuses: Iterable[JobStatus]) -> int:
        return sum(self.header.counts.get(status, 0) for status in statuses)


def overview(ports: Ports, header: RunHeader, limit: int) -> Overview:
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
        failed=tuple(failed),
        running=tuple(running),
        waiting=tuple(_with_upstream(ports, run_id, waiting)),
    )


def _with_upstream(ports: Ports, run_id: str, records: Sequence[JobRecord]) -> list[Waiting]:
    names = {name for record in records for name in record.spec.upstream}
    upstream = ports.runs.get_jobs(run_id, names) if names else []
    unfinished = {record.spec.name for record in upstream if record.state.status not in FINAL}
    return [
        Waiting(record, tuple(name for name in record.spec.upstream if name in unfinished))
        for record in records
    ]
