"""What whoever looks at runs works with besides the ports: the terminal and the HTTP API alike."""

from collections.abc import Sequence
from typing import Protocol

from chalicelib.core.batch import JobDetail
from chalicelib.ports import AccessPorts, JobLogs, Ports
from chalicelib.services.repeating import Requests


class Served(Protocol):
    """An edition, whoever is asking."""

    @property
    def ports(self) -> Ports: ...

    @property
    def logs(self) -> JobLogs: ...

    @property
    def requests(self) -> Requests:
        """The requests that may come twice."""

    @property
    def access(self) -> AccessPorts:
        """The tokens of the HTTP API."""

    def chance(self, count: int) -> bytes:
        """So many bytes that nobody can know."""

    @property
    def directory(self) -> str:
        """Where jobs that are started here work; empty where that means nothing."""

    def holder(self) -> str | None:
        """Who drives the runs now, for people; None when nobody does."""

    def peek_details(self, job_ids: Sequence[str]) -> list[JobDetail]:
        """What the queue has on record of these jobs."""
