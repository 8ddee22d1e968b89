"""A trigger as a document gives it: one kind, and policies."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, Tag, WithJsonSchema

from chalicelib.core.fields import (
    MAPPING_FORM,
    SCHEDULE_ID,
    TEXT_FORM,
    Forgiving,
    Text,
    complaint,
)
from chalicelib.core.model import Model
from chalicelib.core.timing.cron import FIRST_YEAR, LAST_YEAR, CronError, cron_rule, fields_allowed
from chalicelib.core.timing.durations import DURATION_PATTERN, rate_of, seconds_of
from chalicelib.core.timing.ordinals import ordinal_of, ordinal_words
from chalicelib.core.timing.trigger import CatchUp, Overlap, Roll, RunResult
from chalicelib.core.timing.wall_time import Dst
from chalicelib.core.timing.zones import cities, zone_names
from chalicelib.core.wording import Speller

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_TIME = r"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)"
_SHORT = 4  # characters, as abbreviations have, of which many are alike
_AT = re.compile(rf"at\({_TIME}\)|{_TIME}", re.IGNORECASE)


def _check_cron(text: str) -> str:
    try:
        cron_rule(text)
    except CronError as error:
        raise complaint(f"is no cron expression: {error}", fields_allowed(text)) from error
    return text


def _check_rate(text: str) -> str:
    try:
        rate_of(text)
    except ValueError as error:
        allowed = "minutes, hours or days, up to 366 days: 15 minutes"
        raise complaint("is no rate", allowed) from error
    return text


def local_of(text: str) -> datetime:
    """The naive local time that `at` says. Raises ValueError for other texts."""
    found = _AT.fullmatch(text.strip())
    local = datetime.fromisoformat(found[1] or found[2]) if found else None
    if local is None or not FIRST_YEAR <= local.year <= LAST_YEAR:
        raise ValueError(f"{text!r} is no time")
    return local


def _check_at(text: str) -> str:
    try:
        local_of(text)
    except ValueError as error:
        allowed = "a time without a zone: 2026-12-24T18:00:00"
        raise complaint("is no local time", allowed) from error
    return text


def _check_zone(name: str) -> str:
    if name in zone_names():
        return name
    raise complaint("is no time zone", "a name such as Europe/Berlin, or UTC", _zone_near(name))


def _zone_near(name: str) -> str:
    """The zone that was probably meant, by its city first; what only sounds alike is none."""
    speller, city = Speller(), name.rpartition("/")[2].replace(" ", "_")
    # CEST is not EST, and GMT+25 not GMT+5.
    is_word = len(city) > _SHORT and city.isascii() and not any(map(str.isdecimal, city))
    found = speller.nearest(city, cities(), 0.8 if is_word else 1.0)
    return cities().get(found, "") or speller.nearest(name, zone_names(), 0.9 if is_word else 1.0)


def _check_day(text: str) -> str:
    if ordinal_of(text) is None:
        words = ordinal_words()
        allowed = f"{words[0]}, … {words[-2]}, {words[1]}, … {words[-1]}"
        raise complaint("is no business day", allowed, Speller().nearest(text, words))
    return text


def _check_path(path: str) -> str:
    if "//" in path or ".." in path.split("/"):
        raise complaint("is no path of files to wait for", "a path without // and ..")
    return path


def _read_seconds(value: Any) -> Any:
    try:
        seconds = seconds_of(value) if isinstance(value, str) else value
    except ValueError as error:
        raise complaint("is no length of time", _LENGTHS) from error
    if isinstance(seconds, bool):
        raise complaint("is no length of time", _LENGTHS)
    return seconds


_LENGTHS = "seconds, or text such as 90s, 30m, 2h, 1d"


def _words(kind: type[StrEnum]) -> WithJsonSchema:
    """Its words in the field's own schema, where editors and the reference show them."""
    return WithJsonSchema({"enum": [word.value for word in kind]})


RollWord = Annotated[Roll, _words(Roll)]
RunResultWord = Annotated[RunResult, _words(RunResult)]
DstWord = Annotated[Dst, _words(Dst)]
CatchUpWord = Annotated[CatchUp, _words(CatchUp)]
OverlapWord = Annotated[Overlap, _words(Overlap)]
SECONDS = Forgiving(_read_seconds, type=["integer", "string"], pattern=DURATION_PATTERN)
ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Jitter = Annotated[int, Field(ge=0, le=86_400), SECONDS]
Deadline = Annotated[int, Field(ge=60, le=31_622_400), SECONDS]
CalendarName = Annotated[str, Field(pattern=NAME)]


class TriggerCalendarDocument(Model):
    """A calendar, and what it does to fire times."""

    name: CalendarName = Field(
        description="Name of a stored calendar; `weekdays` is there by itself: Monday to Friday."
    )
    day: Annotated[str, AfterValidator(_check_day)] | None = Field(
        None,
        description="The only day of a month on which it fires: `first business day`,"
        " `third last business day`, `last business day`. Up to the twentieth.",
    )
    roll: RollWord | None = Field(
        None,
        description="A fire time that is not on a business day is dropped (`skip`, the default), or"
        " moved at the same local time to the next (`forward`) or previous one (`back`).",
    )


