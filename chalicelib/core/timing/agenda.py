"""What the triggers of one schedule have come to, and which starts are let through.

A start that was decided is written down before it is made, under the start time that makes its
run's id: whoever finds it there makes it again, and there is one run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.core.naming import run_id, start_text
from chalicelib.core.timing.trigger import Overlap, Trigger

MAX_QUEUED = 100  # starts that wait for the runs before them
MAX_HANDLED = 200  # decided starts that are remembered: an event may come again, days later
MAX_EVENTS = 25  # lines of a schedule's history that people wrote, and as many that nobody did
MAX_CHAIN = 25  # runs in a row of which each started the next: no longer chain is meant


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStart:
    """A run that a trigger asks for. `latest` is by when it must have started; None: never late."""

    trigger: str
    started_at: datetime  # which makes the run's id
    fire_at: datetime
    overlap: Overlap
    not_before: datetime
    actor: str  # for the audit trail
    latest: datetime | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    reason: str = ""
    depth: int = 0  # runs before it of which each started the next
    version: int | None = None  # of the schedule, which was asked for; None: the newest then

    def is_late(self, now: datetime) -> bool:
        return self.latest is not None and now > self.latest


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Who keeps a schedule from starting, since when, and why."""

    actor: str
    at: datetime
    reason: str = ""


class ScheduleAct(StrEnum):
    """What became of a schedule, besides being stored."""

    PAUSE = "PAUSE"
    RESUME = "RESUME"
    DELETE = "DELETE"
    CANCEL = "CANCEL"  # somebody took away a start that waited
    DROP = "DROP"  # a start that waited became no run
    CUT = "CUT"  # a chain of runs that start each other ended


_OF_NOBODY = frozenset({ScheduleAct.DROP, ScheduleAct.CUT})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleEvent:
    """A line of a schedule's history; `run_id` is that of the start that it was about."""

    act: ScheduleAct
    at: datetime
    actor: str
    reason: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agenda:
    """Where the triggers of one schedule stand.

    `marks` are how far the clock's triggers have come, `planned` is decided and not made yet,
    `queued` waits for the runs before it or for its time; `handled` are the starts that were
    decided lately, whichever way, `depths` how many runs led to those of them that a run led to;
    `last_run` is the last run that another must not overlap. `events` are the newest, the oldest
    of them first.
    """

    schedule_id: str
    version: int  # of the schedule that has these triggers
    triggers: tuple[Trigger, ...] = ()
    marks: Mapping[str, datetime] = field(default_factory=dict)
    pause: Pause | None = None
    planned: tuple[PlannedStart, ...] = ()
    queued: tuple[PlannedStart, ...] = ()
    handled: tuple[str, ...] = ()
    depths: Mapping[str, int] = field(default_factory=dict)
    last_run: str = ""
    events: tuple[ScheduleEvent, ...] = ()


class Refusal(StrEnum):
    """Why a start that was asked for is not made."""

    OVERLAP = "the run before it still goes on"
    REPLACED = "a newer start took its place"
    FULL = "too many starts wait already"
    LATE = "its deadline has passed"
    NEVER = "startBetween lets it start after its deadline only"
    CHAIN = f"more than {MAX_CHAIN} runs have started each other in a row"


@dataclass(frozen=True, slots=True)
class Refused:
    """A start that is not made, and why."""

    start: PlannedStart
    why: Refusal


@dataclass(frozen=True, slots=True)
class Admission:
    """What becomes of starts: the agenda after it, and what people are told of.

    `cancels` says that the run before is to be cancelled, for a newer start waits for its end.
    """

    agenda: Agenda
    refused: tuple[Refused, ...] = ()
    cancels: bool = False


def made(agenda: Agenda, start: PlannedStart) -> Agenda:
    """The agenda when the run of a planned start is there."""
    after = dropped(agenda, start)
    if start.overlap is Overlap.ALLOW:
        return after
    return replace(after, last_run=run_id(agenda.schedule_id, start.started_at))


def dropped(agenda: Agenda, start: PlannedStart) -> Agenda:
    """The agenda when it has turned out that the run of a planned start can't be made."""
    planned = tuple(each for each in agenda.planned if each.started_at != start.started_at)
    return replace(agenda, planned=planned)


def noted(agenda: Agenda, event: ScheduleEvent) -> Agenda:
    """The agenda with one more line of history: no other kind of line is forgotten for it."""
    alike = [each for each in agenda.events if _is_of_nobody(each) is _is_of_nobody(event)]
    oldest = alike[0] if len(alike) == MAX_EVENTS else None
    kept = [each for each in agenda.events if each is not oldest]
    return replace(agenda, events=(*kept, event))


def note_dropped(agenda: Agenda, starts: Iterable[PlannedStart], why: str, now: datetime) -> Agenda:
    """The agenda with a line for each start that was decided or waited, and becomes no run."""
    for start in starts:
        run = run_id(agenda.schedule_id, start.started_at)
        event = ScheduleEvent(act=ScheduleAct.DROP, at=now, actor="engine", reason=why, run_id=run)
        agenda = noted(agenda, event)
    return agenda


