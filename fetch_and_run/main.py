"""batch-job's commands: which of them was asked for, and how it ends."""

import os
import random
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from fetch_and_run.exits import JobError
from fetch_and_run.kinds import KINDS, kind_of
from fetch_and_run.world import World

PROGRAM = "batch-job"


def main(argv: Sequence[str], world: World) -> int:
    """Run one command and return the exit code."""
    try:
        return _begin(list(argv), world)
    except JobError as error:
        print(f"{PROGRAM}: {error.reason}", file=world.err, flush=True)
        return error.code


def _begin(argv: list[str], world: World) -> int:
    if argv[:1] == [PROGRAM]:  # the command of a job, after the entry point of the image
        argv = argv[1:]
    parser = ArgumentParser(prog=PROGRAM)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, kind in KINDS.items():
        of_kind = commands.add_parser(name, help=kind.summary)
        if argv[:1] == [name]:
            kind_of(name).add_arguments(of_kind)
            of_kind.set_defaults(begin=kind_of(name).begin)
    arguments = parser.parse_args(argv)
    begin: Callable[[Namespace, World], int] = arguments.begin
    return begin(arguments, world)


def real_world(environment: Mapping[str, str]) -> World:
    """The world of a real process."""
    return World(
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
        chance=random.random,
        environment=environment,
        who=None,
        claims=None,
        out=sys.stdout,
        err=sys.stderr,
    )


def entry() -> None:
    """The console script."""
    sys.exit(main(sys.argv[1:], real_world(dict(os.environ))))


if __name__ == "__main__":
    entry()
