"""The host: one small process a state directory that runs jobs as AWS Batch would.

`python -m chalicelib.local.host STATE_DIR SETTINGS`, started by its first client. It leaves by
itself when nobody is connected and no job is live. SIGTERM makes it leave at once: its jobs are
asked to end and are, to the next host, what a host's death leaves behind.

A round is: read what clients ask, reap what ended, take what may start; keep all that in one
line of the journal, or in a transaction; only then answer, and start. So no answer is given that
is not kept, and an attempt that was begun is known before its process exists: whatever the instant
of a crash, it is not begun twice. What must be on the disk itself before it counts, submissions and
which jobs may start, the disk takes while rounds go on (host_disk).
"""

import contextlib
import fcntl
import gc
import os
import signal
import socket
import sqlite3
import sys
import time
from pathlib import Path

from chalicelib.errors import BackendError
from chalicelib.local.batch_records import QueuedJob
from chalicelib.local.batch_rules import RETENTION, Batch
from chalicelib.local.host_ahead import Ahead
from chalicelib.local.host_connections import Connections
from chalicelib.local.host_desk import Desk
from chalicelib.local.host_disk import Disk
from chalicelib.local.host_journal import Entry
from chalicelib.local.host_processes import MARKER, NOT_FOUND, Processes
from chalicelib.local.host_protocol import HostSettings, address, marker
from chalicelib.local.host_recovery import recover
from chalicelib.local.host_slates import log_name
from chalicelib.local.host_store import HostStore, begun, standing
from chalicelib.local.host_watch import Watch
from chalicelib.local.slots import Capacity

_RETRY = 1.0  # s between two tries to write to a full disk
_LOCK_PATIENCE = 2.0  # s that another host may take to leave
_SWEEP = 3600.0  # s between two looks for jobs that are old enough to be forgotten
_SETTLE = 0.1  # s that what happened may be in the journal alone
_FIRST_CLIENT = 5.0  # s that who starts a host may take before it speaks with it
_DAMAGED = 3  # the exit code that says: the last line of the log is for the user


