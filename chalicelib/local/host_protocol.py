"""How a host and its clients speak: where they meet, and lines of JSON in AWS's spelling.

A client's frame is `{"id": n, "action": "DescribeJobs", …}`, the members those of the AWS request;
SubmitJob has its own in `request`, beside `workingDirectory`. The reply has the same `id`, and
`error` with `retryable` when it is a refusal. `{"changed": [ids]}` comes unasked after Subscribe.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.errors import BackendError

VERSION = 1
CLAIMS_DIRECTORY = "claims"  # of the state directory: where `batch-job` keeps what jobs tell
MAX_FRAME = 1024 * 1024  # bytes; a SubmitJob has at most 30 KiB (service_limits)
# What a job inherits; the rest of the host's environment is not its business.
INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV")
# Made once: dumps would make one at every call. Nothing that is sent holds itself.
_ENCODER = json.JSONEncoder(separators=(",", ":"), check_circular=False)
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
_MAX_ADDRESS = 100  # bytes; the kernel takes 107 on Linux, 103 on macOS (unix(7))
# Not where TMPDIR points: host and clients may have different ones, and it may be long itself.
_SHORT_PLACE = Path("/", "tmp")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """What a host is started with; one that runs already keeps its own."""

    vcpus: float
    memory_mib: int
    idle_seconds: float = 10.0  # without a client and without a live job, then it leaves
    environment: Mapping[str, str] = field(default_factory=dict)  # of every job

    def to_json(self) -> str:
        """The settings as the host's argument."""
        return encode(
            {
                "vcpus": self.vcpus,
                "memoryMib": self.memory_mib,
                "idleSeconds": self.idle_seconds,
                "environment": {"PATH": _DEFAULT_PATH, **self.environment},
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "HostSettings":
        members = json.loads(text)
        return cls(
            vcpus=members["vcpus"],
            memory_mib=members["memoryMib"],
            idle_seconds=members["idleSeconds"],
            environment=members["environment"],
        )


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that jobs are given."""
    return {
        name: value
        for name, value in environment.items()
        if name in INHERITED or name.startswith("LC_")
    }


def marker(state_dir: Path) -> str:
    """What every process of this host's jobs carries in its environment."""
    return hashlib.sha256(os.fsencode(state_dir.resolve())).hexdigest()[:32]


def address(state_dir: Path) -> str:
    """The path of the host's socket, in a private directory of its own if ours is too long.

    Raises BackendError if somebody else made that directory.
    """
    path = state_dir.resolve() / "host.sock"
    if len(os.fsencode(path)) <= _MAX_ADDRESS:
        return str(path)
    directory = _SHORT_PLACE / f"batch-scheduler-{marker(state_dir)}"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        status = directory.lstat()
    except OSError as error:
        raise BackendError("host", "connect", str(error), retryable=False) from error
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise BackendError(
            "host", "connect", f"{directory} is not ours alone; remove it", retryable=False
        )
    return str(directory / "host.sock")


def encode(value: object) -> str:
    """Compact JSON, with no character that would end a line."""
    return _ENCODER.encode(value)


class FrameBuffer:
    """Cuts a stream of bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that are complete now. Raises ValueError for one without end."""
        if b"\n" not in chunk:
            self._rest += chunk
            if len(self._rest) > MAX_FRAME:
                raise ValueError("a frame without end")
            return []
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return lines


def error_reply(number: int, error: BackendError) -> dict[str, Any]:
    """The refusal of the request with that number."""
    return {"id": number, "error": error.reason, "retryable": error.retryable}
