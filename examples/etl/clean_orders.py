"""Parts the orders from the rows that are none, and keeps both."""

import sys
from pathlib import Path

import tables

FIELDS = ("order", "day", "customer", "currency", "cents")

folder = Path(sys.argv[1])
rows = tables.read(folder / "raw" / "orders.csv")
good = [row for row in rows if row["cents"].isdigit()]
bad = [row for row in rows if not row["cents"].isdigit()]
kept = tables.write(folder / "clean" / "orders.csv", FIELDS, good)
rejected = tables.write(folder / "clean" / "rejected.csv", FIELDS, bad)
print(f"{kept} orders kept, {rejected} rejected")
