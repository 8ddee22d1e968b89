"""Runs of a Glue job, and of a crawler."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.following import add_arguments as add_common_arguments
from fetch_and_run.following import begin_work
from fetch_and_run.kinds.glue_crawlers import Crawl
from fetch_and_run.kinds.glue_jobs import OWN_ARGUMENT, GlueJobRun
from fetch_and_run.world import World

# Members of StartJobRun's request, by the attributes of their options.
_OF_JOBS = {
    "worker_type": "WorkerType",
    "workers": "NumberOfWorkers",
    "max_capacity": "MaxCapacity",
    "execution_class": "ExecutionClass",
    "run_timeout": "Timeout",
    "security_configuration": "SecurityConfiguration",
}


def add_arguments(parser: ArgumentParser) -> None:
    either = parser.add_mutually_exclusive_group(required=True)
    either.add_argument("--job", metavar="NAME", help="run a job")
    either.add_argument("--crawler", metavar="NAME", help="run a crawler")
    parser.add_argument(
        "--argument",
        action="append",
        default=[],
        type=_argument,
        metavar="KEY=VALUE",
        dest="arguments",
        help="an argument of the job's script, which gets it as --KEY VALUE",
    )
    parser.add_argument("--worker-type", metavar="TYPE", help="G.1X, G.2X, ...; with --workers")
    parser.add_argument("--workers", type=_positive, metavar="NUMBER", help="how many workers")
    parser.add_argument("--max-capacity", type=float, metavar="DPU", help="of Python shell jobs")
    parser.add_argument("--execution-class", choices=("STANDARD", "FLEX"))
    parser.add_argument(
        "--run-timeout", type=_positive, metavar="MINUTES", help="after which Glue ends the run"
    )
    parser.add_argument("--security-configuration", metavar="NAME")
    add_common_arguments(parser)


def begin(arguments: Namespace, world: World) -> int:
    given = vars(arguments)
    settings = {member: given[name] for name, member in _OF_JOBS.items() if given[name] is not None}
    if arguments.crawler is None:
        run = GlueJobRun(arguments.job, _by_key(arguments.arguments), settings, world)
        return begin_work(run, arguments, world)
    if settings or arguments.arguments:
        raise JobError(Exit.USAGE, "a crawler has no arguments and no workers: these go with --job")
    return begin_work(Crawl(arguments.crawler, world), arguments, world)


def _by_key(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise JobError(Exit.USAGE, "an --argument is there twice; each key has one value")
    if OWN_ARGUMENT in found:
        raise JobError(Exit.USAGE, f"{OWN_ARGUMENT} is batch-job's own, to find the run again")
    return found


def _argument(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip("-"):
        raise ArgumentTypeError(f"{text!r} is no argument; it would be key=value")
    return (key if key.startswith("--") else f"--{key}"), value


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)
