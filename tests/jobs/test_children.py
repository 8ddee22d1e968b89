"""A program runs as the child of batch-job as if it were alone: its start, its signals, its end."""

import os
import pty
import signal
import sys
from pathlib import Path

import pytest

from fetch_and_run.exits import Exit
from tests.jobs.processes import Ended, Started

# What batch-job does with a script that it has fetched, without what it needs to fetch it.
RUN = """
import os, sys
from pathlib import Path
from fetch_and_run.exits import JobError
from fetch_and_run.running import end_by_signals, run
end_by_signals()
try:
    sys.exit(run(Path(sys.argv[1]), sys.argv[2:], os.environ))
except JobError as error:
    print(error.reason, file=sys.stderr)
    sys.exit(error.code)
"""


def written(tmp_path: Path, content: str | bytes) -> str:
    program = tmp_path / "program"
    program.write_bytes(content.encode() if isinstance(content, str) else content)
    program.chmod(0o700)
    return str(program)


def started(tmp_path: Path, content: str | bytes, *arguments: str) -> Started:
    return Started([written(tmp_path, content), *arguments], {}, tmp_path, ("-c", RUN))


def ran(tmp_path: Path, content: str | bytes, *arguments: str) -> Ended:
    return started(tmp_path, content, *arguments).end()


@pytest.mark.parametrize("code", [0, 1, 97, 255])
def test_its_exit_code_is_handed_on(tmp_path: Path, code: int) -> None:
    assert ran(tmp_path, f"#!/bin/sh\nexit {code}\n") == Ended(code, "", "")


@pytest.mark.parametrize("name", ["SEGV", "KILL", "TERM", "PIPE"])
def test_what_a_signal_ends_is_told_from_what_ends_itself(tmp_path: Path, name: str) -> None:
    ended = ran(tmp_path, f"#!/bin/bash\nulimit -c 0; kill -{name} $$\n")
    assert ended.code == 128 + signal.Signals[f"SIG{name}"]


def test_no_signal_is_held_back_or_ignored_when_it_begins(tmp_path: Path) -> None:
    ended = ran(tmp_path, "#!/bin/sh\ngrep -E '^Sig(Blk|Ign)' /proc/self/status\n")
    masks = [int(line.split()[1], 16) for line in ended.out.splitlines()]
    ordinary = (1 << 31) - 1  # 32 and 33 are the C library's own
    assert [mask & ordinary for mask in masks] == [0, 0]


def test_a_script_without_a_first_line_is_run_by_a_shell(tmp_path: Path) -> None:
    assert ran(tmp_path, 'echo "$#" "$@"\nexit 7\n', "a b", "*") == Ended(7, "2 a b *\n", "")
    assert ran(tmp_path, "") == Ended(0, "", "")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("#!/no/such/bash -e\n", "its first line names '/no/such/bash', which is not there"),
        ("#! /bin/sh\r\necho\r\n", "'/bin/sh\\r', which is not there: its lines end as on Windows"),
        (b"\x7fELF\x00\x00of another machine", "can't be started: Exec format error"),
    ],
)
def test_what_can_not_be_started_has_an_exit_code_of_its_own(
    tmp_path: Path, content: str | bytes, words: str
) -> None:
    ended = ran(tmp_path, content)
    assert ended.code == Exit.NOT_STARTED
    assert words in ended.err


def test_f48_signals_reach_it_and_its_answer_counts(tmp_path: Path) -> None:
    names = ["USR1", "USR2", "HUP", "INT", "QUIT"]
    traps = "".join(f"trap 'echo {name}' {name}\n" for name in names)
    wait = "while :; do sleep 60 & wait $!; kill $!; done"  # a wait that a trap ends
    script = f"#!/bin/bash\n{traps}trap 'kill $!; exit 9' TERM\necho ready\n{wait}\n"
    one = started(tmp_path, script)
    assert one.line() == "ready"
    for name in names:
        one.process.send_signal(signal.Signals[f"SIG{name}"])
        assert one.line() == name
    one.process.send_signal(signal.SIGTERM)
    assert one.end().code == 9


def test_one_that_heeds_no_signal_is_not_left_alone(tmp_path: Path) -> None:
    one = started(tmp_path, "#!/bin/bash\ntrap '' TERM\necho ready\nread -r x < fifo\nexit 4\n")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert one.line() == "ready"
    one.process.send_signal(signal.SIGTERM)
    fifo.write_text("go on\n", "utf-8")
    assert one.end().code == 4


# A session of its own, on the terminal that is its input.
ON_A_TERMINAL = """
import fcntl, os, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
"""


# Leaves the group that a Ctrl-C is for, and a child of its own in it to say that one came.
APART = f"""#!{sys.executable}
import os, signal
read, write = os.pipe()
left = os.fork()
if left == 0:
    signal.signal(signal.SIGINT, lambda *_: os.write(1, b"Ctrl-C\\n"))
    os.write(write, b".")
    while True:
        signal.pause()
os.read(read, 1)
os.setpgid(0, 0)
signal.signal(signal.SIGINT, lambda *_: os.write(1, b"INT\\n"))
signal.signal(signal.SIGUSR1, lambda *_: (os.write(1, b"USR1\\n"), os.kill(left, 9), os._exit(0)))
os.write(1, b"ready\\n")
while True:
    signal.pause()
"""


def test_a_ctrl_c_that_the_whole_terminal_gets_is_not_told_again(tmp_path: Path) -> None:
    program = written(tmp_path, APART)
    ours, its = pty.openpty()
    with os.fdopen(ours, "wb", buffering=0) as keys, os.fdopen(its, "rb") as terminal:
        one = Started([program], {}, tmp_path, ("-c", ON_A_TERMINAL + RUN), terminal.fileno())
        assert one.line() == "ready"
        keys.write(b"\x03")
        assert one.line() == "Ctrl-C"
        one.process.send_signal(signal.SIGUSR1)
        assert one.end() == Ended(0, "USR1\n", "")


# PR_SET_CHILD_SUBREAPER: orphans come to it, as to process 1.
ADOPTING = """
import ctypes
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
"""
ORPHANS = f"""#!{sys.executable}
import os, time
from pathlib import Path
held, freed = os.pipe()
for _ in range(5):
    if os.fork() == 0:
        if os.fork() == 0:
            os.close(freed)
            os.read(held, 1)
            os._exit(0)
        os._exit(0)
    os.wait()
children = Path(f"/proc/{{os.getppid()}}/task/{{os.getppid()}}/children")
while len(children.read_text().split()) < 6:
    pass
os.close(freed)
while children.read_text().split() != [str(os.getpid())]:
    pass
print("alone")
"""


def test_as_process_1_it_takes_leave_of_all_that_are_left_behind(tmp_path: Path) -> None:
    program = written(tmp_path, ORPHANS)
    ended = Started([program], {}, tmp_path, ("-c", ADOPTING + RUN)).end()
    assert ended == Ended(0, "alone\n", "")
