"""What each thread of the server works with: an edition of its own, opened when it is needed.

SQLite's connections are for one thread each. What can't be opened is a problem of the request that
needed it, not of the thread.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from chalicelib.bootstrap import OwnEdition, offering, open_own_edition
from chalicelib.config import Settings
from chalicelib.core.batch import JobDetail
from chalicelib.ports import AccessPorts, JobLogs, Ports
from chalicelib.services.repeating import Requests


class Station:
    """services.served.Served, by the edition of a thread."""

    def __init__(self, settings: Settings, open_: ExitStack) -> None:
        self._settings = settings
        self._open = open_
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
        return self.edition.holder()

    def peek_details(self, job_ids: Sequence[str]) -> list[JobDetail]:
        return self.edition.peek_details(job_ids)


class Stations:
    """The stations of all threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
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
            self._of_thread.station = station = Station(self._settings, open_)
            with offering(station):
                yield
