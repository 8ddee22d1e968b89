"""S3 over real HTTP, strict, as far as GetObject goes; it breaks off, changes and refuses as told.

What batch-job would never send is answered with 400, and kept in `faults`: a test looks there.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import parse_qsl, unquote, urlsplit

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=\w+/\d{8}/[\w-]+/s3/aws4_request, "
    r"SignedHeaders=[\w;-]+, Signature=[0-9a-f]{64}"
)
_PARAMETERS = {"versionId", "x-id"}

Hook = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Version:
    id: str
    content: bytes

    @property
    def tag(self) -> str:
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"'


@dataclass(slots=True)
class Bad:
    """How answers about one object go wrong, from the next one on.

    `breaks` are after how many bytes of its body each answer breaks off, one after another; then
    `hook` is called, if there is one. `errors` are answered in place of the object, one each.
    """

    breaks: list[int] = field(default_factory=list)
    hook: Hook | None = None
    errors: list[tuple[int, str]] = field(default_factory=list)
    dribbles: bool = False  # a byte at a time
    stalls: int = 0  # how many answers stop after their first half, until the server ends
    announces: int = 0  # bytes, in place of those that there are
    ignores_ranges: bool = False
    ignores_conditions: bool = False
    corrupts: bool = False  # the last byte, behind the back of the length and the tag
    leaves_out: str = ""  # a header, as proxies do
    checksum: str = ""  # CRC-32, in base64: what S3 says that the object has


@dataclass
class Objects:
    """Buckets, their objects' versions, what is wrong with whom, and the requests that came."""

    port: int = 0
    versions: dict[str, list[Version]] = field(default_factory=dict)  # by bucket/key
    denied: set[str] = field(default_factory=set)  # buckets
    bad: dict[str, Bad] = field(default_factory=dict)  # by bucket/key
    requests: list[tuple[str, str]] = field(default_factory=list)  # path and range
    faults: list[str] = field(default_factory=list)
    came: Event = field(default_factory=Event)  # a request
    over: Event = field(default_factory=Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, name: str, content: bytes | str) -> str:
        """A new version of bucket/key; its id."""
        known = self.versions.setdefault(name, [])
        body = content.encode() if isinstance(content, str) else content
        known.append(Version(f"v{len(known) + 1}", body))
        return known[-1].id


class _RefusedError(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects: Objects

    def do_GET(self) -> None:
        try:
            self._answer()
        except _RefusedError as refused:
            self._refuse(refused)

    def _answer(self) -> None:
        objects, parts = self.objects, urlsplit(self.path)
        name = unquote(parts.path).removeprefix("/")
        objects.requests.append((name, self.headers.get("Range", "")))
        objects.came.set()
        asked = dict(parse_qsl(parts.query))
        self._check(asked)
        bad = objects.bad.get(name, Bad())
        if bad.errors:
            raise _RefusedError(*bad.errors.pop(0))
        version = self._version(name, asked.get("versionId", ""))
        is_meant = self.headers.get("If-Match", version.tag) == version.tag
        if not is_meant and not bad.ignores_conditions:
            raise _RefusedError(412, "PreconditionFailed")
        self._send(version, bad)

    def _check(self, asked: Mapping[str, str]) -> None:
        wrong = ""
        if not _HEADER.fullmatch(self.headers.get("Authorization", "")):
            wrong = "no signature"
        if set(asked) - _PARAMETERS:
            wrong = f"parameters {sorted(asked)}"
        if not re.fullmatch(r"|bytes=\d+-", self.headers.get("Range", "")):
            wrong = f"range {self.headers['Range']}"
        if wrong:
            self.objects.faults.append(wrong)
            raise _RefusedError(400, "InvalidRequest")

    def _version(self, name: str, wanted: str) -> Version:
        bucket = name.partition("/")[0]
        if bucket in self.objects.denied:
            raise _RefusedError(403, "AccessDenied")
        if not any(known.startswith(f"{bucket}/") for known in self.objects.versions):
            raise _RefusedError(404, "NoSuchBucket")
        known = self.objects.versions.get(name, [])
        if not known:
            raise _RefusedError(404, "NoSuchKey")
        if not wanted:
            return known[-1]
        found = next((each for each in known if each.id == wanted), None)
        if found is None:
            raise _RefusedError(404, "NoSuchVersion")
        return found

    def _send(self, version: Version, bad: Bad) -> None:
        size = len(version.content)
        asked = "" if bad.ignores_ranges else self.headers.get("Range", "")
        begin = int(asked[6:-1]) if asked else 0
        if asked and begin >= size:
            raise _RefusedError(416, "InvalidRange")
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{size - 1}/{size}")
        headers = {
            "Content-Length": str(bad.announces or size - begin),
            "ETag": version.tag,
            "x-amz-version-id": version.id,
        }
        if bad.checksum:
            headers["x-amz-checksum-crc32"] = bad.checksum
        for name, value in headers.items():
            if name != bad.leaves_out:
                self.send_header(name, value)
        self.close_connection = bad.leaves_out == "Content-Length"
        self.end_headers()
        self._send_body(version.content[begin:], bad)

    def _send_body(self, body: bytes, bad: Bad) -> None:
        if bad.corrupts:
            body = body[:-1] + bytes([body[-1] ^ 1])
        if bad.breaks:
            self.wfile.write(body[: bad.breaks.pop(0)])
            self.close_connection = True
            if bad.hook is not None:
                bad.hook()
        elif bad.stalls:
            bad.stalls -= 1
            self.wfile.write(body[: len(body) // 2])
            self.objects.over.wait()
            self.close_connection = True
        elif bad.dribbles:
            for byte in body:
                self.wfile.write(bytes([byte]))
        else:
            self.wfile.write(body)

    def _refuse(self, refused: _RefusedError) -> None:
        body = f"<Error><Code>{refused.code}</Code><Message>as told</Message></Error>".encode()
        self.send_response(refused.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that was ended has hung up."""


@contextmanager
def objects() -> Iterator[Objects]:
    """A server on 127.0.0.1, empty."""
    kept = Objects()
    handler = type("Handler", (_Handler,), {"objects": kept})
    with _Server(("127.0.0.1", 0), handler) as server:
        kept.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield kept
        finally:
            kept.over.set()
            server.shutdown()
            thread.join()
