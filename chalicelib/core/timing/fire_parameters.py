"""The parameters of a run that a trigger starts: its texts with `${…}` filled in.

Apart from the `${name}` of jobs' texts: these know fire times and events, those the values that
the run was given.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import assert_never

from chalicelib.core.timing.calendars import Calendar
from chalicelib.core.timing.fire_times import calendar_for
from chalicelib.core.timing.trigger import FireTime, Kind, OnFile, OnRun, Trigger
from chalicelib.core.timing.zones import zone
from chalicelib.core.wording import Speller, quoted
from chalicelib.errors import InvalidInputError, Problem

_TIMES = ("fireTime", "previousBusinessDay", "nextBusinessDay")
_ALWAYS = (*_TIMES, "schedule", "trigger")
# Those of strftime that are the same on every machine.
_DIRECTIVES = frozenset("YmdHMSjyGVuwUWaAbBIpfzZ%")
_PLACEHOLDER = re.compile(r"\$(?:(\$\{)|\{([^{}:]*)(?::([^{}]*))?\})")
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The end of a run that an `onRun` waited for."""

    run: str
    status: str


@dataclass(frozen=True, slots=True)
class FileArrival:
    """A file that an `onFile` waited for: `s3://bucket/key`, or its path."""

    file: str

    @property
    def name(self) -> str:
        return self.file.rpartition("/")[2]


def event_fire(trigger: Trigger, moment: datetime) -> FireTime:
    """The fire time of an event that came at a moment."""
    return FireTime(moment, moment.astimezone(zone(trigger.timezone)))


def fire_parameters(
    schedule_id: str,
    trigger: Trigger,
    fire: FireTime,
    calendar: Calendar | None = None,
    event: RunEnd | FileArrival | None = None,
) -> dict[str, str]:
    """The values of the trigger's parameters for one fire time; its texts must have been checked.

    `calendar` is the one that the trigger names. Raises NotFoundError when it is another, and
    InvalidInputError when it has no business day within a year.
    """
    known = {"schedule": schedule_id, "trigger": trigger.name, **_of_event(event)}
    days = calendar_for(trigger, calendar)

    def replacement(found: re.Match[str]) -> str:
        if found[1]:
            return "${"
        name, form = found[2], found[3]
        if name in _TIMES:
            return _formatted(_moment(name, fire, days), form)
        return known[name]

    return {name: _PLACEHOLDER.sub(replacement, text) for name, text in trigger.parameters.items()}


def placeholders_of(kind: Kind) -> tuple[str, ...]:
    """The names that texts of a trigger of that kind may use."""
    match kind:
        case OnRun():
            return (*_ALWAYS, "run", "runStatus")
        case OnFile():
            return (*_ALWAYS, "file", "fileName")
        case _:
            return _ALWAYS


def has_placeholders(text: str) -> bool:
    return any(not found[1] for found in _PLACEHOLDER.finditer(text))


def check_text(path: str, text: str, kind: Kind, speller: Speller) -> Iterator[Problem]:
    """What is wrong with the placeholders of a parameter's text."""
    known = placeholders_of(kind)
    for found in _PLACEHOLDER.finditer(text):
        if found[1]:
            continue
        name, form = found[2], found[3]
        if name not in known:
            allowed = f"{', '.join(known)}; $${{ for the characters themselves"
            reason = f"{quoted(found[0])} is not known to a trigger of this kind"
            yield Problem(path, reason, quoted(text), allowed, speller.nearest(name, known))
        elif form is not None and (name not in _TIMES or not form):
            reason = f"{quoted(found[0])} takes no such format"
            yield Problem(path, reason, quoted(text), f"formats for {', '.join(_TIMES)}")
        elif form is not None:
            yield from _check_form(path, text, form)
    if "${" in _PLACEHOLDER.sub("", text):
        yield Problem(path, "has a ${ that does not end", quoted(text), "}; $${ for the characters")


def _check_form(path: str, text: str, form: str) -> Iterator[Problem]:
    for found in _DIRECTIVE.finditer(form):
        if found[1] not in _DIRECTIVES or not found[1]:
            allowed = " ".join(f"%{letter}" for letter in sorted(_DIRECTIVES))
            yield Problem(path, f"{quoted(found[0])} is no part of a time", quoted(text), allowed)


def _of_event(event: RunEnd | FileArrival | None) -> Mapping[str, str]:
    match event:
        case RunEnd(run, status):
            return {"run": run, "runStatus": status}
        case FileArrival(file):
            return {"file": file, "fileName": event.name}
        case None:
            return {}
        case _:
            assert_never(event)


def _moment(name: str, fire: FireTime, calendar: Calendar) -> datetime | date:
    if name == "fireTime":
        return fire.local
    day = fire.local.date()
    is_next = name == "nextBusinessDay"
    found = calendar.next_business_day(day) if is_next else calendar.previous_business_day(day)
    if found is None:
        reason = f"calendar {calendar.name!r} has no business day within a year of {day}"
        raise InvalidInputError.at("$.parameters", reason)
    return found


def _formatted(moment: datetime | date, form: str | None) -> str:
    return moment.isoformat() if form is None else moment.strftime(form)
