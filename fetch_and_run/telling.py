"""What a job tells its scheduler: that it begins, how far it is, what came out, where to look."""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from fetch_and_run.claim_form import MAX_VALUE
from fetch_and_run.claims import WHERE, Claim, Claims, Progress
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.identity import Identity
from fetch_and_run.secrecy import secret_in
from fetch_and_run.world import World

MAX_TEXT = 200  # characters that go with progress
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_OFF_RECORD = f"nothing is on record: no scheduler has set {WHERE} and who this job is"

Tell = Callable[[Identity, Mapping[str, str]], None]


def claim(world: World) -> Claim | None:
    """Claim the attempt; None, and a line, when no scheduler knows of this. Raises JobError."""
    if world.who is None or world.claims is None:
        print(f"batch-job: {_OFF_RECORD}", file=world.err, flush=True)
        return None
    return world.claims.take(world.who, world.now())


def add_progress_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("percent", type=_percent, help="how far, 0 to 100")
    parser.add_argument("text", type=_text, nargs="?", default="", help="what is being done")


def progress(arguments: Namespace, world: World) -> int:
    """Print it and put it on record. Where it can't be, the job goes on all the same."""
    shown = f"{arguments.percent:g}% {arguments.text}".rstrip()
    print(shown, file=world.out, flush=True)
    if world.who is None or world.claims is None:
        return Exit.OK
    told = Progress(percent=arguments.percent, text=arguments.text, at=world.now())
    try:
        world.claims.tell_progress(world.who, told)
    except JobError as error:
        if error.code != Exit.NO_CLAIMS:
            raise
        print(f"batch-job: not on record: {error.reason}", file=world.err, flush=True)
    return Exit.OK


def add_output_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "outputs", type=pair, nargs="+", metavar="NAME=VALUE", help="for the jobs after this one"
    )


def output(arguments: Namespace, world: World) -> int:
    """Put outputs on record, all or none."""
    who, claims = _on_record(world)
    claims.tell_outputs(who, _by_name(arguments.outputs))
    return Exit.OK


def add_link_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "links", type=_link, nargs="+", metavar="NAME=URL", help="for people who look at the job"
    )


def link(arguments: Namespace, world: World) -> int:
    """Put links on record, all or none."""
    who, claims = _on_record(world)
    claims.tell_links(who, _by_name(arguments.links))
    return Exit.OK


def _on_record(world: World) -> tuple[Identity, Claims]:
    if world.who is None or world.claims is None:
        raise JobError(Exit.NO_CLAIMS, _OFF_RECORD)
    return world.who, world.claims


def _by_name(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise JobError(Exit.USAGE, "a name is there twice; each has one value")
    return found


def _percent(text: str) -> float:
    try:
        percent = float(text)
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:  # nor what is no number at all
        raise ArgumentTypeError(f"{text!r} is no number from 0 to 100")
    return percent


def _text(text: str) -> str:
    return checked(text, MAX_TEXT)


def pair(text: str) -> tuple[str, str]:
    """The name and the value of NAME=VALUE, for argparse."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ArgumentTypeError(f"{text!r} has no =; it would be name=value")
    if not _NAME.fullmatch(name):
        raise ArgumentTypeError(
            f"{name!r} is no name: up to 64 letters, digits and _, and no digit first"
        )
    return name, checked(value, MAX_VALUE)


def _link(text: str) -> tuple[str, str]:
    name, value = pair(text)
    scheme, separator, rest = value.partition("://")
    value = f"{scheme.lower()}{separator}{rest}"  # as the scheduler wants it
    if not _is_url(value):
        shown = f"the value of {name}" if secret_in(value) else repr(value)
        raise ArgumentTypeError(f"{shown} is no URL of https, http or s3")
    return name, value


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("https", "http", "s3") and bool(parts.netloc) and " " not in text


def checked(text: str, longest: int) -> str:
    """The text, when it may be on record. Raises ArgumentTypeError."""
    if len(text) > longest:
        raise ArgumentTypeError(f"it has {len(text)} characters, and may have {longest}")
    if not text.isprintable():
        raise ArgumentTypeError(f"{text!r} has characters that can't be printed")
    return text
