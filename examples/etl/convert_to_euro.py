"""Converts all orders to euro by the rates of the day, which somebody has to deliver."""

import sys
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import tables

FIELDS = ("order", "day", "customer", "euro_cents")

folder, day = Path(sys.argv[1]), sys.argv[2]
delivered = folder / f"rates-{day}.csv"
print(f"looking for the rates of {day}")
if not delivered.exists():
    sys.exit(f"no rates: {delivered.name} is not there; accounting delivers it into {folder}")
rates = {row["currency"]: Decimal(row["rate"]) for row in tables.read(delivered)}
rows = tables.read(folder / "clean" / "orders.csv")
for row in rows:
    euro_cents = Decimal(row["cents"]) * rates[row["currency"]]
    row["euro_cents"] = str(euro_cents.quantize(Decimal(1), ROUND_HALF_EVEN))
count = tables.write(folder / "clean" / "euro.csv", FIELDS, rows)
print(f"{count} orders in euro")
