"""Servers of the HTTP API in threads of the test, what stands before them, and a terminal."""

import json
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chalicelib.bootstrap import open_own_edition
from chalicelib.cli.main import main
from chalicelib.config import read_settings
from chalicelib.local.clock import SystemClock
from chalicelib.serving.own_token import OwnToken
from chalicelib.serving.server import Server

# Drives nothing, and ends when its standard input does.
NO_ENGINE = [sys.executable, "-c", "import sys; sys.stdin.read()"]


@dataclass(frozen=True)
class Place:
    """Where a server is, and the file with a token for it."""

    url: str
    token_file: Path

    @property
    def token(self) -> str:
        return self.token_file.read_text().strip()

    @property
    def secret(self) -> str:
        """What must never be seen anywhere."""
        return self.token.split("_")[2]


@contextmanager
def served(state: Path) -> Iterator[Place]:
    """Serve a state directory, whose runs nobody drives."""
    ready: SimpleQueue[Place] = SimpleQueue()
    over = threading.Event()

    def serve() -> None:
        settings = read_settings(state=state)
        with open_own_edition(settings) as edition:
            own = OwnToken(state, "ann", edition.chance)
            own.ensure(edition.access)
            server = Server(settings, ("127.0.0.1", 0), NO_ENGINE, own)
            ready.put(Place(f"http://127.0.0.1:{server.port}", own.path))
            server.run(edition, over.wait)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield ready.get(timeout=20)
    finally:
        over.set()
        thread.join()


@dataclass
class Proxy:
    """Stands before a server: under a prefix, with TLS, and may lose answers to acts."""

    target: str  # a URL of this machine
    prefix: str = ""
    losses: int = 0  # answers to acts that are lost from now on
    asked: list[str] = field(default_factory=list)  # `METHOD path`, as it came
    keys: list[str] = field(default_factory=list)  # each Idempotency-Key that came
    answered: list[int] = field(default_factory=list)  # the status of each answer

    def forward(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Any:
        """The answer of the server: status, headers and body."""
        host = self.target.partition("://")[2]
        connection = HTTPConnection(host, timeout=20)
        try:
            sent = {**headers, "Host": host, "Connection": "close"}
            connection.request(method, path.removeprefix(self.prefix), body or None, sent)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


Answer = tuple[int, list[tuple[str, str]], bytes]
Respond = Callable[[str, str, Mapping[str, str], bytes], Answer | None]


@contextmanager
def listening(respond: Respond, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that answers as told; None closes the connection instead. Gives its authority."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            found = respond(self.command, self.path, dict(self.headers), body)
            if found is None:
                self.close_connection = True
                return
            status, headers, content = found
            self.send_response_only(status)
            dropped = ("connection", "content-length", "date")
            for name, value in headers:
                if name.lower() not in dropped:
                    self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - names of the library's

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def proxied(proxy: Proxy, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL of a proxy."""

    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        proxy.asked.append(f"{method} {path}")
        proxy.keys += [headers[name] for name in headers if name.lower() == "idempotency-key"]
        found: Answer = proxy.forward(method, path, headers, body)
        proxy.answered.append(found[0])
        if method != "GET" and proxy.losses:
            proxy.losses -= 1
            return None
        return found

    with listening(respond, context) as authority:
        yield f"{'https' if context else 'http'}://{authority}{proxy.prefix}"


def answering(status: int, body: str, **headers: str) -> Respond:
    """Answers all alike."""
    told = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return lambda *_: (status, told, body.encode())


class Terminal:
    """Types verbs at a server, from a folder of its own that knows nothing of it."""

    def __init__(self, folder: Path, place: Place, screen: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.place = place
        self.screen = screen

    @property
    def where(self) -> list[str]:
        """The options of each command."""
        return ["--edition", "http", "--url", self.place.url]

    def type(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """The exit code, the standard output and the standard error."""
        given = {"BATCH_SCHEDULER_TOKEN_FILE": str(self.place.token_file), **environment}
        return self.type_only(*words, *self.where, **given)

    def type_only(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """The same with nothing but what is said."""
        with ExitStack() as undone:
            patch = undone.enter_context(pytest.MonkeyPatch.context())
            patch.chdir(self.folder)
            patch.setenv("BATCH_SCHEDULER_STATE", str(self.folder / "nothing"))
            for name, value in environment.items():
                patch.setenv(name, value)
            code = main(list(words))
        said = self.screen.readouterr()
        return code, said.out, said.err

    def read(self, *words: str) -> str:
        """What a verb that succeeds prints."""
        code, out, err = self.type(*words)
        assert code == 0, err
        return out

    def json(self, *words: str) -> Any:
        return json.loads(self.read(*words, "--json"))


def self_signed(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """What serves TLS as 127.0.0.1, and the certificate by which one may trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    names = [x509.IPAddress(ip_address("127.0.0.1"))]
    now = SystemClock()()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    kept, secret = folder / "certificate.pem", folder / "key.pem"
    kept.write_bytes(certificate.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(kept, secret)
    return context, kept
