"""What all verbs share: which edition, how to print, a session, and errors as exit codes."""

import inspect
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from chalicelib.cli.exits import OF_ERROR, Exit
from chalicelib.cli.session import Session, json_text
from chalicelib.config import read_settings
from chalicelib.errors import InvalidInputError, SchedulerError

P = ParamSpec("P")

_MORE_THAN_ADDRESS = frozenset("@#?")

_State = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        help="State directory [BATCH_SCHEDULER_STATE, else under the XDG state directory].",
    ),
]
_Edition = Annotated[
    str,
    typer.Option(
        "--edition", metavar="local|aws|http", help="One machine, AWS, or a server [local]."
    ),
]
_Stage = Annotated[
    str,
    typer.Option("--stage", metavar="NAME", help="The stage on AWS [BATCH_SCHEDULER_STAGE]."),
]
_Url = Annotated[
    str,
    typer.Option("--url", metavar="URL", help="The server [BATCH_SCHEDULER_URL]."),
]
_TokenFile = Annotated[
    str,
    typer.Option(
        "--token-file", metavar="FILE", help="The token for it [BATCH_SCHEDULER_TOKEN_FILE]."
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON of a documented, stable shape.")]
_SHARED = (
    inspect.Parameter("state", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_State),
    inspect.Parameter("edition", inspect.Parameter.KEYWORD_ONLY, default="", annotation=_Edition),
    inspect.Parameter("stage", inspect.Parameter.KEYWORD_ONLY, default="", annotation=_Stage),
    inspect.Parameter("url", inspect.Parameter.KEYWORD_ONLY, default="", annotation=_Url),
    inspect.Parameter(
        "token_file", inspect.Parameter.KEYWORD_ONLY, default="", annotation=_TokenFile
    ),
    inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_Json),
)


def verb(function: Callable[Concatenate[Session, P], Exit]) -> Callable[..., None]:
    """Make a function of a session a command: it gains the shared options and loses the session."""

    @wraps(function)
    def command(*args: Any, as_json: bool, **options: Any) -> None:
        state = options.pop("state")
        said = {key: options.pop(key) for key in ("edition", "stage", "url", "token_file")}
        where = _where({"state": state and str(state), **said})

        def act() -> Exit:
            settings = read_settings(state=state, said=said)
            with Session(settings, as_json=as_json, where=where) as session:
                return function(session, *args, **options)

        raise typer.Exit(_run(act, where, as_json=as_json))

    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    parameters = [*own, *_SHARED]
    vars(command)["__signature__"] = inspect.Signature(parameters)
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _where(typed: dict[str, str | None]) -> list[str]:
    """The options that say which edition is meant, for commands that are to be pasted."""
    # Of a URL that has more in it than an address, which is refused, nothing is told.
    shown = {
        key: value
        for key, value in typed.items()
        if value and not (key == "url" and _MORE_THAN_ADDRESS.intersection(value))
    }
    return [word for key, value in shown.items() for word in (f"--{key.replace('_', '-')}", value)]


def _run(act: Callable[[], Exit], where: Sequence[str], *, as_json: bool) -> Exit:
    try:
        return act()
    except SchedulerError as error:
        _tell(error, where, as_json=as_json)
        return OF_ERROR[type(error)]
    except KeyboardInterrupt:
        # Elsewhere a run may have begun by then: 1 would say that it failed.
        sys.stderr.write("\nInterrupted; what was begun goes on.\n")
        return Exit.DETACHED
    except BrokenPipeError:
        # The reader of our output has left, as `head` does: that is no failure of ours.
        sys.stderr.close()
        return Exit.DONE


def _tell(error: SchedulerError, where: Sequence[str], *, as_json: bool) -> None:
    from chalicelib.core.advising import placed

    message = placed(str(error), where)
    if as_json:
        shape = {"error": {**error_shape(error), "message": message}}
        sys.stderr.write(json_text(shape, sys.stderr) + "\n")
        return
    lines = message.splitlines() or [type(error).__name__]
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
