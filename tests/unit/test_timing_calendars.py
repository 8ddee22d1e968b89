"""Which days are business days, and what a document of a calendar may say."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.reading import parse
from chalicelib.core.timing.calendar_document import calendar_of, load_calendar
from chalicelib.core.timing.calendars import WEEKDAYS_ONLY, Calendar
from chalicelib.core.timing.ordinals import ordinal_of, ordinal_text, ordinal_words
from chalicelib.errors import InvalidInputError

DAY = timedelta(days=1)


def calendar(**fields: Any) -> Calendar:
    return calendar_of(load_calendar({"name": "own", **fields}))


def test_a_calendar_is_read_from_yaml() -> None:
    made = load_calendar(
        parse(b"""
name: de
country: de
subdivision: BY
holidays: [2026-12-24]
workingDates: [2026-05-02]
weekdays: [Monday, tue, WED, thu, fri]
""")
    )
    assert load_calendar(parse(made.text.encode())) == made
    assert calendar_of(made) == Calendar(
        "de", frozenset(range(5)), frozenset({date(2026, 12, 24)}),
        frozenset({date(2026, 5, 2)}), "DE", "BY",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "day", "expected"),
    [
        ({}, date(2026, 11, 23), True),
        ({}, date(2026, 11, 22), False),
        ({}, date(2026, 12, 25), True),
        ({"weekdays": ["sun", "mon"]}, date(2026, 11, 22), True),
        ({"weekdays": ["sun", "mon"]}, date(2026, 11, 24), False),
        ({"holidays": ["2026-11-23"]}, date(2026, 11, 23), False),
        ({"workingDates": ["2026-11-22"]}, date(2026, 11, 22), True),
        ({"country": "DE"}, date(2026, 12, 25), False),
        ({"country": "DE"}, date(2026, 1, 6), True),
        ({"country": "DE", "subdivision": "BY"}, date(2026, 1, 6), False),
        ({"country": "DE", "workingDates": ["2026-12-25"]}, date(2026, 12, 25), True),
        ({"country": "DE"}, date(2026, 12, 26), False),
        # A Saturday on which China works for a holiday's sake.
        ({"country": "CN"}, date(2026, 2, 14), True),
    ],
)
def test_a_business_day_is_a_working_weekday_and_no_holiday(
    fields: dict[str, Any], day: date, expected: bool
) -> None:
    assert calendar(**fields).is_business_day(day) is expected


@given(
    st.sets(st.integers(0, 6), min_size=1),
    st.sets(st.integers(0, 60)),
    st.sets(st.integers(0, 60)),
    st.integers(0, 59),
    st.integers(1, 20),
)
def test_neighbours_and_ordinals_are_what_counting_finds(
    weekdays: set[int], off: set[int], on: set[int], start: int, number: int
) -> None:
    first = date(2026, 3, 1)
    made = Calendar(
        "own", frozenset(weekdays), frozenset(first + each * DAY for each in off),
        frozenset(first + each * DAY for each in on),
    )  # fmt: skip
    days = [first + count * DAY for count in range(-100, 200)]
    work = [
        day for count, day in enumerate(days, -100)
        if count in on or (count not in off and day.weekday() in weekdays)
    ]  # fmt: skip
    day = first + start * DAY
    assert made.next_business_day(day) == next(each for each in work if each > day)
    assert made.previous_business_day(day) == [each for each in work if each < day][-1]
    month = [each for each in work if each.month == day.month]
    ahead = month[number - 1] if len(month) >= number else None
    behind = month[-number] if len(month) >= number else None
    assert made.business_day_of_month(day, number) == ahead
    assert made.business_day_of_month(day, -number) == behind


def test_a_search_for_a_business_day_ends() -> None:
    empty = Calendar("empty", weekdays=frozenset())
    assert empty.next_business_day(date(2026, 1, 1)) is None
    assert empty.previous_business_day(date(2026, 1, 1)) is None
    assert WEEKDAYS_ONLY.previous_business_day(date(1970, 1, 1)) is None
    assert WEEKDAYS_ONLY.next_business_day(date(2200, 12, 31)) is None


@pytest.mark.parametrize(
    ("value", "path", "said"),
    [
        ([], "$", "is no calendar"),
        ({}, "$.name", "is missing"),
        ({"name": "a b"}, "$.name", "is not written as it must be"),
        ({"name": "weekdays"}, "$.name", "can't be changed"),
        ({"name": "a", "weekday": []}, "$.weekday", "did you mean 'weekdays'"),
        ({"name": "a", "weekdays": ["moon"]}, "$.weekdays[0]", "did you mean 'mon'"),
        ({"name": "a", "weekdays": [1]}, "$.weekdays[0]", "none of the words"),
        ({"name": "a", "weekdays": []}, "$.weekdays", "leaves no business day"),
        ({"name": "a", "holidays": ["2026-02-30"]}, "$.holidays[0]", "is no day"),
        ({"name": "a", "holidays": ["24.12.2026"]}, "$.holidays[0]", "is not written"),
        ({"name": "a", "holidays": ["2026-01-01"], "workingDates": ["2026-01-01"]},
         "$.workingDates", "2026-01-01 is in holidays too"),
        ({"name": "a", "country": "XX"}, "$.country", "is not known"),
        ({"name": "a", "subdivision": "BY"}, "$.subdivision", "a part of no country"),
        ({"name": "a", "country": "DE", "subdivision": "BZ"}, "$.subdivision", "is no part of DE"),
        ({"name": "a", "country": "AW", "subdivision": "B"}, "$.subdivision", "the same every"),
        ({"name": "a\x00"}, "$.name", "control character"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_calendar_is_told_with_its_place(
    value: object, path: str, said: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        load_calendar(value)
    assert caught.value.path == path
    assert said in str(caught.value)


def test_a_calendar_may_have_nothing_but_working_dates() -> None:
    made = calendar(weekdays=[], workingDates=["2026-03-05"])
    assert made.next_business_day(date(2026, 1, 1)) == date(2026, 3, 5)
    assert made.next_business_day(date(2026, 3, 5)) is None


@given(st.sampled_from([sign * number for number in range(1, 21) for sign in (1, -1)]))
def test_an_ordinal_survives_being_written_and_read(ordinal: int) -> None:
    assert ordinal_of(ordinal_text(ordinal)) == ordinal
    assert ordinal_of(ordinal_text(ordinal).upper()) == ordinal
    assert ordinal_text(ordinal) in ordinal_words()


@pytest.mark.parametrize(
    ("text", "ordinal"),
    [
        ("1st business day", 1), ("2nd business day", 2), ("3rd last business day", -3),
        ("11th business day", 11), ("12th last  business day", -12), ("20th business day", 20),
        ("LAST business day", -1), ("first last business day", -1),
        ("21st business day", None), ("1th business day", None), ("11st business day", None),
        ("0th business day", None), ("business day", None), ("last last business day", None),
        ("first monday", None), ("", None), ("zeroth business day", None),
    ],
)  # fmt: skip
def test_ordinals_may_be_words_or_numbers(text: str, ordinal: int | None) -> None:
    assert ordinal_of(text) == ordinal