class OnRunDocument(Model):
    """The end of a run of another schedule."""

    schedule: str = Field(pattern=SCHEDULE_ID, description="Id of the other schedule.")
    status: RunResultWord | None = Field(
        None, description="How its run ended; `succeeded` unless given, `ended` is any end."
    )


class OnFileDocument(Model):
    """The arrival of a file: an object in S3, or a file on one machine."""

    bucket: str | None = Field(
        None, min_length=3, max_length=63, description="Bucket of S3 that the object comes to."
    )
    prefix: str | None = Field(
        None, max_length=1024, description="What its key begins with; anything unless given."
    )
    suffix: str | None = Field(
        None, max_length=1024, description="What its key ends with; anything unless given."
    )
    path: Annotated[str, Field(min_length=1), AfterValidator(_check_path)] | None = Field(
        None, description="On one machine: path of the file; `*` and `?` stand for parts of a name."
    )


class HttpDocument(Model):
    """A start that somebody asks for by HTTP; the request gives the parameters it wants."""


def _calendar_form(value: Any) -> str:
    return TEXT_FORM if isinstance(value, str) else MAPPING_FORM


CalendarField = Annotated[
    Annotated[CalendarName, Tag(TEXT_FORM)] | Annotated[TriggerCalendarDocument, Tag(MAPPING_FORM)],
    Discriminator(_calendar_form),
]


class TriggerDocument(Model):
    """What starts runs: exactly one of `cron`, `rate`, `at`, `onRun`, `onFile` and `http`."""

    name: Annotated[str, Field(pattern=NAME)] | None = Field(
        None,
        description="Unique in the schedule. Unless given it is made of the kind and its text.",
    )
    cron: Annotated[str, AfterValidator(_check_cron)] | None = Field(
        None,
        description="Times of the wall clock: `30 2 * * 1-5`, `@daily`, or the six fields of"
        " EventBridge Scheduler, `cron(30 2 ? * MON-FRI *)`.",
    )
    rate: Annotated[str, AfterValidator(_check_rate)] | None = Field(
        None,
        description="`15 minutes`, `1 hour`, `2 days` or `rate(15 minutes)`: every multiple of it"
        " since 1970 in UTC. A day has 24 hours.",
    )
    at: Annotated[str, AfterValidator(_check_at)] | None = Field(
        None, description="One time of the wall clock: `2026-12-24T18:00:00`."
    )
    on_run: OnRunDocument | None = Field(None, description="The end of another schedule's run.")
    on_file: OnFileDocument | None = Field(None, description="The arrival of a file.")
    http: HttpDocument | None = Field(
        None, description="Starts by HTTP; says which policies hold for them."
    )
    timezone: Annotated[str, AfterValidator(_check_zone)] | None = Field(
        None, description="IANA name of the zone of all its local times; `UTC` unless given."
    )
    dst: DstWord | None = Field(
        None,
        description="A local time that does not exist, because clocks are put forward: `next` (the"
        " default) is the first instant after it, `skip` is none. One that exists twice fires once,"
        " the first time; only a `cron` of every hour fires both times.",
    )
    calendar: CalendarField | None = Field(
        None, description="Business days: name of a calendar, or `name` with `day` or `roll`."
    )
    start_between: Annotated[list[ClockTime], Field(min_length=2, max_length=2)] | None = Field(
        None,
        description="Local times from which, and before which, runs may start; may span midnight. A"
        " fire time outside waits until the first.",
    )
    jitter: Jitter | None = Field(
        None,
        description="Seconds, or `5m`, by which a start is delayed at most, from when"
        " `startBetween` lets it start; always the same for the same fire time.",
    )
    catch_up: CatchUpWord | None = Field(
        None,
        description="Fire times that came when nobody looked: `none` starts a run, `latest` (the"
        " default) one, for the newest, or `all`, the newest 100 at most.",
    )
    overlap: OverlapWord | None = Field(
        None,
        description="A start while the run before it goes on: `allow`, `skip` (the default),"
        " `queue` (the default of `onRun` and `onFile`, and with `catchUp: all`), or `cancel`"
        " that run.",
    )
    deadline: Deadline | None = Field(
        None,
        description="Seconds, or `1h`, after the fire time by which the run must have started, or"
        " else it counts as missed; no limit unless given.",
    )
    parameters: dict[str, Text] | None = Field(
        None,
        description="Values of the schedule's parameters; `${fireTime:%Y-%m-%d}` and others are"
        " filled in.",
    )
    enabled: Annotated[bool, Field(strict=True)] | None = Field(
        None, description="Whether it fires; true unless given."
    )
