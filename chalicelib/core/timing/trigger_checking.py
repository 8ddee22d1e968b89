"""What must hold between the fields of triggers, and between them and the rest of a document."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from chalicelib.core.document import Parameter, ScheduleDocument
from chalicelib.core.parameters import check
from chalicelib.core.timing.fire_parameters import (
    FileArrival,
    RunEnd,
    check_text,
    event_fire,
    fire_parameters,
    has_placeholders,
)
from chalicelib.core.timing.trigger import Http, OnFile, OnRun, Trigger
from chalicelib.core.timing.trigger_document import (
    OnFileDocument,
    TriggerCalendarDocument,
    TriggerDocument,
)
from chalicelib.core.timing.trigger_reading import trigger_of
from chalicelib.core.wording import Speller, json_path, quoted
from chalicelib.errors import InvalidInputError, Problem

KINDS = ("cron", "rate", "at", "onRun", "onFile", "http")
_CLOCKS = ("cron", "rate", "at")
# Fields that only some kinds have a use for; without it they would promise what does not happen.
_ONLY_FOR: Mapping[str, tuple[str, ...]] = {
    "dst": ("cron", "at"),
    "jitter": _CLOCKS,
    "catchUp": _CLOCKS,
}
_EXAMPLE = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)  # to see what texts are filled with


def check_triggers(document: ScheduleDocument) -> Iterator[Problem]:
    """Everything wrong with the triggers of a document whose fields are right by themselves."""
    speller = Speller()
    names: dict[str, str] = {}
    for index, each in enumerate(document.triggers or ()):
        path = json_path(("triggers", index))
        found = list(_check_kind(path, each))
        yield from found
        if found:
            continue
        trigger = trigger_of(each)
        yield from _check_name(path, trigger, names)
        yield from _check_event(path, trigger, document.schedule_id)
        yield from _check_parameters(path, trigger, document, speller)


def _check_kind(path: str, trigger: TriggerDocument) -> Iterator[Problem]:
    given = list(_fields(trigger))
    kinds = [kind for kind in KINDS if kind in given]
    if len(kinds) != 1:
        reason = f"has {' and '.join(kinds)}" if kinds else "has nothing that makes it fire"
        yield Problem(path, reason, allowed=f"exactly one of {', '.join(KINDS)}")
        return
    for name, allowed in _ONLY_FOR.items():
        if name in given and kinds[0] not in allowed:
            reason = f"means nothing to {kinds[0]}"
            yield Problem(f"{path}.{name}", reason, allowed=f"beside {', '.join(allowed)}")
    yield from _check_calendar(f"{path}.calendar", trigger.calendar, kinds[0])
    yield from _check_window(path, trigger.start_between)
    yield from _check_file(f"{path}.onFile", trigger.on_file)


def _fields(trigger: TriggerDocument) -> Iterator[str]:
    """The fields that are given, as a document spells them."""
    for name, field in TriggerDocument.model_fields.items():
        if getattr(trigger, name) is not None:
            yield field.alias or name


def _check_calendar(
    path: str, calendar: str | TriggerCalendarDocument | None, kind: str
) -> Iterator[Problem]:
    if not isinstance(calendar, TriggerCalendarDocument):
        return
    if calendar.day and kind not in {"cron", "rate"}:
        yield Problem(f"{path}.day", f"means nothing to {kind}", allowed="beside cron, rate")
    if calendar.roll and kind not in {"cron", "at"}:
        reason = f"means nothing to {kind}, which has no time of the day to keep"
        yield Problem(f"{path}.roll", reason, allowed="beside cron, at")
    if calendar.day and calendar.roll:
        reason = "beside day, which is a business day already"
        yield Problem(f"{path}.roll", reason, allowed="one of the two")


def _check_window(path: str, window: Sequence[str] | None) -> Iterator[Problem]:
    if window and window[0] == window[1]:
        reason = "ends when it begins"
        yield Problem(f"{path}.startBetween", reason, quoted(window[0]), "two different times")


def _check_file(path: str, file: OnFileDocument | None) -> Iterator[Problem]:
    if file is None:
        return
    if (file.bucket is None) is (file.path is None):
        allowed = "bucket with prefix and suffix, or path"
        yield Problem(path, "names no place" if file.path is None else "names two", allowed=allowed)
    elif file.path and (file.prefix is not None or file.suffix is not None):
        yield Problem(path, "has prefix or suffix beside path", allowed="those beside bucket")


def _check_name(path: str, trigger: Trigger, names: dict[str, str]) -> Iterator[Problem]:
    other = names.setdefault(trigger.name, path)
    if other != path:
        reason = f"{quoted(trigger.name)} is the name of {other} too"
        yield Problem(f"{path}.name", reason, allowed="a name no other trigger has")


def _check_event(path: str, trigger: Trigger, schedule_id: str) -> Iterator[Problem]:
    if isinstance(trigger.kind, OnRun) and trigger.kind.schedule == schedule_id:
        reason = "is this schedule: each run would start the next, without end"
        yield Problem(f"{path}.onRun.schedule", reason, quoted(schedule_id), "another schedule")


def _check_parameters(
    path: str, trigger: Trigger, document: ScheduleDocument, speller: Speller
) -> Iterator[Problem]:
    wrong = [
        problem
        for name, text in trigger.parameters.items()
        for problem in check_text(
            json_path(("parameters", name), path), text, trigger.kind, speller
        )
    ]
    yield from wrong
    if wrong:
        return
    declared = {
        name: _as_known_now(parameter, trigger, name)
        for name, parameter in (document.parameters or {}).items()
    }
    try:
        check(declared, _example(trigger, document.schedule_id))
    except InvalidInputError as error:
        for problem in error.problems:
            yield replace(problem, path=path + problem.path.removeprefix("$"))


def _as_known_now(parameter: Parameter, trigger: Trigger, name: str) -> Parameter:
    """The parameter as far as a value for it can be judged before there is a fire time."""
    text = trigger.parameters.get(name)
    if text is not None:
        return parameter.model_copy(
            update={"allowed_values": None} if has_placeholders(text) else {}
        )
    is_asked_later = isinstance(trigger.kind, Http)
    return parameter.model_copy(update={"required": False} if is_asked_later else {})


def _example(trigger: Trigger, schedule_id: str) -> dict[str, str]:
    trigger = replace(trigger, days=None)  # its calendar may come later
    fire = event_fire(trigger, _EXAMPLE)
    event: RunEnd | FileArrival | None = None
    match trigger.kind:
        case OnRun(schedule):
            event = RunEnd(f"{schedule}/2026-11-23T01:00:00.000000Z", "SUCCEEDED")
        case OnFile(bucket):
            event = FileArrival(f"s3://{bucket}/in/file.csv")
    return fire_parameters(schedule_id, trigger, fire, None, event)
