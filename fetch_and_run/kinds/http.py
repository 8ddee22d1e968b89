"""A request of HTTP, and what it has begun."""

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.following import add_arguments as add_following
from fetch_and_run.following import begin_work
from fetch_and_run.references import FORMS
from fetch_and_run.trusting import trusted
from fetch_and_run.web.headers import header_name, headers_of, names_of, secret_headers
from fetch_and_run.web.rules import Statuses, condition
from fetch_and_run.web.urls import checked
from fetch_and_run.web.wire import Bounds, Request, Wire
from fetch_and_run.web.work import POLLED, HttpWork, Wish
from fetch_and_run.world import World

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
T = TypeVar("T")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the request, what its answer means, and how it is followed."""
    parser.add_argument("url", metavar="URL")
    _add_request(parser)
    _add_answer(parser)
    _add_following(parser)
    add_following(parser)


def _add_request(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("the request").add_argument
    add("--method", choices=METHODS, help="GET, or POST when there is a body")
    add("--header", action="append", default=[], metavar="'NAME: VALUE'")
    add(
        "--secret-header",
        action="append",
        default=[],
        metavar="NAME=REF",
        help=f"a header whose value is at {FORMS}",
    )
    add("--bearer-from", metavar="REF", help=f"where the token of a bearer is: {FORMS}")
    body = parser.add_mutually_exclusive_group()
    body.add_argument("--body", metavar="TEXT")
    body.add_argument("--body-file", metavar="PATH")
    add(
        "--idempotency-key",
        nargs="?",
        const="Idempotency-Key",
        metavar="HEADER",
        help="send a key that is the same for the whole attempt, and ask again by it (%(const)s)",
    )
    add("--plain", action="store_true", help="allow http:// to other machines")
    add("--ca-from", metavar="REF", help=f"where certificates to trust are, as PEM: {FORMS}")


def _add_answer(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("its answer").add_argument
    add(
        "--expect",
        type=_read(Statuses, "statuses like 200,201,2xx"),
        default=Statuses("2xx"),
        metavar="STATUSES",
        help="what is no failure: 200,201,2xx (2xx)",
    )
    add(
        "--output",
        action="append",
        default=[],
        type=_read(_output, "an output: NAME=member.of.the.answer"),
        metavar="NAME=MEMBER",
        help="tell a member of the last answer as an output",
    )
    add("--print", action="store_true", dest="prints", help="print the last answer")
    add("--max-bytes", type=_number, default=1_048_576, metavar="N", help="of it (%(default)s)")
    add(
        "--answer-within",
        type=_number,
        default=20,
        metavar="SECONDS",
        help="how long one answer may take (%(default)s)",
    )


def _add_following(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("what it begins").add_argument
    rule = _read(condition, "a rule: member.of.the.answer=VALUE")
    add(
        "--poll-url",
        metavar="URL",
        help="where its end can be seen; {member} is filled from the answer (its Location)",
    )
    add("--until", action="append", default=[], type=rule, metavar="MEMBER=VALUE")
    add("--fail", action="append", default=[], type=rule, metavar="MEMBER=VALUE")
    add(
        "--cancel-url",
        metavar="URL",
        help=f"what ends it, filled as --poll-url is; or `{POLLED}`, the URL that is polled",
    )
    add("--cancel-method", choices=METHODS, default="DELETE", help="%(default)s")


def begin(arguments: Namespace, world: World) -> int:
    """Ask, and follow what that begins."""
    environment = world.environment
    secrets = names_of(arguments.secret_header, arguments.bearer_from)
    certificates = None
    if not arguments.dry_run:
        secrets = secret_headers(arguments.secret_header, arguments.bearer_from, environment)
        certificates = arguments.ca_from
    wish = _wish(arguments, secrets)
    bounds = Bounds(
        size=arguments.max_bytes, seconds=float(arguments.answer_within), plain=arguments.plain
    )
    with closing(Wire(bounds, world.now, trusted(certificates, environment))) as wire:
        return begin_work(HttpWork(wish, wire, world), arguments, world)


def _wish(arguments: Namespace, secrets: Mapping[str, str]) -> Wish:
    body = _body(arguments)
    headers = headers_of(arguments.header)
    if body is not None and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = "application/json" if _is_json(body) else "text/plain"
    request = Request(
        method=arguments.method or ("GET" if body is None else "POST"),
        url=checked(arguments.url, plain=arguments.plain),
        headers=headers,
        secrets=secrets,
        body=body,
    )
    for template in (arguments.poll_url, arguments.cancel_url):
        if template is not None and template != POLLED:
            checked(template, plain=arguments.plain)
    return Wish(
        request=request,
        expect=arguments.expect,
        key_header=header_name(arguments.idempotency_key) if arguments.idempotency_key else None,
        poll=arguments.poll_url,
        until=tuple(arguments.until),
        fail=tuple(arguments.fail),
        cancel=arguments.cancel_url,
        cancel_method=arguments.cancel_method,
        outputs=dict(arguments.output),
        plain=arguments.plain,
        prints=arguments.prints,
    )


def _body(arguments: Namespace) -> bytes | None:
    if arguments.body is not None:
        return str(arguments.body).encode()
    if arguments.body_file is None:
        return None
    try:
        return Path(arguments.body_file).read_bytes()
    except OSError as error:
        reason = f"the body {arguments.body_file} can't be read: {error.strerror}"
        raise JobError(Exit.USAGE, reason) from error


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _output(text: str) -> tuple[str, str]:
    name, _, member = text.partition("=")
    if not name.isidentifier() or not name.isascii() or len(name) > 64 or not member:
        raise ValueError(text)
    return name, member


def _number(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 100_000_000:
        raise ArgumentTypeError(f"{text!r} is no number from 1 to 100,000,000")
    return int(text)


def _read(read: Callable[[str], T], meant: str) -> Callable[[str], T]:
    def reading(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise ArgumentTypeError(f"{text!r} is not {meant}") from error

    return reading
