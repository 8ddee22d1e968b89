"""`batch-job ec2`: a command on instances by SSM's Run Command; instances started and stopped."""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace

from fetch_and_run import following
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.instance_states import StateChange
from fetch_and_run.places import check_allowed, read_url
from fetch_and_run.run_command import CommandRun, Order, Place
from fetch_and_run.texts import is_remote, read_text
from fetch_and_run.world import World

_INSTANCE = re.compile(r"i-([0-9a-f]{8}|[0-9a-f]{17})")
_NODE = re.compile(rf"{_INSTANCE.pattern}|mi-[0-9a-f]{{17}}")
_MAX_INSTANCES = 50  # of one command (API_SendCommand); more by a tag
_MAX_TAGS = 5  # API_SendCommand


def add_arguments(parser: ArgumentParser) -> None:
    """Declare `run`, `start` and `stop`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_run(actions.add_parser("run", help="run a command on instances by SSM"))
    for action, end in (("start", "running"), ("stop", "stopped")):
        of_action = actions.add_parser(action, help=f"{action} instances and wait until {end}")
        of_action.add_argument(
            "--instance",
            dest="instances",
            type=_instance,
            action="append",
            required=True,
            metavar="ID",
            help="an instance; may be given several times",
        )
        following.add_arguments(of_action)


def _add_run(parser: ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--instance",
        dest="instances",
        type=_node,
        action="append",
        default=[],
        metavar="ID",
        help=f"an instance; may be given {_MAX_INSTANCES} times",
    )
    where.add_argument(
        "--tag",
        dest="tags",
        type=_tag,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="all instances with this tag; given several times, with all of them",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--command", dest="text", metavar="TEXT", help="what a shell there runs")
    what.add_argument("--script", metavar="FILE", help="a file, or s3:// URL, of what it runs")
    parser.add_argument("--directory", metavar="PATH", help="where it runs there")
    parser.add_argument(
        "--log-group", metavar="NAME", help="where in CloudWatch Logs SSM writes the whole output"
    )
    following.add_arguments(parser)


def begin(arguments: Namespace, world: World) -> int:
    """Run the command, or change the instances; the exit code."""
    if arguments.action != "run":
        change = StateChange(arguments.action, tuple(dict.fromkeys(arguments.instances)), world)
        return following.begin_work(change, arguments, world)
    place = Place(
        instances=tuple(dict.fromkeys(arguments.instances)),
        tags=tuple(dict.fromkeys(arguments.tags)),
    )
    if len(place.instances) > _MAX_INSTANCES or len(place.tags) > _MAX_TAGS:
        reason = f"at most {_MAX_INSTANCES} times --instance or {_MAX_TAGS} times --tag"
        raise JobError(Exit.USAGE, f"ec2 run: {reason}; more instances have a tag in common")
    order = Order(
        place=place,
        text=_text(arguments, world),
        directory=arguments.directory or "",
        log_group=arguments.log_group or "",
        timeout=arguments.timeout,
    )
    return following.begin_work(CommandRun(order, world), arguments, world)


def _text(arguments: Namespace, world: World) -> str:
    if arguments.script is None:
        return str(arguments.text)
    if arguments.dry_run and is_remote(arguments.script):
        check_allowed(read_url(arguments.script), world.environment)
        return f"(what {arguments.script} has)"
    return read_text(arguments.script, world)


def _instance(text: str) -> str:
    if not _INSTANCE.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is no id of an instance: i-0123456789abcdef0")
    return text


def _node(text: str) -> str:
    if not _NODE.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is no id of an instance: i-… or mi-…")
    return text


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ArgumentTypeError(f"{text!r} is no tag: key=value")
    return key, value
