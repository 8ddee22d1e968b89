"""Checks that no order and no cent was lost on the way to the sums."""

import sys
from pathlib import Path

import tables


def total(path: Path, column: str) -> int:
    """The sum of a column."""
    return sum(int(row[column]) for row in tables.read(path))


folder = Path(sys.argv[1])
raw = len(tables.read(folder / "raw" / "orders.csv"))
rejected = len(tables.read(folder / "clean" / "rejected.csv"))
euro_cents = total(folder / "clean" / "euro.csv", "euro_cents")
for sums in (folder / "by-day.csv", folder / "by-region.csv"):
    if total(sums, "orders") != raw - rejected or total(sums, "euro_cents") != euro_cents:
        sys.exit(f"{sums.name} does not add up to {raw - rejected} orders, {euro_cents} cents")
print(f"{raw - rejected} orders, {euro_cents} cents: everything adds up")
