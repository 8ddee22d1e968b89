"""The operators' verbs over jobs: what each does to whom, and the sentence for what it can't do.

Every verb takes any number of jobs and decides for each alone; nothing of it is done here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.core.lifecycle import (
    BROKEN,
    FINAL,
    LIVE,
    TRANSITIONS,
    Act,
    JobStatus,
    RunStatus,
    possible_acts,
)
from chalicelib.core.readiness import Standing, Verdict, judge, standing_of
from chalicelib.core.run import Change, Intent, JobState, Run, RunHeader
from chalicelib.core.schedule import OnFailure

_DONE: Mapping[Act, JobStatus] = {
    Act.HOLD: JobStatus.HELD,
    Act.RELEASE: JobStatus.WAITING,
    Act.PASS: JobStatus.PASS,
    Act.TERMINATE: JobStatus.CANCELLED,
    Act.MARK_SUCCEEDED: JobStatus.SUCCEEDED,
    Act.MARK_FAILED: JobStatus.FAILED,
    Act.RERUN: JobStatus.WAITING,
}
_ASKED = {Act.HOLD: Intent.HOLD, Act.PASS: Intent.PASS, Act.TERMINATE: Intent.CANCEL}
_FREES_DOWNSTREAM = frozenset({Act.PASS, Act.MARK_SUCCEEDED, Act.MARK_FAILED, Act.RERUN})
_NEVER_RAN = frozenset({JobStatus.UPSTREAM_FAILED, JobStatus.SKIPPED})
_SHOWN = 3  # jobs that a sentence names


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One use of a verb. `downstream` asks RERUN to take everything downstream along."""

    act: Act
    actor: str
    reason: str
    at: datetime
    downstream: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a job can't be acted on, as a sentence that says what is possible instead."""

    job: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What an order comes to: the changes, what was refused, and the run's header after it."""

    changes: tuple[Change, ...]
    refusals: tuple[Refusal, ...]
    header: RunHeader


def operate(run: Run, names: Iterable[str], order: Order) -> Operation:
    """Decide an order over jobs of `run`, in the order given; unknown names raise KeyError."""
    refused = {name: _refuse(run, name, order) for name in dict.fromkeys(names)}
    operation = _operate(run, refused, order)
    stoppers = _stoppers(run, operation.changes) if order.act is Act.RERUN else []
    if not stoppers:
        return operation
    for name, sentence in refused.items():
        if not sentence and not run.specs[name].is_finally:
            refused[name] = _stopped_at_once(run, name, stoppers)
    return _operate(run, refused, order)


def _operate(run: Run, refused: Mapping[str, str], order: Order) -> Operation:
    """What the order comes to for those named that no sentence refuses."""
    refusals = [Refusal(name, sentence) for name, sentence in refused.items() if sentence]
    changes = {
        name: _change(run, name, order) for name, sentence in refused.items() if not sentence
    }
    header = _header(run, changes, order)
    changes |= _consequences(run, changes, order, header)
    return Operation(changes=tuple(changes.values()), refusals=tuple(refusals), header=header)


def _stoppers(run: Run, changes: Iterable[Change]) -> list[str]:
    """The jobs that would stop the run at once if the changes were made, the causes if there are.

    A failure that `onFailure: stop` has answered already is no reason to run a job for nothing.
    """
    if run.header.policy.on_failure is not OnFailure.STOP:
        return []
    statuses = {name: state.status for name, state in run.states.items()}
    statuses |= {change.job: change.after.status for change in changes}
    broken = [
        name
        for name, status in statuses.items()
        if status in BROKEN and not run.specs[name].is_finally
    ]
    return [name for name in broken if statuses[name] is not JobStatus.UPSTREAM_FAILED] or broken


def _stopped_at_once(run: Run, name: str, stoppers: Sequence[str]) -> str:
    shown = ", ".join(f"{other!r} is {run.states[other].status}" for other in stoppers[:_SHOWN])
    more = f", so are {len(stoppers) - _SHOWN} more" if len(stoppers) > _SHOWN else ""
    them = "it" if len(stoppers) == 1 else "them"
    return (
        f"{name!r} would be stopped at once: onFailure is stop, and {shown}{more}; "
        f"rerun {them} in the same command, pass {them} first, or restart the run."
    )


def _consequences(
    run: Run, changes: Mapping[str, Change], order: Order, header: RunHeader
) -> dict[str, Change]:
    """What the changes of the named jobs entail for others."""
    all_changes = dict(changes)
    if order.act is Act.RERUN and order.downstream:
        all_changes |= {change.job: change for change in _rerun_downstream(run, changes, order)}
    if header.generation > run.header.generation:
        all_changes |= {change.job: change for change in finally_again(run, all_changes, order)}
    if order.act in _FREES_DOWNSTREAM and header.status is RunStatus.RUNNING:
        all_changes |= {change.job: change for change in revive(run, all_changes, order)}
    return all_changes


def verb(act: Act) -> str:
    """The word that people type for an act: `mark failed`."""
    return act.value.lower().replace("_", " ")


