"""Real servers of files on 127.0.0.1, SFTP and FTP, that cut connections when they are told to."""

import asyncio
import hashlib
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import asyncssh

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it builds on asyncore
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import DTPHandler, FTPHandler
    from pyftpdlib.servers import FTPServer

USER, PASSWORD = "etl", "only for these tests"
USER_KEY = asyncssh.generate_private_key("ssh-ed25519")
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")


@dataclass
class Traffic:
    """What went over the wire, and after how many bytes of it the connection is cut next."""

    cuts: list[int] = field(default_factory=list)
    moved: int = 0
    is_dead: bool = False  # whoever asks for bytes is cut off
    refused: set[str] = field(default_factory=set)  # commands of FTP that the server has not
    says: dict[str, str] = field(default_factory=dict)  # what it answers to commands instead
    asked: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)  # how somebody logged in with success
    lost_renames: int = 0  # how many of the next are done, and not answered
    looked: Event = field(default_factory=Event)  # somebody has looked for a file
    stalls_after: int | None = None  # bytes; nothing comes then before `go_on`
    stalled: Event = field(default_factory=Event)
    go_on: Event = field(default_factory=Event)

    signal_at: int = 0  # with which request this process gets SIGTERM
    requests: int = 0

    def count_request(self) -> None:
        self.requests += 1
        if self.requests == self.signal_at:
            os.kill(os.getpid(), signal.SIGTERM)

    def is_cut(self, size: int) -> bool:
        self.moved += size
        if self.stalls_after is not None and self.moved >= self.stalls_after:
            self.stalled.set()
            self.go_on.wait()
        if self.is_dead:
            return True
        if self.cuts and self.moved >= self.cuts[0]:
            del self.cuts[0]
            return True
        return False


@dataclass(frozen=True)
class FileServer:
    """A server, and how batch-job is told of it."""

    scheme: str
    port: int
    root: Path
    traffic: Traffic
    login: tuple[str, ...]
    environment: dict[str, str]
    key: str = ""  # what the server is known by

    def address(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/{path}"

    def has(self) -> set[str]:
        return {str(each.relative_to(self.root)) for each in self.root.rglob("*") if each.is_file()}


def some_bytes(size: int) -> bytes:
    """Bytes in which no two places look alike."""
    return hashlib.shake_128(b"some").digest(size)


class _Door(asyncssh.SSHServer):
    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self._traffic.logins.append("password")
        return (username, password) == (USER, PASSWORD)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key.public_data == USER_KEY.public_data


class _CuttingSftp(asyncssh.SFTPServer):
    def __init__(self, root: Path, traffic: Traffic, chan: Any) -> None:
        super().__init__(chan, chroot=str(root).encode())
        self._traffic = traffic

    def stat(self, path: bytes) -> Any:
        self._traffic.looked.set()
        self._traffic.count_request()
        return super().stat(path)

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        self._traffic.count_request()
        return super().open(path, pflags, attrs)

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        self._traffic.count_request()
        content = super().read(file_obj, offset, size)
        assert isinstance(content, bytes)
        self._count(len(content))
        return content

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        self._traffic.count_request()
        if self._traffic.is_cut(len(data)):
            # Of several requests that were on their way, the last one was done, and this one not.
            super().write(file_obj, offset + len(data) - 1, b"\0")
            self._cut()
        written = super().write(file_obj, offset, data)
        assert isinstance(written, int)
        return written

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        self._traffic.count_request()
        super().posix_rename(oldpath, newpath)
        if self._traffic.lost_renames:
            self._traffic.lost_renames -= 1
            self.connection.abort()

    def _count(self, size: int) -> None:
        if self._traffic.is_cut(size):
            self._cut()

    def _cut(self) -> None:
        self.connection.abort()
        raise asyncssh.SFTPConnectionLost("cut")


@contextmanager
def sftp_server(root: Path) -> Iterator[FileServer]:
    traffic = Traffic()
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    listener = run(_listening(traffic, partial(_CuttingSftp, root, traffic)))
    try:
        yield FileServer(
            "sftp",
            listener.get_port(),
            root,
            traffic,
            (
                *("--user", USER, "--password-from", "env:SFTP_PASSWORD"),
                *("--host-key", HOST_KEY.get_fingerprint("sha256")),
            ),
            {"SFTP_PASSWORD": PASSWORD},
            HOST_KEY.export_public_key().decode().strip(),
        )
    finally:
        traffic.go_on.set()
        run(_all_closed(listener))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _listening(
    traffic: Traffic, sftp: Callable[..., asyncssh.SFTPServer]
) -> asyncssh.SSHAcceptor:
    return await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=lambda: _Door(traffic),
        server_host_keys=[HOST_KEY],
        sftp_factory=sftp,
    )


async def _all_closed(listener: asyncssh.SSHAcceptor) -> None:
    listener.close()
    await listener.wait_closed()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _transfer_of(traffic: Traffic) -> type[DTPHandler]:
    class CuttingTransfer(DTPHandler):  # type: ignore[misc]
        counted = 0

        def handle_read(self) -> None:
            super().handle_read()
            self._count()

        def send(self, data: bytes) -> int:
            return 0 if traffic.is_dead else int(super().send(data))

        def handle_write(self) -> None:
            super().handle_write()
            self._count()

        def _count(self) -> None:
            now = self.get_transmitted_bytes()
            moved, self.counted = now - self.counted, now
            if traffic.is_cut(moved):
                self.cmd_channel.close()

    return CuttingTransfer


def _ftp_of(root: Path, traffic: Traffic) -> type[FTPHandler]:
    class Talking(FTPHandler):  # type: ignore[misc]
        authorizer = DummyAuthorizer()
        dtp_handler = _transfer_of(traffic)
        use_sendfile = False
        auth_failed_timeout = 0

        def log(self, *_: object, **__: object) -> None:
            """Say nothing."""

        logline = logerror = log

        def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
            traffic.asked.append(line)
            traffic.count_request()
            if cmd == "SIZE":
                traffic.looked.set()
            if cmd in traffic.says:
                self.respond(traffic.says[cmd])
            elif cmd in traffic.refused:
                self.respond(f"502 {cmd} is not implemented.")
            else:
                super().pre_process_command(line, cmd, arg)

    Talking.authorizer.add_user(USER, PASSWORD, str(root), perm="elradfmwMT")
    return Talking


@contextmanager
def ftp_server(root: Path) -> Iterator[FileServer]:
    traffic = Traffic()
    server = FTPServer(("127.0.0.1", 0), _ftp_of(root, traffic))
    over = Event()

    def serve() -> None:
        while not over.is_set():
            server.serve_forever(timeout=0.01, blocking=False)

    thread = Thread(target=serve)
    thread.start()
    try:
        yield FileServer(
            "ftp",
            server.address[1],
            root,
            traffic,
            ("--user", USER, "--password-from", "env:FTP_PASSWORD"),
            {"FTP_PASSWORD": PASSWORD},
        )
    finally:
        traffic.go_on.set()
        over.set()
        thread.join()
        server.close_all()


@contextmanager
def sales_server(folder: Path, sales: bytes) -> Iterator[FileServer]:
    """An FTP server that has sales.csv."""
    root = folder / "server"
    root.mkdir()
    (root / "sales.csv").write_bytes(sales)
    with ftp_server(root) as running:
        yield running
