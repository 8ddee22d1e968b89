"""An SFTP server, as a place. Its host key is always checked, and never learnt from the server."""

import asyncio
import stat
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

import asyncssh

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.transfers.addresses import Address
from fetch_and_run.transfers.places import CHUNK, CutOffError, Seen

T = TypeVar("T")
ANSWER = 60.0  # seconds that an answer of the server may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How to log in, and by what the server is known: at least one of the last two."""

    user: str
    password: str | None = None
    key: asyncssh.SSHKey | None = None
    known_hosts: str | None = None  # the text of a known_hosts file
    fingerprints: tuple[str, ...] = ()  # SHA256:…, as ssh-keygen -l prints it


class Sftp:
    """One connection, made when it is needed and again when it was lost."""

    near = False
    whole = False
    rewinds = CHUNK  # it is sent as several requests at once: a cut may leave holes in it

    def __init__(self, address: Address, login: Login) -> None:
        self.name = address.place
        self._address, self._login = address, login
        self._runner = asyncio.Runner()
        # A signal may come inside a task of asyncssh: it ends us, and is no news of that task.
        self._runner.get_loop().set_exception_handler(lambda *_: None)
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

    def look(self, path: str) -> Seen | None:
        try:
            found = self._ask(path, lambda sftp: sftp.stat(_of(path)))
        except FileNotFoundError:
            return None
        is_directory = stat.S_ISDIR(found.permissions or 0)
        return Seen(found.size or 0, f"{found.mtime}", is_directory)

    def names(self, directory: str) -> list[str]:
        try:
            found = self._ask(directory, lambda sftp: sftp.listdir(_of(directory)))
        except FileNotFoundError:
            return []
        return [str(name) for name in found]

    def read(self, path: str, start: int) -> Iterator[bytes]:
        with self._open(path, "rb") as stream:
            position = start
            while chunk := self._take(path, stream, position):
                position += len(chunk)
                yield chunk

    def write(self, path: str, start: int, chunks: Iterable[bytes]) -> None:
        with self._open(path, "r+b" if start else "wb") as stream:
            position = start
            for chunk in chunks:
                self._put(path, stream, chunk, position)
                position += len(chunk)

    def _take(self, path: str, stream: asyncssh.SFTPClientFile, at: int) -> bytes:
        # It is opened without an encoding, which its type does not tell.
        return cast("bytes", self._ask(path, lambda _: stream.read(CHUNK, at)))

    def _put(self, path: str, stream: asyncssh.SFTPClientFile, chunk: bytes, at: int) -> None:
        self._ask(path, lambda _: stream.write(chunk, at))

    @contextmanager
    def _open(self, path: str, mode: str) -> Iterator[asyncssh.SFTPClientFile]:
        try:
            stream = self._ask(path, lambda sftp: sftp.open(_of(path), mode, encoding=None))
        except FileNotFoundError as error:
            what = "is not there" if mode == "rb" else "has no directory to be in"
            raise JobError(Exit.NOT_FETCHED, f"{self.name}{path} {what}") from error
        yield stream
        self._ask(path, lambda _: stream.close())

    def rename(self, path: str, name: str) -> None:
        try:
            # Plain rename of SFTP 3 refuses a name that is taken; this one of OpenSSH replaces it.
            self._ask(name, lambda sftp: sftp.posix_rename(_of(path), _of(name)))
        except FileNotFoundError as error:
            raise CutOffError(f"{self.name}{path} can't be renamed: it is not there") from error

    def remove(self, path: str) -> None:
        try:
            self._ask(path, lambda sftp: sftp.remove(_of(path)))
        except FileNotFoundError:
            return

    def close(self) -> None:
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None:
            connection.abort()
        self._runner.close()

    def _ask(self, path: str, ask: Callable[[asyncssh.SFTPClient], Awaitable[T]]) -> T:
        """Ask the server one thing; raises FileNotFoundError when the path is not there."""
        try:
            return self._runner.run(self._asked(ask))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
            raise FileNotFoundError(path) from error
        except (asyncssh.Error, OSError, TimeoutError) as error:
            if not isinstance(error, asyncssh.SFTPError) or isinstance(error, _LOST):
                self._drop()
            if isinstance(error, _FINAL):
                raise JobError(*self._refusal(path, error)) from error
            reason = str(error) or "no answer"
            raise CutOffError(f"{self.name}: {reason}") from error

    async def _asked(self, ask: Callable[[asyncssh.SFTPClient], Awaitable[T]]) -> T:
        async with asyncio.timeout(ANSWER):
            if self._client is None:
                connection = self._connection = await self._connect()
                # Names are of any bytes; those that are no text are passed over later.
                self._client = await connection.start_sftp_client(path_errors="surrogateescape")
            return await ask(self._client)

    async def _connect(self) -> asyncssh.SSHClientConnection:
        login = self._login
        known = login.known_hosts
        return await asyncssh.connect(
            self._address.host,
            self._address.port or 22,
            config=None,
            client_factory=lambda: _Knowing(login.fingerprints),
            known_hosts=known.encode() if known is not None else ([], [], []),
            username=login.user,
            password=login.password,
            client_keys=[login.key] if login.key is not None else None,
            agent_path=None,
            gss_host=None,
            disable_trivial_auth=True,
            keepalive_interval=15,
            login_timeout=30,
        )

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.abort()
        self._connection = self._client = None

    def _refusal(self, path: str, error: Exception) -> tuple[Exit, str]:
        if isinstance(error, asyncssh.HostKeyNotVerifiable):
            return Exit.REFUSED, (
                f"{self.name} is not known by its host key; ask its owner for the fingerprint, "
                "and give it as --host-key, or its line by --known-hosts-from"
            )
        if isinstance(error, asyncssh.PermissionDenied):
            return Exit.NOT_FETCHED, f"{self.name} does not let {self._login.user!r} log in"
        return Exit.NOT_FETCHED, f"{self.name}{path}: {error}"


class _Knowing(asyncssh.SSHClient):
    """Knows a server by fingerprints of its key."""

    def __init__(self, fingerprints: tuple[str, ...]) -> None:
        self._fingerprints = fingerprints

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        return key.get_fingerprint("sha256") in self._fingerprints


_LOST = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)
# What asking again would not change. A plain failure of SFTP says nothing, so it is asked again.
_FINAL = (
    asyncssh.HostKeyNotVerifiable,
    asyncssh.PermissionDenied,
    asyncssh.IllegalUserName,
    asyncssh.KeyExchangeFailed,
    asyncssh.SFTPPermissionDenied,
    asyncssh.SFTPOpUnsupported,
    asyncssh.SFTPWriteProtect,
    asyncssh.SFTPNoSpaceOnFilesystem,
    asyncssh.SFTPQuotaExceeded,
    asyncssh.SFTPFileIsADirectory,
    asyncssh.SFTPNotADirectory,
    asyncssh.SFTPInvalidFilename,
)


def _of(path: str) -> str:
    """A path as the server takes it: without `~/` from where one is after logging in."""
    return path.removeprefix("~/") or "."
