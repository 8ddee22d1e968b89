"""Why a job is not running, and why it failed: the chain of causes, in plain words.

Only what is stored or was said by the queue is told. Where something was not seen, that is said.
A chain of causes is followed to its end; of a long one the middle is left out, of many that end
apart the most telling are chosen, so that an explanation fits on a page whatever the graph.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib.core.batch import JobDetail
from chalicelib.core.facts import describe_facts, telling
from chalicelib.core.graph import closure
from chalicelib.core.lifecycle import BROKEN, FINAL, LIVE, STARTED, JobStatus, RunStatus
from chalicelib.core.outputs import missing
from chalicelib.core.planning import stopping
from chalicelib.core.readiness import Verdict
from chalicelib.core.run import Intent, JobState, Run
from chalicelib.core.schedule import TriggerRule

_SHOWN = 3  # names in a sentence, and ends of chains that are followed from one job
_LISTED = 10  # jobs that a run's explanation begins with
_LONGEST = 7  # jobs of a chain told in full; of a longer one
_NEAR = 3  # these many from its near end
_FAR = 2  # and from its far one

_BLAMED = BROKEN | {JobStatus.CANCELLED}
# What an end of a chain of causes is worth: first what needs a person, then what moves.
_TELLING = (
    frozenset({JobStatus.FAILED, JobStatus.NOTFOUND}),
    frozenset({JobStatus.HELD}),
    frozenset({JobStatus.CANCELLED}),
    STARTED,
)


@dataclass(frozen=True, slots=True)
class Cause:
    """One link: what holds for `job`, and because of what. `job` is empty for the run itself.

    A link without a job and a status stands for jobs that are left out. `facts` are what else is
    known of the job; `more` counts ends of chains that are not told.
    """

    job: str
    status: str
    sentence: str
    because: tuple["Cause", ...] = ()
    facts: tuple[str, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What an explanation needs besides the run.

    The time, whether an engine drives the run, and by the queue's job ids what the queue said and
    which children of an array job failed.
    """

    now: datetime
    driven: bool = True
    details: Mapping[str, JobDetail] = field(default_factory=dict)
    failed_children: Mapping[str, Sequence[int]] = field(default_factory=dict)


def explain_run(run: Run, around: Circumstances) -> Cause:
    """What became of the run or what it waits for, down to the jobs that started it."""
    header = run.header
    counts = ", ".join(
        f"{run.counts[status]} {status}" for status in JobStatus if run.counts[status]
    )
    sentence = f"is {header.status}, generation {header.generation}: {counts}"
    if header.cancelling:
        sentence += f"; {header.cancelling}"
    if header.status is RunStatus.RUNNING:
        jobs = _frontier(run)
        if not around.driven:
            sentence += "; no engine drives it: batch-scheduler resume"
    else:
        jobs = _roots(run)
    told = _Teller(run, around)
    because = tuple(told.link(name) for name in jobs[:_LISTED])
    return Cause("", header.status, sentence, because, more=max(0, len(jobs) - _LISTED))


def explain_job(run: Run, name: str, around: Circumstances) -> Cause:
    """Why `name` stands where it stands."""
    return _Teller(run, around).link(name)


