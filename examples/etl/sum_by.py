"""Sums the joined orders by one of their columns."""

import sys
from collections import Counter
from pathlib import Path

import tables

folder, column = Path(sys.argv[1]), sys.argv[2]
orders: Counter[str] = Counter()
euro_cents: Counter[str] = Counter()
for row in tables.read(folder / "joined.csv"):
    orders[row[column]] += 1
    euro_cents[row[column]] += int(row["euro_cents"])
rows = [
    {column: key, "orders": str(orders[key]), "euro_cents": str(euro_cents[key])}
    for key in sorted(orders)
]
count = tables.write(folder / f"by-{column}.csv", (column, "orders", "euro_cents"), rows)
print(f"{count} sums by {column}")
