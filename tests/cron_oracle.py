"""When cron starts a line, written after entry.c and cron.c of Vixie's cron; calls nothing of ours.

Each field is scanned into the numbers that it stands for; `*` as its first character is a flag.
"""

from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
FIRST_AND_LAST = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
NAMES: tuple[tuple[str, ...], ...] = (
    (),
    (),
    (),
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
)
SHORT = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class CronLine:
    """The times of one line."""

    def __init__(self, text: str) -> None:
        fields = SHORT.get(text, text).split()
        self.minutes, self.hours, self.days, self.months, self.week = (
            scanned(field, *bounds, names)
            for field, bounds, names in zip(fields, FIRST_AND_LAST, NAMES, strict=True)
        )
        if self.week & {0, 7}:
            self.week |= {0, 7}
        self.has_starred_day = fields[2][0] == "*" or fields[4][0] == "*"
        self.goes_by_the_wall = fields[0][0] == "*" or fields[1][0] == "*"

    def is_day(self, when: datetime) -> bool:
        in_month, in_week = when.day in self.days, when.isoweekday() in self.week
        right = (in_month and in_week) if self.has_starred_day else (in_month or in_week)
        return when.month in self.months and right

    def starts(self, when: datetime) -> bool:
        return when.minute in self.minutes and when.hour in self.hours and self.is_day(when)

    def walk(self, begin: datetime, end: datetime) -> list[datetime]:
        """Every minute of the days within [begin, end) at which it starts."""
        found = []
        day = begin
        while day < end:
            if self.is_day(day):
                hours = (day + count * HOUR for count in range(24))
                found += [
                    hour + count * MINUTE
                    for hour in hours
                    if hour.hour in self.hours
                    for count in range(60)
                    if count in self.minutes
                ]
            day += timedelta(days=1)
        return found


def scanned(field: str, low: int, high: int, names: tuple[str, ...]) -> set[int]:
    """The numbers of a field."""

    def number(text: str) -> int:
        return names.index(text.lower()) + low if text.lower() in names else int(text)

    numbers: set[int] = set()
    for term in field.split(","):
        span, _, step = term.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            begin, end = low, high
        else:
            begin = number(first)
            end = number(last) if dash else begin
        value = begin
        while value <= end:
            numbers.add(value)
            value += int(step or 1)
    return numbers
