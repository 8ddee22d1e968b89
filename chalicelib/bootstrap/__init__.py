"""Settings in, wired ports out: the one place that knows which edition is which.

`one_machine` and `on_aws` are imported when they are asked for: boto3 alone costs half a second.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Protocol

from chalicelib.config import AWS, HTTP, Settings, read_settings
from chalicelib.core.run import Run, RunHeader
from chalicelib.driving_ports import DrivingPorts
from chalicelib.errors import InvalidInputError
from chalicelib.ports import AccessPorts, Ports
from chalicelib.reading_ports import ReadingPorts
from chalicelib.services.migrating import OldItem
from chalicelib.services.served import Served
from chalicelib.verbs.asked import Verbs

_given: ContextVar[DrivingPorts | None] = ContextVar("_given", default=None)
_admitting: ContextVar[AccessPorts | None] = ContextVar("_admitting", default=None)
_offered: ContextVar[Served | None] = ContextVar("_offered", default=None)


class Driver(Protocol):
    """What drives runs, or follows the one that does."""

    @property
    def is_driving(self) -> bool: ...

    @property
    def is_idle(self) -> bool:
        """True when this driver drives and nothing is unfinished."""

    @property
    def pause(self) -> float:
        """Seconds between two looks at a run that another drives: each look costs something."""

    def other(self) -> str:
        """Who drives instead, for people."""

    def run(self, run_id: str) -> Run | None:
        """The run as this driver holds it; None when another drives, or the run has ended."""

    def step(self, seconds: float) -> None:
        """Drive for about that long, or wait."""

    def deliver(self, seconds: float) -> int:
        """Give notices that long to be delivered; how many are left, 0 where another drives."""

    def __enter__(self) -> "Driver": ...

    def __exit__(self, *_: object) -> None: ...


class Edition(Protocol):
    """Everything that a person's program works with."""

    @property
    def ports(self) -> ReadingPorts: ...

    @property
    def verbs(self) -> Verbs: ...

    def holder(self) -> str | None:
        """Who drives the runs now, for people; None when nobody does."""

    def prepare(self) -> None:
        """Let come up what takes time, while something else is done."""

    def driver(self, doing: str) -> Driver:
        """What drives the runs, or follows the one that does."""

    def look_after(self) -> int:
        """See that what drives elsewhere drives every unfinished run; how many it did not."""

    def undelivered(self) -> int:
        """How many notices wait for somebody who drives, to be delivered."""

    def archive(self, header: RunHeader) -> str:
        """Write an ended run where the edition keeps them, and give the address; empty for nowhere.

        Raises ConflictError for a run that has not ended.
        """

    def start_background(self) -> str:
        """Leave something behind that drives everything unfinished, and say what."""

    def close(self) -> None: ...


class StoredEdition(Served, Edition, Protocol):
    """An edition whose store is in reach."""

    @property
    def ports(self) -> Ports: ...

    @property
    def actor(self) -> str:
        """Who is typing, for the audit trail."""

    def holder(self) -> str | None:
        """Who drives the runs now, for people; None when nobody does."""

    def old_items(self, schedules: str, history: str) -> Iterator[OldItem]:
        """What the first version's tables hold. Raises InvalidInputError where there are none."""


class OwnEdition(StoredEdition, Protocol):
    """The edition that this machine is, which only it can serve and drive for good."""

    def run_counts(self) -> Mapping[str, int]:
        """How many runs there are of each status."""

    def stand(self, is_over: Callable[[], bool]) -> None:
        """Drive everything, or follow the engine that does, until it `is_over`.

        Raises BackendError.
        """


@contextmanager
def open_own_edition(settings: Settings) -> Iterator[OwnEdition]:
    """The edition of this machine. Raises BackendError, InvalidInputError for settings of AWS."""
    if settings.edition == AWS:
        raise InvalidInputError.at("--edition", "a stage on AWS is served by AWS", allowed="local")
    if settings.edition == HTTP:
        told = "a server elsewhere is served where it is"
        raise InvalidInputError.at("--edition", told, allowed="local")
    from chalicelib.bootstrap.one_machine import LocalEdition

    with closing(LocalEdition(settings)) as edition:
        yield edition


@contextmanager
def open_edition(settings: Settings) -> Iterator[Edition]:
    """The edition that the settings ask for. Raises BackendError."""
    edition = _edition(settings)
    try:
        yield edition
    finally:
        edition.close()


@contextmanager
def open_stored_edition(settings: Settings) -> Iterator[StoredEdition]:
    """The edition that the settings ask for, if its store is in reach. Raises BackendError."""
    with closing(_stored_edition(settings)) as edition:
        yield edition


def _edition(settings: Settings) -> Edition:
    if settings.edition == HTTP:
        from chalicelib.bootstrap.elsewhere import HttpEdition

        return HttpEdition(settings)
    return _stored_edition(settings)


def _stored_edition(settings: Settings) -> StoredEdition:
    if settings.edition == HTTP:
        told = "a server elsewhere can't be asked for that: type it where the store is"
        raise InvalidInputError.at("--edition", told, allowed="local or aws")
    if settings.edition == AWS:
        from chalicelib.bootstrap.on_aws import AwsEdition

        return AwsEdition(settings)
    from chalicelib.bootstrap.one_machine import LocalEdition

    return LocalEdition(settings)


def driving_ports() -> DrivingPorts:
    """What the handlers of app.py work with: what `serving` gives, else the stage on AWS."""
    return _given.get() or _own_ports()


@lru_cache(maxsize=1)
def _own_ports() -> DrivingPorts:
    """Of this process, made at the first call: only clients and settings are kept in it."""
    from chalicelib.bootstrap.on_aws import stage_ports

    return stage_ports(read_settings())


@contextmanager
def serving(ports: DrivingPorts) -> Iterator[None]:
    """Let the handlers work with these for a while, as a rehearsal does."""
    token = _given.set(ports)
    try:
        yield
    finally:
        _given.reset(token)


def access_ports() -> AccessPorts:
    """What the authorizer works with: what `admitting` gives, else the stage on AWS."""
    return _admitting.get() or _own_access()


@lru_cache(maxsize=1)
def _own_access() -> AccessPorts:
    """Of this process, made at the first request: only clients and settings are kept in it."""
    from chalicelib.bootstrap.on_aws import stage_access

    return stage_access(read_settings())


@contextmanager
def admitting(ports: AccessPorts) -> Iterator[None]:
    """Let the authorizer work with these for a while, in this thread, as a local server does."""
    token = _admitting.set(ports)
    try:
        yield
    finally:
        _admitting.reset(token)


def served() -> Served:
    """What the handlers of the HTTP API work with: what `offering` gives, else the stage on AWS."""
    return _offered.get() or _own_edition()


@lru_cache(maxsize=1)
def _own_edition() -> Served:
    """Of this process, made at the first request: only clients and settings are kept in it."""
    from chalicelib.bootstrap.on_aws import AwsEdition

    return AwsEdition(read_settings())


@contextmanager
def offering(edition: Served) -> Iterator[None]:
    """Let the handlers work with this for a while, in this thread, as a local server does."""
    token = _offered.set(edition)
    try:
        yield
    finally:
        _offered.reset(token)