class Host:
    """Everything one host holds, and its loop."""

    def __init__(
        self,
        state_dir: Path,
        settings: HostSettings,
        wakeup: socket.socket,
        alarm: socket.socket,
    ) -> None:
        """`wakeup` can be read when a process has ended, or `alarm` was written to."""
        self._state_dir = state_dir
        self._idle_seconds = max(settings.idle_seconds, _FIRST_CLIENT)
        self._settings = settings
        mark = marker(state_dir)
        self._store = HostStore(state_dir / "host.db")
        self._disk = Disk(state_dir / "host.db-wal", alarm)
        self._batch = Batch(Capacity(settings.vcpus, settings.memory_mib))
        recover(self._batch, self._store, state_dir / "logs", f"{MARKER}={mark}", _now())
        self._processes = Processes(state_dir, settings.environment, mark)
        self._watch = Watch(self._processes, self._store)
        self._desk = Desk(self._batch, self._store, self._disk)
        self._connections = Connections(Path(address(state_dir)), wakeup)
        self._starting: list[QueuedJob] = []
        self._ahead = Ahead(self._batch.slots, self._store, self._disk)
        self._unkept = False  # the last round could not be written
        self._news_in: float | None = None
        self._sweep_at = 0.0
        self._settle_at = 0.0
        self._quiet_since = time.monotonic()
        self.leaving = False

    def serve(self) -> None:
        """Run until there is nothing more to do, or until told to leave."""
        try:
            while not self.leaving and not self._is_done():
                self._round()
        finally:
            self._connections.close()
            self._processes.stop_all()
            self._disk.close()
            self._store.close()

    def _round(self) -> None:
        frames = self._connections.poll(self._patience())
        if frames:
            self._idle_seconds = self._settings.idle_seconds
        at = _now()
        durable = self._desk.handle(frames, at)
        while ended := self._processes.reap():
            self._batch.ended(ended[0], ended[1], self._watch.reason(ended[0]), at)
        self._batch.expire(at)
        self._watch.look(time.monotonic())
        if not self._unkept:
            self._starting += self._batch.start_next()
        self._unkept = not self._keep(at, durable=durable)
        if durable:
            self._desk.confirm(kept=not self._unkept)
        if not self._unkept:
            self._act(at)
        self._settle(time.monotonic())
        self._tell()

    def _keep(self, at: int, *, durable: bool) -> bool:
        """Write the round down, whole; False when the disk doesn't take it."""
        touched = self._batch.touched
        if not touched and not self._starting:
            return True
        entries = [standing(job) for job in touched.values()]
        entries += [begun(job, at, self._processes.slate(job)) for job in self._starting]
        durable = durable or not self._ahead.allows(self._starting)
        try:
            if durable:
                self._write(entries)
            else:
                self._store.note(entries, touched)
        except (sqlite3.Error, OSError) as error:
            self._store.rollback()
            if not self._unkept:
                _say(f"the state can't be written: {error}")
            return False
        touched.clear()
        return True

    def _write(self, entries: list[Entry]) -> None:
        """Keep what happened on the disk itself, and which jobs may start from now on."""
        self._store.sync_commits(durable=True)
        self._store.begin()
        announced = self._ahead.announce(self._starting)
        self._store.keep(entries)
        self._store.commit()
        self._store.sync_commits(durable=False)
        self._ahead.announced(announced, durable=True)

    def _settle(self, now: float) -> None:
        """Let a transaction take up what is in the journal, if it is time.

        The disk is told of more jobs that may start, while those that it knows of do.
        """
        pause = self._settle_at - now
        is_short = self._ahead.is_short and pause <= _SETTLE  # else the disk is full
        if not is_short and (self._store.is_settled or pause > 0):
            return
        self._settle_at = now + _SETTLE
        try:
            self._store.begin()
            announced = self._ahead.announce() if is_short else {}
            self._store.commit()
        except sqlite3.Error as error:
            self._store.rollback()
            self._settle_at = now + _RETRY
            _say(f"the state can't be written: {error}")
        else:
            if announced:
                self._ahead.announced(announced, durable=False)

    def _act(self, at: int) -> None:
        """Do what is written down: start, then stop.

        While a full disk held back a start, its job may have been terminated.
        """
        starting, self._starting = self._starting, []
        for job in starting:
            self._ahead.note_start(job)
            problem = self._processes.start(job)
            if problem:
                self._batch.ended(job, NOT_FOUND, problem, at)
            else:
                self._batch.started(job, at)
        for job, forced in self._batch.stops:
            self._processes.stop(job, forced=forced)
        self._batch.stops.clear()

    def _tell(self) -> None:
        if self._batch.changed:
            self._connections.tell(self._batch.changed)
            self._batch.changed.clear()
        busy = not self._batch.slots.is_starved
        self._news_in = self._connections.flush(time.monotonic(), busy=busy)

    def _patience(self) -> float | None:
        """How long the host may sleep, in seconds; None: until something happens."""
        if self._unkept:
            return _RETRY
        if self._batch.touched or self._batch.stops:
            return 0.0
        now = time.monotonic()
        waits = [self._news_in, self._watch.wait(now)]
        if not self._store.is_settled:
            waits.append(max(0.0, self._settle_at - now))
        deadline = self._batch.next_deadline()
        if deadline is not None:
            waits.append(max(0.0, (deadline - _now()) / 1000))
        if not self._processes.running:
            self._rest(now)
            waits.append(max(0.0, self._quiet_since + self._idle_seconds - now))
        return min((wait for wait in waits if wait is not None), default=None)

    def _rest(self, now: float) -> None:
        """What a host does while nothing runs: forget old jobs, and notice that it is idle."""
        self._processes.leave_directory()
        if self._connections.clients or self._batch.live:
            self._quiet_since = now
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP
            self._forget_old()

    def _forget_old(self) -> None:
        try:
            self._store.begin()
            forgotten = self._store.forget_before(_now() - RETENTION)
            self._store.commit()
        except sqlite3.Error as error:
            self._store.rollback()
            _say(f"old jobs can't be forgotten: {error}")
            return
        for job_id, attempts in forgotten:
            for attempt in range(1, attempts + 1):
                (self._state_dir / "logs" / log_name(job_id, attempt)).unlink(missing_ok=True)
        if forgotten:
            self._sweep_at = 0.0  # there may be more

    def _is_done(self) -> bool:
        if self._connections.clients or self._batch.live or self._desk.is_waiting:
            return False
        return time.monotonic() >= self._quiet_since + self._idle_seconds


def _say(words: str) -> None:
    """Leave a line in the log; it may lie on the very disk that is full."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{words}\n")


def _now() -> int:
    return time.time_ns() // 1_000_000


def main(arguments: list[str]) -> int:
    """Be the host of a state directory; 0 when another one is, or when all is done."""
    state_dir = Path(arguments[0]).resolve()
    settings = HostSettings.from_json(arguments[1])
    with (state_dir / "host.lock").open("w") as lock:
        if not _lock(lock.fileno()):
            return 0
        wakeup, alarm = socket.socketpair()
        with wakeup, alarm:
            wakeup.setblocking(False)
            alarm.setblocking(False)
            signal.set_wakeup_fd(alarm.fileno(), warn_on_full_buffer=False)
            signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
            try:
                host = Host(state_dir, settings, wakeup, alarm)
            except (BackendError, sqlite3.Error, OSError) as error:
                _say(str(error))
                return _DAMAGED
            for ending in (signal.SIGTERM, signal.SIGINT):
                signal.signal(ending, lambda _signal, _frame: setattr(host, "leaving", True))
            try:
                host.serve()
            except OSError as error:  # of the disk: what it took of what it was told is not known
                _say(str(error))
                return _DAMAGED
    return 0


def _lock(descriptor: int) -> bool:
    until = time.monotonic() + _LOCK_PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.01)
    return False


if __name__ == "__main__":
    os.umask(0o077)
    # Jobs by the thousand are few garbage and many objects: to look at them all costs 10 ms a time.
    gc.set_threshold(20_000, 20, 50)
    sys.exit(main(sys.argv[1:]))
