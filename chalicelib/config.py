"""The settings: the only reader of the environment."""

import math
import os
import pwd
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from chalicelib.errors import InvalidInputError, Problem

_T = TypeVar("_T")

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says."""

    state: Path  # the state directory, absolute
    vcpus: float  # what the local queue may use at once
    memory_mib: int
    host_idle: float  # s without a job after which the host ends
    actor: str  # who is typing, for the audit trail
    no_color: bool = False  # plain text is asked for (no-color.org)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # all of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What this machine gives, where the environment says nothing."""

    home: Path
    user: str
    cpus: int
    memory_mib: int


def this_machine() -> Machine:
    return Machine(
        home=_home(),
        user=_user(),
        cpus=_usable_cpus(),
        memory_mib=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _MIB,
    )


def read_settings(
    environment: Mapping[str, str] | None = None,
    *,
    state: Path | None = None,
    machine: Machine | None = None,
) -> Settings:
    """The settings of `environment`, of this process's own for None; `state` goes before it.

    Raises InvalidInputError that names every variable with a bad value; empty means unset.
    """
    environment = os.environ if environment is None else environment
    machine = machine or this_machine()
    problems: list[Problem] = []

    def read(name: str, parse: Callable[[str], _T | None], allowed: str, default: _T) -> _T:
        text = environment.get(name, "").strip()
        if not text:
            return default
        value = parse(text)
        if value is None:
            problems.append(Problem(name, "bad value", found=repr(text), allowed=allowed))
            return default
        return value

    settings = Settings(
        state=state.absolute() if state else _state_directory(environment, machine.home),
        vcpus=read("BATCH_SCHEDULER_VCPUS", _positive, "a number above 0", float(machine.cpus)),
        memory_mib=read(
            "BATCH_SCHEDULER_MEMORY", _whole_mib, "whole MiB, 4 or more", machine.memory_mib
        ),
        host_idle=read("BATCH_SCHEDULER_HOST_IDLE", _seconds, "seconds, 0 or more", 10.0),
        actor=machine.user,
        no_color=bool(environment.get("NO_COLOR")),
        environment=dict(environment),
    )
    if problems:
        raise InvalidInputError(problems)
    return settings


def _state_directory(environment: Mapping[str, str], home: Path) -> Path:
    if chosen := environment.get("BATCH_SCHEDULER_STATE"):
        return Path(chosen).absolute()
    users = Path(environment.get("XDG_STATE_HOME", ""))
    # "If an implementation encounters a relative path … it should consider the path invalid and
    # ignore it" (XDG Base Directory Specification).
    if not users.is_absolute():
        users = home / ".local" / "state"
    return users / "batch-scheduler"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        # A user that no database knows, and no HOME: the state is kept where --state says.
        return Path("/")


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # Containers run as users that no database knows.
        return f"uid {os.getuid()}"


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _seconds(text: str) -> float | None:
    """A finite number of seconds, 0 or more."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _positive(text: str) -> float | None:
    return _seconds(text) or None


def _whole_mib(text: str) -> int | None:
    """Whole MiB. AWS Batch takes no job below 4 (ResourceRequirement, MEMORY)."""
    whole = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
    return whole if whole >= 4 else None
