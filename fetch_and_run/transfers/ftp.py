"""An FTP server, as a place; with TLS for commands and files when asked for."""

import ftplib  # nosec B402
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.transfers.addresses import Address
from fetch_and_run.transfers.places import CHUNK, CutOffError, Seen

T = TypeVar("T")
ANSWER = 60.0  # seconds that an answer of the server may take
UNKNOWN_COMMAND = ("500", "501", "502", "504")  # RFC 959, 4.2.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How to log in; with TLS when there is a context that says who is trusted."""

    user: str = "anonymous"
    password: str = ""
    tls: ssl.SSLContext | None = None


class Ftp:
    """One connection, made when it is needed and again when it was lost."""

    near = False
    whole = False
    rewinds = 0

    def __init__(self, address: Address, login: Login) -> None:
        self.name = address.place
        self._address, self._login = address, login
        self._session: ftplib.FTP | None = None
        self._restarts = True  # until the server has said that it can't begin inside a file

    def look(self, path: str) -> Seen | None:
        with self._told(path) as session:
            size = _unless_missing(lambda: session.sendcmd(f"SIZE {_of(path)}"))
            if size is None:
                return None
            try:
                changed = session.sendcmd(f"MDTM {_of(path)}")
            except ftplib.error_perm:  # not every server knows it; the size is all there is then
                changed = ""
        return Seen(self._size(size), changed)

    def _size(self, reply: str) -> int:
        size = reply.removeprefix("213").strip()
        if not (size.isascii() and size.isdecimal()):
            raise JobError(Exit.NOT_FETCHED, f"{self.name} tells no sizes: {reply!r}")
        return int(size)

    def names(self, directory: str) -> list[str]:
        with self._told(directory) as session:
            found = _unless_missing(lambda: session.nlst(_of(directory)))
            session.voidcmd("TYPE I")  # names came as text, and sizes are asked for in bytes
        return [_text(name).rsplit("/", 1)[-1] for name in found or ()]

    def read(self, path: str, start: int) -> Iterator[bytes]:
        surplus = 0 if self._restarts else start
        with self._told(path) as session:
            with self._transfer(session, f"RETR {_of(path)}", start - surplus) as connection:
                while chunk := connection.recv(CHUNK):
                    fresh = chunk[surplus:]
                    surplus = max(0, surplus - len(chunk))
                    if fresh:
                        yield fresh
            session.voidresp()

    def write(self, path: str, start: int, chunks: Iterable[bytes]) -> None:
        if start and not self._restarts:
            self.remove(path)
            raise CutOffError(f"{self.name} can't go on inside a file: from its beginning")
        with self._told(path) as session:
            with self._transfer(session, f"STOR {_of(path)}", start) as connection:
                for chunk in chunks:
                    connection.sendall(chunk)
            session.voidresp()

    @contextmanager
    def _transfer(self, session: ftplib.FTP, command: str, start: int) -> Iterator[socket.socket]:
        try:
            opened = session.transfercmd(command, start or None)
        except ftplib.error_perm as error:
            if start and str(error)[:3] in UNKNOWN_COMMAND:
                self._restarts = False
                raise CutOffError(f"{self.name} can't begin inside a file") from error
            raise
        with opened as connection:
            yield connection
            if isinstance(connection, ssl.SSLSocket):
                with suppress(OSError):  # many servers hang up instead; sizes are compared anyway
                    connection.unwrap()

    def rename(self, path: str, name: str) -> None:
        with self._told(name) as session:
            try:
                session.rename(_of(path), _of(name))
            except ftplib.error_perm as error:
                if _unless_missing(lambda: session.sendcmd(f"SIZE {_of(path)}")) is None:
                    raise CutOffError(f"{self.name}{path} is not there") from error
                raise

    def remove(self, path: str) -> None:
        with self._told(path) as session:
            _unless_missing(lambda: session.delete(_of(path)))

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    @contextmanager
    def _told(self, path: str) -> Iterator[ftplib.FTP]:
        """The connection for one thing; what went wrong in between leaves no connection behind."""
        try:
            self._session = self._session or self._logged_in()
            yield self._session
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise JobError(
                Exit.REFUSED,
                f"{self.name} has no certificate to be trusted: {error.verify_message}",
            ) from error
        except ftplib.error_perm as error:
            self.close()
            raise JobError(Exit.NOT_FETCHED, f"{self.name}{path}: {_line(error)}") from error
        except (ftplib.Error, OSError, EOFError) as error:
            self.close()
            raise CutOffError(f"{self.name}: {_line(error) or 'hung up'}") from error
        except BaseException:  # in the middle of a transfer nothing else can be asked
            self.close()
            raise

    def _logged_in(self) -> ftplib.FTP:
        login = self._login
        session = _Reusing(context=login.tls) if login.tls else ftplib.FTP()  # noqa: S321  # nosec B321
        session.encoding = "latin-1"  # bytes as they are: a server may say anything
        try:
            session.connect(self._address.host, self._address.port or ftplib.FTP_PORT, ANSWER)
            session.login(_bytes(login.user), _bytes(login.password))
            if isinstance(session, ftplib.FTP_TLS):
                session.prot_p()
            session.voidcmd("TYPE I")
        except ftplib.error_perm as error:
            session.close()
            raise JobError(
                Exit.NOT_FETCHED,
                f"{self.name} does not let {login.user!r} log in: {_line(error)}",
            ) from error
        except BaseException:
            session.close()
            raise
        return session


class _Reusing(ftplib.FTP_TLS):
    """Connections for files in the TLS session of the commands: vsftpd and others insist on it."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int]:
        connection, size = super(ftplib.FTP_TLS, self).ntransfercmd(cmd, rest)
        control = self.sock
        session = control.session if isinstance(control, ssl.SSLSocket) else None
        try:
            wrapped = self.context.wrap_socket(
                connection, server_hostname=self.host, session=session
            )
        except BaseException:
            connection.close()
            raise
        return wrapped, size or 0


def _unless_missing(ask: Callable[[], T]) -> T | None:
    """None when the server says 550: not there, or not for this user."""
    try:
        return ask()
    except ftplib.error_perm as error:
        if str(error).startswith("550"):
            return None
        raise


def _line(error: Exception) -> str:
    return " ".join(_text(str(error)).split())


def _text(words: str) -> str:
    """What the server said, as text: mostly UTF-8 (RFC 2640), and never to be relied on."""
    return words.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def _of(path: str) -> str:
    """A path as the server takes it: without `~/` from where one is after logging in."""
    return _bytes(path.removeprefix("~/") or ".")


def _bytes(text: str) -> str:
    """Text of ours so that its UTF-8 is sent."""
    return text.encode("utf-8").decode("latin-1")
