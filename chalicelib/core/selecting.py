"""Which jobs of a run an operator means: names, globs, statuses."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.run import Run
from chalicelib.core.wording import counted
from chalicelib.errors import NotFoundError

_GLOB = frozenset("*?[")


def select(run: Run, patterns: Sequence[str], statuses: Iterable[JobStatus] = ()) -> list[str]:
    """Names of jobs in the document's order that match any pattern and have one of the statuses.

    No patterns mean every job, no statuses any status. Raises NotFoundError for a pattern that
    matches no job of the run, and when nothing is left.
    """
    wanted = set(statuses)
    matched: set[str] = set()
    for pattern in patterns:
        found = {pattern} if pattern in run.specs else match(pattern, run.specs)
        if not found:
            raise NotFoundError("job", pattern, _hint(pattern, run))
        matched |= found
    names = [
        name
        for name, state in run.states.items()
        if (not patterns or name in matched) and (not wanted or state.status in wanted)
    ]
    if not names:
        run_id = run.header.run_id
        none = f"{no_job_is(patterns, wanted, f' of run {run_id}')}."
        message = none if wanted else f"Run {run_id} has no jobs."
        raise NotFoundError("job", " ".join(patterns), told=message)
    return names


def no_job_is(patterns: Sequence[str], statuses: Iterable[JobStatus], where: str = "") -> str:
    """That none of the named jobs, or none at all, has one of these statuses."""
    named = f" named {' or '.join(patterns)}" if patterns else ""
    return f"No job{named}{where} is {' or '.join(sorted(statuses))}"


def is_glob(pattern: str) -> bool:
    return not _GLOB.isdisjoint(pattern)


def match(pattern: str, names: Iterable[str]) -> set[str]:
    """The names that a glob matches; a pattern without `*`, `?`, `[` matches nothing but itself."""
    if not is_glob(pattern):
        return {name for name in names if name == pattern}
    return {name for name in names if fnmatchcase(name, pattern)}


def parse_statuses(texts: Iterable[str]) -> list[JobStatus]:
    """Statuses by name in any case; `SKIP` is the old word for PASS. Raises NotFoundError."""
    found = []
    for text in texts:
        name = text.strip().upper().replace("-", "_")
        name = "PASS" if name == "SKIP" else name
        if name not in JobStatus.__members__:
            raise NotFoundError("job status", text, f"Statuses: {', '.join(JobStatus)}.")
        found.append(JobStatus(name))
    return found


def _hint(pattern: str, run: Run) -> str:
    close = get_close_matches(pattern, run.specs, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    return f"Run {run.header.run_id} has {counted(len(run.specs), 'job')}.{meant}"
