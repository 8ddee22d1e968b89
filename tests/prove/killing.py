"""Real runs on the real host, whose engine, host or both are ended with SIGKILL at random."""

import signal
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from os import kill
from pathlib import Path
from time import monotonic
from typing import Any

from chalicelib.core.loading import load
from chalicelib.local.host_protocol import address
from chalicelib.local.memory_queue import MemoryQueue, VirtualClock
from chalicelib.local.sqlite_store import SqliteStore
from chalicelib.ports import Ports
from chalicelib.services import runs, schedules
from tests.simulation.chance import Chance

_PATIENCE = 120.0  # s in which everything unfinished must have ended once nobody kills
_WRITE = (
    'echo "begin $BATCH_SCHEDULER_RUN $BATCH_SCHEDULER_JOB $BATCH_SCHEDULER_ATTEMPT'
    ' $AWS_BATCH_JOB_ATTEMPT $$" >> {file}; sleep {seconds};'
    ' echo "end $BATCH_SCHEDULER_RUN $BATCH_SCHEDULER_JOB $BATCH_SCHEDULER_ATTEMPT'
    ' $AWS_BATCH_JOB_ATTEMPT $$" >> {file}'
)
_UPSTREAM: Mapping[str, Sequence[str]] = {
    "a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ("d",), "f": ()
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """What a job wrote when it began or ended."""

    word: str
    run: str
    job: str
    attempt: int
    queue_attempt: int
    pid: int


@dataclass(frozen=True, slots=True)
class Scene:
    """A state directory, and where its jobs write."""

    state: Path
    journal: Path

    def lines(self) -> list[Line]:
        """What the jobs wrote, in the order in which they did."""
        if not self.journal.exists():
            return []
        words = [line.split() for line in self.journal.read_text().splitlines()]
        return [Line(word, run, job, int(attempt), int(own), int(pid))
                for word, run, job, attempt, own, pid in words]  # fmt: skip

    def document(self) -> Mapping[str, Any]:
        """Six jobs: some are tried again by the queue, some by the engine."""
        listed: list[dict[str, Any]] = []
        for number, (name, upstream) in enumerate(_UPSTREAM.items()):
            script = _WRITE.format(file=self.journal, seconds=0.05 * (number % 3))
            entry: dict[str, Any] = {"jobName": name, "command": ["sh", "-c", script]}
            again = {"retry": {"attempts": 9}} if number % 2 else {"retryStrategy": {"attempts": 9}}
            listed.append({**entry, **again, "jobDependencies": list(upstream)})
        return {"scheduleId": "killed", "jobList": listed}

    def start(self, count: int) -> None:
        """Put that many runs into the store; nobody drives them yet."""
        clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=1))
        with closing(SqliteStore.open(self.state)) as store:
            ports = Ports(
                schedules=store,
                runs=store,
                queue=MemoryQueue(clock),
                clock=clock,
                triggers=store,
                calendars=store,
            )
            stored = schedules.put(ports, load(self.document()), "ada")
            for _ in range(count):
                runs.start(ports, stored, runs.StartRequest(actor="ada"))

    def engine(self, *verb: str) -> "subprocess.Popen[bytes]":
        """A process of its own that drives everything unfinished."""
        command = [sys.executable, "-m", "chalicelib.cli.main", *verb, "--state", str(self.state)]
        return subprocess.Popen(
            ["env", "BATCH_SCHEDULER_HOST_IDLE=1", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def host(self) -> int | None:
        """The process that listens on the host's socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel, suppress(OSError):
            channel.connect(address(self.state))
            credentials = channel.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
            )
            pid: int = struct.unpack("3i", credentials)[0]
            return pid
        return None

    def kill_host(self) -> None:
        pid = self.host()
        if pid is not None:
            with suppress(ProcessLookupError):
                kill(pid, signal.SIGKILL)

    def statuses(self) -> dict[str, dict[str, str]]:
        """How each run and each of its jobs stands; the run's own under an empty name."""
        with closing(SqliteStore.open(self.state)) as store:
            found = {}
            for header in store.find_headers(limit=1000):
                jobs = store.find_jobs(header.run_id)
                found[header.run_id] = {job.spec.name: str(job.state.status) for job in jobs}
                found[header.run_id][""] = str(header.status)
            return found


def torment(scene: Scene, chance: Chance, victims: Sequence[str]) -> None:
    """Kill what drives the runs several times, then let them be resumed to their end."""
    for _ in range(chance.randrange(1, 5)):
        engine = scene.engine("resume")
        _let_work(scene, engine, chance)
        victim = chance.choice(victims)
        if victim in ("host", "both"):
            scene.kill_host()
        if victim == "host":
            _let_work(scene, engine, chance)
        engine.kill()
        engine.wait()
    scene.engine("resume").wait(_PATIENCE)


def _let_work(scene: Scene, engine: "subprocess.Popen[bytes]", chance: Chance) -> None:
    """Wait for some more lines of the jobs, or for some time that may be too short for any."""
    lines = len(scene.lines()) + chance.randrange(1, 15)
    longest = chance.choice([0.3, 0.6, 5.0, 5.0, 5.0])
    until = monotonic() + longest
    while engine.poll() is None and monotonic() < until and len(scene.lines()) < lines:
        with suppress(subprocess.TimeoutExpired):
            engine.wait(0.01)
    with suppress(subprocess.TimeoutExpired):
        engine.wait(chance.uniform(0.0, 0.05))


def faults_of(scene: Scene, *, host_lived: bool) -> Iterator[str]:
    """Everything that was not as it must be, as sentences."""
    lines = scene.lines()
    begun = Counter(
        (line.run, line.job, line.attempt, line.queue_attempt)
        for line in lines
        if line.word == "begin"
    )
    for key, count in begun.items():
        if count > 1:
            yield f"{key} began {count} times"
    yield from _disorder(lines)
    for run, standing in scene.statuses().items():
        if standing[""] == "RUNNING":
            yield f"{run} never ended: {standing}"
        for job, status in standing.items():
            ends = [line for line in lines if (line.word, line.run, line.job) == ("end", run, job)]
            if job and status == "SUCCEEDED" and not ends:
                yield f"{job} of {run} counts as SUCCEEDED, and never got to its end"
            if host_lived and job and (status != "SUCCEEDED" or len(ends) != 1):
                yield f"{job} of {run} is {status} with {len(ends)} ends, though its host lived"


def _disorder(lines: Sequence[Line]) -> Iterator[str]:
    done = set()
    for line in lines:
        if line.word == "end":
            done.add((line.run, line.job))
        for up in _UPSTREAM[line.job]:
            if (line.run, up) not in done:
                yield f"{line.job} of {line.run} began before {up} had ended"
