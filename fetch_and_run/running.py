"""Run a program as this process's child: its signals and its end are those of this process.

As the first process of a container it also takes leave of whatever is left behind.
"""

import errno
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from fetch_and_run.exits import Exit, JobError

FORWARDED = frozenset(
    {
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
    }
)
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)  # and would be by the program, if left so
_SHELLS = ("/bin/bash", "/bin/sh")  # of a script without a first line that names one
_FROM_THE_KERNEL = 0x80  # si_code of Ctrl-C, which all processes of the terminal get


def end_by_signals() -> None:
    """Let a signal end this process in order, with 128 + its number, until there is a child.

    Also process 1, which no signal ends by itself.
    """
    for number in FORWARDED:
        signal.signal(number, _end)


def run(program: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run it to its end, in this directory; its exit code, or 128 + the number of its signal.

    Raises JobError, NOT_STARTED. From here on signals are held back, or given to the child.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {*FORWARDED, signal.SIGCHLD})
    child = _started(str(program), [str(program), *arguments], environment)
    while True:
        told = signal.sigwaitinfo({*FORWARDED, signal.SIGCHLD})
        if told.si_signo == signal.SIGCHLD:
            status = _reaped(child)
            if status is not None:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
        elif told.si_code != _FROM_THE_KERNEL:
            os.kill(child, told.si_signo)


def become(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Replace this process by a program, found on the PATH. Raises JobError, NOT_STARTED."""
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    sys.stdout.flush()
    try:
        os.execvpe(command[0], list(command), dict(environment))  # noqa: S606 -- no shell is meant
    except (OSError, ValueError) as error:
        raise _not_started(command[0], error) from error


def _started(program: str, argv: list[str], environment: Mapping[str, str]) -> int:
    try:
        return _spawned(program, argv, environment)
    except OSError as error:
        if error.errno != errno.ENOEXEC or _is_binary(program):
            raise _not_started(program, error) from error
    shell = next((each for each in _SHELLS if Path(each).exists()), "")
    try:
        return _spawned(shell, [shell, *argv], environment)
    except OSError as error:
        raise _not_started(program, error) from error


def _spawned(program: str, argv: list[str], environment: Mapping[str, str]) -> int:
    return os.posix_spawn(
        program,
        argv,
        dict(environment),
        setsigmask=(),
        setsigdef=(*FORWARDED, *_IGNORED_BY_PYTHON),
    )


def _is_binary(program: str) -> bool:
    with Path(program).open("rb") as file:
        return b"\0" in file.read(128)


def _interpreter_of(program: str) -> bytes:
    """What a script's first line names; empty where nothing does (execve(2))."""
    try:
        with Path(program).open("rb") as file:
            line = file.readline(256).removesuffix(b"\n")
    except OSError:
        return b""
    words = line.removeprefix(b"#!").split(b" ")
    return next(filter(None, words), b"") if line.startswith(b"#!") else b""


def _reaped(child: int) -> int | None:
    """Take leave of all that have ended; the child's status if it is one of them."""
    status = None
    while True:
        try:
            ended, how = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if ended == 0:
            return status
        if ended == child:
            status = how


def _not_started(program: str, error: Exception) -> JobError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    interpreter = _interpreter_of(program) if isinstance(error, FileNotFoundError) else b""
    if interpreter:
        named = interpreter.decode("utf-8", "backslashreplace")
        reason = f"its first line names {named!r}, which is not there"
        if interpreter.endswith(b"\r"):
            reason += ": its lines end as on Windows (CRLF); save it with LF"
    return JobError(Exit.NOT_STARTED, f"{program} can't be started: {reason}")


def _end(number: int, _: FrameType | None) -> None:
    name = signal.Signals(number).name
    print(f"batch-job: ended by {name} before anything was started", file=sys.stderr, flush=True)
    sys.exit(128 + number)
