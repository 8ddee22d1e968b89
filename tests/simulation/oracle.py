"""Says whether what happened was allowed: invariants I1 to I8, written without the core's code.

Statuses, rules and acts are spelled out here once more, so that a slip in the core's tables shows.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.core.batch import JobDetail
from chalicelib.core.run import Event, JobState, RunHeader
from chalicelib.local.memory_queue import Start
from tests.simulation.faults import Taken

DONE = {"SUCCEEDED", "PASS", "SKIPPED"}
FAILED = {"FAILED", "UPSTREAM_FAILED", "NOTFOUND"}
OVER = DONE | FAILED | {"CANCELLED"}
IN_QUEUE = {"SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"}
BY_OPERATORS = {"RERUN", "RESTART", "PASS", "MARK_SUCCEEDED", "MARK_FAILED", "REVIVE"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the document says of a job."""

    upstream: Sequence[str]
    rule: str
    is_finally: bool = False
    first: str = "WAITING"  # the status that it begins with
    reads: Sequence[str] = ()  # `job:output` that its command names, and nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known at the end of a run."""

    jobs: Mapping[str, Facts]
    events: Sequence[Event]
    header: RunHeader
    states: Mapping[str, JobState]
    taken: Sequence[Taken]  # in the order of acceptance
    starts: Sequence[Start]
    details: Mapping[str, JobDetail]  # what the queue still knows
    max_dependencies: int
    max_concurrency: int | None
    stops: bool
    slack: float = 0.0  # s by which the clocks of two writers may differ
    is_crowded: bool = False  # whether two wrote at once: then events may share a number

    def upstream(self, job: str) -> Sequence[str]:
        facts = self.jobs[job]
        if facts.is_finally and not facts.upstream:
            return [name for name, other in self.jobs.items() if not other.is_finally]
        return facts.upstream


def judge(evidence: Evidence) -> None:
    """Raise AssertionError with every invariant that was broken."""
    checks = (one_submission_an_attempt, one_start_an_attempt, order, nothing_lost, ends_stay,
              cancel_holds, history, limits, stop_holds, filled)  # fmt: skip
    broken = [f"{check.__name__}: {words}" for check in checks for words in check(evidence)]
    assert not broken, "\n".join(broken)


def one_submission_an_attempt(evidence: Evidence) -> Iterator[str]:
    """I1, as far as the engine goes: a name is taken once."""
    for name, count in Counter(each.submission.job_name for each in evidence.taken).items():
        if count > 1:
            yield f"the queue took {name} {count} times"
    for attempt, count in Counter(map(attempt_of, evidence.taken)).items():
        if count > 1:
            yield f"{count} jobs of the queue are attempt {attempt}"


def one_start_an_attempt(evidence: Evidence) -> Iterator[str]:
    """I1, as seen by the code of a job."""
    begun = Counter((start.job_name, start.job_id.partition(":")[2], start.attempt)
                    for start in evidence.starts)  # fmt: skip
    for (name, index, attempt), count in begun.items():
        if count > 1:
            yield f"{name}[{index}] started {count} times as the queue's attempt {attempt}"


def order(evidence: Evidence) -> Iterator[str]:
    """I2: at each reservation the rule holds, or the queue was told to wait for the rest."""
    for taken in evidence.taken:
        job, attempt = attempt_of(taken)
        reserved = _reservation(evidence, taken)
        if reserved is None:
            yield f"{job} was submitted as attempt {attempt} without a reservation"
            continue
        before = [event for event in evidence.events if event.sequence < reserved.sequence]
        latest = fold(before)
        told = set(taken.submission.depends_on)
        above = [(latest.get(name), evidence.jobs[name].first) for name in evidence.upstream(job)]
        statuses = [
            first if event is None
            else "TOLD" if event.job_id in told and event.after in IN_QUEUE
            else str(event.after)
            for event, first in above
        ]  # fmt: skip
        if not may_go(evidence.jobs[job].rule, statuses):
            yield f"{job} went although its upstream was {statuses}"
    yield from _waited(evidence)


