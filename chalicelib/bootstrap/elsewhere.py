"""The edition of a server elsewhere: we ask it, by the HTTP API, and it does."""

from functools import cached_property
from pathlib import Path
from secrets import token_bytes

from chalicelib.bootstrap.onlooking import Onlooker
from chalicelib.config import TOKEN_FILE, Access, Settings
from chalicelib.core.run import RunHeader
from chalicelib.core.tokens import Token
from chalicelib.local.clock import SystemClock
from chalicelib.reading_ports import CalendarReader, ReadingPorts
from chalicelib.remote.addresses import Address, parse_address
from chalicelib.remote.bearing import (
    Bearer,
    TokenBearer,
    no_token,
    token_in,
    token_of_file,
    unnamed,
)
from chalicelib.remote.reading import RemoteClaims, RemoteRuns, RemoteSchedules
from chalicelib.remote.wire import Wire
from chalicelib.verbs.asked import RunVerbs, ScheduleVerbs, TimingVerbs, TokenVerbs, Verbs, Views

_LOOK = 0.5  # s between two looks at a run: what has not changed costs an empty answer


class HttpEdition:
    """A server as a person's program works with it: it keeps and drives, we ask and look on."""

    def __init__(self, settings: Settings) -> None:
        """Ask nothing until it is needed. Raises InvalidInputError for a bad address or token."""
        address = parse_address(settings.server.url)
        self._wire = Wire(address, _bearer(settings, address), token_bytes)
        self.ports: ReadingPorts = ServerPorts(self._wire)
        self.verbs: Verbs = ServerVerbs(self._wire, self.ports)

    def prepare(self) -> None:
        """Nothing to do: the server is up."""

    def driver(self, doing: str) -> Onlooker:
        del doing
        return Onlooker(self.holder(), _LOOK)

    def holder(self) -> str:
        return f"the server {self._wire.host}"

    def look_after(self) -> int:
        """Nothing: the server sees to its runs."""
        return 0

    def undelivered(self) -> int:
        """None that are ours to deliver."""
        return 0

    def archive(self, header: RunHeader) -> str:
        """Nowhere: what is exported comes here."""
        del header
        return ""

    def start_background(self) -> str:
        """Nothing: the server drives."""
        return self.holder()

    def close(self) -> None:
        self._wire.close()


class ServerPorts:
    """reading_ports.ReadingPorts."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.runs = RemoteRuns(wire)
        self.schedules = RemoteSchedules(wire)
        self.claims = RemoteClaims(wire)
        self.clock = SystemClock()

    @cached_property
    def calendars(self) -> CalendarReader:
        from chalicelib.remote.timing import RemoteCalendars

        return RemoteCalendars(self._wire)


class ServerVerbs:
    """verbs.asked.Verbs."""

    def __init__(self, wire: Wire, ports: ReadingPorts) -> None:
        self._wire = wire
        self._ports = ports

    @cached_property
    def schedules(self) -> ScheduleVerbs:
        from chalicelib.remote.schedules import RemoteScheduleVerbs

        return RemoteScheduleVerbs(self._wire)

    @cached_property
    def runs(self) -> RunVerbs:
        from chalicelib.remote.runs import RemoteRunVerbs

        return RemoteRunVerbs(self._wire, self._ports.runs)

    @cached_property
    def views(self) -> Views:
        from chalicelib.remote.views import RemoteViews

        return RemoteViews(self._wire, self._ports)

    @cached_property
    def timing(self) -> TimingVerbs:
        from chalicelib.remote.timing import RemoteTimingVerbs

        return RemoteTimingVerbs(self._wire)

    @cached_property
    def tokens(self) -> TokenVerbs:
        from chalicelib.remote.tokens import RemoteTokenVerbs

        return RemoteTokenVerbs(self._wire)


def _bearer(settings: Settings, address: Address) -> Bearer:
    """What tells the server who asks. Raises InvalidInputError or BackendError."""
    if settings.server.access is Access.TOKEN:
        return TokenBearer(_token(settings, address))
    if settings.server.is_of_file:
        raise unnamed()
    from chalicelib.aws.clients import session_of
    from chalicelib.aws.signing import signer_of

    return signer_of(session_of(settings.stage.region, settings.stage.profile), address.host)


def _token(settings: Settings, address: Address) -> Token:
    """The token that was given, else that of a server of this machine. Raises InvalidInputError."""
    server = settings.server
    if server.token_file is not None:
        return token_of_file(server.token_file)
    if server.token:
        return token_in(server.token, "BATCH_SCHEDULER_TOKEN")
    own: Path = settings.state / TOKEN_FILE
    # That of our own server is for nobody else's eyes.
    if address.is_here and not server.is_of_file and own.exists():
        return token_of_file(own)
    raise no_token()
