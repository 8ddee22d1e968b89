"""What runs are given by their triggers, the starts they have, and what is hardly meant."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.naming import run_id
from chalicelib.core.timing.calendars import Calendar
from chalicelib.core.timing.fire_parameters import (
    FileArrival,
    RunEnd,
    event_fire,
    fire_parameters,
)
from chalicelib.core.timing.fire_times import fire_times
from chalicelib.core.timing.run_starts import event_start, run_start
from chalicelib.core.timing.trigger import Trigger
from chalicelib.core.timing.trigger_reading import triggers_of
from chalicelib.core.timing.warnings import trigger_warnings
from chalicelib.errors import InvalidInputError, NotFoundError
from tests.builders import loaded
from tests.fire_oracle import utc
from tests.unit.timing import trigger

DE = Calendar("de", country="DE")
CHRISTMAS = utc(2026, 12, 27, 23, 30)  # already Monday in Berlin
ANYTHING = {f"p{count}": {"default": "x"} for count in range(9)}


def filled(
    *texts: str, days: Calendar | None = None, event: Any = None, **fields: Any
) -> list[str]:
    names = [f"p{count}" for count in range(len(texts))]
    given = {**fields, "parameters": dict(zip(names, texts, strict=True))}
    given.setdefault("timezone", "Europe/Berlin")
    given.setdefault("name", "early")
    (made,) = triggers_of(loaded(triggers=[given], parameters=ANYTHING).triggers)
    values = fire_parameters("nightly", made, event_fire(made, CHRISTMAS), days, event)
    return [values[name] for name in names]


def test_texts_are_filled_with_the_fire_time_on_the_wall() -> None:
    texts = ("${fireTime}", "${fireTime:%Y-%m-%d}", "a ${fireTime:%H:%M %z} b", "$${fireTime}",
             "${schedule}/${trigger}", "100 %")  # fmt: skip
    assert filled(*texts, cron="30 0 * * *") == [
        "2026-12-28T00:30:00+01:00", "2026-12-28", "a 00:30 +0100 b", "${fireTime}",
        "nightly/early", "100 %",
    ]  # fmt: skip


def test_business_days_are_those_of_the_calendar_before_and_after_the_day() -> None:
    texts = ("${previousBusinessDay}", "${nextBusinessDay:%Y%m%d}")
    assert filled(*texts, cron="30 0 * * *") == ["2026-12-25", "20261229"]
    assert filled(*texts, cron="30 0 * * *", days=DE, calendar="de") == ["2026-12-24", "20261229"]
    empty = Calendar("empty", weekdays=frozenset())
    for text in texts:
        with pytest.raises(InvalidInputError, match="'empty' has no business day"):
            filled(text, cron="30 0 * * *", days=empty, calendar="empty")


def test_business_days_of_a_calendar_that_is_not_there_are_not_guessed() -> None:
    for days in (None, DE):
        with pytest.raises(NotFoundError, match="no calendar 'fr'"):
            filled("${nextBusinessDay}", onRun={"schedule": "load"}, days=days, calendar="fr")


def test_events_say_what_they_are_about() -> None:
    ended = RunEnd("load/2026-12-27T23:00:00.000000Z", "SUCCEEDED")
    assert filled("${run} ${runStatus}", onRun={"schedule": "load"}, event=ended) == [
        "load/2026-12-27T23:00:00.000000Z SUCCEEDED"
    ]
    came = FileArrival("s3://incoming/in/a.csv")
    assert filled("${file} ${fileName}", onFile={"bucket": "incoming"}, event=came) == [
        "s3://incoming/in/a.csv a.csv"
    ]
    assert filled("${fireTime:%d}", http={}) == ["28"]


@given(st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)), st.sampled_from("abc"))  # noqa: DTZ001
def test_a_start_is_the_same_for_the_same_fire_time_and_within_its_second(
    naive: datetime, name: str
) -> None:
    moment = naive.replace(tzinfo=UTC, microsecond=0)
    start = run_start("nightly", name, moment)
    assert timedelta() <= start - moment < timedelta(seconds=1)
    assert start == run_start("nightly", name, moment)
    berlin = event_fire(trigger("0 1 * * *", timezone="Europe/Berlin"), moment).local
    assert run_id("nightly", run_start("nightly", name, berlin)) == run_id("nightly", start)


def test_starts_tell_triggers_schedules_and_events_apart() -> None:
    moment = utc(2026, 11, 23, 2, 30)
    starts = {run_start(schedule, name, moment) for schedule in "ab" for name in "abc"}
    starts |= {event_start("a", "b", event, moment) for event in ("load/1 1", "load/1 2", "x v1")}
    assert len(starts) == 9
    assert run_start("nightly", "early", moment) == utc(2026, 11, 23, 2, 30, 0, 589267)
    late = moment.replace(microsecond=123_456)
    assert event_start("a", "b", "x v1", late) == event_start("a", "b", "x v1", moment)


NOW = utc(2026, 11, 23)


def test_where_no_calendar_is_known_nothing_is_told_of_one_nor_of_its_days() -> None:
    made = trigger(cron="0 0 30 2 *", calendar="de", catchUp="all", overlap="skip")
    assert [each.path for each in trigger_warnings([made], None, NOW)] == ["$.triggers[0].overlap"]
    made = trigger(cron="0 0 * * *", calendar="de", deadline=60, startBetween=["02:00", "03:00"])
    assert [each.path for each in trigger_warnings([made], None, NOW)] == ["$.triggers[0].deadline"]
    made = trigger(cron="0 0 30 2 *", calendar="weekdays")
    assert [each.path for each in trigger_warnings([made], None, NOW)] == ["$.triggers[0].cron"]


def told(calendars: dict[str, Calendar] | None = None, **fields: Any) -> list[str]:
    return told_of(trigger(**{"cron": "", **fields}), calendars)


def told_of(made: Trigger, calendars: dict[str, Calendar] | None = None) -> list[str]:
    return [str(each) for each in trigger_warnings([made], calendars or {}, NOW)]


@pytest.mark.parametrize(
    ("fields", "path", "said"),
    [
        ({"cron": "0 0 */20 * 1L"}, "cron", "does not fire within 50 years"),
        ({"cron": "0 0 30 2 *"}, "cron", "does not fire within 50 years"),
        ({"cron": "cron(0 8 1 * ? 2025)"}, "cron", "does not fire within 50 years"),
        ({"at": "2025-01-01T00:00"}, "at", "is past"),
        ({"cron": "30 2 * * 1-5", "calendar": {"name": "off"}}, "calendar", "leaves no day"),
        ({"cron": "0 0 25 * *", "calendar": {"name": "weekdays", "day": "first business day"}},
         "calendar", "leaves no day to fire on within 10 years"),
        ({"cron": "cron(30 2 28 3 ? 2027)", "dst": "skip", "timezone": "Europe/Berlin"},
         "dst", "skips each time there is"),
        ({"cron": "cron(30 2 28 3 ? 2027)", "dst": "skip", "timezone": "Europe/Berlin",
          "calendar": {"name": "daily"}}, "dst", "skips each time there is"),
        ({"cron": "30 2 * * *", "timezone": "Europe/Berlin"}, "cron",
         "02:30 does not exist on 2027-03-28, and it fires at 03:00 on 2027-03-28"),
        ({"cron": "30 2 * * *", "timezone": "America/New_York", "dst": "skip"}, "cron",
         "02:30 does not exist on 2027-03-14, and it does not fire"),
        ({"at": "2027-03-28T02:30", "timezone": "Europe/Berlin"}, "at", "it fires at 03:00"),
        ({"cron": "*/5 * * * *", "jitter": 301}, "jitter",
         "than the shortest interval: starts wait for those before them; found 301s, interval 5m"),
        ({"cron": "0 * * * *", "catchUp": "all", "overlap": "skip"}, "overlap", "queue or allow"),
        ({"cron": "0 * * * *", "jitter": "2m", "deadline": 60}, "deadline", "found 1m, jitter 2m"),
        ({"rate": "1 hour", "startBetween": ["22:00", "05:00"]}, "startBetween",
         "makes several fire times wait for the same moment"),
        ({"cron": "0 0,6 * * *", "startBetween": ["08:00", "09:00"]}, "startBetween", "several"),
        ({"cron": "0 12 * * *", "startBetween": ["22:00", "05:00"], "deadline": "9h"}, "deadline",
         "the fire time 12:00 on 2026-11-23 misses its deadline; found 9h, startBetween 22:00 to"),
        ({"http": {}, "startBetween": ["22:00", "05:00"], "deadline": "1h"}, "deadline",
         "what comes more than 1h before that misses its deadline"),
        ({"at": "2027-03-28T02:30", "timezone": "Europe/Berlin", "dst": "skip"}, "at",
         "does not exist, clocks are put forward over it"),
        ({"cron": "0 0 * * *", "calendar": "de"}, "calendar", "there is no such calendar yet"),
        ({"onRun": {"schedule": "a"}, "calendar": "de"}, "calendar", "no such calendar yet"),
    ],
)  # fmt: skip
def test_what_is_hardly_meant_is_told_with_its_place(
    fields: dict[str, Any], path: str, said: str
) -> None:
    off = Calendar("off", weekdays=frozenset())
    daily = Calendar("daily", weekdays=frozenset(range(7)))
    (only,) = told({"off": off, "daily": daily}, **fields)
    assert only.startswith(f"$.triggers[0].{path}: ")
    assert said in only


@pytest.mark.parametrize(
    "fields",
    [
        {"cron": "30 3 * * *", "timezone": "Europe/Berlin"},
        {"cron": "30 * * * *", "timezone": "Europe/Berlin"},
        {"cron": "0 0 29 2 MON#5"},
        {"cron": "cron(0 0 1 1 ? 2030)"},
        {"cron": "*/5 * * * *", "jitter": "5m", "deadline": "5m"},
        {"cron": "0 * * * *", "catchUp": "all"},
        {"cron": "0 12 * * *", "startBetween": ["22:00", "05:00"]},
        {"cron": "0 22-23,0-4 * * *", "startBetween": ["22:00", "05:00"]},
        {"at": "2027-03-28T03:30", "timezone": "Europe/Berlin"},
        {"rate": "15 minutes", "timezone": "Europe/Berlin"},
        {"cron": "0 12 * * *", "startBetween": ["22:00", "05:00"], "deadline": "10h"},
        {"http": {}, "startBetween": ["22:00", "05:00"], "deadline": "17h"},
        {"http": {}, "startBetween": ["22:00", "05:00"]},
        {"http": {}},
    ],
)
def test_what_is_meant_is_not_told(fields: dict[str, Any]) -> None:
    assert told(**fields) == []


def test_the_day_of_a_warning_is_a_day_that_fire_times_have() -> None:
    made = trigger("30 2 * * *", timezone="Europe/Berlin")
    (gap,) = [each for each in fire_times(made, None, NOW, NOW + timedelta(days=365)) if each.note]
    assert gap.local.date() == date(2027, 3, 28)
    assert gap.note.partition(";")[0] in told_of(made)[0]