def _reservation(evidence: Evidence, taken: Taken) -> Event | None:
    """The last reservation of that attempt before the queue took it."""
    for event in reversed(evidence.events[: taken.after_event]):
        if event.act == "RESERVE" and (event.job, event.attempt) == attempt_of(taken):
            return event
    return None


def _waited(evidence: Evidence) -> Iterator[str]:
    """The queue's own part of I2."""
    waits = {taken.job_id: taken.submission.depends_on for taken in evidence.taken}
    for start in evidence.starts:
        for up in waits.get(start.job_id.partition(":")[0], ()):
            detail = evidence.details.get(up)
            if detail is None:
                continue
            if detail.status != "SUCCEEDED" or (detail.stopped_at or start.at) > start.at:
                yield f"{start.job_name} started before {detail.job_name} had succeeded"


def nothing_lost(evidence: Evidence) -> Iterator[str]:
    """I3 and I6: the run knows every job that the queue took, and none outlives the run."""
    known = {event.job_id for event in evidence.events}
    for taken in evidence.taken:
        if taken.job_id not in known:
            yield f"the run never heard of {taken.submission.job_name}"
        detail = evidence.details.get(taken.job_id)
        if detail is not None and detail.status in IN_QUEUE and evidence.header.status != "RUNNING":
            yield f"{detail.job_name} is {detail.status} though the run is over"
    for event in evidence.events:
        detail = evidence.details.get(event.job_id) if event.act == "OBSERVE" else None
        if detail is not None and event.after == "SUCCEEDED" != detail.status:
            yield f"{event.job} counts as SUCCEEDED, and the queue says {detail.status}"


def ends_stay(evidence: Evidence) -> Iterator[str]:
    """I4: only operators, and what follows from their acts, take a job out of a final status."""
    for event in evidence.events:
        if event.job and event.before in OVER and event.act not in BY_OPERATORS:
            yield f"{event.act} took {event.job} from {event.before} to {event.after}"


def cancel_holds(evidence: Evidence) -> Iterator[str]:
    """I5: after a cancel was answered nothing is reserved, so nothing new is ever submitted.

    What was reserved before it may still reach the queue, and is ended there.
    """
    cancelled = 0
    for event in evidence.events:
        if not event.job:
            cancelled = {"CANCEL": event.sequence}.get(event.act, 0)
        elif cancelled and event.act == "RESERVE":
            yield f"{event.job} was reserved after the cancel at {cancelled}"
        elif cancelled and event.act == "RETRY":
            yield f"{event.job} was to be tried again after the cancel at {cancelled}"


def history(evidence: Evidence) -> Iterator[str]:
    """I7: the events are numbered without a gap, and lead to the states and counts there are."""
    standing = {job: facts.first for job, facts in evidence.jobs.items()}
    yield from _numbered(evidence)
    for event in evidence.events:
        if event.job and standing[event.job] != event.before:
            yield f"{event.act} of {event.job} begins at {event.before}, it was elsewhere"
        standing[event.job] = event.after
    if standing.pop("") != evidence.header.status:
        yield f"the run is {evidence.header.status}, which its history does not say"
    for job, status in standing.items():
        if status != evidence.states[job].status:
            yield f"{job} is {evidence.states[job].status}, and its history ends at {status}"
    counted = Counter(str(state.status) for state in evidence.states.values())
    if counted != Counter(evidence.header.counts):
        yield f"counted {dict(counted)}, the header says {evidence.header.counts}"


def _numbered(evidence: Evidence) -> Iterator[str]:
    number, at = 0, evidence.events[0].at
    for event in evidence.events:
        step, earlier = event.sequence - number, (at - event.at).total_seconds()
        if not evidence.is_crowded and (step != 1 or earlier > evidence.slack):
            yield f"event {event.sequence} of {event.at} is in the wrong place"
        elif step not in (0, 1):
            yield f"no event comes between {number} and {event.sequence}"
        number, at = event.sequence, event.at


