"""What all verbs share: `--state`, `--json`, a session, and errors turned into exit codes."""

import inspect
import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from chalicelib.cli.exits import OF_ERROR, Exit
from chalicelib.cli.session import Session
from chalicelib.config import read_settings
from chalicelib.errors import InvalidInputError, SchedulerError

P = ParamSpec("P")

_State = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        help="State directory [BATCH_SCHEDULER_STATE, else under the XDG state directory].",
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON of a documented, stable shape.")]
_SHARED = (
    inspect.Parameter("state", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_State),
    inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_Json),
)


def verb(function: Callable[Concatenate[Session, P], Exit]) -> Callable[..., None]:
    """Make a function of a session a command: it gains the shared options and loses the session."""

    @wraps(function)
    def command(*args: Any, state: Path | None, as_json: bool, **options: Any) -> None:
        raise typer.Exit(_run(function, state, as_json, args, options))

    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    parameters = [*own, *_SHARED]
    vars(command)["__signature__"] = inspect.Signature(parameters)
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _run(
    function: Callable[..., Exit],
    state: Path | None,
    as_json: bool,
    args: tuple[Any, ...],
    options: dict[str, Any],
) -> Exit:
    try:
        with Session(read_settings(state=state), as_json=as_json) as session:
            return function(session, *args, **options)
    except SchedulerError as error:
        _tell(error, as_json=as_json)
        return OF_ERROR[type(error)]
    except BrokenPipeError:
        # The reader of our output has left, as `head` does: that is no failure of ours.
        sys.stderr.close()
        return Exit.DONE


def _tell(error: SchedulerError, *, as_json: bool) -> None:
    if as_json:
        sys.stderr.write(json.dumps({"error": error_shape(error)}, ensure_ascii=False) + "\n")
        return
    lines = str(error).splitlines() or [type(error).__name__]
    if isinstance(error, InvalidInputError) and len(lines) > 1:
        sys.stderr.write(f"{len(lines)} things are wrong:\n")
    for line in lines:
        sys.stderr.write(f"{line}\n")


def error_shape(error: SchedulerError) -> dict[str, Any]:
    """An error as JSON: its kind, its message, and for inputs each problem with its path."""
    shape: dict[str, Any] = {"kind": type(error).__name__, "message": str(error)}
    if isinstance(error, InvalidInputError):
        shape["problems"] = [
            {
                "path": problem.path,
                "reason": problem.reason,
                "found": problem.found,
                "allowed": problem.allowed,
                "suggestion": problem.suggestion,
            }
            for problem in error.problems
        ]
    return shape