def _is_of_nobody(event: ScheduleEvent) -> bool:
    return event.act in _OF_NOBODY


def depth_of(agenda: Agenda, started_at: datetime) -> int:
    """How many runs led to the run of that start, as far as it is remembered."""
    return agenda.depths.get(start_text(started_at), 0)


def next_look(agenda: Agenda, next_fire: datetime | None, now: datetime) -> datetime | None:
    """When a tick has something to do for the schedule; None for never.

    What waits for another run is looked at by every tick: so its time is now.
    """
    if agenda.pause is not None:
        return None
    moments = [max(each.not_before, now) for each in agenda.queued]
    moments += [now for _ in agenda.planned] + ([next_fire] if next_fire else [])
    return min(moments, default=None)


def admit(
    agenda: Agenda, starts: Iterable[PlannedStart], *, busy: bool, now: datetime
) -> Admission:
    """Let starts through as the overlap policies of their triggers say, the earliest first.

    `busy` says that a run of the schedule goes on. A start that was decided before, or waits
    already, is let be: the same starts asked for again change nothing.
    """
    new = _unknown(agenda, starts)
    planned, waiting, refused = list(agenda.planned), list[PlannedStart](), list[Refused]()
    for start in (*agenda.queued, *new):
        is_free = not (busy or planned)
        if hopeless := _hopeless(start, now):
            refused.append(Refused(start, hopeless))
        elif start.not_before > now:
            waiting.append(start)
        elif is_free or start.overlap is Overlap.ALLOW:
            planned.append(start)
        elif start.overlap is Overlap.SKIP:
            refused.append(Refused(start, Refusal.OVERLAP))
        else:
            refused += _replaced(waiting, start, now)
            waiting.append(start)
    refused += [Refused(each, Refusal.FULL) for each in waiting[MAX_QUEUED:]]
    queued = tuple(waiting[:MAX_QUEUED])
    after = replace(_remembered(agenda, new), planned=tuple(planned), queued=queued)
    after = _with_ends(after, agenda.queued, refused, now)
    cancels = busy and any(_replaces(each, now) for each in queued)
    return Admission(after, tuple(refused), cancels)


def _hopeless(start: PlannedStart, now: datetime) -> Refusal | None:
    """Why a start is not made, whatever else goes on."""
    if start.depth > MAX_CHAIN:
        return Refusal.CHAIN
    if start.is_late(start.not_before):
        return Refusal.NEVER
    return Refusal.LATE if start.is_late(now) else None


def _remembered(agenda: Agenda, new: Iterable[PlannedStart]) -> Agenda:
    """The agenda that knows these starts as decided."""
    depths = {start_text(each.started_at): each.depth for each in new}
    handled = (*agenda.handled, *depths)[-MAX_HANDLED:]
    known = {**agenda.depths, **depths}
    kept = {text: known[text] for text in handled if known.get(text)}
    return replace(agenda, handled=handled, depths=kept)


def _with_ends(
    agenda: Agenda, queued: Iterable[PlannedStart], refused: Iterable[Refused], now: datetime
) -> Agenda:
    """The agenda with a line for each chain that is cut, and for each start that has waited."""
    waited = {each.started_at for each in queued}
    for each in refused:
        if each.why is Refusal.CHAIN:
            agenda = noted(agenda, _cut(agenda.schedule_id, each.start, now))
        elif each.start.started_at in waited:
            agenda = note_dropped(agenda, [each.start], each.why, now)
    return agenda


def _cut(schedule_id: str, start: PlannedStart, now: datetime) -> ScheduleEvent:
    return ScheduleEvent(
        act=ScheduleAct.CUT,
        at=now,
        actor=start.actor,
        reason=f"{Refusal.CHAIN}; the last: {start.reason}",
        run_id=run_id(schedule_id, start.started_at),
    )


def _unknown(agenda: Agenda, starts: Iterable[PlannedStart]) -> list[PlannedStart]:
    """The starts that were not decided yet, each once, the earliest first."""
    new: dict[str, PlannedStart] = {}
    for start in sorted(starts, key=lambda each: (each.fire_at, each.trigger)):
        text = start_text(start.started_at)
        if text not in agenda.handled:
            new.setdefault(text, start)
    return list(new.values())


def _replaced(waiting: list[PlannedStart], by: PlannedStart, now: datetime) -> list[Refused]:
    """Take out what waits for the same end only to be cancelled by `by`."""
    if by.overlap is not Overlap.CANCEL:
        return []
    old = [each for each in waiting if _replaces(each, now)]
    waiting[:] = [each for each in waiting if each not in old]
    return [Refused(each, Refusal.REPLACED) for each in old]


def _replaces(start: PlannedStart, now: datetime) -> bool:
    return start.overlap is Overlap.CANCEL and start.not_before <= now
