"""The verbs of the local server: serving a state directory, and the engine that it keeps."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Annotated

import typer

from chalicelib.cli.exits import Exit
from chalicelib.cli.session import Session
from chalicelib.errors import InvalidInputError

_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}


def serve(
    session: Session,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port [8080]; 0 takes any that is free.")
    ] = 8080,
    host: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Where to listen: an address of this machine's own."),
    ] = "127.0.0.1",
) -> Exit:
    """Serve the HTTP API of the state directory to this machine, and drive its runs."""
    if host not in _LOOPBACK:
        told = f"{host!r} is no loopback address: others reach this server through a proxy only"
        raise InvalidInputError.at("--host", told, allowed=", ".join(_LOOPBACK))
    from chalicelib.bootstrap import open_own_edition
    from chalicelib.local.state_directory import openness
    from chalicelib.serving.own_token import OwnToken
    from chalicelib.serving.server import Server

    _log_to_stderr()
    with open_own_edition(session.settings) as edition, _told_to_end() as ending:
        session.warn(openness(session.settings.state))
        command = [sys.executable, "-m", "chalicelib.cli.main", "drive"]
        engine = [*command, "--state", str(session.settings.state)]
        own_token = OwnToken(session.settings.state, edition.actor, os.urandom)
        token = own_token.ensure(edition.access)
        server = Server(session.settings, (_LOOPBACK[host], port), engine, own_token)
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{server.port}"
        # Who keeps what is printed, a log, may let others read it; a terminal shows it and forgets.
        shown_token = token if own_token.is_new and sys.stdout.isatty() else ""
        _tell(session, address, shown_token, str(own_token.path))
        server.run(edition, ending.wait)
    return Exit.DONE


def _tell(session: Session, address: str, token: str, path: str) -> None:
    """Say where the server is, and its token too unless that is empty."""

    def show() -> None:
        session.say(f"Listening on {address}")
        if token:
            session.say(f"Open {address}/#token={token}")
        session.say(f"The token is in {path}")

    session.answer(server_shape(address, path), show)
    sys.stdout.flush()


def server_shape(address: str, path: str) -> dict[str, str]:
    """Where a server is, and the file with the token that opens it."""
    return {"url": address, "tokenFile": path}


def drive(session: Session) -> Exit:
    """Drive all runs of the state directory until the standard input ends: what `serve` keeps."""
    from chalicelib.bootstrap import open_own_edition

    _log_to_stderr()
    with open_own_edition(session.settings) as edition, _told_to_end() as ending:
        threading.Thread(target=_await_end_of_input, args=(ending,), daemon=True).start()
        edition.stand(ending.is_over)
    return Exit.DONE


def _await_end_of_input(ending: "_Ending") -> None:
    """The other end is held by the process that started us: it ends with that, however it ends."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    ending.tell()


class _Ending:
    """Whether it is over, as signals and other threads say."""

    def __init__(self) -> None:
        self._is_over = False
        # Of all that wakes a waiting thread, this alone may be used within a signal's handler.
        self._told: SimpleQueue[None] = SimpleQueue()

    def tell(self) -> None:
        self._told.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait that long at most; say whether it is over."""
        if not self._is_over:
            with suppress(Empty):
                self._told.get(timeout=seconds)
                self._is_over = True
        return self._is_over

    def is_over(self) -> bool:
        return self.wait(0.0)


@contextmanager
def _told_to_end() -> Iterator[_Ending]:
    """What SIGTERM and Ctrl-C tell that it is over."""
    ending = _Ending()

    def note(_signal: int, _frame: FrameType | None) -> None:
        ending.tell()

    before = {each: signal.signal(each, note) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ending
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _log_to_stderr() -> None:
    import logging

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
