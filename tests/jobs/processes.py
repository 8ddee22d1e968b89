"""batch-job as a real process."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN, JOB = "nightly/2026-11-30T05:00:00.000000Z", "load"
IDENTITY = {
    "BATCH_SCHEDULER_RUN": RUN,
    "BATCH_SCHEDULER_JOB": JOB,
    "BATCH_SCHEDULER_ATTEMPT": "1",
    "AWS_BATCH_JOB_ID": "11111111-aaaa",
}
AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
PATIENCE = 60  # seconds: more than any machine needs


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        return self.err.splitlines()[-1]


class Started:
    """A process that goes on, its output in pipes."""

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path,
        program: Sequence[str] = ("-m", "fetch_and_run.main"),
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *program, *words],
            env=environment_of(environment),
            cwd=cwd,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def end(self) -> Ended:
        """Wait until it has ended."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return Ended(self.process.returncode, out, err)


def environment_of(environment: Mapping[str, str]) -> dict[str, str]:
    """What a process is given: no variable of who runs the tests."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environment}


def batch_job(*words: str, cwd: Path, **environment: str) -> Ended:
    """Run it to its end."""
    return Started(words, environment, cwd).end()