def _refuse(run: Run, name: str, order: Order) -> str:
    state = run.states[name]
    if order.act not in TRANSITIONS[state.status]:
        return _sentence(name, state, order.act)
    if order.act is Act.RERUN:
        return _refuse_rerun(run, name, order)
    if run.header.cancelling and state.status not in FINAL and order.act is not Act.TERMINATE:
        return f"The run is being cancelled, so {name!r} can't be changed; wait for its end."
    if state.intent is _ASKED.get(order.act):
        return f"{name!r} is {state.status} and {verb(order.act)} was asked for already."
    return ""


def _refuse_rerun(run: Run, name: str, order: Order) -> str:
    if run.header.cancelling and run.header.status is RunStatus.RUNNING:
        return f"The run is being cancelled, so {name!r} can't run again; wait for its end."
    if not order.downstream:
        return ""
    busy = [
        other
        for other in _reach(run, [name])
        if run.states[other].status in LIVE or run.states[other].status is JobStatus.RESERVED
    ]
    if not busy:
        return ""
    return (
        f"{name!r} can't run again with everything downstream while {busy[0]!r} is "
        f"{run.states[busy[0]].status}; terminate that first, or rerun without downstream."
    )


def _sentence(name: str, state: JobState, act: Act) -> str:
    possible = ", ".join(
        verb(other)
        for other in possible_acts(state.status)
        if other not in (Act.RESTART, Act.CANCEL)
    )
    return f"{name!r} is {state.status}, so {verb(act)} is not possible; possible: {possible}."


def _change(run: Run, name: str, order: Order) -> Change:
    before = run.states[name]
    if before.status in LIVE or before.status is JobStatus.RESERVED:
        intent = _ASKED[order.act]
        after = replace(
            before, version=before.version + 1, intent=intent, reason=words(order, order.act)
        )
    elif order.act is Act.RERUN:
        after = again(run, name, words(order, order.act))
    else:
        after = replace(
            before,
            version=before.version + 1,
            status=_DONE[order.act],
            intent=Intent.NONE,
            not_before=None,
            reason=words(order, order.act),
        )
    return Change(name, order.act, before, after, order.at, order.actor)


def again(run: Run, name: str, reason: str) -> JobState:
    """The state of a final job that is to run once more; a gate that was never opened holds."""
    before, spec = run.states[name], run.specs[name]
    return JobState(
        status=JobStatus.HELD if spec.hold and not before.attempt else JobStatus.WAITING,
        version=before.version + 1,
        attempt=before.attempt,
        reason=reason,
    )


def words(order: Order, act: Act) -> str:
    """What stays on record of an order: the verb, who, and why."""
    return f"{verb(act)} by {order.actor}" + (f": {order.reason}" if order.reason else "")


def _reach(run: Run, names: Iterable[str]) -> Iterator[str]:
    """Every job downstream of `names`, nearest first, each once."""
    seen = set(names)
    front = list(seen)
    while front:
        following = [down for name in front for down in run.downstream[name]]
        front = [down for down in dict.fromkeys(following) if down not in seen]
        seen.update(front)
        yield from front


def _rerun_downstream(run: Run, changes: Mapping[str, Change], order: Order) -> Iterator[Change]:
    for name in _reach(run, list(changes)):
        before = run.states[name]
        keeps = run.specs[name].passed and before.status is JobStatus.PASS
        if before.status in FINAL and name not in changes and not keeps:
            after = again(run, name, words(order, order.act))
            yield Change(name, Act.RERUN, before, after, order.at, order.actor)


def finally_again(run: Run, changes: Mapping[str, Change], order: Order) -> Iterator[Change]:
    """The finally jobs of a run that moves again: they end every generation, not just one.

    One that is PASS stays so: whoever passed it has said that it is not to run.
    """
    for name, spec in run.specs.items():
        before = run.states[name]
        is_over = before.status in FINAL and before.status is not JobStatus.PASS
        if spec.is_finally and is_over and name not in changes:
            after = again(run, name, "a finally job ends every generation")
            yield Change(name, order.act, before, after, order.at, order.actor)


def revive(run: Run, changes: Mapping[str, Change], order: Order) -> Iterator[Change]:
    """Jobs downstream that were UPSTREAM_FAILED or SKIPPED and no longer need to be."""
    revived: dict[str, Change] = {}

    def status_of(name: str) -> JobStatus:
        change = revived.get(name) or changes.get(name)
        return change.after.status if change else run.states[name].status

    front = list(changes)
    while front:
        name = front.pop(0)
        for down in run.downstream[name]:
            if status_of(down) not in _NEVER_RAN:
                continue
            tally = [0] * len(Standing)
            for up in run.upstream[down]:
                tally[standing_of(status_of(up))] += 1
            if judge(run.specs[down].trigger_rule, tally) in (Verdict.DOOMED, Verdict.UNMET):
                continue
            before = run.states[down]
            reason = f"possible again: {words(order, order.act)} on {name!r}"
            after = again(run, down, reason)
            revived[down] = Change(down, Act.REVIVE, before, after, order.at, order.actor)
            front.append(down)
    yield from revived.values()


def _header(run: Run, changes: Mapping[str, Change], order: Order) -> RunHeader:
    header = replace(run.header, revision=run.header.revision + 1)
    if not changes or order.act is not Act.RERUN or header.status is RunStatus.RUNNING:
        return header
    return replace(
        header,
        status=RunStatus.RUNNING,
        generation=header.generation + 1,
        cancelling="",
        ended_at=None,
        reason=words(order, order.act),
    )
