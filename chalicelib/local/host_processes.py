"""The processes of jobs: started without a shell between, in a group of their own, and reaped."""

import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from chalicelib.local.batch_records import QueuedJob
from chalicelib.local.host_protocol import CLAIMS_DIRECTORY
from chalicelib.local.host_slates import Slates

CLAIMS = "BATCH_SCHEDULER_CLAIMS"  # where `batch-job` keeps what a job tells
MARKER = "BATCH_SCHEDULER_HOST"
COMPUTE_ENVIRONMENT = "batch-scheduler-host"
NOT_FOUND = 127  # what a shell says of a command that it can't start
_COMMANDS = str(
    Path(sys.executable).parent
)  # not by `sysconfig`, which needs `site`: see host_client
# Python ignores some, whoever started us others, and what is ignored stays so in a new program.
_IGNORED = tuple(
    each for each in signal.valid_signals() if signal.getsignal(each) is signal.SIG_IGN
)


class Processes:
    """The processes that this host has started and not yet reaped."""

    def __init__(self, state_dir: Path, environment: Mapping[str, str], marker: str) -> None:
        self._slates = Slates(state_dir / "logs")
        self._home = str(state_dir)
        self._environment = {
            **environment,
            MARKER: marker,
            "AWS_BATCH_CE_NAME": COMPUTE_ENVIRONMENT,
            CLAIMS: f"directory:{state_dir.absolute() / CLAIMS_DIRECTORY}",
        }
        self._nothing = os.open(os.devnull, os.O_RDONLY)  # what jobs read
        self._directory = ""
        self._programs: dict[tuple[str, str], str] = {}
        self.running: dict[int, QueuedJob] = {}
        self.pids: dict[str, int] = {}  # by job id

    def slate(self, job: QueuedJob) -> str:
        """The name of the file that the job's attempt will write on; empty if none can be had."""
        try:
            return self._slates.take(job.job_id)
        except OSError:
            return ""  # `start` tries again, and says why

    def show_logs(self) -> None:
        """Let readers find the logs of what runs."""
        for job in self.running.values():
            self._slates.show(job.job_id, job.attempt)

    def start(self, job: QueuedJob) -> str:
        """Start the job's current attempt; the reason if that is not possible, else empty."""
        environment = self._environment_of(job)
        try:
            self._slates.take(job.job_id)
            self._enter(job.request.working_directory or self._home)
            pid = self._spawn(job.request.command, environment, self._slates.descriptor(job.job_id))
        except OSError as error:
            self._slates.give_back(job.job_id, job.attempt)
            return f"CannotStartContainerError: {error.strerror}: {error.filename}"
        self.running[pid] = job
        self.pids[job.job_id] = pid
        return ""

    def reap(self) -> tuple[QueuedJob, int] | None:
        """A job whose process has ended, with its exit code (128 + n for signal n)."""
        if not self.running:
            return None
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        pid = ended.si_pid
        # Before it is reaped nobody else can have its number: what it left behind ends with it,
        # as the end of a container's first process ends the container.
        _signal(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        job = self.running.pop(pid)
        del self.pids[job.job_id]
        self._slates.give_back(job.job_id, job.attempt)
        code = os.waitstatus_to_exitcode(status)
        return job, code if code >= 0 else 128 - code

    def stop(self, job: QueuedJob, *, forced: bool) -> None:
        """Send SIGTERM, or SIGKILL, to the job's process group."""
        pid = self.pids.get(job.job_id)
        if pid is not None:
            _signal(pid, signal.SIGKILL if forced else signal.SIGTERM)

    def stop_all(self) -> None:
        """Ask every job's process group to end."""
        for pid in self.running:
            _signal(pid, signal.SIGTERM)

    def leave_directory(self) -> None:
        """Keep no working directory busy while nothing runs."""
        self._enter(self._home)

    def _environment_of(self, job: QueuedJob) -> dict[str, str]:
        environment = {
            **self._environment,
            **job.request.environment,
            CLAIMS: self._environment[CLAIMS],
            "AWS_BATCH_JOB_ID": job.job_id,
            "AWS_BATCH_JOB_ATTEMPT": str(job.attempt),
            "AWS_BATCH_JQ_NAME": job.request.job_queue,
        }
        if job.index >= 0:
            environment["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.index)
        if "PATH" not in job.request.environment:  # what a document says is not added to
            environment["PATH"] = _with_commands(environment.get("PATH", ""))
        return environment

    def _enter(self, directory: str) -> None:
        # posix_spawn can't change the directory (Python has no addchdir_np). It is that of all our
        # threads, of which only this one needs any.
        if directory != self._directory:
            os.chdir(directory)
            self._directory = directory

    def _spawn(self, command: tuple[str, ...], environment: dict[str, str], log: int) -> int:
        actions = (
            (os.POSIX_SPAWN_DUP2, self._nothing, 0),
            (os.POSIX_SPAWN_DUP2, log, 1),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        )
        return os.posix_spawn(
            self._program(command[0], environment.get("PATH", "")),
            command,
            environment,
            file_actions=actions,
            setpgroup=0,
            setsigmask=(),
            setsigdef=_IGNORED,
        )

    def _program(self, name: str, path: str) -> str:
        if "/" in name:
            return name
        key = (name, path)
        program = self._programs.get(key)
        if program is None or not os.access(program, os.X_OK):
            program = self._programs[key] = _look_up(name, path)
        return program


def _with_commands(path: str) -> str:
    """The path, `batch-job` of this installation on it: behind all that is there already."""
    directories = path.split(":")
    return path if _COMMANDS in directories else ":".join(filter(None, (path, _COMMANDS)))


def _signal(group: int, number: signal.Signals) -> None:
    # A job may have become another user, whom we may not signal; its end is seen all the same.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _look_up(name: str, path: str) -> str:
    for directory in path.split(":"):
        candidate = Path(directory or ".", name)
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    raise FileNotFoundError(2, "command not found", name)
