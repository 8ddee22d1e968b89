"""Why a job is not running, and why it failed: the chain of causes, in plain words.

Only what is stored or was said by the queue is told. Where something was not seen, that is said.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from chalicelib.core.lifecycle import BROKEN, FINAL, LIVE, STARTED, JobStatus, RunStatus
from chalicelib.core.readiness import Verdict
from chalicelib.core.run import Intent, JobState, Run

_SHOWN = 3  # names in a sentence, and causes followed from one job
_DEPTH = 12  # a longer chain is told from its near end


@dataclass(frozen=True, slots=True)
class Cause:
    """One link: what holds for `job`, and because of what. `job` is empty for the run itself."""

    job: str
    status: str
    sentence: str
    because: tuple["Cause", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What an explanation needs besides the run: the time, and whether an engine drives it."""

    now: datetime
    driven: bool = True


def explain_run(run: Run, around: Circumstances) -> Cause:
    """What became of the run or what it waits for, down to the jobs that started it."""
    header = run.header
    counts = ", ".join(
        f"{run.counts[status]} {status}" for status in JobStatus if run.counts[status]
    )
    if header.status is RunStatus.RUNNING:
        sentence = f"is RUNNING, generation {header.generation}: {counts}"
        jobs = _frontier(run)
    else:
        sentence = f"is {header.status}, generation {header.generation}: {counts}"
        jobs = _roots(run)
    if header.cancelling:
        sentence += f"; {header.cancelling}"
    because = tuple(explain_job(run, name, around) for name in jobs)
    return Cause("", header.status, sentence, because)


def explain_job(run: Run, name: str, around: Circumstances, depth: int = _DEPTH) -> Cause:
    """Why `name` stands where it stands."""
    state = run.states[name]
    if state.status in FINAL:
        sentence, upstream = _final(run, name, state)
    elif state.status in LIVE or state.status is JobStatus.RESERVED:
        sentence, upstream = _in_queue(run, name, state)
    else:
        sentence, upstream = _waiting(run, name, state, around)
    because: tuple[Cause, ...] = ()
    if depth > 0:
        followed = upstream[:_SHOWN]
        because = tuple(explain_job(run, up, around, depth - 1) for up in followed)
    return Cause(name, state.status, sentence, because)


def _roots(run: Run) -> list[str]:
    """Jobs that failed or were ended by themselves, not because of others."""
    first = [
        name
        for name, state in run.states.items()
        if state.status in (JobStatus.FAILED, JobStatus.NOTFOUND, JobStatus.CANCELLED)
    ]
    return first or [name for name, state in run.states.items() if state.status in BROKEN]


def _frontier(run: Run) -> list[str]:
    """The jobs that a running run waits for, the failed ones first."""
    ahead = [name for name in _roots(run) if run.states[name].status is not JobStatus.CANCELLED]
    for name, state in run.states.items():
        unmoved = state.status in (JobStatus.WAITING, JobStatus.HELD, JobStatus.PENDING)
        if state.status in FINAL or (unmoved and run.unfinished_upstream(name)):
            continue
        ahead.append(name)
    return ahead


def _final(run: Run, name: str, state: JobState) -> tuple[str, list[str]]:
    told = state.reason
    match state.status:
        case JobStatus.UPSTREAM_FAILED:
            sentence = "never ran, because something upstream failed"
        case JobStatus.FAILED:
            sentence = _failure(run, name, state)
        case JobStatus.NOTFOUND:
            sentence = f"{told}: mark it succeeded or failed, or rerun it"
        case JobStatus.SUCCEEDED:
            sentence = "succeeded" + (f": {told}" if told else "")
        case JobStatus.PASS:
            sentence = f"counts as done without having run: {told}"
        case JobStatus.SKIPPED:
            sentence = f"was skipped: {told}"
        case _:
            sentence = f"was ended: {told}"
    if state.status is not JobStatus.UPSTREAM_FAILED:
        return sentence, []
    blamed = BROKEN | {JobStatus.CANCELLED}
    return sentence, [up for up in run.upstream[name] if run.states[up].status in blamed]


def _failure(run: Run, name: str, state: JobState) -> str:
    retry = run.specs[name].retry
    attempt = ""
    if state.attempt:
        attempt = f", attempt {state.attempt}"
        if retry is not None:
            attempt = f", attempt {min(state.failures, retry.attempts)} of {retry.attempts}"
    return f"failed: {state.reason or 'no reason was given'}{attempt}"


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
    running = [other for other, at in run.states.items() if at.status in STARTED]
    taken = f"; running now: {_names(running)}" if running else ""
    return f"waits for a slot{taken}{said}", []


def _waiting(run: Run, name: str, state: JobState, around: Circumstances) -> tuple[str, list[str]]:
    unfinished = run.unfinished_upstream(name)
    rule = run.specs[name].trigger_rule.value
    if state.status is JobStatus.HELD:
        after = f", and waits for {_names(unfinished)}" if unfinished else ""
        return f"is held ({state.reason}){after}; release it: batch-scheduler release", unfinished
    if unfinished and run.verdict(name) in (Verdict.BLOCKED, Verdict.DEPENDENT):
        return f"waits for {_names(unfinished)} (rule: {rule})", unfinished
    if state.not_before is not None and state.not_before > around.now:
        seconds = (state.not_before - around.now).total_seconds()
        return f"waits {seconds:.0f} s for its next attempt: {state.reason}", []
    maximum = run.header.policy.max_concurrency
    if maximum is not None and run.occupied >= maximum:
        busy = list(run.live.values())
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
