"""The tick: every schedule that something is due for, decided on and started, each apart.

A tick may be doubled, cut off anywhere, late or lost: the next one does what is left of it.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from chalicelib.core.naming import start_text
from chalicelib.core.notice_words import NoStart
from chalicelib.core.timing.agenda import PlannedStart
from chalicelib.core.timing.calendars import Calendar
from chalicelib.core.timing.due import Due, Missed, MissReason, Start, due
from chalicelib.core.timing.fire_parameters import fire_parameters
from chalicelib.core.timing.run_starts import run_start
from chalicelib.driving_ports import DrivingPorts
from chalicelib.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    SchedulerError,
)
from chalicelib.ports import Ports
from chalicelib.services import agendas, announcing, starting, triggers
from chalicelib.services.dispatch import IsLate, in_no_hurry
from chalicelib.services.starting import Unmade, actor_of
from chalicelib.timing_ports import StoredTriggers

logger = logging.getLogger(__name__)

_WHY = {
    MissReason.DEADLINE: "its deadline had passed when it could have started",
    MissReason.WAIT: "startBetween or jitter lets it start after its deadline only",
    MissReason.CATCH_UP: "nobody looked when it was due, and catchUp does not make up for it",
}
_AT_ONCE = 10_000  # schedules that one look finds due
_LEAVE = 60_000  # ms before its end in which a function begins nothing new


@dataclass(slots=True)
class Ticked:
    """What a tick did: runs started, starts that will not be made, schedules it failed at."""

    started: int = 0
    refused: int = 0
    broken: int = 0

    def to_json(self) -> dict[str, int]:
        return asdict(self)


def tick_in_time(ports: DrivingPorts, remaining: Callable[[], int]) -> Ticked:
    """Tick for as long as there is time, in milliseconds, and count what was done."""
    ticked = tick(ports, lambda: remaining() < _LEAVE)
    counts = {f"Ticks{name.title()}": count for name, count in ticked.to_json().items() if count}
    if counts:
        ports.metrics.count(counts)
    return ticked


def tick(ports: Ports, is_late: IsLate = in_no_hurry) -> Ticked:
    """Look at every schedule that something is due for, the longest due first.

    What there is no time for is left to the next tick; a schedule that fails stops no other.
    """
    ticked = Ticked()
    for stored in ports.triggers.due_triggers(ports.clock(), _AT_ONCE):
        if is_late():
            break
        try:
            _look_at(ports, stored, ticked)
        except ConflictError:
            logger.info("%s is decided on by another tick", stored.schedule_id)
        except Exception:  # one broken schedule must not stop the others
            ticked.broken += 1
            about = {"action": "tick", "schedule_id": stored.schedule_id}
            logger.exception("tick failed at %s", stored.schedule_id, extra=about)
    return ticked


def _look_at(ports: Ports, stored: StoredTriggers, ticked: Ticked) -> None:
    agenda, now = agendas.agenda_in(stored), ports.clock()
    if agenda.pause is not None:
        return
    calendars = agendas.calendars_of(ports, agenda.triggers)
    schedule_id = agenda.schedule_id
    found = due(schedule_id, agenda.triggers, calendars, agenda.marks, now)
    starts, unmade = _plan(schedule_id, found.starts, calendars)
    marked = replace(agenda, marks={**agenda.marks, **found.marks})
    decided = starting.decide(ports, stored, marked, starts, found.next_at)
    made = starting.make(ports, decided, found.next_at)
    if any(isinstance(each.error, NotFoundError) for each in made.unmade):
        triggers.forget(ports, stored.schedule_id)  # it was deleted by somebody who was cut off
    _tell(ports, schedule_id, found, (*made.unmade, *unmade))
    ticked.started += len(made.started)
    ticked.refused += (
        sum(each.count for each in found.missed)
        + len(decided.refused)
        + len(made.unmade)
        + len(unmade)
    )
    for each in made.postponed:
        logger.warning("%s is tried again: %s", each.start.started_at, each.error)
    ticked.broken += bool(made.postponed)


def _tell(ports: Ports, schedule_id: str, found: Due, unmade: Iterable[Unmade]) -> None:
    """Post what was missed; people who can't be told are no reason to start nothing."""
    for trigger, reason in found.stuck.items():
        logger.warning("trigger %s of %s does not fire: %s", trigger, schedule_id, reason)
    told = [_no_start(each) for each in found.missed]
    for each in unmade:
        start, why = each.start, each.error
        at = start_text(start.fire_at)
        logger.warning("%s of %s starts nothing for %s: %s", start.trigger, schedule_id, at, why)
    told += [announcing.no_start_of(each.start, str(each.error)) for each in unmade]
    for no_start in told:
        try:
            announcing.tell_missed(ports, schedule_id, no_start)
        except SchedulerError as error:
            logger.warning("can't tell of %s of %s: %s", no_start.fire_time, schedule_id, error)


def _no_start(missed: Missed) -> NoStart:
    return NoStart(trigger=missed.trigger, fire_time=missed.last.at, why=_missed(missed))


def _missed(missed: Missed) -> str:
    why = _WHY[missed.reason]
    if missed.count == 1:
        return why
    return f"{why}; so were {missed.count - 1} more since {missed.first.local:%Y-%m-%d %H:%M %z}"


def _plan(
    schedule_id: str, starts: Iterable[Start], calendars: Mapping[str, Calendar]
) -> tuple[list[PlannedStart], list[Unmade]]:
    """The starts with their parameters, and those whose parameters can't be told."""
    planned, unmade = [], []
    for start in starts:
        trigger, fire = start.trigger, start.fire
        calendar = calendars.get(trigger.days.calendar) if trigger.days else None
        try:
            values = fire_parameters(schedule_id, trigger, fire, calendar)
        except InvalidInputError as error:
            unmade.append(Unmade(_planned(schedule_id, start, {}), error))
        else:
            planned.append(_planned(schedule_id, start, values))
    return planned, unmade


def _planned(schedule_id: str, start: Start, parameters: Mapping[str, str]) -> PlannedStart:
    trigger, fire = start.trigger, start.fire
    note = f" ({fire.note})" if fire.note else ""
    late = ", made up for" if start.is_late else ""
    return PlannedStart(
        trigger=trigger.name,
        started_at=run_start(schedule_id, trigger.name, fire.at),
        fire_at=fire.at,
        not_before=fire.at,
        actor=actor_of(trigger),
        overlap=trigger.overlap,
        latest=fire.at + timedelta(seconds=trigger.deadline) if trigger.deadline else None,
        parameters=parameters,
        reason=f"fire time {fire.local:%Y-%m-%d %H:%M:%S %z}{note}{late}",
    )
