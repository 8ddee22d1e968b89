"""JSON that goes into remote work, from the command line or a file, and outputs of its answer."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fetch_and_run.claim_form import MAX_VALUE
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.telling import checked, pair
from fetch_and_run.work import Outcome

_MAX_SHOWN = 8192  # characters of an answer in the log


def add_document(parser: ArgumentParser, name: str, meaning: str) -> None:
    """Declare --NAME and --NAME-file, of which one may be given."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument(f"--{name}", metavar="JSON", help=meaning)
    either.add_argument(f"--{name}-file", metavar="PATH", type=Path, help=f"{meaning}, in a file")


def add_outputs(parser: ArgumentParser) -> None:
    """Declare --output."""
    parser.add_argument(
        "--output",
        action="append",
        default=[],
        type=_wanted,
        metavar="NAME=MEMBER",
        dest="outputs",
        help="an output by its place in the answer: rows=result.rows, id=items.0.id",
    )


def document(text: str | None, path: Path | None, name: str) -> str:
    """The JSON that was given; {} when none was. Raises JobError, REFUSED."""
    where = str(path) if path else f"--{name}"
    try:
        given = path.read_text(encoding="utf-8") if path else text or "{}"
        json.loads(given)
    except OSError as error:
        raise JobError(Exit.REFUSED, f"{where} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise JobError(
            Exit.REFUSED, f"{where} is no JSON: {error}; quote it as one word"
        ) from error
    return given


def succeeded(answer: str, wanted: Iterable[tuple[str, str]], logs: str = "") -> Outcome:
    """The outcome of work with this answer: a failure where an output is not in it."""
    outputs: dict[str, str] = {}
    for name, path in wanted:
        try:
            outputs[name] = checked(_text(_member(json.loads(answer), path)), MAX_VALUE)
        except (ValueError, LookupError, ArgumentTypeError) as error:
            reason = f"has succeeded, but its answer gives no output {name}: {error}"
            return Outcome(succeeded=False, reason=reason, logs=logs)
    return Outcome(succeeded=True, reason="has succeeded", logs=logs, outputs=outputs)


def shown(answer: str) -> str:
    """An answer as the log has it: cut where it is long."""
    if len(answer) <= _MAX_SHOWN:
        return answer
    return f"{answer[:_MAX_SHOWN]}… ({len(answer)} characters)"


def _wanted(text: str) -> tuple[str, str]:
    name, path = pair(text)
    if not path:
        raise ArgumentTypeError(f"{text!r} names no member; it would be name=member")
    return name, path


def _member(found: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            raise LookupError(f"{path} is not in it")
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
