"""batch-job's commands: which of them is asked for, and how it ends."""

import os
import random
import sys
import time
import traceback
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn

from fetch_and_run import telling
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.identity import identity_of
from fetch_and_run.kinds import KINDS, kind_of
from fetch_and_run.opening import open_claims
from fetch_and_run.printing import Log, Printable, in_one_line, printable
from fetch_and_run.running import become
from fetch_and_run.scripts import TYPE, fetch_and_run, is_classic
from fetch_and_run.world import World

PROGRAM = "batch-job"
TRACEBACK = "BATCH_JOB_TRACEBACK"  # if set, a bug is told with where it is
_EXPLANATION = f"""\
What a job runs as: fetches and runs its script, claims its attempt before, tells its scheduler
how far it is, and drives work of other services. Exit codes and variables: docs/batch-job.md.

Where {TYPE} is set, all words are the script's name and its arguments."""

Begin = Callable[[Namespace, World], int]


class _Parser(ArgumentParser):
    """What can't be read is said in one line, like every other reason to end."""

    def error(self, message: str) -> NoReturn:
        raise JobError(Exit.USAGE, f"{message}; see {self.prog} --help")


def main(argv: Sequence[str], world: World) -> int:
    """Run one command and return its exit code."""
    return _ended(lambda: _begin(list(argv), world), world.environment, world.err)


def _ended(begin: Callable[[], int], environment: Mapping[str, str], err: Log) -> int:
    try:
        return begin()
    except JobError as error:
        print(f"{PROGRAM}: {printable(error.reason)}", file=err, flush=True)
        return error.code
    except Exception as error:
        if environment.get(TRACEBACK):
            print("".join(traceback.format_exception(error)), end="", file=err)
        words = in_one_line(f"{type(error).__name__}: {error}")
        hint = "" if environment.get(TRACEBACK) else f" ({TRACEBACK}=1 shows where)"
        print(f"{PROGRAM}: a bug: {words}{hint}", file=err, flush=True)
        return Exit.BUG


def _begin(argv: list[str], world: World) -> int:
    if argv[:1] == [PROGRAM]:  # the command of a job, behind the entry point of the image
        argv = argv[1:]
    if argv[:2] == ["run", "--"]:
        return fetch_and_run(argv[2:], world)
    if is_classic(world.environment):
        return fetch_and_run(argv, world)
    if argv[:1] == ["run"] and argv[1:2] not in (["-h"], ["--help"]):
        return fetch_and_run(argv[1:], world)
    if argv[:2] == ["claim", "--"] and argv[2:]:
        telling.claim(world)
        become(argv[2:], world.environment)
    arguments = _parser(argv[:1]).parse_args(argv)
    begin: Begin = arguments.begin
    if arguments.command in KINDS:  # these print what services say
        world = replace(world, out=Printable(world.out), err=Printable(world.err))
    return begin(arguments, world)


def _parser(asked: Sequence[str]) -> ArgumentParser:
    """All commands, the arguments of kinds only of one that is asked for."""
    parser = _Parser(
        prog=PROGRAM, description=_EXPLANATION, formatter_class=RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, summary: str, begin: Begin = _unreadable) -> ArgumentParser:
        added = commands.add_parser(name, help=summary, description=summary)
        added.set_defaults(begin=begin)
        return added

    run = add("run", f"fetch what {TYPE} and its like name, and run it")
    run.add_argument("words", nargs="*", metavar="[--] SCRIPT [ARGUMENT ...]")
    claim = add("claim", "claim the attempt, then become a command of the image")
    claim.add_argument("words", nargs="*", metavar="-- COMMAND [ARGUMENT ...]")
    telling.add_progress_arguments(add("progress", "say how far the job is", telling.progress))
    telling.add_output_arguments(add("output", "say what came out", telling.output))
    telling.add_link_arguments(add("link", "say where people can look", telling.link))
    for name, kind in KINDS.items():
        of_kind = add(name, kind.summary)
        if list(asked) == [name]:
            module = kind_of(name)
            module.add_arguments(of_kind)
            of_kind.set_defaults(begin=module.begin)
    return parser


def _unreadable(arguments: Namespace, _: World) -> int:
    raise JobError(Exit.USAGE, f"{arguments.command} needs a command after --: see --help")


def real_world(environment: Mapping[str, str]) -> World:
    """The world of a real process. Raises JobError, NO_CLAIMS."""

    def now() -> datetime:
        return datetime.now(UTC)

    who = identity_of(environment)
    claims = open_claims(environment, now) if who else None
    return World(
        now=now,
        sleep=time.sleep,
        chance=random.random,
        environment=environment,
        who=who if claims else None,
        claims=claims,
        out=sys.stdout,
        err=sys.stderr,
    )


def entry() -> None:
    """The console script."""
    environment = dict(os.environ)
    sys.exit(_ended(lambda: main(sys.argv[1:], real_world(environment)), environment, sys.stderr))


if __name__ == "__main__":
    entry()
