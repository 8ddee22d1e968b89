"""Business days: working weekdays that are no holidays, of a calendar that has a name."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # in the order of date.weekday()
BUILT_IN = "weekdays"
_FARTHEST = 366  # days that are looked through for a business day
_FIRST, _LAST = date(1970, 1, 1), date(2200, 12, 31)  # outside of it no business day is looked for
_NO_DAYS: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are business days; `country` adds the public holidays of the library `holidays`.

    Of a day that is several things, `working_dates` count first, then holidays, then weekdays.
    """

    name: str
    weekdays: frozenset[int] = frozenset(range(5))  # as date.weekday() numbers them
    holidays: frozenset[date] = _NO_DAYS
    working_dates: frozenset[date] = _NO_DAYS
    country: str = ""
    subdivision: str = ""

    def is_business_day(self, day: date) -> bool:
        if day in self.working_dates:
            return True
        if day in self.holidays:
            return False
        if self.country:
            off, moved = _public(self.country, self.subdivision, day.year)
            if day in moved:
                return True
            if day in off:
                return False
        return day.weekday() in self.weekdays

    def next_business_day(self, day: date) -> date | None:
        """The first one after `day`; None when a year has none."""
        return self._nearest(day, 1)

    def previous_business_day(self, day: date) -> date | None:
        """The last one before `day`; None when a year has none."""
        return self._nearest(day, -1)

    def business_day_of_month(self, day: date, ordinal: int) -> date | None:
        """The first (1), second, … or last (-1), second last, … one of the month of `day`."""
        return _ordinal_day(self, day.year, day.month, ordinal)

    def _nearest(self, day: date, step: int) -> date | None:
        for distance in range(1, _FARTHEST + 1):
            found = day + timedelta(days=step * distance)
            if not _FIRST <= found <= _LAST:
                return None
            if self.is_business_day(found):
                return found
        return None


WEEKDAYS_ONLY = Calendar(BUILT_IN)


@lru_cache(maxsize=4096)
def _public(country: str, subdivision: str, year: int) -> tuple[frozenset[date], frozenset[date]]:
    """Public holidays of a year, and the weekend's days that its government made working days."""
    import holidays  # noqa: PLC0415 - only who has a country pays for it

    days = holidays.country_holidays(country, subdiv=subdivision or None, years=year, expand=False)
    return frozenset(days), frozenset(days.weekend_workdays)


@lru_cache(maxsize=4096)
def _ordinal_day(calendar: Calendar, year: int, month: int, ordinal: int) -> date | None:
    day = date(year, month, 1)
    found = []
    while day.month == month:
        if calendar.is_business_day(day):
            found.append(day)
        day += timedelta(days=1)
    index = ordinal - 1 if ordinal > 0 else ordinal
    return found[index] if -len(found) <= index < len(found) else None
