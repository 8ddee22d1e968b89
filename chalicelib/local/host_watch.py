"""What the host looks at once a second: which processes it has, and who uses too much memory."""

import sqlite3

from chalicelib.local.batch_records import QueuedJob
from chalicelib.local.host_processes import Processes
from chalicelib.local.host_store import HostStore
from chalicelib.local.process_table import look_at, processes

OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
_PERIOD = 1.0  # s
_MIB = 1024 * 1024


class Watch:
    """Records processes that live long enough to outlive us, and ends those that overeat."""

    def __init__(self, processes: Processes, store: HostStore) -> None:
        self._processes = processes
        self._store = store
        self._look_at = 0.0
        self._recorded: dict[int, QueuedJob] = {}
        self._overeaters: set[tuple[str, int]] = set()  # job id, attempt

    def wait(self, now: float) -> float | None:
        """The seconds until the next look; None when there is nothing to look at."""
        return max(0.0, self._look_at - now) if self._processes.running else None

    def look(self, now: float) -> None:
        """Look, if it is time."""
        if now < self._look_at:
            return
        self._look_at = now + _PERIOD
        running = self._processes.running
        self._processes.show_logs()
        self._recorded = {
            pid: job for pid, job in self._recorded.items() if running.get(pid) is job
        }
        self._record([(pid, job) for pid, job in running.items() if pid not in self._recorded])
        self._weigh({pid: job for pid, job in running.items() if job.request.memory_mib})

    def reason(self, job: QueuedJob) -> str:
        """Why the attempt that just ended did, as far as it was our doing; else empty."""
        key = (job.job_id, job.attempt)
        if key not in self._overeaters:
            return ""
        self._overeaters.remove(key)
        return OUT_OF_MEMORY

    def _record(self, new: list[tuple[int, QueuedJob]]) -> None:
        """Keep number and start of processes, by which the next host knows them again.

        Those that end sooner than the first look are known by their environment alone.
        """
        if not new:
            return
        try:
            self._store.begin()
            for pid, job in new:
                process = look_at(pid)
                if process is not None:
                    self._store.keep_process(job.number, pid, process.started)
            self._store.commit()
        except sqlite3.Error:
            self._store.rollback()
            return
        self._recorded.update(new)

    def _weigh(self, limited: dict[int, QueuedJob]) -> None:
        if not limited:
            return
        resident = dict.fromkeys(limited, 0)
        for process in processes():
            if process.group in resident:
                resident[process.group] += process.resident
        for pid, job in limited.items():
            if resident[pid] > job.request.memory_mib * _MIB:
                self._overeaters.add((job.job_id, job.attempt))
                self._processes.stop(job, forced=True)
