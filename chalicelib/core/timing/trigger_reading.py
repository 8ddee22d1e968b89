"""From the triggers of a document, which was checked, to what the clock is asked about."""

import re
from collections.abc import Iterable
from datetime import time
from hashlib import sha256
from typing import assert_never

from chalicelib.core.timing.cron import cron_fields
from chalicelib.core.timing.durations import rate_of, rate_text
from chalicelib.core.timing.ordinals import ordinal_of
from chalicelib.core.timing.trigger import (
    At,
    CatchUp,
    Cron,
    DayRule,
    Http,
    Kind,
    OnFile,
    OnRun,
    Overlap,
    Rate,
    Roll,
    RunResult,
    Trigger,
    Window,
)
from chalicelib.core.timing.trigger_document import (
    OnFileDocument,
    OnRunDocument,
    TriggerCalendarDocument,
    TriggerDocument,
    local_of,
)
from chalicelib.core.timing.wall_time import Dst

_DIGEST = 8  # hexadecimal digits: two of 100 triggers share them once in a million schedules
_SLUG = 32  # characters


def triggers_of(documents: Iterable[TriggerDocument] | None) -> tuple[Trigger, ...]:
    """The triggers of a schedule's document, in its order."""
    return tuple(map(trigger_of, documents or ()))


def trigger_of(document: TriggerDocument) -> Trigger:
    """One trigger with all its policies; the document must be one that was loaded."""
    kind = _kind(document)
    catch_up = document.catch_up or CatchUp.LATEST
    return Trigger(
        name=document.name or default_name(kind),
        kind=kind,
        timezone=document.timezone or "UTC",
        dst=document.dst or Dst.NEXT,
        days=_days(document.calendar),
        window=window_of(document.start_between) if document.start_between else None,
        jitter=document.jitter or 0,
        catch_up=catch_up,
        overlap=document.overlap or _overlap(kind, catch_up),
        deadline=document.deadline,
        parameters=dict(document.parameters or {}),
        enabled=document.enabled is not False,
    )


def _overlap(kind: Kind, catch_up: CatchUp) -> Overlap:
    """The default: an event comes once, and no later one makes up for it."""
    is_event = isinstance(kind, OnRun | OnFile)
    return Overlap.QUEUE if is_event or catch_up is CatchUp.ALL else Overlap.SKIP


def default_name(kind: Kind) -> str:
    """The name of a trigger that has none: of its kind and text, wherever it is in the list."""
    word, text = described(kind)
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower())[:_SLUG].strip("-")
    digest = sha256(f"{word}\n{text}".encode()).hexdigest()[:_DIGEST]
    return "-".join(part for part in (word, slug, digest) if part)


def described(kind: Kind) -> tuple[str, str]:
    """The field of a kind, and its text in one form however it was written."""
    match kind:
        case Cron(text):
            return "cron", text
        case Rate(seconds):
            return "rate", rate_text(seconds)
        case At(local):
            return "at", local.isoformat()
        case OnRun(schedule, status):
            return "onRun", f"{schedule} {status}"
        case OnFile(bucket, prefix, suffix, path):
            return "onFile", path or f"{bucket}/{prefix}*{suffix}"
        case Http():
            return "http", ""
        case _:
            assert_never(kind)


def window_of(begin_and_end: Iterable[str]) -> Window:
    """The window between two texts such as `22:00`."""
    begin, end = map(time.fromisoformat, begin_and_end)
    return Window(begin, end)


def _kind(document: TriggerDocument) -> Kind:
    match document:
        case TriggerDocument(cron=str(text)):
            return Cron(cron_fields(text)[0])
        case TriggerDocument(rate=str(text)):
            return Rate(rate_of(text))
        case TriggerDocument(at=str(text)):
            return At(local_of(text))
        case TriggerDocument(on_run=OnRunDocument() as run):
            return OnRun(run.schedule, run.status or RunResult.SUCCEEDED)
        case TriggerDocument(on_file=OnFileDocument() as file):
            return OnFile(file.bucket or "", file.prefix or "", file.suffix or "", file.path or "")
        case _:
            return Http()


def _days(calendar: str | TriggerCalendarDocument | None) -> DayRule | None:
    match calendar:
        case TriggerCalendarDocument():
            ordinal = ordinal_of(calendar.day) if calendar.day else None
            return DayRule(calendar.name, ordinal, calendar.roll or Roll.SKIP)
        case str():
            return DayRule(calendar)
        case None:
            return None
        case _:
            assert_never(calendar)
