"""What a check is: it begins something, waits while others do too, and ends with a finding."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from smoke.trial import NotSeenError, Trial


class Verdict(StrEnum):
    """How what was seen compares with what we rely on."""

    OK = "OK"
    WRONG = "NOT AS EXPECTED"
    UNSEEN = "NOT SEEN"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict, and what was seen, for people."""

    verdict: Verdict
    seen: str


Check = Callable[[Trial], Generator[None, None, Finding]]

CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Enter a check under the name of its row in docs/unverified.md."""

    def enter(made: Check) -> Check:
        CHECKS[name] = made
        return made

    return enter


def judged(seen: object, *, holds: bool) -> Finding:
    return Finding(Verdict.OK if holds else Verdict.WRONG, str(seen))


def findings(trial: Trial, checks: Mapping[str, Check]) -> Iterator[tuple[str, Finding]]:
    """Let all go on together; each finding as soon as it is there."""
    active = {name: begin(trial) for name, begin in checks.items()}
    while active:
        for name, steps in list(active.items()):
            finding = _step(steps)
            if finding is not None:
                del active[name]
                yield name, finding
        if active:
            trial.pause()


def _step(steps: Generator[None, None, Finding]) -> Finding | None:
    try:
        next(steps)
    except StopIteration as end:
        ended: Finding = end.value
        return ended
    except NotSeenError as error:
        return Finding(Verdict.UNSEEN, str(error))
    except Exception as error:  # one check that breaks must not end the others
        said = " ".join(str(error).split())
        return Finding(Verdict.UNSEEN, f"{type(error).__name__}: {said}")
    return None
