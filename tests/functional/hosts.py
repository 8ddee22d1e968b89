"""How tests speak with a real host, watch it and end it."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chalicelib.core.batch import Accepted, JobDetail, Submission
from chalicelib.core.lifecycle import FINAL, JobStatus
from chalicelib.local.host_client import HostClient

Connect = Callable[..., HostClient]


def runs(pid: int) -> bool:
    """Say whether the process is there, and more than a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """Wait for something that another process does; what it gave."""
    limit = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < limit, "it does not happen"
        time.sleep(0.005)
    return result


def gone(pid: int) -> None:
    """Wait until the process is there no more."""
    until(lambda: not runs(pid))


def job(name: str, command: Sequence[str], directory: str = "", **request: Any) -> Submission:
    members = {"containerOverrides": {"command": list(command)}, **request}
    return Submission(job_name=name, request=members, working_directory=directory)


def accept(client: HostClient, submission: Submission) -> str:
    [outcome] = client.submit([submission])
    assert isinstance(outcome, Accepted), outcome
    return outcome.job_id


def end(client: HostClient, job_id: str) -> JobDetail:
    def ended() -> JobDetail | None:
        [detail] = client.describe([job_id])
        return detail if detail.status in FINAL else None

    detail: JobDetail = until(ended)
    return detail


def running(client: HostClient, job_id: str) -> None:
    until(lambda: client.describe([job_id])[0].status is JobStatus.RUNNING)


def kill_host(client: HostClient) -> int:
    pid = client.host_pid
    os.kill(pid, signal.SIGKILL)
    gone(pid)
    return pid


def written(path: Path, lines: int = 1) -> list[str]:
    """The lines of a file, once it has that many."""
    until(lambda: path.exists() and path.read_text().count("\n") >= lines)
    return path.read_text().splitlines()
