"""Where a server is. What is wrong with a URL is told without it: people paste tokens into them."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from chalicelib.errors import InvalidInputError

_PORTS = {"http": 80, "https": 443}
_PLACE = "--url"
_ALLOWED = "https://HOST, with a port and a path if need be; http:// for this machine only"


@dataclass(frozen=True, slots=True)
class Address:
    """A server; `prefix` stands before all paths, as a gateway's stage does."""

    is_secure: bool
    host: str
    port: int
    prefix: str = ""

    @property
    def is_here(self) -> bool:
        """Whether nothing of what is sent leaves this machine."""
        return _is_loopback(self.host)

    @property
    def shown(self) -> str:
        """Its name and port, as people are told of it."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == _PORTS["https" if self.is_secure else "http"]
        return name if usual else f"{name}:{self.port}"

    @property
    def origin(self) -> str:
        """What its URLs begin with; the host in it as the header `Host` has it."""
        return f"{'https' if self.is_secure else 'http'}://{self.shown}"


def parse_address(url: str) -> Address:
    """The server that a URL names. Raises InvalidInputError that tells nothing of the URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _refused("is no URL") from error
    _check(url, parts, host)
    prefix = parts.path.rstrip("/")
    return Address(parts.scheme == "https", host, port or _PORTS[parts.scheme], prefix)


def _check(url: str, parts: SplitResult, host: str) -> None:
    if parts.scheme not in _PORTS or not host:
        raise _refused("is no URL of a server")
    if parts.username is not None or parts.password is not None or "?" in url or "#" in url:
        raise _refused("has more than an address in it; a token is never part of it")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise _refused("has characters that no URL has")
    if parts.scheme == "http" and not _is_loopback(host):
        raise _refused("http:// would show the token to the network")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _refused(reason: str) -> InvalidInputError:
    return InvalidInputError.at(_PLACE, reason, allowed=_ALLOWED)