def limits(evidence: Evidence) -> Iterator[str]:
    """What the queue can't express and what the schedule forbids is not done."""
    for taken in evidence.taken:
        if len(taken.submission.depends_on) > evidence.max_dependencies:
            yield f"{taken.submission.job_name} waits for too many"
    if evidence.max_concurrency is None:
        return
    busy: set[str] = set()
    for event in filter(lambda event: event.job, evidence.events):
        (busy.add if event.after in IN_QUEUE | {"RESERVED"} else busy.discard)(event.job)
        if len(busy) > evidence.max_concurrency and event.act == "RESERVE":
            yield f"{len(busy)} at once: {sorted(busy)}"


def stop_holds(evidence: Evidence) -> Iterator[str]:
    """With onFailure: stop no main job is reserved while one of them counts as failed."""
    failed: set[str] = set()
    for event in evidence.events:
        if not event.job or evidence.jobs[event.job].is_finally:
            continue
        if evidence.stops and failed and event.act == "RESERVE":
            yield f"{event.job} was reserved although {sorted(failed)} failed"
        (failed.add if event.after in FAILED else failed.discard)(event.job)


def filled(evidence: Evidence) -> Iterator[str]:
    """What a job reads is what the last attempt told that had succeeded when it was reserved.

    Each tells an output's name with its own number; after another end it is nothing.
    """
    for taken in evidence.taken:
        job, _ = attempt_of(taken)
        reserved = _reservation(evidence, taken)
        for source, output in (each.split(":") for each in evidence.jobs[job].reads):
            before = [
                event
                for event in evidence.events
                if reserved is not None and event.sequence < reserved.sequence
            ]
            last = fold(before).get(source)
            told = last is not None and last.after == "SUCCEEDED"
            value = f"={output}-{last.attempt}" if last is not None and told else "="
            given = taken.submission.request["containerOverrides"]["command"][-1]
            if given != value:
                yield f"{job} was given {given!r}, and {source} told {value!r}"


def attempt_of(taken: Taken) -> tuple[str, int]:
    tags = taken.submission.tags
    return tags["batch-scheduler:job"], int(tags["batch-scheduler:attempt"])


def fold(events: Sequence[Event]) -> dict[str, Event]:
    """The last event of each job."""
    return {event.job: event for event in events}


def may_go(rule: str, statuses: Sequence[str]) -> bool:
    """The trigger rules, on what is upstream; TOLD is what the queue waits for itself."""
    done = [status in DONE for status in statuses]
    failed = [status in FAILED for status in statuses]
    match rule:
        case "all succeeded":
            return all(status in DONE | {"TOLD"} for status in statuses)
        case "all done":
            return all(status in OVER for status in statuses)
        case "none failed":
            return all(status in OVER for status in statuses) and not any(failed)
        case "any succeeded":
            return any(done) or not statuses
        case "any failed":
            return any(failed)
    raise AssertionError(f"no such rule: {rule}")


def predict(
    jobs: Mapping[str, Facts], failing: set[str], kept: Mapping[str, str] | None = None
) -> dict[str, str]:
    """How a run ends in which exactly the jobs `failing` fail if they run, and nobody acts.

    `kept` are the ends that stay from the generation before.
    """
    ends = dict(kept or {})
    left = {name: facts for name, facts in jobs.items() if name not in ends}
    main = [name for name, facts in jobs.items() if not facts.is_finally]
    while left:
        for name, facts in list(left.items()):
            if facts.first == "PASS":
                ends[name] = left.pop(name).first
                continue
            above = main if facts.is_finally and not facts.upstream else facts.upstream
            if any(up not in ends for up in above):
                continue
            del left[name]
            if may_go(facts.rule, [ends[up] for up in above]):
                ends[name] = "FAILED" if name in failing else "SUCCEEDED"
            else:
                ends[name] = "SKIPPED" if facts.rule == "any failed" else "UPSTREAM_FAILED"
    return ends


def kept_by_restart(jobs: Mapping[str, Facts], ends: Mapping[str, str]) -> dict[str, str]:
    """The ends that a restart leaves: what is done, unless it was skipped for ends that go."""
    kept = {name: end for name, end in ends.items() if end in DONE}
    while gone := [
        name
        for name, end in kept.items()
        if end == "SKIPPED" and any(up not in kept for up in jobs[name].upstream)
    ]:
        kept = {name: end for name, end in kept.items() if name not in gone}
    return kept
