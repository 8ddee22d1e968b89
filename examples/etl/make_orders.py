"""Makes the raw orders of the last seven days, with some rows that are no orders."""

import random
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import tables

FIELDS = ("order", "day", "customer", "currency", "cents")
ORDERS = 25_000


def orders(last_day: date) -> Iterator[dict[str, str]]:
    """Orders in any order; about one in a hundred has no sensible amount."""
    chance = random.Random(2)  # the same orders every time
    for number in range(ORDERS):
        amount = str(chance.randrange(100, 50_000))
        yield {
            "order": f"O{number:06}",
            "day": (last_day - timedelta(days=chance.randrange(7))).isoformat(),
            "customer": f"C{chance.randrange(2_000):05}",
            "currency": chance.choice(("EUR", "EUR", "EUR", "USD", "GBP")),
            "cents": chance.choice(("", "free", "-1")) if chance.random() < 0.01 else amount,
        }


folder, day = Path(sys.argv[1]), date.fromisoformat(sys.argv[2])
count = tables.write(folder / "raw" / "orders.csv", FIELDS, list(orders(day)))
print(f"{count} orders in the seven days to {day}")
