"""Commands that are ready to paste into a shell."""

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chalicelib.cli.session import Session

if TYPE_CHECKING:
    from chalicelib.core.advising import Advice


def command(words: Iterable[str]) -> str:
    """The line to type, every word quoted as it needs to be."""
    return shlex.join(["batch-scheduler", *words])


def print_advice(session: Session, advice: "Sequence[Advice]") -> None:
    """Print commands with what they would do as comments, which a shell lets pass."""
    if not advice:
        return
    lines = [command(each.words) for each in advice]
    width = max(map(len, lines))
    session.say("")
    session.say("Possible now:")
    for line, each in zip(lines, advice, strict=True):
        session.say(f"  {line:{width}}  # {each.effect}")


def advice_shape(advice: "Iterable[Advice]") -> list[dict[str, str]]:
    """Commands as JSON."""
    return [{"command": command(each.words), "effect": each.effect} for each in advice]
