"""What each thread of the server works with: an edition of its own, opened when it is needed.

SQLite's connections are for one thread each. What can't be opened is a problem of the request that
needed it, not of the thread.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from chalicelib.bootstrap import OwnEdition, offering, open_own_edition
from chalicelib.config import Settings
from chalicelib.core.batch import JobDetail
from chalicelib.ports import AccessPorts, JobLogs, Ports
from chalicelib.services.repeating import Requests

_KNOWN = 0.1  # s for which who drives is taken to be who drove: every look at a run tells it


class Driver:
    """Who drives the runs of the state directory, for all threads: to look takes turns at a lock."""

    def __init__(self) -> None:
        self._seen: tuple[float, str | None] | None = None

    def told(self, look: Callable[[], str | None]) -> str | None:
        """What a look told, `_KNOWN` ago at most."""
        seen, now = self._seen, time.monotonic()
        if seen is None or now - seen[0] > _KNOWN:
            self._seen = seen = now, look()
        return seen[1]


class Station:
    """services.served.Served, by the edition of a thread."""

    def __init__(self, settings: Settings, open_: ExitStack, driver: Driver) -> None:
        self._settings = settings
        self._open = open_
        self._driver = driver
        self._edition: OwnEdition | None = None

    @property
    def edition(self) -> OwnEdition:
        """Raises BackendError while it can't be opened."""
        if self._edition is None:
            self._edition = self._open.enter_context(open_own_edition(self._settings))
        return self._edition

    @property
    def ports(self) -> Ports:
        return self.edition.ports

    @property
    def logs(self) -> JobLogs:
        return self.edition.logs

    @property
    def directory(self) -> str:
        return self.edition.directory

    @property
    def requests(self) -> Requests:
        return self.edition.requests

    @property
    def access(self) -> AccessPorts:
        return self.edition.access

    def chance(self, count: int) -> bytes:
        return self.edition.chance(count)

    def holder(self) -> str | None:
        return self._driver.told(self.edition.holder)

    def peek_details(self, job_ids: Sequence[str]) -> list[JobDetail]:
        return self.edition.peek_details(job_ids)


class Stations:
    """The stations of all threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._driver = Driver()
        self._of_thread = threading.local()

    @property
    def own(self) -> Station:
        """That of this thread."""
        station: Station = self._of_thread.station
        return station

    @contextmanager
    def workplace(self) -> Iterator[None]:
        """A station for this thread, which the handlers of the HTTP API work with."""
        with ExitStack() as open_:
            self._of_thread.station = station = Station(self._settings, open_, self._driver)
            with offering(station):
                yield
