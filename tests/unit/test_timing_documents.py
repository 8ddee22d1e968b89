"""What a document may say about triggers, and what becomes of it."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.loading import load
from chalicelib.core.reading import parse
from chalicelib.core.schema import schema
from chalicelib.core.timing.durations import rate_of, rate_text, seconds_of, spoken
from chalicelib.core.timing.trigger import (
    At,
    CatchUp,
    Cron,
    DayRule,
    Http,
    OnFile,
    OnRun,
    Overlap,
    Rate,
    Roll,
    RunResult,
    Trigger,
    Window,
)
from chalicelib.core.timing.trigger_json import of_json, to_json
from chalicelib.core.timing.trigger_reading import triggers_of
from chalicelib.core.timing.wall_time import Dst
from chalicelib.core.timing.zones import zone, zone_names
from chalicelib.errors import InvalidInputError, Problem
from tests.builders import document, loaded
from tests.json_schema import accepts
from tests.unit.timing import trigger

WHOLE = b"""
scheduleId: nightly
jobList: [{jobName: a, command: [echo, "${day}"]}]
parameters:
  day: {type: date}
  last: {type: integer}
triggers:
  - name: nightly
    cron: "30 2 * * 1-5"
    timezone: Europe/Berlin
    dst: skip
    calendar: {name: de, day: "third last business day"}
    startBetween: ["22:00", "05:00"]
    jitter: 5m
    catchUp: all
    deadline: 3600
    parameters: {day: "${fireTime:%Y-%m-%d}", last: "${previousBusinessDay:%Y%m%d}"}
  - &more
    rate: rate(15 minutes)
    calendar: de
    overlap: cancel
    enabled: false
    parameters: {day: "${nextBusinessDay}", last: 7}
  - at: at(2026-12-24T18:00:00)
    calendar: {name: de, roll: back}
    parameters: {day: 2026-12-24, last: "1"}
  - onRun: {schedule: load, status: ended}
    parameters: {day: "${fireTime:%Y-%m-%d}", last: 1}
  - onFile: {bucket: incoming, prefix: in/, suffix: .csv}
    parameters: {day: "${fireTime:%Y-%m-%d}", last: 1}
  - onFile: {path: "incoming/*.csv"}
    parameters: {day: "${fireTime:%Y-%m-%d}", last: 1}
  - http: {}
