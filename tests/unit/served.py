"""An edition in memory: what services work with besides the ports."""

from collections.abc import Sequence
from random import Random

from chalicelib.core.batch import JobDetail
from chalicelib.local.memory_requests import MemoryRequests
from chalicelib.local.memory_tokens import MemoryTokens
from chalicelib.ports import AccessPorts, JobLogs, LogChunk, Ports
from chalicelib.services.repeating import Requests
from tests.unit.stores import world


class MemoryLogs:
    """ports.JobLogs: lines by the queue's job id and attempt."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, int], list[str]] = {}

    def read(self, job_id: str, attempt: int, offset: int = 0) -> LogChunk:
        lines = self.lines.get((job_id, attempt))
        if lines is None:
            return LogChunk(exists=False)
        return LogChunk(tuple(lines[offset:]), len(lines))

    def tail(self, job_id: str, attempt: int, lines: int) -> LogChunk:
        kept = self.lines.get((job_id, attempt))
        if kept is None:
            return LogChunk(exists=False)
        return LogChunk(tuple(kept[-lines:] if lines else ()), len(kept))


class MemoryEdition:
    """services.served.Served, all of it in memory."""

    directory = ""

    def __init__(self, ports: Ports | None = None) -> None:
        self.ports = ports or world()
        self.written = MemoryLogs()
        self.logs: JobLogs = self.written
        self.requests: Requests = MemoryRequests()
        self.details: dict[str, JobDetail] = {}
        self.access = AccessPorts(tokens=MemoryTokens(), clock=self.ports.clock)
        self._chance = Random(7)  # noqa: S311 - tokens of tests
        self.driver: str | None = "a test"

    def chance(self, count: int) -> bytes:
        return self._chance.randbytes(count)

    def holder(self) -> str | None:
        return self.driver

    def peek_details(self, job_ids: Sequence[str]) -> list[JobDetail]:
        return [self.details[job_id] for job_id in job_ids if job_id in self.details]
