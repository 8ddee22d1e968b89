"""The program `batch-scheduler`: its verbs, and how it is entered."""

import gc
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

import typer

from chalicelib.cli import (
    authoring,
    drawing,
    granting,
    importing,
    looking,
    migrating,
    operating,
    running,
    serving,
    timing,
)
from chalicelib.cli.exits import Exit
from chalicelib.cli.verb import verb

app = typer.Typer(
    name="batch-scheduler",
    help="A universal job scheduler: graphs of jobs, run, followed, explained, restarted.",
    no_args_is_help=True,
    rich_markup_mode=None,  # importing rich for colours in --help would double its time
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_VERBS: Mapping[str, Callable[..., Exit]] = {
    "validate": authoring.validate,
    "put": authoring.put,
    "list": authoring.list_,
    "show": authoring.show,
    "versions": authoring.versions,
    "delete": authoring.delete,
    "schema": authoring.schema,
    "graph": drawing.graph,
    "run": running.run,
    "start": running.start,
    "watch": running.watch,
    "resume": running.resume,
    "status": looking.status,
    "explain": looking.explain,
    "logs": looking.logs,
    "runs": looking.runs,
    "history": looking.history,
    "export": looking.export,
    "restart": running.restart,
    "cancel": running.cancel,
    "pass": operating.pass_,
    "hold": operating.hold,
    "release": operating.release,
    "terminate": operating.terminate,
    "rerun": operating.rerun,
    "mark": operating.mark,
    "pause": timing.pause,
    "next": timing.next_,
    "preview": timing.preview,
    "migrate": migrating.migrate,
    "serve": serving.serve,
}
for _name, _function in _VERBS.items():
    app.command(_name)(verb(_function))
app.command("drive", hidden=True)(verb(serving.drive))  # only `serve` types it

# Verbs of two words: what they are about, and what is done.
_GROUPS: Mapping[str, tuple[str, Mapping[str, Callable[..., Exit]]]] = {
    "calendar": (
        "Keep the calendars that triggers go by.",
        {
            "put": timing.put_calendar,
            "list": timing.list_calendars,
            "show": timing.show_calendar,
            "delete": timing.delete_calendar,
        },
    ),
    "import": (
        "Take over what another scheduler starts.",
        {"crontab": importing.crontab},
    ),
    "token": (
        "Give, list and revoke the tokens of the HTTP API.",
        {"create": granting.create, "list": granting.list_, "revoke": granting.revoke},
    ),
}
for _name, (_help, _verbs) in _GROUPS.items():
    _group = typer.Typer(help=_help, no_args_is_help=True, rich_markup_mode=None)
    for _verb, _function in _verbs.items():
        _group.command(_verb)(verb(_function))
    app.add_typer(_group, name=_name)

_SHARED_FLAGS = ("--json",)
_SHARED_OPTIONS = ("--state", "--edition", "--stage", "--url", "--token-file")


def main(argv: Sequence[str]) -> int:
    """Run the program with these arguments and give its exit code."""
    try:
        app(_shared_last(list(argv)), prog_name="batch-scheduler")
    except SystemExit as ending:
        if isinstance(ending.__context__, BrokenPipeError):
            return Exit.DONE  # the reader of --help has left, which is no failure of ours
        return ending.code if isinstance(ending.code, int) else 1
    return 0


def entry() -> None:
    """What the installed command calls."""
    # A run is many objects and little garbage: to look at all of them each time costs its share.
    gc.set_threshold(50_000, 20, 100)
    # What is worth a person's attention is told by the verbs; without this, warnings would be too.
    logging.getLogger("chalicelib").addHandler(logging.NullHandler())
    # Who closed them, as `>&-` does, wants to hear nothing.
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        # Names and reasons may hold what a terminal's encoding has not.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = main(sys.argv[1:])
    gc.freeze()  # else the interpreter looks through all there is for garbage before it ends
    sys.exit(code)


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _shared_last(argv: list[str]) -> list[str]:
    """Move the shared options from before the verb to behind it: verbs declare them."""
    moved, rest = _taken(argv)
    words, rest = rest[:1], rest[1:]
    if words and words[0] in _GROUPS:
        more, rest = _taken(rest)
        moved += more
        words, rest = [*words, *rest[:1]], rest[1:]
    return [*words, *moved, *rest]


def _taken(argv: list[str]) -> tuple[list[str], list[str]]:
    """The shared options that the words begin with, and the words after them."""
    argv, moved = list(argv), []
    while argv:
        name, equals, _ = argv[0].partition("=")
        if argv[0] in _SHARED_FLAGS or (equals and name in _SHARED_OPTIONS):
            moved.append(argv.pop(0))
        elif name in _SHARED_OPTIONS and len(argv) > 1:
            moved += [argv.pop(0), argv.pop(0)]
        else:
            break
    return moved, argv


if __name__ == "__main__":
    entry()
