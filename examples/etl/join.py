"""Joins the orders with the regions of their customers."""

import sys
from pathlib import Path

import tables

FIELDS = ("order", "day", "customer", "region", "euro_cents")

folder = Path(sys.argv[1])
regions = {
    row["customer"]: row["region"] for row in tables.read(folder / "clean" / "customers.csv")
}
rows = tables.read(folder / "clean" / "euro.csv")
for row in rows:
    row["region"] = regions[row["customer"]]
count = tables.write(folder / "joined.csv", FIELDS, rows)
print(f"{count} orders with a region")
