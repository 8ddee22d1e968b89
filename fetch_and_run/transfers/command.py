"""`get`, `put` and `wait` of a kind of server: their arguments, and what they do."""

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime

from fetch_and_run.exits import Exit
from fetch_and_run.following import add_arguments as add_following
from fetch_and_run.pausing import Pauses
from fetch_and_run.remote_record import RemoteRecord
from fetch_and_run.stopping import StoppedError, stopped_by_signals
from fetch_and_run.transfers.acts import get, put, wait
from fetch_and_run.transfers.addresses import Address, address_of
from fetch_and_run.transfers.places import Place
from fetch_and_run.transfers.retrying import Retrying
from fetch_and_run.world import World

AddLogin = Callable[[ArgumentParser], None]
Connect = Callable[[Address, Namespace, Mapping[str, str]], Place]
ACTS = {"get": get, "put": put, "wait": wait}
DAY = 86_400  # s


def add_actions(parser: ArgumentParser, scheme: str, add_login: AddLogin) -> None:
    """Declare the three actions of a kind."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    address = f"{scheme}://HOST[:PORT]/PATH"
    get = actions.add_parser("get", help="bring a file here, or to S3")
    get.add_argument("server", metavar="FROM", help=address)
    get.add_argument(
        "here", metavar="TO", help="a path or s3://BUCKET/KEY; a directory ends with /"
    )
    put = actions.add_parser("put", help="bring a file from here, or from S3, to the server")
    put.add_argument("here", metavar="FROM", help="a path or s3://BUCKET/KEY")
    put.add_argument("server", metavar="TO", help=f"{address}; a directory ends with /")
    for moving in (get, put):
        _add_checks(moving)
    wait = actions.add_parser("wait", help="wait until a file is there and stays the same")
    wait.add_argument("server", metavar="FILE", help=f"{address}; its name may be a pattern")
    _add_waiting(wait)
    for action in (get, put, wait):
        add_login(action)
        add_following(action)


def _add_checks(moving: ArgumentParser) -> None:
    moving.add_argument("--sha256", type=_sum, metavar="HEX", help="the checksum it must have")
    moving.add_argument(
        "--sha256-beside",
        action="store_true",
        help="get: compare with the file NAME.sha256 beside it; put: write that file, too",
    )
    moving.add_argument(
        "--retries", type=_count, default=5, metavar="N", help="in a row, in vain (%(default)s)"
    )


def _add_waiting(wait: ArgumentParser) -> None:
    wait.add_argument(
        "--stable",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="for how long its size and time must not change (%(default)g)",
    )
    wait.add_argument(
        "--every",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="between looks (%(default)g)",
    )


def begin_action(arguments: Namespace, world: World, scheme: str, connect: Connect) -> int:
    """Do one action to its end; the exit code."""
    address = address_of(arguments.server, scheme)
    if arguments.dry_run:
        # References to secrets are shown; the secrets are nowhere in the arguments.
        given = {name: value for name, value in vars(arguments).items() if _is_shown(value)}
        asked = {"service": scheme, "operation": arguments.action, "parameters": given}
        print(json.dumps(asked, indent=2), file=world.out, flush=True)
        return Exit.OK
    place = connect(address, arguments, world.environment)
    try:
        with stopped_by_signals(), closing(place):
            retrying = _retrying(arguments, world, _claimed(world))
            outputs = ACTS[arguments.action](address, place, arguments, retrying)
    except StoppedError as stopped:
        print(f"batch-job: {arguments.action}: {stopped.name} came", file=world.err, flush=True)
        return stopped.code
    with Pauses(world) as pauses:
        RemoteRecord(world, pauses).tell_outputs(outputs)
    told = ", ".join(f"{name} {value}" for name, value in outputs.items())
    print(f"{scheme} {arguments.action}: done; {told}", file=world.out, flush=True)
    return Exit.OK


def _is_shown(value: object) -> bool:
    return isinstance(value, str | int | float | list)


def _claimed(world: World) -> datetime:
    """Take the claim; when the attempt was claimed first."""
    with Pauses(world) as pauses:
        record = RemoteRecord(world, pauses)
        record.take()
    if pauses.signal is not None:
        raise StoppedError(pauses.signal)
    return record.began


def _retrying(arguments: Namespace, world: World, began: datetime) -> Retrying:
    if arguments.action == "wait":
        return Retrying(world, began, retries=None, timeout=arguments.timeout or DAY)
    return Retrying(world, began, retries=arguments.retries, timeout=arguments.timeout)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is no number")
    return int(text)


def _seconds(text: str) -> float:
    if not text.isdecimal() or int(text) > DAY:
        raise ArgumentTypeError(f"{text!r} is no number of seconds up to {DAY}")
    return float(text)


def _sum(text: str) -> str:
    if len(text) != 64 or set(text.lower()) - set("0123456789abcdef"):
        raise ArgumentTypeError("a sha256 has 64 hexadecimal digits")
    return text.lower()
