"""Whether the outputs that a document's jobs read can be there when they are handed over."""

from collections.abc import Iterator, Mapping, Sequence

from chalicelib.core.graph import topological_order
from chalicelib.core.outputs import written_in
from chalicelib.core.schedule import Reference
from chalicelib.core.secrecy import is_secret_name
from chalicelib.core.wording import Speller, json_path, quoted
from chalicelib.errors import InvalidInputError, Problem

Path = tuple[str | int, ...]
Text = tuple[Path, str]

# What is filled last; all else a run must know from its start, or a queue to find the job again.
_FILLED = (("command",), ("environment",), ("parameters",), ("with",))
_IN_OVERRIDES = (("containerOverrides", "command"), ("containerOverrides", "environment"))
_FORM = "${jobs.NAME.outputs.OUTPUT}"
_PLACES = "command, environment, parameters or with of a job"


def check_outputs(
    texts: Sequence[Text], upstream: Mapping[str, Sequence[str]], jobs: Mapping[Path, str],
    speller: Speller,
) -> Iterator[Problem]:  # fmt: skip
    """Everything wrong with outputs in these texts of a document.

    `upstream` has for each job what it waits for, a finally job without an own one for all others;
    `jobs` has the names of jobs by their places.
    """
    found = [(path, text, written_in(text)) for path, text in texts]
    reads = any(written.references for _, _, written in found)
    checked: list[tuple[Path, Reference]] = []
    for path, text, written in found:
        if written.is_malformed:
            yield _problem(path, "is no output of a job", text, _FORM)
        if written.is_escaped and reads:
            reason = "can't be escaped where jobs of the schedule read outputs"
            yield _problem(path, reason, text, "the text by a parameter, or in the script")
        fault = _misplaced(path, text) if written.references else ""
        if fault:
            yield _problem(path, fault, text, _PLACES)
        else:
            checked += [(path, each) for each in written.references]
    yield from _check_references(checked, upstream, jobs, speller)


def _problem(path: Path, reason: str, found: str, allowed: str, meant: str = "") -> Problem:
    return Problem(json_path(path), reason, quoted(found), allowed, meant)


def _misplaced(path: Path, text: str) -> str:
    """Why no output can be filled in there; empty when one can."""
    if path[0] not in ("jobList", "finally"):
        return "can't read an output: only a job itself can, which waits for the other"
    if path[2:3] not in _FILLED and path[2:4] not in _IN_OVERRIDES:
        return "can't read an output: this must be known when the run starts"
    if path[2:] == ("command",):
        told = written_in(text).references[0]
        return (
            f"would be run by a shell, and {told} with it; give it by `environment`, and write "
            f'"${told.output.upper()}"'
        )
    return ""


def _check_references(
    checked: Sequence[tuple[Path, Reference]],
    upstream: Mapping[str, Sequence[str]],
    jobs: Mapping[Path, str],
    speller: Speller,
) -> Iterator[Problem]:
    above = _Above(upstream, {reference.job for _, reference in checked})
    for path, reference in checked:
        reader, source = jobs.get(path[:2], ""), reference.job
        if source not in upstream:
            meant = speller.nearest(source, (name for name in upstream if name != reader))
            reason = f"reads an output of a job that is not there: {quoted(source)}"
            yield _problem(path, reason, str(reference), "the name of an upstream job", meant)
        elif not above.has(reader, source):
            reason = f"reads an output of {quoted(source)} and does not wait for it"
            allowed = "a job upstream, direct or indirect: see jobDependencies"
            yield _problem(path, reason, str(reference), allowed)
        if is_secret_name(reference.output):
            reason = f"output {quoted(reference.output)} has the name of a secret: none is kept"
            yield _problem(path, reason, str(reference), "a reference to the secret's place")


class _Above:
    """Which of some jobs are upstream of which others, as bits: a graph may have 10,000 jobs."""

    def __init__(self, upstream: Mapping[str, Sequence[str]], sources: set[str]) -> None:
        self._bits = {source: 1 << place for place, source in enumerate(sorted(sources))}
        self._masks: dict[str, int] = {}
        self._is_cyclic = False
        try:
            order = topological_order(upstream) if sources else []
        except InvalidInputError:  # which is told by whoever checks dependencies
            self._is_cyclic = True
            return
        for name in order:
            mask = 0
            for up in upstream[name]:
                mask |= self._masks.get(up, 0) | self._bits.get(up, 0)
            self._masks[name] = mask

    def has(self, name: str, source: str) -> bool:
        """True too when nobody can tell."""
        return self._is_cyclic or bool(self._masks.get(name, 0) & self._bits[source])
