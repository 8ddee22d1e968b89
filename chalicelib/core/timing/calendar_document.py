"""The document of a calendar, as people write it: JSON or YAML with these fields."""

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, WithJsonSchema

from chalicelib.core.fields import complaint
from chalicelib.core.model import Model
from chalicelib.core.problems import describe
from chalicelib.core.soundness import unsound_parts
from chalicelib.core.timing.calendars import BUILT_IN, WEEKDAYS, Calendar
from chalicelib.core.timing.trigger_document import NAME
from chalicelib.core.wording import Speller, json_path, quoted, shown
from chalicelib.errors import InvalidInputError, Problem

_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_FULL_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _check_date(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise complaint("is no day", "a day that is in the calendar: 2026-12-24") from error
    return text


def _read_weekday(value: Any) -> Any:
    word = value.strip().lower() if isinstance(value, str) else value
    return word[:3] if word in _FULL_NAMES else word


Day = Annotated[str, Field(pattern=_DATE), AfterValidator(_check_date)]
_SPELLINGS = [spelling for day in zip(WEEKDAYS, _FULL_NAMES, strict=True) for spelling in day]
Weekday = Annotated[
    Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    BeforeValidator(
        _read_weekday,
        json_schema_input_type=Annotated[Any, WithJsonSchema({"enum": _SPELLINGS})],
    ),
]


class CalendarDocument(Model):
    """Which days are business days: working weekdays that are no holidays."""

    name: str = Field(
        pattern=NAME, description="Names the calendar everywhere; not `weekdays`, which is there."
    )
    description: str | None = Field(None, description="For people.")
    weekdays: Annotated[list[Weekday], Field(max_length=7)] | None = Field(
        None, description="The days that work is done on; Monday to Friday unless given."
    )
    country: str | None = Field(
        None, description="Its public holidays are no business days; an ISO 3166 code such as `DE`."
    )
    subdivision: str | None = Field(
        None, description="A part of the country that has holidays of its own, such as `BY`."
    )
    holidays: list[Day] | None = Field(
        None, max_length=10_000, description="More days that are no business days."
    )
    working_dates: list[Day] | None = Field(
        None,
        max_length=10_000,
        description="Business days although they are of a weekend, or holidays of the country.",
    )

    @property
    def text(self) -> str:
        """The document as canonical JSON: the same document gives the same text."""
        return self.model_dump_json(by_alias=True, exclude_unset=True)


def load_calendar(value: object) -> CalendarDocument:
    """The calendar that a value is. Raises InvalidInputError with every problem there is."""
    unsound = unsound_parts(value)
    if unsound:
        raise InvalidInputError(unsound)
    if not isinstance(value, dict):
        found = shown(value)
        raise InvalidInputError([Problem("$", "is no calendar", found, "an object with name")])
    speller = Speller()
    try:
        document = CalendarDocument.model_validate(value)
    except ValidationError as error:
        raise InvalidInputError(list(describe(error, speller, CalendarDocument))) from error
    problems = list(_check(document, speller))
    if problems:
        raise InvalidInputError(problems)
    return document


def calendar_of(document: CalendarDocument) -> Calendar:
    """What the clock asks: the same, ready to be asked."""
    weekdays = WEEKDAYS[:5] if document.weekdays is None else document.weekdays
    return Calendar(
        name=document.name,
        weekdays=frozenset(map(WEEKDAYS.index, weekdays)),
        holidays=frozenset(map(date.fromisoformat, document.holidays or ())),
        working_dates=frozenset(map(date.fromisoformat, document.working_dates or ())),
        country=(document.country or "").upper(),
        subdivision=document.subdivision or "",
    )


def _check(document: CalendarDocument, speller: Speller) -> Iterator[Problem]:
    if document.name == BUILT_IN:
        allowed = "another name: this one is built in, Monday to Friday"
        yield Problem("$.name", "can't be changed", quoted(document.name), allowed)
    if document.weekdays == [] and not document.working_dates:
        yield Problem("$.weekdays", "leaves no business day", allowed="one day at least")
    both = set(document.holidays or ()).intersection(document.working_dates or ())
    for day in sorted(both):
        yield Problem("$.workingDates", f"{day} is in holidays too", allowed="one of the two")
    yield from _check_country(document, speller)


def _check_country(document: CalendarDocument, speller: Speller) -> Iterator[Problem]:
    if document.country is None:
        if document.subdivision is not None:
            yield Problem("$.subdivision", "is a part of no country", allowed="country beside it")
        return
    parts = _countries().get(document.country.upper())
    if parts is None:
        allowed = "a country that the library holidays knows, such as DE"
        yield Problem("$.country", "is not known", quoted(document.country), allowed)
    elif document.subdivision is not None and document.subdivision not in parts:
        allowed = ", ".join(parts) or "none: its holidays are the same everywhere"
        near = speller.nearest(document.subdivision, parts)
        found = quoted(document.subdivision)
        path = json_path(("subdivision",))
        yield Problem(path, f"is no part of {document.country} that is known", found, allowed, near)


@cache
def _countries() -> dict[str, list[str]]:
    """Countries and their parts, of which the library has holidays."""
    import holidays  # noqa: PLC0415 - only who has a country pays for it

    return holidays.list_supported_countries()
