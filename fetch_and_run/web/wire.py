"""One request and its answer: bounded in size and time, and with secrets for their host only."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    SSLError,
)

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.web.urls import checked, led_to, origin, shown

CONNECT = 5.0  # s
CHUNK = 65_536
MOST_REDIRECTS = 5
SAFE = frozenset({"GET", "HEAD"})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
UNCHANGED = frozenset({307, 308})  # these ask for the same request elsewhere: nothing was done yet


class NotSentError(Exception):
    """There was no connection: the server knows nothing of the request."""


class LostError(Exception):
    """The request was sent, and no whole answer came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked; `secrets` are headers as well."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came; `body` is its beginning when it is not `whole`."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What an answer may cost."""

    size: int  # bytes of its body
    seconds: float  # until all of it is there
    plain: bool  # without TLS, other machines too


class Wire:
    """Sends requests, each once."""

    def __init__(
        self, bounds: Bounds, now: Callable[[], datetime], trusted: ssl.SSLContext
    ) -> None:
        self._bounds = bounds
        self._now = now
        self._pool = urllib3.PoolManager(
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT, read=bounds.seconds),
            ssl_context=trusted,
        )

    def close(self) -> None:
        self._pool.clear()

    def ask(self, request: Request) -> Answer:
        """Ask, and go where a redirect leads as long as secrets and bodies stay with their host.

        Raises NotSentError, LostError, and JobError (REFUSED) for what leads elsewhere.
        """
        for _ in range(MOST_REDIRECTS):
            answer = self._asked(request)
            location = answer.headers.get("location")
            follows = request.method in SAFE or answer.status in UNCHANGED
            if answer.status not in REDIRECTS or location is None or not follows:
                return answer
            request = self._redirected(request, location)
        raise JobError(Exit.REFUSED, f"{shown(request.url)} leads on and on")

    def _redirected(self, request: Request, location: str) -> Request:
        url = checked(led_to(request.url, location), plain=self._bounds.plain)
        if origin(url) != origin(request.url) and (request.secrets or request.method not in SAFE):
            raise JobError(
                Exit.REFUSED,
                f"{shown(request.url)} leads to another host, {shown(url)}, which was not meant "
                "to get this request; give its URL if it was",
            )
        return replace(request, url=url)

    def _asked(self, request: Request) -> Answer:
        end = self._now() + timedelta(seconds=self._bounds.seconds)
        try:
            response = self._pool.request(
                request.method,
                request.url,
                headers={**request.headers, **request.secrets},
                body=request.body,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except SSLError as error:
            if not isinstance(error.args[0], ssl.SSLCertVerificationError):
                raise LostError(f"no answer of {shown(request.url)}: {error}") from error
            raise JobError(
                Exit.REFUSED, f"{shown(request.url)} can't be trusted: {error}"
            ) from error
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise NotSentError(f"no connection to {shown(request.url)}") from error
        except HTTPError as error:
            raise LostError(f"no answer of {shown(request.url)}: {type(error).__name__}") from error
        try:
            body, whole = self._body(response, end)
        except HTTPError as error:
            raise LostError(f"half an answer of {shown(request.url)}") from error
        finally:
            response.close()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(
            url=request.url, status=response.status, headers=headers, body=body, whole=whole
        )

    def _body(self, response: urllib3.BaseHTTPResponse, end: datetime) -> tuple[bytes, bool]:
        body = bytearray()
        while chunk := response.read(CHUNK):
            body += chunk
            if len(body) > self._bounds.size or self._now() > end:
                return bytes(body[: self._bounds.size]), False
        return bytes(body), True
