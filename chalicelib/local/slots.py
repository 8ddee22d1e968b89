"""The line of jobs that may run, and the processors and memory that they share."""

import heapq
from dataclasses import dataclass

from chalicelib.local.batch_records import RUNNABLE, QueuedJob

MISFIT = (
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job needs more than the whole host has "
    "({needs}; the host has {has})."
)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one host gives to its jobs."""

    vcpus: float
    memory_mib: int

    def __str__(self) -> str:
        return f"{self.vcpus:g} vCPU, {self.memory_mib} MiB"


class Slots:
    """Jobs wait in the order of priority, then of acceptance; the first that doesn't fit waits.

    Those behind it wait too: letting small jobs pass would keep a large one out for ever.
    """

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self.free_millicpus = round(capacity.vcpus * 1000)
        self.free_memory_mib = capacity.memory_mib
        self._line: list[tuple[int, int, QueuedJob]] = []

    def misfit(self, job: QueuedJob) -> str:
        """Why this job can never run here, empty if it can."""
        request = job.request
        fits = request.millicpus <= round(self.capacity.vcpus * 1000)
        if fits and request.memory_mib <= self.capacity.memory_mib and not request.gpus:
            return ""
        needs = f"{request.millicpus / 1000:g} vCPU, {request.memory_mib} MiB, {request.gpus} GPU"
        return MISFIT.format(needs=needs, has=self.capacity)

    def queue(self, job: QueuedJob) -> None:
        """Put a RUNNABLE job in the line."""
        heapq.heappush(self._line, (-job.request.priority, job.number, job))

    def take(self) -> QueuedJob | None:
        """The next job to start, its share taken; None when there is none or it doesn't fit."""
        line = self._line
        while line:
            job = line[0][2]
            if job.status != RUNNABLE:  # cancelled while it stood in the line
                heapq.heappop(line)
                continue
            request = job.request
            if request.millicpus > self.free_millicpus or request.memory_mib > self.free_memory_mib:
                return None
            heapq.heappop(line)
            self.occupy(job)
            return job
        return None

    def ahead(self, count: int) -> list[QueuedJob]:
        """The jobs that come next in the line."""
        return [job for _, _, job in heapq.nsmallest(count, self._line)]

    def __len__(self) -> int:
        """How many stand in the line."""
        return len(self._line)

    def occupy(self, job: QueuedJob) -> None:
        """Take the job's share."""
        self.free_millicpus -= job.request.millicpus
        self.free_memory_mib -= job.request.memory_mib

    def release(self, job: QueuedJob) -> None:
        """Give back the job's share."""
        self.free_millicpus += job.request.millicpus
        self.free_memory_mib += job.request.memory_mib

    @property
    def is_starved(self) -> bool:
        """True when no job waits in the line: free slots have nothing to do."""
        return not self._line
