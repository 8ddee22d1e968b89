"""The edition of one machine: SQLite, the host's processes, an engine that anyone may start."""

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING

from chalicelib.bootstrap.own_verbs import OwnVerbs
from chalicelib.config import Settings
from chalicelib.core.batch import JobDetail
from chalicelib.core.run import RunHeader
from chalicelib.errors import BackendError, InvalidInputError
from chalicelib.local.clock import SystemClock
from chalicelib.local.directory_claims import DirectoryClaims
from chalicelib.local.host_client import HostClient
from chalicelib.local.host_logs import HostLogs
from chalicelib.local.host_peek import peek
from chalicelib.local.host_protocol import HostSettings, inherited
from chalicelib.local.sqlite_store import SqliteStore
from chalicelib.ports import AccessPorts, JobLogs, Ports
from chalicelib.services.migrating import OldItem
from chalicelib.services.repeating import Requests
from chalicelib.verbs.asked import Verbs

# What drives is imported when something is to be driven: by then the host is coming up.
if TYPE_CHECKING:
    from chalicelib.local.driving import Driver, Driving
    from chalicelib.local.heralding import Herald
    from chalicelib.local.standing import MakeCompanion
    from chalicelib.local.ticker import Ticker
    from chalicelib.notice_ports import Webhooks
    from chalicelib.services.delivering import Couriers
    from chalicelib.services.posting import Poster

logger = logging.getLogger(__name__)

_MANY = 1000  # ended runs that are looked for at once
_ENDURANCE = timedelta(seconds=10)  # of a full disk, say: then a person is told, and may resume


class LocalEdition:
    """Everything of one state directory on one machine; opens the host only for a driver."""

    def __init__(self, settings: Settings) -> None:
        """Open the state directory. Raises BackendError."""
        self._settings = settings
        self._store = SqliteStore.open(settings.state)
        self._queue = HostClient(settings.state, settings=_host_settings(settings), fence=None)
        self.directory = str(Path.cwd())
        self.ports = Ports(
            schedules=self._store,
            runs=self._store,
            queue=self._queue,
            clock=SystemClock(),
            triggers=self._store,
            calendars=self._store,
            outbox=self._store.outbox,
            claims=DirectoryClaims(settings.state),
            directory=self.directory,
            where=("--state", str(settings.state)),
        )
        self.access = AccessPorts(tokens=self._store.tokens, clock=self.ports.clock)
        self.logs: JobLogs = HostLogs(settings.state)
        self.requests: Requests = self._store.requests
        self.actor = settings.actor
        self.verbs: Verbs = OwnVerbs(self, lambda: self.actor)

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

    def undelivered(self) -> int:
        """How many notices, and ends of runs to be told, wait for an engine."""
        return self._store.outbox.left() + len(self._store.untold(_MANY))

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

    def run_counts(self) -> Mapping[str, int]:
        """How many runs there are of each status."""
        return self._store.run_counts()

    def stand(self, is_over: Callable[[], bool]) -> None:
        """Drive everything, or follow the engine that does, until it `is_over`.

        Raises BackendError.
        """
        from chalicelib.local.standing import stand

        with self.driver("serve") as driver:
            stand(driver, is_over, self._companions(), self.ports.clock)

    def _companions(self) -> "Sequence[MakeCompanion]":
        """What works beside an engine that stays."""
        return (self._ticker,)

    def _ticker(self) -> "Ticker":
        """What starts runs on time, with connections of its own."""
        from chalicelib.local.files import LocalFiles
        from chalicelib.local.ticker import Ticker

        settings = self._settings
        with ExitStack() as opened:
            store = opened.enter_context(closing(SqliteStore.open(settings.state)))
            queue = HostClient(settings.state, settings=_host_settings(settings), fence=None)
            opened.callback(queue.close)
            ports = replace(
                self.ports,
                schedules=store,
                runs=store,
                queue=queue,
                triggers=store,
                calendars=store,
                outbox=store.outbox,
            )
            files = LocalFiles(Path(self.directory), ports.clock)
            return Ticker(ports, store, files, opened.pop_all().close)

    def close(self) -> None:
        self._queue.close()
        self._store.close()

    def _engine(self, doing: str) -> "Driving | None":
        from chalicelib.local.driving import Driving
        from chalicelib.local.engine import Engine
        from chalicelib.local.lease import Lease

        lease = Lease.acquire(self._settings.state, self._store, doing)
        if lease is None:
            return None
        queue = self._queue.fenced(lease.epoch)
        store = self._store.fenced(lease.epoch)
        ports = replace(self.ports, schedules=store, runs=store, queue=queue, outbox=store.outbox)
        telling = _Telling(self._settings, ports, store)
        engine = Engine(ports, queue, store.data_version, _ENDURANCE, telling)
        return Driving(engine, lease, queue, telling)


class _Telling:
    """What tells people, made when there is something to tell: most schedules have no rules."""

    def __init__(self, settings: Settings, ports: Ports, store: SqliteStore) -> None:
        self._settings = settings
        self._ports = ports
        self._store = store
        self._herald: Herald | None = None
        self._poster: Poster | None = None

    def poster(self) -> "Poster":
        if self._poster is None:
            from chalicelib.services.listening import run_ended
            from chalicelib.services.posting import Poster

            hear = partial(run_ended, self._ports)
            self._poster = Poster(self._ports, self._store, self._wake, hear)
        return self._poster

    def _wake(self) -> None:
        if self._herald is None:
            from chalicelib.local.heralding import Herald

            self._herald = Herald(self._ports.outbox, self._ports.clock, self._couriers)
        self._herald.wake()

    def take_up(self) -> None:
        """Tell what an engine before this one has left, and what others have posted."""
        if self._store.untold(1):
            self.poster().tell_ends()
        if self._ports.outbox.left():
            self._wake()

    def deliver(self, seconds: float) -> int:
        """Give notices that long to be delivered; how many are left."""
        try:
            self.take_up()
            return self._herald.finish(seconds) if self._herald else 0
        except BackendError as error:
            logger.warning("can't look for notices now: %s", error)
            return 0

    def close(self) -> None:
        if self._herald is not None:
            self._herald.close()

    @contextmanager
    def _couriers(self) -> "Iterator[Couriers]":
        from chalicelib.local.notice_log import log_in
        from chalicelib.services.delivering import Couriers

        with closing(SqliteStore.open(self._settings.state)) as store:
            yield Couriers(
                outbox=store.outbox,
                clock=self._ports.clock,
                webhooks=self._webhooks(),
                log=log_in(self._settings.state),
            )

    def _webhooks(self) -> "Webhooks":
        from chalicelib.local.webhooks import HttpWebhooks, post_from_here

        environment = self._settings.environment
        return HttpWebhooks(
            lambda name: environment.get(name, ""), self._ports.clock, post_from_here
        )


def _host_settings(settings: Settings) -> HostSettings:
    return HostSettings(
        vcpus=settings.vcpus,
        memory_mib=settings.memory_mib,
        idle_seconds=settings.host_idle,
        environment=inherited(settings.environment),
    )
