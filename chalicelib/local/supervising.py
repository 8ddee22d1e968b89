"""A process of ours that is to be there all the time: started, watched, started again, ended."""

import subprocess
from collections.abc import Callable, Sequence

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # s before it is started again; doubled each time
_SOUND = 60.0  # s after which it counts as one that came up well


class Supervised:
    """One process at a time. It ends when its standard input does, with us if we are killed.

    `tell` takes a sentence for people whenever the process ended by itself.
    """

    def __init__(self, name: str, command: Sequence[str], tell: Callable[[str], None]) -> None:
        self._name = name
        self._command = command
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None
        self._began_at = 0.0
        self._wait = _FIRST_WAIT
        self._next_at = 0.0

    @property
    def pid(self) -> int | None:
        """The process, None while there is none."""
        return self._process.pid if self._process else None

    def look(self, now: float) -> bool:
        """Start the process if it is due, and say so; `now` is of the monotonic clock."""
        if self._process is not None and self._process.poll() is not None:
            self._bury(self._process, now)
        is_due = self._process is None and now >= self._next_at
        if is_due:
            self._start(now)
        return is_due

    def end(self, seconds: float) -> bool:
        """Tell it to end, and wait that long; say whether it did so by itself."""
        if self._process is None:
            return True
        process, self._process = self._process, None
        _close_input(process)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False
        return True

    def _start(self, now: float) -> None:
        # In a session of its own: Ctrl-C in our terminal is for us to answer.
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:  # no memory or no more processes, say
            self._put_off(now, f"{self._name} can't be started: {error.strerror}")
        self._began_at = now

    def _bury(self, process: subprocess.Popen[bytes], now: float) -> None:
        _close_input(process)
        self._process = None
        if now - self._began_at >= _SOUND:
            self._wait = _FIRST_WAIT
        code = process.returncode
        how = f"by signal {-code}" if code < 0 else f"with code {code}"
        self._put_off(now, f"{self._name} (process {process.pid}) ended {how}")

    def _put_off(self, now: float, told: str) -> None:
        self._next_at = now + self._wait
        self._tell(f"{told}; another starts in {self._wait:g} s.")
        self._wait = min(_LONGEST_WAIT, 2 * self._wait)


def _close_input(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
