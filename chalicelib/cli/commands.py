"""Commands that are ready to paste into a shell."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chalicelib.cli.session import Session
from chalicelib.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from chalicelib.core.advising import Advice
    from chalicelib.services.shape_types import AdviceShape

_COLUMNS = 100  # within which a command and its effect are told, if they can be


def command(session: Session, words: Sequence[str]) -> str:
    """The line to type, every word quoted as it needs to be; it means what the session works on."""
    from chalicelib.core.advising import command as line

    return line(words, session.where)


def print_advice(session: Session, advice: "Sequence[Advice]") -> None:
    """Print commands with what they would do as comments, which a shell lets pass."""
    if not advice:
        return
    is_meant = _Meant(session)
    lines = [command(session, each.words if is_meant(each) else each.in_full) for each in advice]
    room = _COLUMNS - len("    # ") - max(len(each.effect) for each in advice)
    width = max(0, min(room, max(map(len, lines))))
    session.say("")
    session.say("Possible now:")
    for line, each in zip(lines, advice, strict=True):
        session.say(f"  {line:{width}}  # {each.effect}")


def advice_shape(session: Session, advice: "Iterable[Advice]") -> "list[AdviceShape]":
    """Commands as JSON."""
    from chalicelib.services.shapes import advice_shape as shape

    return shape(advice, session.where)


class _Meant:
    """Says of advice whether its run is the one that is meant without being named."""

    def __init__(self, session: Session) -> None:
        self._ports = session.edition.ports
        self._found: dict[str, str] = {}  # by the job, the run that is meant

    def __call__(self, advice: "Advice") -> bool:
        if not advice.run:
            return True
        if advice.job not in self._found:
            self._found[advice.job] = self._find(advice.job)
        return self._found[advice.job] == advice.run

    def _find(self, job: str) -> str:
        from chalicelib.services.finding import find_run_of_jobs

        try:
            return find_run_of_jobs(self._ports, [job]).run_id
        except (ConflictError, NotFoundError):
            return ""
