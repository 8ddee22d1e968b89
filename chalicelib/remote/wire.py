"""Requests to one server, over one connection that is kept, and what of them is asked again.

What only looks is asked again when the connection breaks. What acts has an Idempotency-Key, by
which the server does it once however often it comes; what acts and can't have one is sent once,
and a lost answer is told of.
"""

import json
import ssl
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlencode

from chalicelib.errors import BackendError
from chalicelib.remote.addresses import Address
from chalicelib.remote.bearing import Bearer
from chalicelib.remote.replies import PROBLEM, Reply, not_understood
from chalicelib.services.repeating import BUSY_TYPE

_TO_CONNECT = 10.0  # s
_TO_ANSWER = 60.0  # s without a byte: a function has no longer either
_PAUSES = (0.2, 1.0)  # s before the second and the third try
_MOST = 256 * 1024 * 1024  # bytes of an answer
_KEPT = 64  # answers that are kept to be asked for by their ETag
_KEY_BYTES = 16

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None = None
    again: bool = True  # the same once more does no harm
    acts: bool = False  # a lost answer leaves open what was done


class Wire:
    """Speaks with one server for one person. For one thread."""

    def __init__(self, address: Address, bearer: Bearer, chance: Callable[[int], bytes]) -> None:
        """`chance` gives so many bytes that nobody else has."""
        self.host = address.shown
        self._address = address
        self._bearer = bearer
        self._chance = chance
        self._connection: HTTPConnection | None = None
        self._known: dict[str, tuple[str, Any]] = {}  # by target: ETag and value

    def get(self, path: str, query: Query = ()) -> Reply:
        """Look. What is known and has not changed costs an empty answer."""
        target = self._target(path, query)
        etag, value = self._known.get(target, ("", None))
        headers = {"If-None-Match": etag} if etag else {}
        response, content = self._ask(_Request("GET", target, self._headers(headers)))
        if response.status == HTTPStatus.NOT_MODIFIED:
            return Reply(self.host, HTTPStatus.OK, value)
        reply = self._reply(response, content)
        etag = response.headers.get("ETag", "")
        if etag and reply.status == HTTPStatus.OK:
            self._known.pop(target, None)
            self._known[target] = (etag, reply.value)
            if len(self._known) > _KEPT:
                del self._known[next(iter(self._known))]
        return reply

    def post(self, path: str, value: Any) -> Reply:
        """Act, once however often it has to be sent."""
        key = {"Idempotency-Key": self._chance(_KEY_BYTES).hex()}
        return self._send("POST", path, value, key)

    def post_once(self, path: str, value: Any) -> Reply:
        """Act where nothing tells the server that the same was asked before; sent once only."""
        return self._send("POST", path, value, again=False)

    def put(self, path: str, value: Any) -> Reply:
        """Store what is the same when it is stored again."""
        return self._send("PUT", path, value)

    def delete(self, path: str, query: Query = (), *, again: bool) -> Reply:
        """Take away; `again` says that the same once more is answered alike."""
        return self._send("DELETE", path, None, query=query, again=again)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(
        self,
        method: str,
        path: str,
        value: Any,
        headers: Mapping[str, str] | None = None,
        *,
        query: Query = (),
        again: bool = True,
    ) -> Reply:
        body = None if value is None else json.dumps(value).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        sent = self._headers({**kind, **(headers or {})})
        request = _Request(method, self._target(path, query), sent, body, again, acts=True)
        return self._reply(*self._ask(request))

    def _ask(self, request: _Request) -> tuple[HTTPResponse, bytes]:
        """The answer, in up to three tries. Raises BackendError."""
        was_sent, failure = False, None
        for pause in (*_PAUSES, None):
            try:
                connection = self._connected(fresh=not request.again)
                was_sent_before, was_sent = was_sent, True
                response, content = self._exchange(connection, request)
                if not (was_sent_before and _is_busy(response, content)):
                    return response, content
                failure = None
            except ssl.SSLCertVerificationError as error:
                told = f"its certificate is not good here: {error.verify_message}"
                raise self._failed(told) from error
            except (OSError, HTTPException) as error:
                self.close()
                failure = error
            if pause is None or (was_sent and not request.again):
                break
            time.sleep(pause)
        if was_sent and request.acts:
            raise self._lost(failure) from failure
        raise self._failed(_words(failure)) from failure

    def _exchange(
        self, connection: HTTPConnection, request: _Request
    ) -> tuple[HTTPResponse, bytes]:
        url = f"{self._address.origin}{request.target}"
        headers = self._bearer.headers(request.method, url, request.headers, request.body)
        connection.request(request.method, request.target, request.body, dict(headers))
        response = connection.getresponse()
        content = response.read(_MOST + 1)
        if len(content) > _MOST:
            self.close()
            raise not_understood(self.host)
        if response.will_close:
            self.close()
        return response, content

    def _connected(self, *, fresh: bool) -> HTTPConnection:
        """The connection; a fresh one where one that the server has closed meanwhile would hurt."""
        if fresh:
            self.close()
        if self._connection is None:
            connection = self._new()
            connection.connect()
            connection.sock.settimeout(_TO_ANSWER)
            self._connection = connection
        return self._connection

    def _new(self) -> HTTPConnection:
        host, port = self._address.host, self._address.port
        if not self._address.is_secure:
            return HTTPConnection(host, port, timeout=_TO_CONNECT)
        context = ssl.create_default_context()
        return HTTPSConnection(host, port, timeout=_TO_CONNECT, context=context)

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        return {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": "batch-scheduler",
            **more,
        }

    def _target(self, path: str, query: Query = ()) -> str:
        # Not + for a blank: whoever signs and whoever verifies must read the same.
        asked = urlencode(query, quote_via=quote)
        return self._address.prefix + path + (f"?{asked}" if asked else "")

    def _reply(self, response: HTTPResponse, content: bytes) -> Reply:
        status = response.status
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            # Wherever it leads, the token is not for there.
            raise self._failed(f"answers {status}, a redirect, which is not followed")
        value = _value(response, content)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        is_problem = kind == PROBLEM and isinstance(value, dict)
        if value is _NOTHING and status < HTTPStatus.BAD_REQUEST:
            raise not_understood(self.host)
        return Reply(self.host, status, value, is_problem)

    def _failed(self, reason: str) -> BackendError:
        return BackendError("server", self.host, reason, retryable=True)

    def _lost(self, failure: Exception | None) -> BackendError:
        reason = (
            f"the answer was lost ({_words(failure)}), and with it whether it was done; "
            "look before you ask again"
        )
        return BackendError("server", self.host, reason, retryable=False)


_NOTHING = object()  # the body is no JSON


def _value(response: HTTPResponse, content: bytes) -> Any:
    """The JSON of a body."""
    with suppress(ValueError, RecursionError, zlib.error):
        if response.headers.get("Content-Encoding", "") == "gzip":
            unpacking = zlib.decompressobj(wbits=31)
            content = unpacking.decompress(content, _MOST)
            if unpacking.unconsumed_tail:
                return _NOTHING
        return json.loads(content)
    return _NOTHING


def _is_busy(response: HTTPResponse, content: bytes) -> bool:
    """Say whether a server still works on what was sent before."""
    if response.status != HTTPStatus.CONFLICT:
        return False
    value = _value(response, content)
    return isinstance(value, dict) and value.get("type") == BUSY_TYPE


def _words(failure: Exception | None) -> str:
    if failure is None:
        return "it still works on it"
    if isinstance(failure, TimeoutError):
        return "it does not answer in time"
    told = getattr(failure, "strerror", None) or str(failure) or type(failure).__name__
    return f"can't be reached: {told}"
