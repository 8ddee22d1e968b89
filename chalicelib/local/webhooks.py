"""Notices by HTTP: signed, posted once, nothing followed, of the answer only its status read.

Addresses of webhooks may hold tokens: whatever goes wrong, only the host is told.
"""

import hmac
import json
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from threading import Timer
from urllib.parse import SplitResult, urlsplit

from chalicelib.core.notice_rules import Format, host_of
from chalicelib.core.notices import Letter, payload, slack_payload
from chalicelib.errors import BackendError
from chalicelib.notice_ports import Secrets
from chalicelib.ports import Clock

_SECONDS = 10.0  # that connecting may take, and then the exchange
_PASSING = frozenset({408, 429})  # answers of the 4xx kind that a later try may not get
_PORTS = {"http": 80, "https": 443}
_PREFIX = "X-Batch-Scheduler"


@dataclass(frozen=True, slots=True)
class Request:
    """One POST."""

    url: str
    headers: Mapping[str, str]
    body: bytes


Transport = Callable[
    [Request], int
]  # gives the status of the answer; raises OSError, HTTPException


class RefusedAddressError(OSError):
    """The host is at an address that no webhook may be sent to."""


class HttpWebhooks:
    """notice_ports.Webhooks."""

    def __init__(self, secrets: Secrets, clock: Clock, transport: Transport) -> None:
        self._secrets = secrets
        self._clock = clock
        self._transport = transport

    def post(self, letter: Letter) -> None:
        """Once. Raises BackendError, which never tells more of the URL than its host."""
        host = host_of(letter.receiver.address)
        request = self._request(letter)
        try:
            status = self._transport(request)
        except RefusedAddressError as error:
            raise _error(host, str(error), retryable=False) from None
        except (OSError, HTTPException, ValueError) as error:
            # Their texts may hold the URL: what kind it is must do.
            raise _error(host, f"no answer ({type(error).__name__})", retryable=True) from None
        if not 200 <= status < 300:
            passing = status >= 500 or status in _PASSING
            raise _error(host, f"it answered {status}", retryable=passing)

    def _request(self, letter: Letter) -> Request:
        is_slack = letter.receiver.format is Format.SLACK
        shape = slack_payload(letter) if is_slack else payload(letter)
        body = json.dumps(shape, ensure_ascii=True).encode()
        moment = str(int(self._clock().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "batch-scheduler",
            f"{_PREFIX}-Id": ascii(letter.id)[1:-1],
            f"{_PREFIX}-Timestamp": moment,
        }
        name = letter.receiver.secret
        if name:
            secret = self._secrets(name)
            if not secret:
                reason = f"{name}, which is to sign it, is not set"
                raise _error(host_of(letter.receiver.address), reason, retryable=True)
            headers[f"{_PREFIX}-Signature"] = f"t={moment},v1={signature(secret, moment, body)}"
        return Request(letter.receiver.address, headers, body)


def signature(secret: str, moment: str, body: bytes) -> str:
    """HMAC-SHA-256 of `moment.body`, hexadecimal: what a receiver computes as well."""
    return hmac.new(secret.encode(), f"{moment}.".encode() + body, "sha256").hexdigest()


def _error(host: str, reason: str, *, retryable: bool) -> BackendError:
    return BackendError("webhook", f"POST to {host}", reason, retryable=retryable)


def post_from_here(request: Request) -> int:
    """A Transport of one machine, whose own receivers are reached as well."""
    return exchange(request, is_shared=False)


def post_from_aws(request: Request) -> int:
    """A Transport of AWS: what listens in the function's own machine is none of a schedule's."""
    return exchange(request, is_shared=True)


def exchange(request: Request, *, is_shared: bool, seconds: float = _SECONDS) -> int:
    """Post it, and give the status of the answer; connecting and that take so long each at most.

    `is_shared` says that this machine is not the sender's own: then nothing of it is a receiver.
    """
    parts = urlsplit(request.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with _connected(parts, seconds, is_shared=is_shared) as connection:
        connection.request("POST", path, request.body, dict(request.headers))
        with closing(connection.getresponse()) as answer:
            return answer.status


@contextmanager
def _connected(parts: SplitResult, seconds: float, *, is_shared: bool) -> Iterator[HTTPConnection]:
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    with ExitStack() as stack:
        sock = stack.enter_context(closing(_socket((host, port), seconds, is_shared=is_shared)))
        connection = HTTPConnection(host, port)
        if parts.scheme == "https":
            connection = HTTPSConnection(host, port, context=_tls())
            secured = _tls().wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
            sock = stack.enter_context(closing(secured))
        # The time-out of a socket is for each byte of an answer, and this one for all of it.
        timer = Timer(seconds, _cut, (sock,))
        timer.daemon = True
        timer.start()
        stack.callback(timer.cancel)
        if isinstance(sock, ssl.SSLSocket):
            sock.do_handshake()
        connection.sock = sock
        yield connection


def _cut(sock: socket.socket) -> None:
    with suppress(OSError):  # it was over just now
        sock.shutdown(socket.SHUT_RDWR)


def _socket(place: tuple[str, int], seconds: float, *, is_shared: bool) -> socket.socket:
    """Connected to an address that was looked at, so that it can't be another one by then."""
    kind, _, _, _, address = socket.getaddrinfo(*place, type=socket.SOCK_STREAM)[0]
    _check(str(address[0]), is_shared=is_shared)
    made = socket.socket(kind, socket.SOCK_STREAM)
    try:
        made.settimeout(seconds)
        made.connect(address)
    except BaseException:
        made.close()
        raise
    return made


def _check(address: str, *, is_shared: bool) -> None:
    found = ip_address(address.partition("%")[0])
    refused = found.is_link_local or found.is_multicast or found.is_unspecified
    if refused or (is_shared and found.is_loopback):
        raise RefusedAddressError("its address is one that no webhook may be at")


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
