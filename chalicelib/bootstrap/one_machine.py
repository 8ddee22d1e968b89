"""The edition of one machine: SQLite, the host's processes, an engine that anyone may start."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING

from chalicelib.config import Settings
from chalicelib.core.batch import JobDetail
from chalicelib.core.run import RunHeader
from chalicelib.errors import InvalidInputError
from chalicelib.local.clock import SystemClock
from chalicelib.local.host_client import HostClient
from chalicelib.local.host_logs import HostLogs
from chalicelib.local.host_peek import peek
from chalicelib.local.host_protocol import HostSettings, inherited
from chalicelib.local.sqlite_store import SqliteStore
from chalicelib.ports import AccessPorts, JobLogs, Ports
from chalicelib.services.migrating import OldItem
from chalicelib.services.repeating import Requests

# What drives is imported when something is to be driven: by then the host is coming up.
if TYPE_CHECKING:
    from chalicelib.local.driving import Driver
    from chalicelib.local.engine import Engine
    from chalicelib.local.lease import Lease

_ENDURANCE = timedelta(seconds=10)  # of a full disk, say: then a person is told, and may resume


class LocalEdition:
    """Everything of one state directory on one machine; opens the host only for a driver."""

    def __init__(self, settings: Settings) -> None:
        """Open the state directory. Raises BackendError."""
        self._settings = settings
        self._store = SqliteStore.open(settings.state)
        self._queue = HostClient(settings.state, settings=_host_settings(settings), fence=None)
        self.ports = Ports(
            schedules=self._store,
            runs=self._store,
            queue=self._queue,
            clock=SystemClock(),
            triggers=self._store,
            calendars=self._store,
        )
        self.access = AccessPorts(tokens=self._store.tokens, clock=self.ports.clock)
        self.logs: JobLogs = HostLogs(settings.state)
        self.requests: Requests = self._store.requests
        self.actor = settings.actor
        self.directory = str(Path.cwd())

    def chance(self, count: int) -> bytes:
        """So many bytes that nobody can know."""
        return token_bytes(count)

    def prepare(self) -> None:
        """Let the host come up while something else is done. Raises BackendError."""
        self._queue.prepare()

    def driver(self, doing: str) -> "Driver":
        """What drives the runs of this directory, or follows the one that does."""
        from chalicelib.local.driving import Driver

        return Driver(lambda: self._engine(doing), self.holder)

    def holder(self) -> str | None:
        """Who drives the runs of this directory now, for people; None when nobody does."""
        from chalicelib.local.lease import Lease

        return Lease.holder(self._settings.state)

    def peek_details(self, job_ids: Sequence[str]) -> list[JobDetail]:
        """What the host has on record of these jobs, read without starting it."""
        return peek(self._settings.state, _host_settings(self._settings), job_ids)

    def look_after(self) -> int:
        """Nothing drives elsewhere: an engine sees to all runs of the directory."""
        return 0

    def old_items(self, schedules: str, history: str) -> Iterator[OldItem]:
        """There are no tables here."""
        del schedules, history
        raise InvalidInputError.at("--from-files", "is missing: where are the old items?")

    def archive(self, header: RunHeader) -> str:
        """Nowhere: the state directory keeps every run."""
        del header
        return ""

    def start_background(self) -> str:
        """Leave an engine behind that drives everything unfinished, and say what was left."""
        state: Path = self._settings.state
        command = [sys.executable, "-m", "chalicelib.cli.main", "resume", "--state", str(state)]
        with (state / "engine.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        process.returncode = 0  # it outlives us on purpose: nobody waits for it
        return f"process {process.pid}"

    def close(self) -> None:
        self._queue.close()
        self._store.close()

    def _engine(self, doing: str) -> "tuple[Engine, Lease, HostClient] | None":
        from chalicelib.local.engine import Engine
        from chalicelib.local.lease import Lease

        lease = Lease.acquire(self._settings.state, self._store, doing)
        if lease is None:
            return None
        queue = self._queue.fenced(lease.epoch)
        store = self._store.fenced(lease.epoch)
        ports = replace(self.ports, schedules=store, runs=store, queue=queue)
        return Engine(ports, queue, store.data_version, _ENDURANCE), lease, queue


def _host_settings(settings: Settings) -> HostSettings:
    return HostSettings(
        vcpus=settings.vcpus,
        memory_mib=settings.memory_mib,
        idle_seconds=settings.host_idle,
        environment=inherited(settings.environment),
    )
