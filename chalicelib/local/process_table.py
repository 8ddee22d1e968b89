"""What the kernel says of this machine's processes (proc(5)); nothing where it has no /proc."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_DEAD = ("Z", "X")


class Process(NamedTuple):
    """One line of the table."""

    pid: int
    group: int
    state: str
    started: int  # ticks since boot
    resident: int  # bytes


def processes() -> Iterator[Process]:
    """Every process that runs now; one that ends meanwhile may be left out."""
    if not _PROC.is_dir():
        return
    for entry in os.scandir(_PROC):
        if entry.name.isdecimal():
            process = look_at(int(entry.name))
            if process is not None:
                yield process


def look_at(pid: int) -> Process | None:
    """That process; None if it is gone or only waits to be reaped."""
    try:
        text = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The second field is the program's name in brackets and may hold anything, brackets too.
    fields = text[text.rindex(b")") + 2 :].split()
    state = fields[0].decode()
    if state in _DEAD:
        return None
    return Process(pid, int(fields[2]), state, int(fields[19]), int(fields[21]) * _PAGE)


def carries(pid: int, variable: str) -> bool:
    """Say whether `NAME=value` was in the environment that the process began with."""
    try:
        environment = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    return variable.encode() in environment.split(b"\0")


def boot_id() -> str:
    """What differs after every start of the machine; empty where nobody says."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
