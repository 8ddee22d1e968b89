"""Takes the picture of README: types verbs on a terminal of its own, and draws what they showed.

`python -m docs.screenshot` runs the example schedule of examples/etl; times differ from picture to
picture, so nothing compares it.
"""

import fcntl
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "demo.svg"
WIDTH = 110  # columns: what README shows without scaling
TYPED = (
    "batch-scheduler run etl.yaml",
    "batch-scheduler explain join | head -n 7",
    "cp rates.csv work/rates-2026-11-23.csv",
    "batch-scheduler restart --plan",
    "batch-scheduler restart --reason 'the rates came late'",
)
_TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(\r?\n)|(\r)|([^\x1b\r\n]+)")
_RUNNING = "▸"


class Screen:
    """As much of a terminal as our output needs: lines, going up, erasing a line.

    `frames` are what it showed each time before something was erased.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.lines = [""]
        self.frames: list[list[str]] = []
        self._row = 0
        self._dirty = False

    def feed(self, shown: str) -> None:
        """Take what a program wrote."""
        for token in _TOKEN.finditer(shown):
            number, command, newline, _, text = token.groups()
            if newline:
                self._row += 1
                if self._row == len(self.lines):
                    self.lines.append("")
            elif command == "A":
                self._row -= int(number or 1)
            elif command == "K":
                self._erase()
            elif text or command == "m":
                self.lines[self._row] += token[0]
                self._dirty = True

    def _erase(self) -> None:
        if self._dirty:
            self.frames.append(list(self.lines))
            self._dirty = False
        self.lines[self._row] = ""


def type_on_terminal(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    """What a command shows on a terminal of `WIDTH` columns."""
    terminal, end = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
    shell = ["/bin/sh", "-c", command]
    with subprocess.Popen(shell, cwd=folder, env=environment, stdin=end, stdout=end, stderr=end):
        os.close(end)
        shown = bytearray()
        while chunk := _read(terminal):
            shown += chunk
    os.close(terminal)
    return shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says EIO when the last program has left the terminal
        return b""


def seen(shown: str) -> list[str]:
    """The lines that stay, with one frame of the progress bar in the place where it was."""
    screen = Screen()
    screen.feed(shown)
    frames = [frame for frame in screen.frames if any(_RUNNING in line for line in frame)]
    if not frames:
        return screen.lines
    frame = frames[len(frames) // 2]
    same = 0
    while frame[same] == screen.lines[same]:
        same += 1
    bar = [line for line in frame[same:] if line.strip()]
    return [*screen.lines[:same], *bar, *screen.lines[same:]]


def draw(parts: Sequence[tuple[str, list[str]]]) -> str:
    """The picture, as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for command, lines in parts:
        console.print(Text(f"$ {command}", style="bold"))
        for line in "\n".join(lines).rstrip().split("\n"):
            console.print(Text.from_ansi(line.rstrip()))
    return console.export_svg(title="batch-scheduler")


def main() -> None:
    """Type, and write the picture."""
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        folder = Path(name) / "etl"
        shutil.copytree(ROOT / "examples" / "etl", folder)
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "BATCH_SCHEDULER_STATE": str(Path(name) / "state"),
            "BATCH_SCHEDULER_HOST_IDLE": "0.1",
        }
        parts = [(typed, seen(type_on_terminal(typed, folder, environment))) for typed in TYPED]
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(draw(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