class _Teller:
    """Tells why, along the shortest ways to where the chains of causes end."""

    def __init__(self, run: Run, around: Circumstances) -> None:
        self._run = run
        self._around = around
        self._stop = stopping(run)

    def link(self, name: str) -> Cause:
        """The cause that is `name`, with the ways to the most telling ends behind it."""
        came_from, ends = self._ends_behind(name)
        ends.sort(key=self._rank)
        below: dict[str, dict[str, None]] = {}  # the ways to the ends that are shown: a tree
        for end in ends[:_SHOWN]:
            at = end
            while at != name:
                below.setdefault(came_from[at], {})[at] = None
                at = came_from[at]
        return replace(self._branch(name, below), more=max(0, len(ends) - _SHOWN))

    def _ends_behind(self, name: str) -> tuple[dict[str, str], list[str]]:
        """Nearest first: for each job behind `name` the one it was reached from; and the ends."""
        came_from: dict[str, str] = {name: ""}
        ends: list[str] = []
        ahead = [name]
        for at in ahead:
            _, behind = self._tell(at)
            fresh = [up for up in behind if up not in came_from]
            came_from |= dict.fromkeys(fresh, at)
            ahead += fresh
            if not behind and at != name:
                ends.append(at)
        return came_from, ends

    def _rank(self, name: str) -> int:
        status = self._run.states[name].status
        return next((i for i, group in enumerate(_TELLING) if status in group), len(_TELLING))

    def _branch(self, name: str, below: Mapping[str, Iterable[str]]) -> Cause:
        """The chain from `name` to where it forks or ends, its middle left out if it is long."""
        chain = [name]
        while len(following := list(below.get(chain[-1], ()))) == 1:
            chain += following
        because = tuple(self._branch(fork, below) for fork in following)
        if len(chain) > _LONGEST:
            chain, middle, far = chain[:_NEAR], chain[_NEAR:-_FAR], chain[-_FAR:]
            for job in reversed(far):
                because = (self._alone(job, because),)
            sentence = f"{len(middle)} more jobs are in between, each because of the next"
            because = (Cause("", "", sentence, because),)
        for job in reversed(chain):
            because = (self._alone(job, because),)
        return because[0]

    def _alone(self, name: str, because: tuple[Cause, ...]) -> Cause:
        run, state = self._run, self._run.states[name]
        sentence, _ = self._tell(name)
        detail = self._around.details.get(state.job_id)
        children = self._around.failed_children.get(state.job_id, ())
        facts = describe_facts(run.specs[name], state, detail, children)
        facts += _consequences(run, name)
        return Cause(name, state.status, sentence, because, facts)

    def _tell(self, name: str) -> tuple[str, list[str]]:
        """The sentence for a job, and the upstream jobs that are behind it."""
        state = self._run.states[name]
        if state.status in FINAL:
            return _final(self._run, name, state)
        if state.status in LIVE or state.status is JobStatus.RESERVED:
            return _in_queue(self._run, name, state)
        if self._stop and (self._run.header.cancelling or not self._run.specs[name].is_finally):
            return f"will not run any more: {self._stop}", []
        return _waiting(self._run, name, state, self._around)


def _consequences(run: Run, name: str) -> tuple[str, ...]:
    """What a failure has cost the rest of the run."""
    if run.states[name].status not in (JobStatus.FAILED, JobStatus.NOTFOUND):
        return ()
    lost = sum(
        run.states[down].status is JobStatus.UPSTREAM_FAILED
        for down in closure(run.downstream, [name])
    )
    if not lost:
        return ()
    return (f"because of it {lost} job{'s' if lost != 1 else ''} downstream never ran",)


def _roots(run: Run) -> list[str]:
    """Jobs that failed or were ended by themselves, not because of others."""
    for group in ({JobStatus.FAILED, JobStatus.NOTFOUND}, {JobStatus.CANCELLED}, BROKEN):
        found = [name for name, state in run.states.items() if state.status in group]
        if found:
            return found
    return []


def _frontier(run: Run) -> list[str]:
    """The jobs that a running run waits for: failed ones first, then what needs a person."""
    own = (JobStatus.FAILED, JobStatus.NOTFOUND)
    groups: dict[int, list[str]] = {0: [], 1: [], 2: [], 3: []}
    for name, state in run.states.items():
        if state.status in own:
            groups[0].append(name)
        elif state.status in STARTED:
            groups[2].append(name)
        elif state.status not in FINAL and not run.unfinished_upstream(name):
            groups[1 if state.status is JobStatus.HELD else 3].append(name)
    return [name for group in groups.values() for name in group]


def _final(run: Run, name: str, state: JobState) -> tuple[str, list[str]]:
    told = telling(state.reason)
    match state.status:
        case JobStatus.UPSTREAM_FAILED:
            blamed = [up for up in run.upstream[name] if run.states[up].status in _BLAMED]
            if not blamed:
                return f"never ran: {told}", []
            return f"never ran, because of {_names(blamed)}", blamed
        case JobStatus.FAILED:
            return _failure(run, name, state), untold(run, name)
        case JobStatus.NOTFOUND:
            sentence = (
                f"may or may not have run: {told}; find out, then mark it succeeded or failed, "
                "or rerun it"
            )
        case JobStatus.PASS:
            sentence = f"counts as done without having run: {told}"
        case JobStatus.SKIPPED:
            sentence = f"was skipped: {told}"
        case JobStatus.CANCELLED:
            sentence = f"was ended by an operator or a policy: {told}"
        case _:
            sentence = "succeeded" + (f": {told}" if told else "")
    return sentence, []


