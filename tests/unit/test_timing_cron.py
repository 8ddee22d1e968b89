"""Cron expressions against a matcher of their own, which knows what each text was made from."""

import calendar
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.timing.cron import MACROS, CronError, cron_fields, cron_rule, fields_allowed
from tests.fire_oracle import utc
from tests.unit.timing import fires

BASE = date(2026, 1, 1)
DAYS = [BASE + timedelta(days=count) for count in range(1461)]  # four years
WEEK = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


class Part(NamedTuple):
    """The text of a field, and the numbers that it was made from."""

    text: str
    numbers: frozenset[int]


def part(low: int, high: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[Part]:
    def written(number: int, by_name: bool) -> str:
        return names[number - low] if names and by_name else str(number)

    def term(kind: str, first: int, second: int, step: int, by_name: bool) -> Part:
        first, second = sorted((first, second))
        text = f"{written(first, by_name)}-{written(second, by_name)}"
        match kind:
            case "*":
                return Part("*", frozenset(range(low, high + 1)))
            case "one":
                return Part(written(first, by_name), frozenset({first}))
            case "range":
                return Part(text, frozenset(range(first, second + 1)))
            case "*/":
                return Part(f"*/{step}", frozenset(range(low, high + 1, step)))
            case "range/":
                return Part(f"{text}/{step}", frozenset(range(first, second + 1, step)))
            case _:
                return Part(f"{first}/{step}", frozenset(range(first, high + 1, step)))

    number = st.integers(low, high)
    kinds = st.sampled_from(["*", "one", "range", "*/", "range/", "from/"])
    one = st.builds(term, kinds, number, number, st.integers(1, 9), st.booleans())
    plain = one.filter(lambda made: "*" not in made.text)
    several = st.lists(plain, min_size=2, max_size=3).map(
        lambda parts: Part(
            ",".join(each.text for each in parts),
            frozenset().union(*(each.numbers for each in parts)),
        )
    )
    return one | several


def week_day(day: date) -> int:
    """From 0, Sunday."""
    return day.isoweekday() % 7


# From a day on, cron counts to 7, which is Sunday again.
NUMBERED_WEEK = part(0, 7).map(
    lambda made: Part(made.text, frozenset(number % 7 for number in made.numbers))
)
NAMED_WEEK = part(0, 6, WEEK).filter(lambda made: not re.search(r"(^|,)\w+/", made.text))


@given(part(0, 59), part(0, 23), part(1, 31), part(1, 12, MONTHS), NUMBERED_WEEK | NAMED_WEEK)
def test_five_fields_match_as_cron_says(
    minute: Part, hour: Part, day: Part, month: Part, week: Part
) -> None:
    text = " ".join(each.text for each in (minute, hour, day, month, week))
    both = day.text.startswith("*") or week.text.startswith("*")

    def is_day(each: date) -> bool:
        found = (each.day in day.numbers, week_day(each) in week.numbers)
        return each.month in month.numbers and (all(found) if both else any(found))

    expected = list(filter(is_day, DAYS))
    if not expected and "*" in week.text:
        return  # such as 31 April: cronsim may refuse what never comes
    rule = cron_rule(text)
    assert [each for each in DAYS if rule.matches(each)] == expected
    assert list(rule.days(DAYS[0], DAYS[-1])) == expected
    assert rule.minutes == tuple(sorted(minute.numbers))
    assert rule.is_hourly is (len(hour.numbers) == 24)
    for each in expected[:1]:
        begin = utc(each.year, each.month, each.day) - timedelta(microseconds=1)
        found = fires(text, begin, begin + timedelta(days=1))
        shown = [(fire.at.hour, fire.at.minute) for fire in found]
        assert shown == [(h, m) for h in sorted(hour.numbers) for m in sorted(minute.numbers)]


@given(
    part(1, 7, WEEK) | st.just(Part("L", frozenset({7}))),
    part(1, 12, MONTHS),
    part(2026, 2029),
)
def test_six_fields_count_week_days_from_1_and_know_years(
    week: Part, month: Part, year: Part
) -> None:
    rule = cron_rule(f"cron(0 8 ? {month.text} {week.text} {year.text.replace('*/', '2026/')})")
    assert [each for each in DAYS if rule.matches(each)] == [
        each
        for each in DAYS
        if week_day(each) + 1 in week.numbers
        and each.month in month.numbers
        and each.year in year.numbers
    ]


def last_day(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def is_work(day: date) -> bool:
    return day.isoweekday() < 6


def nearest(wanted: int) -> Callable[[date], bool]:
    """The working day that is the fewest days away within the month, the later of two."""

    def is_it(day: date) -> bool:
        if wanted > last_day(day):
            return False
        month = [day.replace(day=number) for number in range(1, last_day(day) + 1)]
        return day == min(filter(is_work, month), key=lambda each: abs(each.day - wanted))

    return is_it


@pytest.mark.parametrize(
    ("text", "is_day"),
    [
        ("0 8 L * ? *", lambda day: day.day == last_day(day)),
        ("0 8 LW * ? *", lambda day: is_work(day) and day.day == max(
            number for number in range(1, last_day(day) + 1) if is_work(day.replace(day=number)))),
        ("0 8 ? * 6L *", lambda day: week_day(day) == 5 and day.day + 7 > last_day(day)),
        ("0 8 ? * FRIL *", lambda day: week_day(day) == 5 and day.day + 7 > last_day(day)),
        ("0 8 ? * 1L *", lambda day: week_day(day) == 0 and day.day + 7 > last_day(day)),
        ("0 8 ? * 3#2 *", lambda day: week_day(day) == 2 and 8 <= day.day <= 14),
        ("0 8 ? * MON#1 *", lambda day: week_day(day) == 1 and day.day <= 7),
        ("0 8 ? * 7#5 *", lambda day: week_day(day) == 6 and day.day >= 29),
        *((f"0 8 {number}W * ? *", nearest(number)) for number in (1, 2, 3, 15, 28, 29, 30, 31)),
        ("0 8 * * ? *", lambda day: True),
        ("0 8 ? * MON-FRI *", is_work),
        ("0 8 ? * 2-6 2026,2028", lambda day: is_work(day) and day.year in {2026, 2028}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["{}", "cron({})", " CRON( {} ) "])
def test_what_only_six_fields_can_say(text: str, is_day: Callable[[date], bool], form: str) -> None:
    rule = cron_rule(form.format(text).strip())
    assert [each for each in DAYS if rule.matches(each)] == list(filter(is_day, DAYS))
    assert list(rule.days(DAYS[0], DAYS[-1])) == list(filter(is_day, DAYS))


@pytest.mark.parametrize("macro", MACROS)
def test_a_macro_is_short_for_five_fields(macro: str) -> None:
    begin = utc(2026, 3, 1)
    until = begin + timedelta(days=800)
    assert fires(macro, begin, until) == fires(MACROS[macro], begin, until)
    assert len(fires(macro.upper(), begin, until)) >= 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has 0 fields"),
        ("* * * *", "has 4 fields"),
        ("* * * * * * *", "has 7 fields"),
        ("60 * * * *", "its minute"),
        ("* 24 * * *", "its hour"),
        ("* * 0 * *", "its day-of-month"),
        ("* * * 13 *", "its month"),
        ("* * * * 8", "its day-of-week"),
        ("* * * * MON#6", "its day-of-week"),
        ("*/0 * * * *", "its minute"),
        ("5-1 * * * *", "its minute"),
        ("ä * * * *", "its minute"),
        ("² * * * *", "its minute"),
        ("9" * 240 + " * * * *", "its minute"),
        ("* " * 200, "longer than 256 characters"),
        ("@reboot", "none of @yearly"),
        ("cron(0 8 * * *)", "6 fields"),
        ("0 8 * * * *", "exactly one must be ?"),
        ("0 8 ? * ? *", "exactly one must be ?"),
        ("0 8 1 * MON *", "exactly one must be ?"),
        ("0 8 ? * 0 *", "its day-of-week"),
        ("0 8 ? * 8L *", "its day-of-week"),
        ("0 8 ? * XXX *", "its day-of-week"),
        ("0 8 ? * 3#1,6#3 *", "its day-of-week"),
        ("0 8 ? * FRI-MON *", "its day-of-week"),
        ("0 8 32W * ? *", "its day-of-month"),
        ("0 8 1W,15W * ? *", "its day-of-month"),
        ("0 8 1 * ? 1969", "its year"),
        ("0 8 1 * ? 2200", "its year"),
        ("0 8 1 * ? 2026/0", "its year"),
        ("0 8 1 * ? ²", "its year"),
        ("0 8 1 * ? 20260", "its year"),
        ("0 8 1 * ? ", "exactly one must be ?|has 5 fields|its day-of-week"),
        ("? * * * *", "its minute"),
    ],
)  # fmt: skip
def test_what_is_no_expression_is_refused_with_the_part_that_is_wrong(text: str, said: str) -> None:
    with pytest.raises(CronError, match=said.replace("?", r"\?")):
        cron_rule(text)


@given(st.text("0123456789*/-,?LW# MONTUE@dailycr()", max_size=30))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        rule = cron_rule(text)
    except CronError:
        return
    assert rule.minutes
    again = cron_rule(cron_fields(text)[0])
    assert list(again.days(DAYS[0], DAYS[-1])) == list(rule.days(DAYS[0], DAYS[-1]))


def test_an_expression_is_kept_without_what_means_nothing() -> None:
    assert cron_fields(" cron( 0  8 ? * MON-FRI * ) ")[0] == "0 8 ? * MON-FRI *"
    assert cron_fields("  @daily ")[0] == "@daily"


@pytest.mark.parametrize(
    ("text", "example"),
    [
        ("0 1 * *", "30 2 * * 1-5"),
        ("61 1 * * *", "30 2 * * 1-5"),
        ("@nightly", "30 2 * * 1-5"),
        ("0 2 * * * *", "cron(30 2 ? * MON-FRI *)"),
        ("cron(0 2 ? * 8 *)", "cron(30 2 ? * MON-FRI *)"),
        (" CRON(0 2 * * *)", "cron(30 2 ? * MON-FRI *)"),
    ],
)
def test_what_is_no_expression_is_refused_with_the_form_that_was_meant(
    text: str, example: str
) -> None:
    with pytest.raises(CronError):
        cron_rule(text)
    assert fields_allowed(text).endswith(f": {example}")
    assert ("year" in fields_allowed(text)) is example.startswith("cron(")