"""


def test_a_document_says_all_about_its_triggers() -> None:
    made = load(parse(WHOLE))
    day, last = "${fireTime:%Y-%m-%d}", "${previousBusinessDay:%Y%m%d}"
    some = {"day": day, "last": "1"}
    assert triggers_of(made.triggers) == (
        Trigger(
            name="nightly",
            kind=Cron("30 2 * * 1-5"),
            timezone="Europe/Berlin",
            dst=Dst.SKIP,
            days=DayRule("de", -3),
            window=Window(time(22), time(5)),
            jitter=300,
            catch_up=CatchUp.ALL,
            overlap=Overlap.QUEUE,
            deadline=3600,
            parameters={"day": day, "last": last},
        ),
        Trigger(
            name="rate-15-minutes-abde06a0",
            kind=Rate(900),
            days=DayRule("de"),
            overlap=Overlap.CANCEL,
            enabled=False,
            parameters={"day": "${nextBusinessDay}", "last": "7"},
        ),
        Trigger(
            name="at-2026-12-24t18-00-00-b785e427",
            kind=At(datetime(2026, 12, 24, 18)),  # noqa: DTZ001 - local, as it is written
            days=DayRule("de", None, Roll.BACK),
            parameters={"day": "2026-12-24", "last": "1"},
        ),
        Trigger(
            name="onRun-load-ended-802a1be2",
            kind=OnRun("load", RunResult.ENDED),
            overlap=Overlap.QUEUE,
            parameters=some,
        ),
        Trigger(
            name="onFile-incoming-in-csv-ee22e871",
            kind=OnFile("incoming", "in/", ".csv"),
            overlap=Overlap.QUEUE,
            parameters=some,
        ),
        Trigger(
            name="onFile-incoming-csv-edc51685",
            kind=OnFile(path="incoming/*.csv"),
            overlap=Overlap.QUEUE,
            parameters=some,
        ),
        Trigger(name="http-a2188fe6", kind=Http()),
    )
    again = load(parse(made.text.encode()))
    assert again == made
    assert accepts(parse(WHOLE), schema(), schema())


def test_a_schedule_may_have_no_trigger() -> None:
    assert triggers_of(loaded().triggers) == ()
    assert triggers_of(loaded(triggers=[]).triggers) == ()


def test_a_name_that_was_made_stays_when_the_list_is_in_another_order() -> None:
    given = [{"cron": "0 1 * * *"}, {"cron": "0 2 * * *"}, {"cron": "  0  3 * * * "}]
    names = {each.name for each in triggers_of(loaded(triggers=given).triggers)}
    turned = {each.name for each in triggers_of(loaded(triggers=given[::-1]).triggers)}
    assert names == turned
    assert len(names) == 3
    assert trigger("0 3 * * *").name in names
    assert trigger("", rate="60 minutes").name == trigger("", rate="rate(1 hour)").name


PARAMETERS = {"day": {"type": "date"}, "tag": {"default": "x"}, "week": {"default": "Mon",
              "allowedValues": ["Mon", "Tue"]}}  # fmt: skip
DAY = {"day": "2026-01-01"}
CRON = {"cron": "0 1 * * *"}
OTHER = {"rate": "9 minutes", "parameters": DAY}


def problems(*triggers: Mapping[str, Any], parameters: Any = None) -> list[Problem]:
    with pytest.raises(InvalidInputError) as caught:
        loaded(triggers=list(triggers), parameters=parameters)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("fields", "path", "said"),
    [
        ({}, "", "has nothing that makes it fire; allowed: exactly one of cron, rate, at, onRun"),
        ({**CRON, "rate": "1 day"}, "", "has cron and rate"),
        ({"cron": "0 1 * *"}, ".cron", "is no cron expression: '0 1 * *' has 4 fields"),
        ({"cron": "0 2 * * * *"}, ".cron", "day of week, year: cron(30 2 ? * MON-FRI *)"),
        ({"cron": 5}, ".cron", "is no text"),
        ({"rate": "15 min"}, ".rate", "is no rate"),
        ({"rate": "0 days"}, ".rate", "is no rate"),
        ({"rate": "367 days"}, ".rate", "is no rate"),
        ({"rate": "rate(1 day"}, ".rate", "is no rate"),
        ({"at": "2026-12-24"}, ".at", "is no local time"),
        ({"at": "2026-02-30T18:00"}, ".at", "is no local time"),
        ({"at": "1969-01-01T18:00"}, ".at", "is no local time"),
        ({"at": "2026-12-24T18:00:00Z"}, ".at", "is no local time"),
        ({"onRun": {"schedule": "nightly"}}, ".onRun.schedule", "is this schedule"),
        ({"onRun": {"schedule": "a b"}}, ".onRun.schedule", "is not written"),
        ({"onRun": {"schedule": "a", "status": "succeded"}}, ".onRun.status", "'succeeded'"),
        ({"onFile": {}}, ".onFile", "names no place"),
        ({"onFile": {"bucket": "abc", "path": "x"}}, ".onFile", "names two"),
        ({"onFile": {"path": "x", "suffix": ".y"}}, ".onFile", "has prefix or suffix beside path"),
        ({"onFile": {"path": "x", "prefix": "y"}}, ".onFile", "has prefix or suffix beside path"),
        ({"onFile": {"path": "../x"}}, ".onFile.path", "is no path"),
        ({"onFile": {"path": "a//x"}}, ".onFile.path", "is no path"),
        ({"http": {"x": 1}}, ".http.x", "is no field here"),
        ({**CRON, "timezone": "Europe/Berln"}, ".timezone", "did you mean 'Europe/Berlin'"),
        ({**CRON, "timezone": "berlin"}, ".timezone", "did you mean 'Europe/Berlin'"),
        ({**CRON, "timezone": "CEST+1!"}, ".timezone", "is no time zone"),
        ({**CRON, "timezone": "../../etc/passwd"}, ".timezone", "is no time zone"),
        ({**CRON, "dst": "nxt"}, ".dst", "did you mean 'next'"),
        ({"rate": "1 day", "dst": "skip"}, ".dst", "means nothing to rate; allowed: beside cron"),
        ({"http": {}, "jitter": 5}, ".jitter", "means nothing to http"),
        ({"onRun": {"schedule": "a"}, "catchUp": "all"}, ".catchUp", "means nothing to onRun"),
        ({"at": "2026-12-24T18:00", "calendar": {"name": "de", "day": "last business day"}},
         ".calendar.day", "means nothing to at"),
        ({"rate": "1 day", "calendar": {"name": "de", "roll": "back"}},
         ".calendar.roll", "means nothing to rate, which has no time of the day"),
        ({**CRON, "calendar": {"name": "de", "roll": "back", "day": "last business day"}},
         ".calendar.roll", "one of the two"),
        ({**CRON, "calendar": {"name": "de", "day": "3rd last busines day"}},
         ".calendar.day", "did you mean 'third last business day'"),
        ({**CRON, "calendar": {"day": "last business day"}}, ".calendar.name", "is missing"),
        ({**CRON, "calendar": ""}, ".calendar", "is not written"),
        ({**CRON, "startBetween": ["22:00"]}, ".startBetween", "has too few entries"),
        ({**CRON, "startBetween": ["22:00", "22:00"]}, ".startBetween", "ends when it begins"),
        ({**CRON, "startBetween": ["22:00", "24:00"]}, ".startBetween[1]", "is not written"),
        ({**CRON, "jitter": "5 minutes"}, ".jitter", "is no length of time"),
        ({**CRON, "jitter": True}, ".jitter", "is no length of time"),
        ({**CRON, "jitter": -1}, ".jitter", "is too small"),
        ({**CRON, "jitter": 1.5}, ".jitter", "is no whole number"),
        ({**CRON, "jitter": "2d"}, ".jitter", "is too large"),
        ({**CRON, "deadline": "59s"}, ".deadline", "is too small"),
        ({**CRON, "name": "a b"}, ".name", "is not written"),
        ({**CRON, "enabled": "yes"}, ".enabled", "is neither true nor false"),
        ({**CRON, "parameters": {**DAY, "dya": "x"}}, ".parameters", "no such parameter"),
        ({**CRON, "parameters": {}}, ".parameters.day", "needs a value"),
        ({**CRON, "parameters": {"day": "${fireTime}"}}, ".parameters.day", "is no value of this"),
        ({**CRON, "parameters": {"day": "${firetime}"}}, ".parameters.day", "mean 'fireTime'"),
        ({**CRON, "parameters": {"day": "${run}"}}, ".parameters.day", "is not known to a trigger"),
        ({**CRON, "parameters": {"day": "${file}"}}, ".parameters.day", "is not known to a"),
        ({**CRON, "parameters": {"day": "${schedule:%Y}"}}, ".parameters.day", "no such format"),
        ({**CRON, "parameters": {"day": "${fireTime:}"}}, ".parameters.day", "no such format"),
        ({**CRON, "parameters": {"day": "${fireTime:%Q}"}}, ".parameters.day", '"%Q" is no part'),
        ({**CRON, "parameters": {"day": "${fireTime:%}"}}, ".parameters.day", '"%" is no part'),
        ({**CRON, "parameters": {"day": "${fireTime"}}, ".parameters.day", "does not end"),
        ({**CRON, "parameters": {**DAY, "week": "Wed"}}, ".parameters.week", "is no value of this"),
        ({"http": {}, "parameters": {"day": "x"}}, ".parameters.day", "is no value of this"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_trigger_is_told_with_its_place(
    fields: dict[str, Any], path: str, said: str
) -> None:
    given = {**fields}
    if "parameters" not in fields:
        given["parameters"] = DAY
    (found,) = problems(OTHER, given, parameters=PARAMETERS)
    assert found.path == f"$.triggers[1]{path}"
    assert said in str(found)


def test_parameters_that_can_only_be_known_later_are_left_for_later() -> None:
    loaded(triggers=[{"http": {}}], parameters=PARAMETERS)
    week = {**CRON, "parameters": {**DAY, "week": "${fireTime:%a}"}}
    loaded(triggers=[week], parameters=PARAMETERS)
    (found,) = problems({**CRON, "parameters": {"dya": "x"}}, parameters={"dyna": {"default": "x"}})
    assert (found.path, found.suggestion) == ("$.triggers[0].parameters", "dyna")
    shell = {**CRON, "parameters": {**DAY, "tag": "$${HOME} ${schedule} ${trigger}"}}
    loaded(triggers=[shell], parameters=PARAMETERS)


def test_every_fault_of_every_trigger_is_told_at_once() -> None:
    found = problems(
        CRON, {"cron": " 0 1 * * * "}, {"http": {}, "name": "x"}, {**CRON, "name": "x"}, {}
    )
    assert [each.path for each in found] == [
        "$.triggers[1].name", "$.triggers[3].name", "$.triggers[4]",
    ]  # fmt: skip
    assert "is the name of $.triggers[0] too" in found[0].reason


KINDS = (
    st.builds(Cron, st.sampled_from(["0 1 * * *", "@daily", "0 8 ? * MON#1 *"]))
    | st.builds(Rate, st.integers(1, 527_040).map(lambda count: count * 60))
    | st.builds(At, st.datetimes(datetime(1970, 1, 1), datetime(2199, 1, 1)))  # noqa: DTZ001
    | st.builds(OnRun, st.sampled_from("ab"), st.sampled_from(RunResult))
    | st.builds(OnFile, st.text(), st.text(), st.text(), st.text())
    | st.just(Http())
)
MINUTES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
WRITTEN = st.builds(
    Trigger,
    name=st.text(min_size=1),
    kind=KINDS,
    timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
    dst=st.sampled_from(Dst),
    days=st.none()
    | st.builds(DayRule, st.text(), st.none() | st.integers(-20, 20), st.sampled_from(Roll)),
    window=st.none() | st.builds(Window, MINUTES, MINUTES),
    jitter=st.integers(0, 86_400),
    catch_up=st.sampled_from(CatchUp),
    overlap=st.sampled_from(Overlap),
    deadline=st.none() | st.integers(60, 10**6),
    parameters=st.dictionaries(st.text(), st.text(), max_size=2),
    enabled=st.booleans(),
)


@given(WRITTEN)
def test_a_trigger_survives_being_stored_and_read(made: Trigger) -> None:
    assert of_json(to_json(made)) == made
    assert None not in to_json(made).values()


@given(st.sampled_from(WHOLE_TRIGGERS := triggers_of(load(parse(WHOLE)).triggers)))
def test_rows_of_other_versions_are_read(made: Trigger) -> None:
    row = to_json(made)
    assert of_json({**row, "later": {"version": 9}}) == made
    kinds = {"cron", "rateSeconds", "at", "onRun", "onFile", "http"}
    bare = {key: value for key, value in row.items() if key in kinds | {"name"}}
    assert of_json(bare) == Trigger(name=made.name, kind=made.kind)
    counted = {key: Decimal(each) if type(each) is int else each for key, each in row.items()}
    assert of_json(counted) == made


def test_a_row_without_a_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="of no kind"):
        of_json({"name": "a"})


@given(st.integers(1, 10**7))
def test_a_length_of_time_survives_being_written_and_read(seconds: int) -> None:
    assert seconds_of(spoken(seconds)) == seconds
    assert seconds_of(f" {seconds} ") == seconds


@given(st.integers(1, 527_040))
def test_a_rate_survives_being_written_and_read(minutes: int) -> None:
    assert rate_of(rate_text(minutes * 60)) == minutes * 60
    assert rate_of(f" RATE( {rate_text(minutes * 60)} ) ") == minutes * 60


@pytest.mark.parametrize("text", ["", "1w", "m", "-5", "1.5h", "²", "1234567890"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no length of time"):
        seconds_of(text)


def test_every_zone_of_the_database_is_there() -> None:
    assert {"UTC", "Europe/Berlin", "US/Eastern", "Asia/Kathmandu"} <= zone_names()
    assert all(zone(name).key == name for name in zone_names())
    with pytest.raises(ValueError, match="no time zone"):
        zone("Europe/Berln")


def test_the_value_of_a_document_with_triggers_is_left_as_it_was() -> None:
    given = document(triggers=[{**CRON, "parameters": {}}])
    assert load(given).model_dump(by_alias=True, exclude_unset=True, mode="json") == given


KINDS_GIVEN: list[dict[str, Any]] = [
    {"cron": "0 1 * * *"}, {"rate": "1 day"}, {"at": "2026-12-24T18:00"}, {"http": {}},
    {"onRun": {"schedule": "a"}}, {"onFile": {"path": "a"}},
]  # fmt: skip
TRIGGER_FIELDS = [
    "name", "cron", "rate", "at", "onRun", "onFile", "http", "timezone", "dst", "calendar",
    "startBetween", "jitter", "catchUp", "overlap", "deadline", "parameters", "enabled",
    "schedule", "status", "bucket", "path", "prefix", "day", "roll",
]  # fmt: skip
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.sampled_from(["* * * * *", "1 day", "22:00", "5m", "de", "UTC", "${x", "${fireTime:%}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(TRIGGER_FIELDS), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(ODD, st.dictionaries(st.sampled_from(TRIGGER_FIELDS), ODD), st.sampled_from(KINDS_GIVEN))
def test_f34_any_value_of_a_trigger_is_loaded_or_refused(
    value: object, fields: dict[str, Any], kind: dict[str, Any]
) -> None:
    for triggers in (value, [value], [{**kind, **fields}], [kind, {**fields, **kind}]):
        with suppress(InvalidInputError):
            made = load(document(triggers=triggers, parameters={"day": {"default": "x"}}))
            assert load(parse(made.text.encode())) == made
            assert len(triggers_of(made.triggers)) == len(made.triggers or ())


def test_a_wrong_field_below_a_trigger_is_told_with_what_was_meant() -> None:
    (found,) = problems({**CRON, "calendar": {"name": "de", "rol": "back"}})
    assert (found.path, found.suggestion) == ("$.triggers[0].calendar.rol", "roll")
    (found,) = problems({"onFile": {"buckt": "b"}})
    assert (found.path, found.suggestion) == ("$.triggers[0].onFile.buckt", "bucket")
    (found,) = problems({**CRON, "timezon": "UTC"})
    assert (found.path, found.suggestion) == ("$.triggers[0].timezon", "timezone")


def test_a_text_that_is_too_short_is_not_said_to_be_empty_unless_it_is() -> None:
    (found,) = problems({"onFile": {"bucket": "ab"}})
    assert (found.reason, found.allowed) == ("is too short", "at least 3 characters")
    (found,) = problems({"onFile": {"path": ""}})
    assert (found.reason, found.allowed) == ("is empty", "at least 1 character")