def untold(run: Run, name: str) -> list[str]:
    """The jobs without whose outputs `name` was never handed over."""
    state = run.states[name]
    if state.status is not JobStatus.FAILED or state.job_id:
        return []
    return list(dict.fromkeys(each.job for each in missing(run.specs[name], run.states)))


def _unread(run: Run, name: str) -> list[str]:
    """The jobs that may have told what `name` reads, and were not asked when they ended."""
    lacking = dict.fromkeys(each.job for each in missing(run.specs[name], run.states))
    ended = {job: run.states[job] for job in lacking}
    return [job for job, at in ended.items() if at.told is None and at.reason and at.job_id]


def _failure(run: Run, name: str, state: JobState) -> str:
    retry = run.specs[name].retry
    attempt = f", attempt {state.attempt}" if state.attempt else ""
    if attempt and retry is not None and state.failures:
        attempt = f", attempt {min(state.failures, retry.attempts)} of {retry.attempts}"
    return f"failed: {telling(state.reason) or 'no reason was given'}{attempt}"


def _in_queue(run: Run, name: str, state: JobState) -> tuple[str, list[str]]:
    asked = f"; {state.reason}" if state.intent is not Intent.NONE else ""
    if state.status is JobStatus.RESERVED:
        return f"is being handed to the queue; its answer was not seen yet{asked}", []
    if state.status in STARTED:
        return f"runs{_since(state.started_at)}{asked}", []
    unfinished = run.unfinished_upstream(name)
    if unfinished:
        return f"is in the queue and waits there for {_names(unfinished)}{asked}", unfinished
    said = f"; the queue says: {state.reason}" if state.reason and not asked else asked
    if state.status is not JobStatus.RUNNABLE:
        return f"is in the queue, {state.status}: its upstream jobs are done{said}", []
    taken = f"; running now: {_names(run.started)}" if run.started else ""
    return f"waits for a slot{taken}{said}", []


def _waiting(run: Run, name: str, state: JobState, around: Circumstances) -> tuple[str, list[str]]:
    unfinished = run.unfinished_upstream(name)
    spec = run.specs[name]
    if state.status is JobStatus.HELD:
        after = f", and waits for {_names(unfinished)}" if unfinished else ""
        return f"is held until somebody releases it ({state.reason}){after}", unfinished
    if unfinished and run.verdict(name) in (Verdict.BLOCKED, Verdict.DEPENDENT):
        usual = spec.trigger_rule is TriggerRule.ALL_SUCCEEDED
        rule = "" if usual else f" (rule: {spec.trigger_rule})"
        return f"waits for {_names(unfinished)}{rule}", unfinished
    if state.not_before is not None and state.not_before > around.now:
        seconds = (state.not_before - around.now).total_seconds()
        return f"waits {seconds:.0f} s more for its next attempt: {state.reason}", []
    return _ready(run, name, around)


def _ready(run: Run, name: str, around: Circumstances) -> tuple[str, list[str]]:
    if sources := run.unfinished_sources(name):
        return f"is ready but for what {_names(sources)} will tell", sources
    if unread := _unread(run, name):
        return f"is ready; what {_names(unread)} told could not be read yet, and is read again", []
    maximum = run.header.policy.max_concurrency
    if maximum is not None and run.occupied >= maximum:
        busy = [*run.live.values(), *run.reserved]
        return f"is ready; maxConcurrency is {maximum}, taken by {_names(busy)}", []
    if not around.driven:
        return "is ready, but no engine drives the run; start one: batch-scheduler resume", []
    return "is ready and will be handed over at the engine's next turn", []


def _since(moment: datetime | None) -> str:
    return f" since {moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "; its start was not seen yet"


def _names(names: Iterable[str]) -> str:
    names = list(names)
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
